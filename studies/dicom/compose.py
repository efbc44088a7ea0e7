"""A Part 10 file from metadata in the DICOM JSON model and bulk data that came beside it.

The other way of `json_model`; bulk data stay in their files and are copied in pieces.
"""

import base64
import binascii
import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate_buffer
from pydicom.uid import UID
from pydicom.valuerep import VR, format_number_as_ds

from studies.dicom.attributes import is_uid
from studies.dicom.elements import PIXEL_DATA
from studies.dicom.json_model import BINARY, INTEGER, UNREADABLE, JsonObject
from studies.dicom.parse import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
)
from studies.errors import (
    InstanceTooLargeError,
    InvalidInstanceError,
    MalformedBodyError,
    UnsupportedTransferSyntaxError,
)

_MAX_DEPTH = 16
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_CHARACTER_SET = 0x00080005
_UTF8 = "ISO_IR 192"  # which JSON always is
# Of how the sender had encapsulated its frames: Extended Offset Table and its lengths.
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
# Of one instance in memory; what is longer comes as bulk data of a VR that is copied in pieces.
_MAX_TEXT_BYTES = 64 * 1024 * 1024
_MAX_DS = 16


class FileRange(io.BufferedIOBase):
    """A part of a file, to be read as a file of its own."""

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file = file
        self._start = start
        self.length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        origin = {io.SEEK_CUR: self._position, io.SEEK_END: self.length}.get(whence, 0)
        self._position = origin + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.length - self._position)
        self._file.seek(self._start + self._position)
        content = self._file.read(left if size is None or size < 0 else min(size, left))
        self._position += len(content)
        return content


@dataclass(frozen=True, slots=True)
class BulkData:
    """One value that came beside the metadata.

    Attributes:
        transfer_syntax_uid: How it is encoded; native means explicit VR little endian.
        pieces: One that is the value, or one for each compressed frame.
    """

    transfer_syntax_uid: str
    pieces: list[FileRange]

    @property
    def size_bytes(self) -> int:
        return sum(piece.length for piece in self.pieces)

    @property
    def written_bytes(self) -> int:
        """At most, with what encapsulation adds to each piece."""
        return self.size_bytes + 16 * len(self.pieces)


@dataclass(slots=True)
class Allowance:
    """What the instances of a request may write of its bulk data, which they may share."""

    bytes_left: int

    def spend(self, size_bytes: int) -> None:
        self.bytes_left -= size_bytes
        if self.bytes_left < 0:
            raise MalformedBodyError("the metadata name the same bulk data too many times")


def write_instance(
    model: JsonObject,
    bulk: Mapping[str, BulkData],
    target: IO[bytes],
    *,
    max_bytes: int,
    allowance: Allowance,
) -> None:
    """Write the instance as a Part 10 file, native or as its pixel data came.

    Args:
        model: The whole data set.
        bulk: By BulkDataURI.
        target: Written from where it stands.
        max_bytes: All bulk data of the instance together may not be longer.
        allowance: Spent by each use of bulk data, also where the instance then fails.

    Raises:
        InvalidInstanceError: If it is not of the model, names bulk data that did not come, or does
            not say which instance it is; it tells the UIDs where they are there.
        InstanceTooLargeError: If the bulk data are longer.
        MalformedBodyError: If the allowance is used up.
    """
    uids = _uid(model, "00080016"), _uid(model, "00080018")
    if not all(map(is_uid, uids)):
        raise InvalidInstanceError("the metadata do not name SOP Class and Instance UID")
    try:
        composer = _Composer(bulk, max_bytes, allowance)
        dataset = composer.dataset(model)
        _write(dataset, uids, composer.transfer_syntax_uid, target)
    except InvalidInstanceError as error:
        error.of_instance(*uids)
        raise
    except UNREADABLE as error:
        reason = f"the metadata cannot be written as a data set ({type(error).__name__})"
        raise InvalidInstanceError(reason).of_instance(*uids) from error


def _uid(model: JsonObject, tag: str) -> str:
    try:
        return str(model[tag]["Value"][0])
    except UNREADABLE:
        return ""


def _write(
    dataset: Dataset, uids: tuple[str, str], transfer_syntax_uid: str, target: IO[bytes]
) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = uids
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    dataset.file_meta = meta
    dataset.save_as(target, enforce_file_format=True)


class _Composer:
    """Makes the data set of one instance, and learns how its pixel data are encoded."""

    def __init__(self, bulk: Mapping[str, BulkData], max_bytes: int, allowance: Allowance) -> None:
        self._bulk = bulk
        self._bytes_left = max_bytes
        self._text_bytes_left = _MAX_TEXT_BYTES
        self._allowance = allowance
        self.transfer_syntax_uid = EXPLICIT_VR_LITTLE_ENDIAN

    def dataset(self, model: Any, depth: int = 0) -> Dataset:
        if depth > _MAX_DEPTH or not isinstance(model, dict):
            raise InvalidInstanceError("the metadata are not a data set (PS3.18 F.2)")
        dataset = Dataset()
        for key, element in model.items():
            if not _TAG.fullmatch(key) or not isinstance(element, dict):
                raise InvalidInstanceError("the metadata name an attribute without its tag")
            tag = int(key, 16)
            # File meta, group lengths and what depends on the encoding are ours to write.
            if tag >> 16 >= 8 and tag & 0xFFFF and tag not in (_CHARACTER_SET, *_OFFSET_TABLES):
                dataset.add(self._element(tag, element, depth))
        if depth == 0:
            dataset.add(DataElement(_CHARACTER_SET, "CS", _UTF8))
        return dataset

    def _element(self, tag: int, element: dict[str, Any], depth: int) -> DataElement:
        vr = element.get("vr")
        if vr not in _VRS:
            raise InvalidInstanceError(f"the VR of {tag:08X} is not known")
        if "BulkDataURI" in element:
            return self._bulk_element(tag, vr, element["BulkDataURI"])
        if "InlineBinary" in element:
            return DataElement(tag, vr, _binary(tag, vr, element["InlineBinary"]))
        values = element.get("Value", [])
        if not isinstance(values, list):
            raise InvalidInstanceError(f"the value of {tag:08X} is not an array")
        if vr == "SQ":
            return DataElement(tag, vr, [self.dataset(item or {}, depth + 1) for item in values])
        if vr in BINARY and values:
            raise InvalidInstanceError(f"the value of {tag:08X} is binary, but not so written")
        converted = [_scalar(tag, vr, value) for value in values]
        return DataElement(
            tag, vr, converted if len(converted) > 1 else next(iter(converted), None)
        )

    def _bulk_element(self, tag: int, vr: str, uri: Any) -> DataElement:
        bulk = self._bulk.get(uri) if isinstance(uri, str) else None
        if bulk is None:
            raise InvalidInstanceError(f"the bulk data of {tag:08X} did not come with the request")
        self._bytes_left -= bulk.size_bytes
        if self._bytes_left < 0:
            raise InstanceTooLargeError("the bulk data are larger than any instance may be")
        self._allowance.spend(bulk.written_bytes)
        if tag == PIXEL_DATA and bulk.transfer_syntax_uid not in NATIVE_TRANSFER_SYNTAXES:
            self.transfer_syntax_uid = bulk.transfer_syntax_uid
            return _encapsulated(bulk)
        if bulk.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
            raise UnsupportedTransferSyntaxError(f"the bulk data of {tag:08X} are in big endian")
        if len(bulk.pieces) > 1:
            raise InvalidInstanceError(f"the bulk data of {tag:08X} are not one value")
        piece = bulk.pieces[0]
        if vr in _COPIED_IN_PIECES:
            return DataElement(tag, vr, piece)
        self._text_bytes_left -= piece.length
        if self._text_bytes_left < 0:
            raise InstanceTooLargeError(f"the bulk data of {tag:08X} are too large for their VR")
        piece.seek(0)
        return DataElement(tag, vr, _from_bytes(tag, vr, piece.read()))


_VRS = {str(vr) for vr in VR if len(str(vr)) == 2}
_COPIED_IN_PIECES = BINARY - {"UN"}


def _encapsulated(bulk: BulkData) -> DataElement:
    if not is_uid(bulk.transfer_syntax_uid):
        raise UnsupportedTransferSyntaxError("the pixel data do not name their transfer syntax")
    # A table of offsets counts to 4 GiB, and may be left empty (PS3.5 A.4).
    has_table = bulk.written_bytes < 2**32
    content = encapsulate_buffer(list(bulk.pieces), has_bot=has_table)
    element = DataElement(PIXEL_DATA, "OB", content)
    element.is_undefined_length = True
    return element


def _binary(tag: int, vr: str, text: Any) -> Any:
    try:
        return _from_bytes(tag, vr, base64.b64decode(text, validate=True))
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidInstanceError(f"the inline binary of {tag:08X} is not base 64") from error


def _from_bytes(tag: int, vr: str, content: bytes) -> Any:
    if vr in BINARY:
        return content
    if vr in ("LT", "ST", "UC", "UR", "UT"):
        return content.decode()
    raise InvalidInstanceError(f"the value of {tag:08X} cannot be bulk data by its VR")


def _scalar(tag: int, vr: str, value: Any) -> Any:
    """One value in the library's terms; an empty one of several is an empty text."""
    if value is None:
        return ""
    convert: Callable[[Any], Any] = _CONVERTERS.get(vr, _text)
    try:
        return convert(value)
    except UNREADABLE as error:
        raise InvalidInstanceError(f"a value of {tag:08X} does not fit its VR") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _person_name(value: Any) -> str:
    groups = (_text(value.get(g, "")) for g in ("Alphabetic", "Ideographic", "Phonetic"))
    return "=".join(groups).rstrip("=")


def _decimal(value: Any) -> str:
    """A DS, which has no more than 16 characters (PS3.5 6.2)."""
    text = value.strip() if isinstance(value, str) else repr(value)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return text if len(text) <= _MAX_DS else str(format_number_as_ds(number))


def _integer(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "PN": _person_name,
    "AT": lambda value: int(value, 16),
    "DS": _decimal,
    "FL": float,
    "FD": float,
    **dict.fromkeys(INTEGER, _integer),
}
