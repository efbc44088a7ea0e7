"""Progress of a long command: a bar on a terminal, nothing in a log."""

from tqdm import tqdm


def progress_bar(total: int, unit: str) -> "tqdm[None]":
    """A bar on standard error that keeps quiet where that is no terminal."""
    return tqdm(total=total, unit=f" {unit}", disable=None, smoothing=0.1)
