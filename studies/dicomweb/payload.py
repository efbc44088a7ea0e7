"""Payloads on their way out: single or in parts, whole or in ranges, none if unchanged."""

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

from studies.content import Ranged
from studies.dicom.multipart import new_boundary, write_parts

# Pixels of an instance never change, but it may be deleted, or the right to see it be withdrawn.
REVALIDATE = "private, no-cache"

# To be raised with every change of what codecs, renderers or writers make of the same object.
_FORM = 1

# Pieces are joined up to about this size: each is one system call to send.
_JOINED_BYTES = 256 * 1024
Piece = TypeVar("Piece")

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))$")


def base_url(request: HttpRequest) -> str:
    """Address of the service as this client calls it."""
    return request.build_absolute_uri("/dicom-web")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart payload, its address in Content-Location."""

    content_type: str
    content: Iterable[bytes]
    location: str = ""

    @property
    def headers(self) -> str:
        """What follows the name of the first header."""
        location = f"\r\nContent-Location: {self.location}" if self.location else ""
        return f"{self.content_type}{location}"


def multipart(request: HttpRequest, media_type: str, parts: Iterable[Part]) -> HttpResponseBase:
    """multipart/related (PS3.18 8.7.1); its length is told where that of every part is known.

    Args:
        request: A HEAD asks for no part.
        media_type: Of all parts.
        parts: Their lengths are looked at only if they come in a list.
    """
    boundary = new_boundary()
    content_type = f'multipart/related; type="{media_type}"; boundary={boundary}'
    size = _size_of(boundary, parts) if isinstance(parts, list) else None
    body = write_parts(boundary, ((part.headers, part.content) for part in parts))
    return _streamed(request, content_type, body, size)


def _size_of(boundary: str, parts: list[Part]) -> int | None:
    sizes = [part.content.size for part in parts if isinstance(part.content, Ranged)]
    if len(sizes) < len(parts):
        return None
    frame = write_parts(boundary, ((part.headers, ()) for part in parts))
    return sum(map(len, frame)) + sum(sizes)


def single_part(
    request: HttpRequest, content_type: str, content: Iterable[bytes], *, etag: str
) -> HttpResponseBase:
    """One representation, or the range of it that is asked for (RFC 9110 14)."""
    if not isinstance(content, Ranged):
        return _streamed(request, content_type, content, None)
    start, end = _asked_range(request, content.size, etag)
    if start >= end and content.size:
        sentence = f"The content has {content.size} bytes; the range lies behind them."
        headers = {"Content-Range": f"bytes */{content.size}"}
        return JsonResponse({"error": sentence}, status=416, headers=headers)
    response = _streamed(request, content_type, content.stream(start, end), end - start)
    response.headers["Accept-Ranges"] = "bytes"
    if (start, end) != (0, content.size):
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    return response


def _asked_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int]:
    """First byte and the one after the last; everything unless one range is asked for."""
    match = _RANGE.match(request.headers.get("Range", "").replace(" ", ""))
    is_of_this = request.headers.get("If-Range", etag) == etag
    if not match or not is_of_this or request.method != "GET":
        return 0, size
    first, last, suffix = match.groups()
    if suffix:
        return max(0, size - int(suffix)) if int(suffix) else size, size
    if last and int(last) < int(first):
        return 0, size  # not a range at all, hence ignored
    return int(first), min(size, int(last) + 1) if last else size


def _streamed(
    request: HttpRequest, content_type: str, content: Iterable[bytes], size: int | None
) -> HttpResponseBase:
    """What fails on the first bytes still fails as an error; a HEAD reads none."""
    body = iter(()) if request.method == "HEAD" else started(_joined(content))
    response = StreamingHttpResponse(body, content_type=content_type)
    if size is not None:
        response.headers["Content-Length"] = str(size)
    patch_vary_headers(response, ["Accept"])
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, small pieces together; large ones as they are, since joining copies them."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) >= _JOINED_BYTES:
            if waiting:
                yield b"".join(waiting)
            waiting, size = [], 0
        if len(piece) >= _JOINED_BYTES:
            yield piece
        else:
            waiting.append(piece)
            size += len(piece)
    if waiting:
        yield b"".join(waiting)


def started(content: Iterator[Piece]) -> Iterator[Piece]:
    """The same, its first piece made already."""
    first = list(itertools.islice(content, 1))
    return itertools.chain(first, content)


def etag_of(*form: object, is_strong: bool = True) -> str:
    """Name of a representation: another object, identity or form gives another.

    Weak where a boundary between parts differs each time.
    """
    name = hashlib.sha256(repr((_FORM, *form)).encode()).hexdigest()[:40]
    return f'"{name}"' if is_strong else f'W/"{name}"'


def unless_unchanged(
    request: HttpRequest, etag: str, make: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """304 where the client already has it, before anything is read."""
    response = get_conditional_response(request, etag=etag) or make()
    if response.status_code < 400:  # noqa: PLR2004 - an error is not the representation
        response.headers["ETag"] = etag
        response.headers["Cache-Control"] = REVALIDATE
    return response
