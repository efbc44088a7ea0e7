"""Where each frame lies in a stored object, so that one ranged read gets it."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from studies.dicom.elements import Buffer, Element
from studies.errors import InvalidInstanceError

_ITEM_HEADER = struct.Struct("<HHL").unpack_from
_MAX_FRAMES = 2_000_000


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """Image Pixel Module (PS3.3 C.7.6.3) as far as it says how many bytes a frame has."""

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    number_of_frames: int
    subsampled: bool

    @property
    def frame_bits(self) -> int:
        # YBR_FULL_422 native: two pixels share their colour samples, so 2 of 3 samples are kept.
        samples = 2 if self.subsampled and self.samples_per_pixel == 3 else self.samples_per_pixel
        return self.rows * self.columns * samples * self.bits_allocated


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Byte positions of frames in the file (of the inflated data set, where that is deflated).

    Attributes:
        offset: First byte of the pixel data value.
        length: Bytes of the value, item headers included where it is encapsulated.
        vr: OB or OW, as the element says it.
        frame_length: Bytes of a native frame; 0 where frames are encapsulated or share bytes.
        frame_starts: First item of each encapsulated frame, then the end; empty where native or
            where the fragments cannot be told apart.
    """

    offset: int
    length: int
    vr: str
    frame_length: int = 0
    frame_starts: tuple[int, ...] = ()


def index_native(element: Element, pixels: PixelDescription) -> FrameIndex:
    """Raises InvalidInstanceError if the value is shorter than its frames, or they are too many."""
    _refuse_too_many(pixels.number_of_frames)
    bits = pixels.frame_bits
    if bits * pixels.number_of_frames > element.length * 8:
        raise InvalidInstanceError(
            "the pixel data is shorter than its rows, columns and frames say"
        )
    # Frames of single bits may share a byte (PS3.5 8.1.1); then there is no range for one of them.
    alone = pixels.number_of_frames == 1 or bits % 8 == 0
    return FrameIndex(element.value, element.length, element.vr, (bits + 7) // 8 if alone else 0)


def index_encapsulated(
    data: Buffer, element: Element, number_of_frames: int, extended: Element | None = None
) -> FrameIndex:
    """Find frames one to one, by an offset table or by their codestreams' starts (PS3.5 A.4).

    Args:
        data: That holds the element.
        element: The pixel data.
        number_of_frames: As the header says it.
        extended: Extended Offset Table (PS3.3 C.7.6.3.1.8), where there is one.
    """
    _refuse_too_many(number_of_frames)
    items = _items(data, element)
    if not items:
        raise InvalidInstanceError("encapsulated pixel data has no items")
    table, fragments = items[0], items[1:]
    if not fragments:
        raise InvalidInstanceError("encapsulated pixel data has no fragments")
    offset_tables = [(table[0] + 8, table[1], "L")]
    if extended is not None:
        offset_tables.append((extended.value, extended.length, "Q"))
    tables = (
        _offsets(data, position, number_of_frames, number, fragments[0][0])
        for position, length, number in offset_tables
        # What is as long as it should be is unpacked, and only if it is needed.
        if length == number_of_frames * struct.calcsize(f"<{number}")
    )
    starts = _frame_starts(data, tables, fragments, number_of_frames)
    end = fragments[-1][0] + 8 + fragments[-1][1]
    return FrameIndex(
        element.value, element.length, element.vr, frame_starts=(*starts, end) if starts else ()
    )


def _refuse_too_many(frames: int) -> None:
    if frames > _MAX_FRAMES:
        raise InvalidInstanceError(f"more than {_MAX_FRAMES} frames")


def _items(data: Buffer, element: Element) -> list[tuple[int, int]]:
    """(start of header, length of value) of every item."""
    items, position = [], element.value
    while position + 8 <= element.end:
        group, number, length = _ITEM_HEADER(data, position)
        if (group, number) != (0xFFFE, 0xE000):
            break
        items.append((position, length))
        position += 8 + length
    return items


def _frame_starts(
    data: Buffer, tables: Iterable[list[int]], fragments: list[tuple[int, int]], frames: int
) -> list[int]:
    starts = [start for start, _ in fragments]
    if frames == 1:
        return starts[:1]
    if len(fragments) == frames:
        return starts
    for listed in tables:
        if _are_starts(listed, starts):
            return listed
    # A codestream begins with SOI (JPEG, JPEG-LS) or SOC (JPEG 2000): PS3.5 A.4.1 to A.4.4.
    begins = [
        s for s, length in fragments if bytes(data[s + 8 : s + 10]) in (b"\xff\xd8", b"\xff\x4f")
    ]
    return begins if len(begins) == frames and _are_starts(begins, starts) else []


def _are_starts(frames: list[int], fragments: list[int]) -> bool:
    """Every frame starts with a fragment, the first with the first, each behind the one before."""
    ascending = all(one < next_ for one, next_ in pairwise(frames))
    return ascending and frames[0] == fragments[0] and set(frames) <= set(fragments)


def _offsets(data: Buffer, position: int, count: int, number: str, first: int) -> list[int]:
    """A table of numbers, each counted from the header of the first fragment, as positions."""
    return [first + offset for offset in struct.unpack_from(f"<{count}{number}", data, position)]


def extract_bits(data: bytes, first: int, count: int) -> bytes:
    """Bits from the middle of packed ones, as bytes of their own (PS3.5 8.1.1).

    Args:
        data: The first pixel is its least significant bit.
        first: Bits to leave out before.
        count: Bits to keep; the last byte is filled with zeros.
    """
    bits = int.from_bytes(data, "little") >> first & (1 << count) - 1
    return bits.to_bytes((count + 7) // 8, "little")


def join_fragments(items: bytes) -> bytes:
    """The codestream of one frame out of its items, headers removed.

    Raises:
        InvalidInstanceError: If the bytes are not items; the stored object was altered.
    """
    parts, position = [], 0
    while position + 8 <= len(items):
        group, number, length = _ITEM_HEADER(items, position)
        if (group, number) != (0xFFFE, 0xE000):
            raise InvalidInstanceError("a frame does not start with an item")
        parts.append(items[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(parts)
