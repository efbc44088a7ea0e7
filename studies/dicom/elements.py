"""A walk over the data elements of a data set (PS3.5 7) that reads headers only, within bounds.

It runs before any library reads the input, so that nested floods, lying lengths and truncated
files are refused at the cost of a glance.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from studies.dicom import MAX_INLINE_BYTES, public_vr
from studies.errors import InstanceTooLargeError, InvalidInstanceError

UNDEFINED_LENGTH = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
EXTENDED_OFFSET_TABLE = 0x7FE00001
_SPECIFIC_CHARACTER_SET = 0x00080005
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = {
    b"OB",
    b"OD",
    b"OF",
    b"OL",
    b"OV",
    b"OW",
    b"SQ",
    b"SV",
    b"UC",
    b"UN",
    b"UR",
    b"UT",
    b"UV",
}
_SHORT_VRS = {
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
}  # fmt: skip

# Bytes of one value; of UN the fewest that a number takes.
_WIDTHS = {
    b"AT": 4, b"FD": 8, b"FL": 4, b"SL": 4, b"SS": 2, b"SV": 8, b"UL": 4, b"UN": 4, b"US": 2,
    b"UV": 8,
}  # fmt: skip
_NUMBERS = {*_WIDTHS, b"DS", b"IS"}
_SINGLE_VALUES = {b"LT", b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"ST", b"UR", b"UT"}
# Only these may have undefined length (PS3.5 7.1.1).
_FRAGMENTED_VRS = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV"}

# Parts of names of Python's codecs that the library would look up, though no DICOM term means
# them: some take hours for a long text, others do not give text at all.
_NO_CHARACTER_SETS = (
    b"punycode", b"idna", b"escape", b"undefined", b"rot", b"hex", b"zlib", b"zip", b"bz2",
    b"base", b"quo", b"uu",
)  # fmt: skip
_MAX_CHARACTER_SET_BYTES = 1024

Buffer = bytes | mmap


@dataclass(frozen=True, slots=True)
class Encoding:
    implicit_vr: bool
    little_endian: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one data set may hold.

    Attributes:
        depth: Of sequences in sequences.
        elements: Headers and values of text, each of which becomes an object.
        numbers: Numeric values.
        fragments: Pieces of encapsulated pixel data.
        searched_bytes: Of one value whose separators are counted.
    """

    depth: int = 16
    elements: int = 200_000
    numbers: int = 8_000_000
    fragments: int = 2_000_000
    searched_bytes: int = 64 * 1024 * 1024


BULK_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


@dataclass(frozen=True, slots=True)
class Element:
    """One top-level element: where its header starts, where its value lies."""

    tag: int
    vr: str
    start: int
    value: int
    end: int
    undefined_length: bool

    @property
    def length(self) -> int:
        return self.end - self.value

    @property
    def is_bulk(self) -> bool:
        return self.vr in BULK_VRS and self.length > MAX_INLINE_BYTES


@dataclass(slots=True)
class _Open:
    """A sequence or an item that the walk is inside of; `end` is None for undefined length."""

    is_sequence: bool
    end: int | None
    implicit_vr: bool


class Walker:
    """Iterates over the top-level elements of `data[start:end]`.

    Raises:
        InvalidInstanceError: On the first header that lies about its length, an unknown VR, a
            delimiter out of place, too deep nesting or too many elements.
    """

    def __init__(
        self, data: Buffer, start: int, encoding: Encoding, *, bounds: Bounds | None = None
    ) -> None:
        self._data = data
        self._position = start
        self._end = len(data)
        self._encoding = encoding
        self._bounds = bounds or Bounds()
        self._stack: list[_Open] = []
        self._count = 0
        self._numbers = 0
        self._fragments = 0
        order = "<" if encoding.little_endian else ">"
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u2 = struct.Struct(order + "H").unpack_from
        self._u4 = struct.Struct(order + "L").unpack_from

    def __iter__(self) -> Iterator[Element]:
        if self._encoding.implicit_vr:
            self._refuse_explicit_vr()
        while self._position < self._end:
            yield self._top_level_element()

    def _top_level_element(self) -> Element:
        start = self._position
        tag, vr, length = self._read_header(implicit_vr=self._encoding.implicit_vr)
        if tag >> 16 == 0xFFFE:
            raise InvalidInstanceError("a delimiter stands outside of any sequence")
        value = self._position
        if self._opens_sequence(vr, length) and tag != PIXEL_DATA:
            self._skip_sequence(vr, length)
        else:
            self._skip_plain(tag, vr, length)
        return Element(tag, vr.decode(), start, value, self._position, length == UNDEFINED_LENGTH)

    def _read_header(self, *, implicit_vr: bool) -> tuple[int, bytes, int]:
        position = self._position
        if position + 8 > self._end:
            raise InvalidInstanceError("the file ends in the middle of a data element")
        self._count_elements(1)
        group, number = self._tag(self._data, position)
        tag = group << 16 | number
        if implicit_vr or group == 0xFFFE:
            self._position = position + 8
            return tag, _dictionary_vr(tag), self._u4(self._data, position + 4)[0]
        vr = bytes(self._data[position + 4 : position + 6])
        if vr in _SHORT_VRS:
            self._position = position + 8
            return tag, vr, self._u2(self._data, position + 6)[0]
        if vr not in _LONG_VRS or position + 12 > self._end:
            raise InvalidInstanceError("a data element has no known value representation")
        self._position = position + 12
        return tag, vr, self._u4(self._data, position + 8)[0]

    def _count_elements(self, number: int) -> None:
        self._count += number
        if self._count > self._bounds.elements:
            raise InvalidInstanceError(f"more than {self._bounds.elements} data elements")

    def _opens_sequence(self, vr: bytes, length: int) -> bool:
        return vr == b"SQ" or (vr == b"UN" and length == UNDEFINED_LENGTH)

    def _skip_plain(self, tag: int, vr: bytes, length: int) -> None:
        """Pass over the value of an element that is no sequence."""
        start = self._position
        if length == UNDEFINED_LENGTH:
            self._skip_fragments(tag, vr)
            return
        if tag == _SPECIFIC_CHARACTER_SET:
            self._check_character_set(length)
        self._skip_value(length)
        is_one_value = vr in _SINGLE_VALUES or (vr == b"UN" and length > MAX_INLINE_BYTES)
        if not is_one_value:
            self._count_values(vr, start, length)

    def _count_values(self, vr: bytes, start: int, length: int) -> None:
        """Each becomes an object of a hundred bytes and more, however short it is here."""
        number = length // _WIDTHS[vr] if vr in _WIDTHS else 0
        if vr not in _WIDTHS or vr == b"UN":  # which may be text
            if length > self._bounds.searched_bytes:
                raise InstanceTooLargeError("a value is longer than any honest one")
            number = max(number, bytes(self._data[start : start + length]).count(b"\\"))
        if vr not in _NUMBERS:
            self._count_elements(number)
            return
        self._numbers += number
        if self._numbers > self._bounds.numbers:
            raise InstanceTooLargeError(f"more than {self._bounds.numbers} numbers in the header")

    def _skip_value(self, length: int) -> None:
        if length == UNDEFINED_LENGTH or self._position + length > self._limit():
            raise InvalidInstanceError("a data element is longer than what holds it")
        self._position += length

    def _check_character_set(self, length: int) -> None:
        read = min(length, _MAX_CHARACTER_SET_BYTES + 1)
        terms = bytes(self._data[self._position : self._position + read])
        if len(terms) > _MAX_CHARACTER_SET_BYTES or any(
            name in terms.lower() for name in _NO_CHARACTER_SETS
        ):
            raise InvalidInstanceError("a character set is none of DICOM's (PS3.3 C.12.1.1.2)")

    def _refuse_explicit_vr(self) -> None:
        """A length of capital letters alone is longer than any first element.

        The library would guess from it that VRs are explicit, and read on past all bounds.
        """
        letters = bytes(self._data[self._position + 4 : self._position + 6])
        if letters.isalpha() and letters.isupper():
            raise InvalidInstanceError("explicit VRs stand where implicit ones are due")

    def _skip_sequence(self, vr: bytes, length: int) -> None:
        """Walk through everything nested in the sequence that starts here."""
        self._open(is_sequence=True, length=length, implicit_vr=self._nested_encoding(vr))
        while self._stack:
            top = self._stack[-1]
            if top.end is not None and self._position >= top.end:
                self._stack.pop()
            elif top.is_sequence:
                self._step_in_sequence(top)
            else:
                self._step_in_item(top)

    def _nested_encoding(self, vr: bytes) -> bool:
        # UN of undefined length is encoded in implicit VR whatever surrounds it (PS3.5 6.2.2).
        return True if vr == b"UN" else self._implicit_here()

    def _implicit_here(self) -> bool:
        return self._stack[-1].implicit_vr if self._stack else self._encoding.implicit_vr

    def _step_in_sequence(self, top: _Open) -> None:
        tag, _, length = self._read_header(implicit_vr=top.implicit_vr)
        if tag == _ITEM:
            self._open(is_sequence=False, length=length, implicit_vr=top.implicit_vr)
        elif tag == _SEQUENCE_END and top.end is None:
            self._stack.pop()
        else:
            raise InvalidInstanceError("a sequence holds something that is not an item")

    def _step_in_item(self, top: _Open) -> None:
        tag, vr, length = self._read_header(implicit_vr=top.implicit_vr)
        if tag == _ITEM_END and top.end is None:
            self._stack.pop()
        elif tag >> 16 == 0xFFFE:
            raise InvalidInstanceError("a delimiter stands where a data element is due")
        elif self._opens_sequence(vr, length):
            self._open(is_sequence=True, length=length, implicit_vr=self._nested_encoding(vr))
        else:
            self._skip_plain(tag, vr, length)

    def _limit(self) -> int:
        return min((o.end for o in self._stack if o.end is not None), default=self._end)

    def _open(self, *, is_sequence: bool, length: int, implicit_vr: bool) -> None:
        if len(self._stack) >= 2 * self._bounds.depth:
            raise InvalidInstanceError(f"sequences nested deeper than {self._bounds.depth}")
        end = None if length == UNDEFINED_LENGTH else self._position + length
        if end is not None and end > self._limit():
            raise InvalidInstanceError("a sequence is longer than what holds it")
        if implicit_vr and not is_sequence and not self._encoding.implicit_vr:
            self._refuse_explicit_vr()
        self._stack.append(_Open(is_sequence, end, implicit_vr))

    def _skip_fragments(self, tag: int, vr: bytes) -> None:
        """Walk over fragments (PS3.5 A.4) to behind their delimiter."""
        if vr not in _FRAGMENTED_VRS:
            raise InvalidInstanceError("a value has undefined length where none may (PS3.5 7.1)")
        start = self._position
        while (length := self._fragment_length()) is not None:
            self._skip_value(length)
        # The library looks for the delimiter's bytes, and must not find them in a fragment. Pixel
        # data that is not nested it never sees.
        if self._stack or tag != PIXEL_DATA:
            group = struct.pack("<HH" if self._encoding.little_endian else ">HH", 0xFFFE, 0xE0DD)
            if self._data.find(group, start, self._position - 8) >= 0:
                raise InvalidInstanceError("a fragment holds the delimiter that ends its element")

    def _fragment_length(self) -> int | None:
        """Of the fragment that starts here; None behind the delimiter."""
        if self._position + 8 > self._end:
            raise InvalidInstanceError("the file ends in the middle of a data element")
        group, number = self._tag(self._data, self._position)
        tag = group << 16 | number
        length: int = self._u4(self._data, self._position + 4)[0]
        self._position += 8
        if tag == _SEQUENCE_END:
            return None
        if tag != _ITEM:
            raise InvalidInstanceError("encapsulated pixel data holds something else than items")
        self._fragments += 1
        if self._fragments > self._bounds.fragments:
            raise InvalidInstanceError(f"more than {self._bounds.fragments} fragments")
        return length


def _dictionary_vr(tag: int) -> bytes:
    """VR of a public tag, the widest of several; UN where the tag is unknown."""
    vr = public_vr(tag)
    if len(vr) == 2:
        return vr.encode()
    return b"OW" if "OW" in vr else b"US"
