"""From a Part 10 file to plain values, within bounds (PS3.10 7, PS3.5 7)."""

import datetime
import io
import itertools
import mmap
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from studies.dicom import json_model
from studies.dicom.attributes import BY_KEYWORD, Attribute, Level, at_level, is_uid
from studies.dicom.elements import (
    EXTENDED_OFFSET_TABLE,
    PIXEL_DATA,
    Bounds,
    Buffer,
    Element,
    Encoding,
    Walker,
)
from studies.dicom.frames import (
    FrameIndex,
    PixelDescription,
    index_encapsulated,
    index_native,
)
from studies.dicom.names import PersonName
from studies.errors import (
    ArchiveError,
    InstanceTooLargeError,
    InvalidInstanceError,
    StorageError,
)

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
NATIVE_TRANSFER_SYNTAXES = {
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
}

_META_ENCODING = Encoding(implicit_vr=False, little_endian=True)
_PREAMBLE = 128
_META_START = _PREAMBLE + 4
# An honest data set rarely deflates a hundredfold; small ones may do as they like.
_MAX_DEFLATE_RATIO = 200
_ALWAYS_INFLATED = 64 * 1024 * 1024
# Whoever asks for a part of it waits for all of it to be inflated.
_MAX_INFLATED = 512 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_DEFLATED_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 128 * 1024 * 1024
_MAX_META_BYTES = 1024 * 1024
MAX_META_END = _META_START + _MAX_META_BYTES
_MAX_TEXT = 256
# Of columns that are narrower.
_WIDTHS = {"PatientSex": 16}
# Of a sequence in a column: a series that answers more requests is no honest one.
_MAX_ITEMS = 100
_MAX_ITEM_TEXT = 64
_COUNTS = {"NumberOfFrames", "Rows", "Columns", "BitsAllocated"}
_MAX_INTEGER = 2**31 - 1
_MAX_PIXEL_BITS = 2**32 * 8 * 64


@dataclass(frozen=True, slots=True)
class BulkValue:
    """A long binary value left in the object: where it lies (in the inflated data set)."""

    vr: str
    offset: int
    length: int


@dataclass(frozen=True)
class ParsedInstance:
    """What one object says of itself, in builtin types.

    Attributes:
        columns: Per level, model field → value, as `attributes.py` maps them.
        header: The whole data set but for long binary values, in the DICOM JSON model.
        frames: Where the frames lie; None where there is no pixel data.
        bulk: Long binary values by tag, pixel data not among them.
    """

    transfer_syntax_uid: str
    columns: dict[Level, dict[str, Any]]
    header: json_model.JsonObject
    frames: FrameIndex | None
    bulk: dict[str, BulkValue] = field(default_factory=dict)

    @property
    def sop_class_uid(self) -> str:
        return str(self.columns[Level.INSTANCE]["sop_class_uid"])

    @property
    def sop_instance_uid(self) -> str:
        return str(self.columns[Level.INSTANCE]["sop_instance_uid"])

    @property
    def series_instance_uid(self) -> str:
        return str(self.columns[Level.SERIES]["series_instance_uid"])

    @property
    def study_instance_uid(self) -> str:
        return str(self.columns[Level.STUDY]["study_instance_uid"])


def parse_instance(file: IO[bytes], *, max_bytes: int) -> ParsedInstance:
    """Read everything but the pixels of a Part 10 file.

    Args:
        file: A real file, positioned anywhere.
        max_bytes: No file, and nothing that a file inflates to, may be longer.

    Raises:
        StorageError: If there is no room to inflate a deflated data set.
        InvalidInstanceError: If it is not a Part 10 file, lacks one of the UIDs that identify an
            instance (PS3.3 C.7.2.1, C.7.3.1, C.12.1) or contradicts itself.
        InstanceTooLargeError: If a limit is passed.
    """
    try:
        with _mapped(file) as data:
            return _parse(data, max_bytes)
    except ArchiveError:
        raise
    except (*json_model.UNREADABLE, zlib.error, MemoryError) as error:
        # The libraries' own complaints may quote values; the class alone says enough.
        raise InvalidInstanceError(f"the file cannot be read ({type(error).__name__})") from error


@contextmanager
def _mapped(file: IO[bytes]) -> Iterator[mmap.mmap]:
    file.seek(0, io.SEEK_END)
    if file.tell() <= _META_START:
        raise InvalidInstanceError("the file is too short to be DICOM")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _parse(data: mmap.mmap, max_bytes: int) -> ParsedInstance:
    meta, start = read_meta(data)
    transfer_syntax = str(meta.get("TransferSyntaxUID", ""))
    if not is_uid(transfer_syntax):
        raise InvalidInstanceError("the file does not name its transfer syntax (PS3.10 7.1)")
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        with tempfile.TemporaryFile() as inflated:
            try:
                inflate(data, start, inflated, max_bytes=max_bytes)
                inflated.flush()
            except OSError as error:
                raise StorageError("there is no room to inflate a data set") from error
            with mmap.mmap(inflated.fileno(), 0, access=mmap.ACCESS_READ) as flat:
                return _parse_dataset(flat, start, transfer_syntax)
    return _parse_dataset(data, start, transfer_syntax)


def read_meta(data: Buffer) -> tuple[Dataset, int]:
    """File Meta Information (PS3.10 7.1), always explicit little endian, and where it ends."""
    if data[_PREAMBLE:_META_START] != b"DICM":
        raise InvalidInstanceError("the DICM prefix is missing (PS3.10 7.1)")
    position = _META_START
    walker = Walker(data, position, _META_ENCODING)
    while data[position : position + 2] == b"\x02\x00":
        position = next(iter(walker)).end
    if position - _META_START > _MAX_META_BYTES:
        raise InstanceTooLargeError("the file meta information is larger than any honest one")
    return read_elements(data[_META_START:position], _META_ENCODING), position


def read_elements(content: bytes, encoding: Encoding) -> Dataset:
    """Data elements by the library, which is told their encoding: left to guess, it could be led.

    Args:
        content: Elements that were walked.
        encoding: In which they were walked.
    """
    return read_dataset(
        io.BytesIO(content),
        encoding.implicit_vr,
        encoding.little_endian,
        at_top_level=not encoding.implicit_vr,  # where it takes implicit VR at its word
    )


def inflate(data: Buffer, start: int, target: IO[bytes], *, max_bytes: int) -> None:
    """Write `data[:start]` as it is and the rest inflated (PS3.5 A.5), within bounds.

    Raises:
        InstanceTooLargeError: If it inflates beyond `max_bytes` or beyond any honest size or ratio.
        InvalidInstanceError: If it is cut off.
        zlib.error: If it is not a deflated stream.
    """
    target.write(data[:start])
    pieces = (data[at : at + _DEFLATED_BYTES] for at in range(start, len(data), _DEFLATED_BYTES))
    inflate_pieces(pieces, len(data) - start, target, max_bytes=max_bytes)


def inflate_pieces(
    pieces: Iterable[bytes], length: int, target: IO[bytes], *, max_bytes: int
) -> None:
    """The same of what was deflated alone, `length` bytes of it, in pieces."""
    ratio = max(_ALWAYS_INFLATED, _MAX_DEFLATE_RATIO * length)
    allowed, written = min(max_bytes, _MAX_INFLATED, ratio), 0
    for piece in _inflated(pieces):
        written += len(piece)
        if written > allowed:
            raise InstanceTooLargeError("the deflated data set inflates beyond any honest size")
        target.write(piece)


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    for deflated in pieces:
        piece = inflater.decompress(deflated, _PIECE_BYTES)
        yield piece
        # A full piece may leave output inside the inflater when all input is consumed.
        while len(piece) == _PIECE_BYTES and not inflater.eof:
            piece = inflater.decompress(inflater.unconsumed_tail, _PIECE_BYTES)
            yield piece
        if inflater.eof:
            return
    raise InvalidInstanceError("the deflated data set is cut off")


def deflate(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    """The other way: `head` up to the end of its file meta as it is, all that follows deflated."""
    _, start = read_meta(head)
    yield head[:start]
    deflater, written = zlib.compressobj(wbits=-zlib.MAX_WBITS), 0
    for piece in map(deflater.compress, itertools.chain([head[start:]], rest)):
        written += len(piece)
        yield piece
    last = deflater.flush()
    yield last + bytes((written + len(last)) % 2)  # of even length (PS3.5 A.5)


def encoding_of(transfer_syntax: str) -> Encoding:
    """How the data set itself is encoded; all encapsulated syntaxes are explicit little endian."""
    return Encoding(
        implicit_vr=transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
        little_endian=transfer_syntax != EXPLICIT_VR_BIG_ENDIAN,
    )


def _parse_dataset(data: Buffer, start: int, transfer_syntax: str) -> ParsedInstance:
    encoding = encoding_of(transfer_syntax)
    elements = top_level_elements(data, start, encoding)
    bulk_elements = [e for e in elements if e.is_bulk and e.tag != PIXEL_DATA]
    dataset = read_header(data, elements, encoding)
    columns = {level: _columns(dataset, level) for level in Level}
    try:
        _check_identity(columns)
        frames = _index_frames(data, elements, dataset, transfer_syntax)
    except InvalidInstanceError as error:
        # Who sent it is told which of the instances it is.
        instance = columns[Level.INSTANCE]
        error.of_instance(instance["sop_class_uid"], instance["sop_instance_uid"])
        raise
    header = json_model.dataset_to_json(dataset, (f"{e.tag:08X}" for e in bulk_elements))
    return ParsedInstance(
        transfer_syntax_uid=transfer_syntax,
        columns=columns,
        header=header,
        frames=frames,
        bulk={f"{e.tag:08X}": BulkValue(e.vr, e.value, e.length) for e in bulk_elements},
    )


def top_level_elements(data: Buffer, start: int, encoding: Encoding) -> list[Element]:
    """All of them, up to what follows the pixel data and is no element any more.

    Some devices fill their files up to a block size; what comes before must be flawless.
    """
    elements: list[Element] = []
    try:
        elements.extend(Walker(data, start, encoding, bounds=Bounds()))
    except InvalidInstanceError:
        if not elements or elements[-1].tag < PIXEL_DATA:
            raise
    return elements


def read_header(data: Buffer, elements: list[Element], encoding: Encoding) -> Dataset:
    """The data set without pixel data and without long binary values."""
    kept = [e for e in elements if e.tag != PIXEL_DATA and not e.is_bulk]
    if sum(e.end - e.start for e in kept) > _MAX_HEADER_BYTES:
        raise InstanceTooLargeError("the header alone is larger than any honest one")
    return read_elements(b"".join(data[e.start : e.end] for e in kept), encoding)


def _check_identity(columns: dict[Level, dict[str, Any]]) -> None:
    # The data set counts: file meta of the field often still names what a file was copied from.
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        attribute = BY_KEYWORD[keyword]
        value = columns[attribute.level][attribute.column]
        if not value:
            raise InvalidInstanceError(f"{keyword} is missing (Type 1)")
        if not is_uid(value):
            raise InvalidInstanceError(f"{keyword} is not a UID (PS3.5 9.1)")


def _index_frames(
    data: Buffer, elements: list[Element], dataset: Dataset, transfer_syntax: str
) -> FrameIndex | None:
    by_tag = {e.tag: e for e in elements}
    element = by_tag.get(PIXEL_DATA)
    if element is None:
        return None
    pixels = PixelDescription(
        rows=_count(_value(dataset, "Rows")) or 0,
        columns=_count(_value(dataset, "Columns")) or 0,
        samples_per_pixel=_count(_value(dataset, "SamplesPerPixel")) or 1,
        bits_allocated=_count(_value(dataset, "BitsAllocated")) or 0,
        number_of_frames=_number_of_frames(dataset),
        subsampled=str(_value(dataset, "PhotometricInterpretation")) == "YBR_FULL_422",
    )
    if pixels.frame_bits * pixels.number_of_frames > _MAX_PIXEL_BITS:
        raise InvalidInstanceError("rows, columns and frames promise more than any image has")
    if not element.undefined_length:
        return index_native(element, pixels)
    if transfer_syntax in NATIVE_TRANSFER_SYNTAXES:
        raise InvalidInstanceError("the transfer syntax allows no encapsulated pixel data")
    extended = by_tag.get(EXTENDED_OFFSET_TABLE)
    return index_encapsulated(data, element, pixels.number_of_frames, extended)


def _number_of_frames(dataset: Dataset) -> int:
    """One where the attribute is absent or empty (PS3.3 C.7.6.6)."""
    value = _value(dataset, "NumberOfFrames")
    if value in (None, ""):
        return 1
    number = _integer(value)
    if number is None or number < 1:
        raise InvalidInstanceError("rows, columns and frames promise more than any image has")
    return number


def _columns(dataset: Dataset, level: Level) -> dict[str, Any]:
    return {
        attribute.column: _items(dataset, attribute)
        if attribute.sequence
        else _column_value(dataset, attribute)
        for attribute in at_level(level)
        if not attribute.derived
    }


def _column_value(dataset: Dataset, attribute: Attribute) -> Any:
    value = _value(dataset, attribute.keyword)
    if attribute.vr == "PN":
        return json_model.person_name(value)
    if attribute.vr == "DA":
        return to_date(str(value or ""))
    if attribute.vr == "TM":
        return to_time(str(value or ""))
    if attribute.keyword in _COUNTS:
        return _count(value)
    if attribute.vr == "IS":
        return _integer(value)
    return _text(value)[: _WIDTHS.get(attribute.keyword, _MAX_TEXT)]


def _items(dataset: Dataset, attribute: Attribute) -> list[dict[str, str]]:
    """What the items of its sequence say of this attribute and those that share its column."""
    sequence = _value(dataset, keyword_for_tag(int(attribute.sequence, 16)))
    if not isinstance(sequence, Sequence):
        return []
    keywords = [a.keyword for a in at_level(attribute.level) if a.column == attribute.column]
    texts = (
        {keyword: _text(_value(item, keyword))[:_MAX_ITEM_TEXT] for keyword in keywords}
        for item in itertools.islice(sequence, _MAX_ITEMS)
    )
    items = ({keyword: text for keyword, text in item.items() if text} for item in texts)
    return [item for item in items if item]


def _value(dataset: Dataset, keyword: str) -> Any:
    """The value, or None where it is absent or does not fit its VR."""
    try:
        return dataset.get(keyword)
    except json_model.UNREADABLE:
        return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, UID | str | PersonName):
        text = str(value)
    elif hasattr(value, "__iter__") and not isinstance(value, bytes):
        text = "\\".join(str(item) for item in value)
    else:
        text = str(value)
    return json_model.clean(text)


def _integer(value: Any) -> int | None:
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        return None
    fits = number == value or not isinstance(value, float)
    return number if fits and -_MAX_INTEGER <= number <= _MAX_INTEGER else None


def _count(value: Any) -> int | None:
    """As `_integer`; a negative one, which only a wrong VR can hold, is none."""
    number = _integer(value)
    return number if number is not None and number >= 0 else None


_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})$")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?$")


def to_date(text: str) -> datetime.date | None:
    """A DA value (PS3.5 6.2), the ACR-NEMA form with dots included; None where it is no date."""
    match = _DATE.match(text.strip())
    try:
        return datetime.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def to_time(text: str) -> datetime.time | None:
    """A TM value (PS3.5 6.2), missing parts as zero; None where it is no time of a day."""
    match = _TIME.match(text.strip())
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    microsecond = int((fraction or "0").ljust(6, "0"))
    try:
        # A leap second is legal in DICOM and unknown to Python and PostgreSQL.
        second = "59" if second == "60" else second
        return datetime.time(int(hour), int(minute or 0), int(second or 0), microsecond)
    except ValueError:
        return None
