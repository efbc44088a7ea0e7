"""What a stored object holds: its head, its frames and its long values, each by ranged reads.

All binary values leave in little endian, whatever they are stored in (PS3.18 8.7.3.5.2).
"""

import io
import itertools
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from django.conf import settings

from studies import storage
from studies.dicom.byte_order import WORD_BYTES, swap_words
from studies.dicom.elements import Encoding
from studies.dicom.frames import extract_bits, join_fragments
from studies.dicom.overlay import element_header, split_head
from studies.dicom.parse import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MAX_META_END,
    NATIVE_TRANSFER_SYNTAXES,
    encoding_of,
    inflate_pieces,
    read_meta,
)
from studies.dicom.sandbox import MAX_ANSWER_BYTES
from studies.errors import (
    InvalidInstanceError,
    NotAvailableError,
    NotFoundError,
    StorageError,
)
from studies.models import Instance, StoredObject

PIXEL_DATA = "7FE00010"
FLOAT_PIXEL_DATA = ("7FE00008", "7FE00009")  # and double
# Long values that a picture may need: palettes, profiles, overlay planes. The shortest are kept.
_MAX_BYTES_OF_PICTURES = 32 * 1024 * 1024
# As many as its elements had when it was stored, but for those that are there twice.
_MAX_HEAD_BYTES = 192 * 1024 * 1024

RangedReader = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Ranged:
    """Content whose length is known and any part of which can be read: `stream(start, end)`."""

    size: int
    stream: Callable[[int, int], Iterator[bytes]]

    def __iter__(self) -> Iterator[bytes]:
        return self.stream(0, self.size)


def web_transfer_syntax(stored: StoredObject) -> str:
    """In which the pixels come over the web."""
    return on_the_web(stored.transfer_syntax_uid)


def on_the_web(transfer_syntax_uid: str) -> str:
    """Of pixels stored so: uncompressed ones come in explicit little endian.

    Implicit VR and big endian have no place there (PS3.18 8.7.3.5.2).
    """
    if transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES:
        return EXPLICIT_VR_LITTLE_ENDIAN
    return transfer_syntax_uid


# --- The object in the positions of the index -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flat:
    """A ranged reader, and how many bytes there are to read."""

    read: RangedReader
    size: int


@contextmanager
def flat(stored: StoredObject) -> Iterator[Flat]:
    """The object in the positions of the index: inflated first where that is needed."""
    if stored.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        yield Flat(partial(storage.read, stored.object_key), stored.size_bytes)
        return
    with storage.spooled() as file:
        _inflate_to(file, stored)
        yield Flat(partial(_read_file, file), file.seek(0, io.SEEK_END))


def _inflate_to(file: IO[bytes], stored: StoredObject) -> None:
    """Raises StorageError also where the object is not what was stored, or a limit is lower now."""
    key, size = stored.object_key, stored.size_bytes
    try:
        beginning = storage.read(key, 0, min(size, MAX_META_END))
        _, start = read_meta(beginning)
        file.write(beginning[:start])
        pieces = storage.stream(key, start, size)
        limit = settings.PACS_MAX_INSTANCE_BYTES
        inflate_pieces(pieces, size - start, file, max_bytes=limit)
        file.flush()
    except (InvalidInstanceError, zlib.error) as error:
        reason = f"an object cannot be inflated ({type(error).__name__})"
        raise StorageError(reason) from error


def _read_file(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def read_pieces(read: RangedReader, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, storage.CHUNK_BYTES):
        yield read(position, min(end, position + storage.CHUNK_BYTES))


def pixel_element_start(stored: StoredObject) -> int:
    """Where the head ends and the pixel data element begins."""
    if stored.pixel_data_offset is None:
        raise NotFoundError("The instance has no pixel data.")
    return stored.pixel_data_offset - _header_bytes(stored)


def read_head(stored: StoredObject) -> bytes:
    """The Part 10 file up to its pixel data, for pictures: the longest values are left out."""
    kept, left = set(), _MAX_BYTES_OF_PICTURES
    for tag, bulk in sorted(stored.bulk_values.items(), key=lambda item: item[1]["length"]):
        left -= bulk["length"]
        kept |= {tag} if left >= 0 else set()
    with flat(stored) as source:
        return short_head(stored, source, kept)


def head_end(stored: StoredObject, source: Flat) -> int:
    """Where the pixel data element begins; the end of the file where there is none."""
    has_pixels = stored.pixel_data_offset is not None
    return pixel_element_start(stored) if has_pixels else source.size


def short_head(stored: StoredObject, source: Flat, kept: Container[str] = ()) -> bytes:
    """The Part 10 file up to its pixel data, without the long values but for those of some tags.

    Raises:
        NotAvailableError: If it is larger than what was taken in could be.
    """
    end, at, ranges = head_end(stored, source), 0, []
    for tag, bulk in _long_values(stored, end):
        if tag not in kept:
            ranges.append((at, bulk["offset"] - _header_bytes(stored)))
            at = bulk["offset"] + bulk["length"]
    ranges.append((at, end))
    if sum(last - first for first, last in ranges) > _MAX_HEAD_BYTES:
        raise NotAvailableError("The header of the instance is too large to be read.")
    return b"".join(source.read(first, last) for first, last in ranges)


def with_long_values(
    head: bytes,
    stored: StoredObject,
    source: Flat,
    transfer_syntax_uid: str,
    *,
    without: Container[str] = (),
) -> Iterator[bytes]:
    """A head that was written anew, and the long values in their places, in pieces.

    Args:
        head: Of `short_head`.
        stored: Whose head it was.
        source: Where the long values lie.
        transfer_syntax_uid: In which the head is written.
        without: Tags of values to be left out.
    """
    bulk_values = dict(_long_values(stored, head_end(stored, source)))
    tags = sorted(int(tag, 16) for tag in bulk_values if tag not in without)
    if not tags:
        yield head
        return
    pieces, between = split_head(head, transfer_syntax_uid, tags)
    for piece, tag in itertools.zip_longest(pieces, between):
        yield piece
        if tag is not None:
            bulk = bulk_values[f"{tag:08X}"]
            yield from _long_element(tag, bulk, stored, source, encoding_of(transfer_syntax_uid))


def _long_values(stored: StoredObject, end: int) -> list[tuple[str, dict[str, Any]]]:
    """Those before the pixel data, as they lie."""
    values = (item for item in stored.bulk_values.items() if item[1]["offset"] < end)
    return sorted(values, key=lambda item: item[1]["offset"])


def _header_bytes(stored: StoredObject) -> int:
    """Of an element with a long binary value, or pixels (PS3.5 7.1)."""
    return 8 if stored.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN else 12


def _long_element(
    tag: int, bulk: dict[str, Any], stored: StoredObject, source: Flat, encoding: Encoding
) -> Iterator[bytes]:
    start, end = bulk["offset"], bulk["offset"] + bulk["length"]
    # The value of an undefined length includes the delimiter that ends it.
    is_undefined = source.read(start - 4, start) == b"\xff" * 4
    yield element_header(tag, bulk["vr"], None if is_undefined else end - start, encoding)
    was_little_endian = encoding_of(stored.transfer_syntax_uid).little_endian
    word = 1 if was_little_endian == encoding.little_endian else WORD_BYTES.get(bulk["vr"], 1)
    for piece in read_pieces(source.read, start, end):
        yield swap_words(piece, word)


# --- Frames ---------------------------------------------------------------------------------------


def count_frames(instance: Instance, starts: int) -> int:
    """Frames that can be read one by one; 0 where there are none.

    Args:
        instance: With its stored object.
        starts: Entries of the stored object's frame_starts, which may not be loaded.
    """
    stored = instance.stored_object
    if starts:
        available = starts - 1
    elif stored.frame_length and stored.pixel_data_length:
        available = stored.pixel_data_length // stored.frame_length
    else:
        available = _packed_frames(instance)
    return min(available, instance.number_of_frames or 1)


def _packed_frames(instance: Instance) -> int:
    """Frames of single bits that share bytes (PS3.5 8.1.1)."""
    bits = _packed_frame_bits(instance)
    is_packed = (
        bits > 0
        and instance.bits_allocated == 1
        and instance.stored_object.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    )
    return (instance.stored_object.pixel_data_length or 0) * 8 // bits if is_packed else 0


def _packed_frame_bits(instance: Instance) -> int:
    return (instance.rows or 0) * (instance.columns or 0)


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames of an instance, by numbers that count from 1 and are there.

    Attributes:
        count: Of all frames of the instance.
        first: Number of the frame that the first of `starts` belongs to.
        starts: Where encapsulated frames lie, then the end of the last; empty where native.
    """

    instance: Instance
    numbers: Sequence[int]
    count: int
    first: int
    starts: Sequence[int]

    def read(self) -> Iterator[bytes]:
        """Each by one ranged read: little endian where native, else one codestream.

        Raises:
            NotAvailableError: Before any is read, if one is larger than what is kept in memory.
        """
        # Native ones are all of one size.
        numbers = self.numbers if self.starts else self.numbers[:1]
        if max(map(self._size, numbers), default=0) > MAX_ANSWER_BYTES:
            raise NotAvailableError(
                f"A frame of more than {MAX_ANSWER_BYTES} bytes comes with its whole instance only."
            )
        with flat(self.instance.stored_object) as source:
            for number in self.numbers:
                if self.starts:
                    at = number - self.first
                    yield _codestream(source.read(self.starts[at], self.starts[at + 1]))
                else:
                    yield _native_frame(self.instance, number, source.read)

    def _size(self, number: int) -> int:
        """Bytes that are read for it."""
        if self.starts:
            at = number - self.first
            return self.starts[at + 1] - self.starts[at]
        return self.instance.stored_object.frame_length or _packed_frame_bits(self.instance) // 8


def all_frames(instance: Instance) -> Frames:
    """Every frame in its order, `frame_starts` being loaded; maybe none."""
    starts = instance.stored_object.frame_starts
    count = count_frames(instance, len(starts))
    return Frames(instance, range(1, count + 1), count, 1, starts)


def _codestream(items: bytes) -> bytes:
    try:
        return join_fragments(items)
    except InvalidInstanceError as error:
        raise StorageError("an object is not what was stored") from error


def _native_frame(instance: Instance, number: int, read: RangedReader) -> bytes:
    """One uncompressed frame, its words in little endian whatever they are stored in."""
    stored = instance.stored_object
    bits = stored.frame_length * 8 or _packed_frame_bits(instance)
    first_bit, last_bit = (number - 1) * bits, number * bits
    start, end = first_bit // 8, -(-last_bit // 8)
    # A frame of odd length may share a word with its neighbour.
    word = pixel_word(instance)
    offset, first, last = stored.pixel_data_offset or 0, start - start % word, end + -end % word
    words = swap_words(read(offset + first, offset + last), word)
    frame = words[start - first : end - first]
    return frame if bits % 8 == 0 else extract_bits(frame, first_bit % 8, bits)


def pixel_word(instance: Instance) -> int:
    """Bytes of the words to be swapped in uncompressed pixels, 1 where they need not be."""
    stored = instance.stored_object
    if stored.transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN:
        return 1
    # OW is swapped in its words even where a pixel is one byte (PS3.5 7.3).
    bytes_of_pixel = (instance.bits_allocated or 8) // 8
    return max(bytes_of_pixel, 2 if stored.pixel_data_vr == "OW" else 1)


# --- Long values ----------------------------------------------------------------------------------


def has_bulk_pixel_data(stored: StoredObject) -> bool:
    """Whether the pixel data can be had: native as one value, compressed frame by frame."""
    native = stored.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    return stored.pixel_data_offset is not None and (native or bool(stored.frame_starts))


def bulk_value(instance: Instance, tag: str) -> Ranged:
    """One long binary value, native pixel data among them, in little endian.

    Raises:
        NotFoundError: If the instance has no such value.
    """
    stored = instance.stored_object
    native = stored.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    if tag == PIXEL_DATA and native and stored.pixel_data_offset is not None:
        length = stored.pixel_data_length or 0
        return _ranged(stored, stored.pixel_data_offset, length, pixel_word(instance))
    bulk = stored.bulk_values.get(tag)
    if bulk is None:
        raise NotFoundError("The instance has no such bulk data.")
    big_endian = stored.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN
    word = WORD_BYTES.get(bulk["vr"], 1) if big_endian else 1
    return _ranged(stored, bulk["offset"], bulk["length"], word)


def _ranged(stored: StoredObject, offset: int, length: int, word: int) -> Ranged:
    def stream(start: int, end: int) -> Iterator[bytes]:
        first, last = start - start % word, min(length, end + -end % word)
        if word == 1 and stored.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            yield from storage.stream(stored.object_key, offset + start, offset + end)
            return
        with flat(stored) as source:
            for at in range(first, last, storage.CHUNK_BYTES):
                piece = source.read(offset + at, offset + min(last, at + storage.CHUNK_BYTES))
                swapped = swap_words(piece, word)
                yield swapped[max(0, start - at) : end - at]

    return Ranged(length, stream)
