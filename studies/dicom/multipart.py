"""multipart/related bodies (RFC 2387), written in pieces."""

import uuid
from collections.abc import Iterable, Iterator


def new_boundary() -> str:
    return uuid.uuid4().hex


def write_parts(boundary: str, parts: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Each part is its Content-Type and its content in pieces."""
    for content_type, pieces in parts:
        yield f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
