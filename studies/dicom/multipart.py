"""multipart/related bodies (RFC 2387, RFC 2046 5.1), written and read in pieces.

Read here and not by a library: those on offer read forms, and either demand a form's headers of
every part or hold the parts themselves.
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Protocol

from studies.errors import MalformedBodyError

_CHUNK_BYTES = 1024 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_MAX_HEADERS = 32
# RFC 2046 5.1.1 allows 70; Orthanc sends 73.
_MAX_BOUNDARY = 200
_MAX_PADDING = 256


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def new_boundary() -> str:
    return uuid.uuid4().hex


def write_parts(boundary: str, parts: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Each part is its Content-Type and its content in pieces."""
    for content_type, pieces in parts:
        yield f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode()
        yield from pieces
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


class Part:
    """One part, to be read while it is its turn.

    Attributes:
        headers: Names in lower case; of a name that comes twice the last.
    """

    def __init__(self, headers: dict[str, str], body: "_Body") -> None:
        self.headers = headers
        self._body = body

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    def read(self, size: int = _CHUNK_BYTES, /) -> bytes:
        """At most `size` bytes of the content, none at its end.

        Raises:
            MalformedBodyError: If the body ends or breaks before the part does.
        """
        return self._body.read_content(size)


def read_parts(stream: Readable, boundary: str) -> Iterator[Part]:
    """The parts one after the other; what is left of a part is skipped when the next is asked for.

    Memory is that of one chunk, whatever the size and number of the parts. Preamble and epilogue
    are ignored (RFC 2046 5.1.1).

    Raises:
        MalformedBodyError: If it is no such body, or the stream cannot be read. Parts that came
            before are whole.
    """
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii():
        raise MalformedBodyError("the boundary is missing, too long or not ASCII (RFC 2046 5.1.1)")
    body = _Body(stream, b"\r\n--" + boundary.encode())
    body.skip_content()
    while body.begin_part():
        yield Part(body.read_headers(), body)
        body.skip_content()


class _Body:
    """A window on the stream that moves from delimiter to delimiter."""

    def __init__(self, stream: Readable, delimiter: bytes) -> None:
        self._stream = stream
        self._delimiter = delimiter
        # The first delimiter needs no line break before it.
        self._window = b"\r\n"
        self._position = 0

    def _extend(self) -> None:
        """Forget what was consumed, hold one more chunk."""
        try:
            chunk = self._stream.read(_CHUNK_BYTES)
        except Exception as error:  # whatever the server in front of us raises
            raise MalformedBodyError("the body could not be read to its end") from error
        if not chunk:
            raise MalformedBodyError("the body ends before its last boundary")
        self._window = self._window[self._position :] + chunk
        self._position = 0

    def _take(self, end: int) -> bytes:
        taken = self._window[self._position : end]
        self._position = end
        return taken

    def _require(self, size: int) -> None:
        while len(self._window) - self._position < size:
            self._extend()

    def read_content(self, size: int) -> bytes:
        # With a whole delimiter in sight, what precedes its last bytes cannot begin one.
        self._require(len(self._delimiter))
        end = self._window.find(self._delimiter, self._position)
        if end < 0:
            end = len(self._window) - len(self._delimiter) + 1
        return self._take(min(end, self._position + size))

    def skip_content(self) -> None:
        while self.read_content(_CHUNK_BYTES):
            pass

    def begin_part(self) -> bool:
        """Consume a delimiter line; False after the last."""
        self._position += len(self._delimiter)
        self._require(2)
        if self._window.startswith(b"--", self._position):
            return False
        padding = self._read_to(b"\r\n", at_most=_MAX_PADDING)
        if padding.strip(b" \t"):
            raise MalformedBodyError("a boundary is followed by something else on its line")
        return True

    def read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        left = _MAX_HEADER_BYTES
        for _ in range(_MAX_HEADERS + 1):
            line = self._read_to(b"\r\n", at_most=left)
            if not line:
                return headers
            left -= len(line)
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name.strip():
                raise MalformedBodyError("a header of a part has no name")
            headers[name.strip().lower()] = value.strip()
        raise MalformedBodyError(f"a part has more than {_MAX_HEADERS} headers")

    def _read_to(self, end: bytes, *, at_most: int) -> bytes:
        """What comes before `end`, which is consumed too."""
        while (found := self._window.find(end, self._position)) < 0:
            if len(self._window) - self._position > at_most:
                break
            self._extend()
        if not 0 <= found - self._position <= at_most:
            raise MalformedBodyError("a header of a part is longer than any honest one")
        line = self._take(found)
        self._position += len(end)
        return line
