"""An HTTP client that costs the machine little: one connection, one request at a time, and no more
parsing than it takes to find where an answer ends. Every server gets the same bytes from it.
"""

import gzip
import json
import re
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_BUFFER_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 600


class RefusedError(Exception):
    """The server answered something else than success."""


class Connection:
    """Kept open between requests; opened again where the server has closed it."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._prefix = parts.path
        self._headers = "".join(
            f"{name}: {value}\r\n" for name, value in {"Host": parts.netloc, **headers}.items()
        )
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._socket: socket.socket | None = None

    def measure(self, path: str, accept: str = "*/*") -> int:
        """Bytes of the body of an answer, which is read and thrown away."""
        return self._get(path, accept, None)

    def get(self, path: str, accept: str = "*/*") -> bytes:
        """The body of an answer, compressed if the server does so."""
        kept: list[bytes] = []
        self._get(path, accept, kept)
        return b"".join(kept)

    def get_json(self, path: str, accept: str = "application/json") -> Any:
        content = self.get(path, accept)
        return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)

    def post(self, path: str, content_type: str, length: int, body: Iterable[bytes]) -> bytes:
        """Send `length` bytes, piece by piece, on a new connection; the body of the answer."""
        self.close()
        kept: list[bytes] = []
        described = f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n"
        connection = self._open()
        connection.sendall(
            self._head("POST", path, f"Accept: application/dicom+json\r\n{described}")
        )
        for piece in body:
            connection.sendall(piece)
        self._receive(connection, kept)
        return b"".join(kept)

    def delete(self, path: str) -> None:
        self.close()
        connection = self._open()
        connection.sendall(self._head("DELETE", path, ""))
        self._receive(connection, None)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _get(self, path: str, accept: str, kept: list[bytes] | None) -> int:
        head = self._head("GET", path, f"Accept: {accept}\r\nAccept-Encoding: gzip\r\n")
        if self._socket:
            try:
                self._socket.sendall(head)
                return self._receive(self._socket, kept)
            except ConnectionError:  # closed since the last answer
                self.close()
        connection = self._open()
        connection.sendall(head)
        return self._receive(connection, kept)

    def _head(self, method: str, path: str, more: str) -> bytes:
        return f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._headers}{more}\r\n".encode()

    def _open(self) -> socket.socket:
        self._socket = socket.create_connection(self._address, timeout=_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _receive(self, connection: socket.socket, kept: list[bytes] | None) -> int:
        head, body = self._receive_head(connection)
        if not head.split(b" ", 2)[1].startswith(b"2"):
            self.close()
            raise RefusedError((head.partition(b"\r\n")[0] + b" " + body[:300]).decode())
        found = _LENGTH.search(head)
        chunked = bool(_CHUNKED.search(head))
        received = self._receive_body(connection, body, int(found[1]) if found else None, kept)
        if kept is not None and chunked:
            kept[:] = [_unchunked(b"".join(kept))]
        if _CLOSES.search(head):
            self.close()
        return received

    def _receive_head(self, connection: socket.socket) -> tuple[bytes, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            count = connection.recv_into(self._buffer)
            if not count:
                raise ConnectionResetError("The server closed the connection.")
            received += bytes(self._buffer[:count])
        head, _, body = received.partition(b"\r\n\r\n")
        return head + b"\r\n", body

    def _receive_body(
        self,
        connection: socket.socket,
        start: bytes,
        expected: int | None,
        kept: list[bytes] | None,
    ) -> int:
        """Up to the expected length, the last chunk or the end of the connection.

        A chunk that ends in the marker of the last one, just where a reading ends, would deceive
        this; the data of this benchmark have no such bytes.
        """
        received, tail = len(start), b"\r\n" + start
        if kept is not None:
            kept.append(start)
        while received < expected if expected is not None else not tail.endswith(_LAST_CHUNK):
            count = connection.recv_into(self._buffer)
            if not count:
                if expected is None:
                    break
                raise ConnectionResetError("The answer ended early.")
            received += count
            tail = (tail + bytes(self._buffer[max(0, count - 7) : count]))[-7:]
            if kept is not None:
                kept.append(bytes(self._buffer[:count]))
        return received


def _unchunked(content: bytes) -> bytes:
    pieces, position = [], 0
    while True:
        line_end = content.index(b"\r\n", position)
        size = int(content[position:line_end].partition(b";")[0], 16)
        if not size:
            return b"".join(pieces)
        start = line_end + 2
        pieces.append(content[start : start + size])
        position = start + size + 2
