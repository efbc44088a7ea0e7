"""How often one may do what is limited; stands in for the module that counts."""


def retry_after(name: str, key: str) -> int | None:  # noqa: ARG001 - nothing is counted yet
    """Count one use; seconds to wait if that was one too many, None if it was not."""
    return None
