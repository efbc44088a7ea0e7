"""The Pixel Data element written in pieces, in explicit VR little endian (PS3.5 8, A.4)."""

import itertools
import struct
from collections.abc import Iterable, Iterator

from studies.errors import NotAvailableError

_TAG = struct.pack("<HH", 0x7FE0, 0x0010)
_ITEM = struct.Struct("<HHL").pack
_UNDEFINED_LENGTH = 0xFFFFFFFF


def write_native(pieces: Iterable[bytes], *, vr: str, length: int) -> Iterator[bytes]:
    """Uncompressed pixels of a known length, filled to an even one.

    Raises:
        NotAvailableError: If no element may be that long (PS3.5 7.1.1).
    """
    even = length + length % 2
    if even >= _UNDEFINED_LENGTH:
        raise NotAvailableError("The pixels are too large to be sent uncompressed as one value.")
    yield _TAG + vr.encode() + struct.pack("<HL", 0, even)
    yield from pieces
    if even > length:
        yield b"\0"


def write_native_frames(frames: Iterable[bytes], *, vr: str, count: int) -> Iterator[bytes]:
    """The same out of frames that are all as long as the first."""
    iterator = iter(frames)
    first = next(iterator)
    pieces = itertools.chain([first], iterator)
    return write_native(pieces, vr=vr, length=len(first) * count)


def write_encapsulated(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Codestreams, a fragment each; the offset table is empty, since it would stand before them."""
    yield _TAG + b"OB" + struct.pack("<HL", 0, _UNDEFINED_LENGTH) + _ITEM(0xFFFE, 0xE000, 0)
    for frame in frames:
        yield _ITEM(0xFFFE, 0xE000, len(frame) + len(frame) % 2)
        yield frame + bytes(len(frame) % 2)
    yield _ITEM(0xFFFE, 0xE0DD, 0)
