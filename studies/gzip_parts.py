"""One gzip member out of parts that were compressed before (RFC 1951, RFC 1952).

Members could simply follow one another, but browsers and others stop after the first. The blocks
of a deflated stream can be joined where each part ends on a byte, which a full flush sees to; the
CRC-32 of the whole follows from those of its parts and their lengths.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PIECE_BYTES = 1024 * 1024
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflated; no name, no time, of no system
_POLYNOMIAL = 0xEDB88320  # of CRC-32, the highest power in the lowest bit


@dataclass(frozen=True, slots=True)
class Part:
    """Deflated blocks, none of them marked as the last; CRC-32 and length of what they hold."""

    deflated: bytes
    crc32: int
    length: int


def deflate(pieces: Iterable[bytes]) -> Part:
    deflater, crc, length = zlib.compressobj(9, wbits=-zlib.MAX_WBITS), 0, 0
    blocks = []
    for piece in pieces:
        blocks.append(deflater.compress(piece))
        crc, length = zlib.crc32(piece, crc), length + len(piece)
    blocks.append(deflater.flush(zlib.Z_FULL_FLUSH))
    return Part(b"".join(blocks), crc, length)


def inflate(part: Part) -> Iterator[bytes]:
    """What a part holds, in pieces."""
    inflater, left = zlib.decompressobj(-zlib.MAX_WBITS), part.deflated
    while left:
        yield inflater.decompress(left, _PIECE_BYTES)
        left = inflater.unconsumed_tail
    yield inflater.flush()


def array(parts: Iterable[Part]) -> Iterator[bytes]:
    """A JSON array of what the parts hold, each some elements of it: one member, in pieces."""
    yield _HEADER
    crc, length = 0, 0
    for part in _bracketed(parts):
        yield part.deflated
        crc = _crc32_of_both(crc, part)
        length += part.length
    yield struct.pack("<LL", crc, length & 0xFFFFFFFF)


def inflated_array(parts: Iterable[Part]) -> Iterator[bytes]:
    """The same, not compressed."""
    for part in _bracketed(parts):
        yield from inflate(part)


def _bracketed(parts: Iterable[Part]) -> Iterator[Part]:
    sign = b"["
    for part in parts:
        if part.length:
            yield _sign(sign)
            yield part
            sign = b","
    if sign == b"[":
        yield _sign(sign)
    yield _sign(b"]", is_last=True)


def _sign(byte: bytes, *, is_last: bool = False) -> Part:
    """In a block of its own that is not compressed (RFC 1951 3.2.4)."""
    return Part(struct.pack("<BHH", is_last, 1, 0xFFFE) + byte, zlib.crc32(byte), 1)


# --- CRC-32 as arithmetic of polynomials over two elements ----------------------------------------


def _crc32_of_both(crc: int, part: Part) -> int:
    """Of what has this CRC-32 and the part behind it, which moves it up by its bits."""
    return _product(crc, _power(8 * part.length)) ^ part.crc32


def _product(one: int, other: int) -> int:
    """Modulo the polynomial of CRC-32; the highest bit is the power of zero."""
    product = 0
    while one:
        if one & 0x80000000:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


def _power(exponent: int) -> int:
    """Of the polynomial x."""
    power, square = 0x80000000, 0x40000000
    while exponent:
        if exponent & 1:
            power = _product(power, square)
        square = _product(square, square)
        exponent >>= 1
    return power
