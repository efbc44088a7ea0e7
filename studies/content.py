"""What a stored object holds: its head, its frames and its long values, each by ranged reads.

All binary values leave in little endian, whatever they are stored in (PS3.18 8.7.3.5.2).
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO

from django.conf import settings

from studies import storage
from studies.dicom.byte_order import WORD_BYTES, swap_words
from studies.dicom.frames import extract_bits, join_fragments
from studies.dicom.parse import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    inflate,
    read_meta,
)
from studies.errors import NotFoundError
from studies.models import Instance, StoredObject

PIXEL_DATA = "7FE00010"
FLOAT_PIXEL_DATA = ("7FE00008", "7FE00009")  # and double

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
    with tempfile.TemporaryFile() as file:
        _inflate_to(file, stored)
        yield Flat(partial(_read_file, file), file.seek(0, io.SEEK_END))


def _inflate_to(file: IO[bytes], stored: StoredObject) -> None:
    content = storage.read(stored.object_key, 0, stored.size_bytes)
    _, start = read_meta(content)
    inflate(content, start, file, max_bytes=settings.PACS_MAX_INSTANCE_BYTES)


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
    implicit = stored.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    return stored.pixel_data_offset - (8 if implicit else 12)


def read_head(stored: StoredObject) -> bytes:
    """The Part 10 file up to its pixel data; the whole of it where there is none."""
    with flat(stored) as source:
        has_pixels = stored.pixel_data_offset is not None
        return source.read(0, pixel_element_start(stored) if has_pixels else source.size)


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
        """Each by one ranged read: little endian where native, else one codestream."""
        with flat(self.instance.stored_object) as source:
            for number in self.numbers:
                if self.starts:
                    at = number - self.first
                    yield join_fragments(source.read(self.starts[at], self.starts[at + 1]))
                else:
                    yield _native_frame(self.instance, number, source.read)


def all_frames(instance: Instance) -> Frames:
    """Every frame in its order, `frame_starts` being loaded; maybe none."""
    starts = instance.stored_object.frame_starts
    count = count_frames(instance, len(starts))
    return Frames(instance, range(1, count + 1), count, 1, starts)


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
