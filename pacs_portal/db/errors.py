"""What can go wrong with the embedded database."""


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be made, started or stopped; the text says what to do."""


class ServerInUseError(EmbeddedServerError):
    """Other processes use the server."""
