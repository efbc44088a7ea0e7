"""The index's identity laid over a stored object, which itself is never rewritten.

So corrected demographics come back with every retrieval, and instances that share an object differ
in who and what they are.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from pydicom.charset import convert_encodings, decode_element
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from studies.dicom import vr_of
from studies.dicom.attributes import BY_KEYWORD
from studies.dicom.elements import Encoding
from studies.dicom.json_model import JsonObject, value_to_json
from studies.dicom.names import PersonName
from studies.dicom.parse import encoding_of, read_elements, read_meta

Identity = Mapping[str, Any]
"""Keyword → value: str, int, date, time, PersonName, or None for empty."""

_UTF_8 = "ISO_IR 192"


def to_dicom_text(value: Any) -> str:
    """A value of a column as DICOM writes it (PS3.5 6.2)."""
    if value is None:
        return ""
    if isinstance(value, datetime.date):
        return value.isoformat().replace("-", "")  # strftime drops zeros of early years
    if isinstance(value, datetime.time):
        return value.strftime("%H%M%S.%f" if value.microsecond else "%H%M%S")
    return str(value)


def attribute_to_json(keyword: str, value: Any) -> dict[str, Any]:
    """One attribute of the index in the DICOM JSON model; a list gives several values."""
    vr = BY_KEYWORD[keyword].vr
    if isinstance(value, list):
        return {"vr": vr, "Value": value} if value else {"vr": vr}
    if vr in ("IS", "US"):
        return value_to_json(vr, value)
    return value_to_json(vr, to_dicom_text(value))


def overlay_header(header: JsonObject, identity: Identity) -> JsonObject:
    """The same header of another identity, in ascending order of tags."""
    over = {
        BY_KEYWORD[keyword].tag: attribute_to_json(keyword, value)
        for keyword, value in identity.items()
    }
    return dict(sorted((header | over).items()))


def overlay_head(head: bytes, transfer_syntax_uid: str, identity: Identity) -> bytes:
    """Rewrite the beginning of a Part 10 file, up to its pixel data, for another identity.

    Args:
        head: From the preamble to before the pixel data element (or to the end of the file).
        transfer_syntax_uid: Of the file; the result has the same.
        identity: What to lay over.
    """
    meta, start = read_meta(head)
    encoding = encoding_of(transfer_syntax_uid)
    dataset = read_elements(head[start:], encoding)
    _to_utf_8(dataset, encoding)
    keep_numbers(dataset, encoding)
    for keyword, value in identity.items():
        dataset.add(to_element(keyword, value))
    return write_head(head[:132], meta, dataset, encoding)


def write_head(preamble: bytes, meta: Dataset, dataset: Dataset, encoding: Encoding) -> bytes:
    """A Part 10 file of these elements, to which pixel data may be added."""
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID  # devices leave either out
    output = DicomBytesIO()
    output.write(preamble)
    write_file_meta_info(output, meta)
    output.is_implicit_VR = encoding.implicit_vr
    output.is_little_endian = encoding.little_endian
    write_dataset(output, dataset)
    return bytes(output.getvalue())


def to_element(keyword: str, value: Any) -> DataElement:
    """An attribute of the index, whatever VR the object had written it in."""
    attribute, text = BY_KEYWORD[keyword], to_dicom_text(value)
    if attribute.vr not in CUSTOMIZABLE_CHARSET_VR:
        text = text.encode("ascii", "replace").decode()  # the default repertoire (PS3.5 6.1.2.1)
    return DataElement(int(attribute.tag, 16), attribute.vr, text)


def _to_utf_8(dataset: Dataset, encoding: Encoding) -> None:
    """Names of any script can be laid over only where the text is UTF-8."""
    if dataset.get("SpecificCharacterSet") == _UTF_8:
        return
    _decode_text(dataset)
    dataset.SpecificCharacterSet = _UTF_8
    # Else the writer would convert, hence perhaps change, every other element as well.
    dataset.set_original_encoding(
        encoding.implicit_vr, encoding.little_endian, convert_encodings(_UTF_8)
    )


def _decode_text(dataset: Dataset) -> None:
    """Read every text in its own character set; all else stays the bytes that it was."""
    character_set = dataset.original_character_set
    for tag in list(dataset.keys()):
        item = dataset.get_item(tag)
        vr = vr_of(item, dataset)
        if vr == "SQ":
            for nested in dataset[tag].value:
                _decode_text(nested)
        elif vr in CUSTOMIZABLE_CHARSET_VR:
            decode_element(dataset[tag], character_set)


def keep_numbers(dataset: Dataset, encoding: Encoding) -> None:
    """Leave numbers as they were written in what has to be written in another encoding."""
    is_rewritten = dataset.original_encoding != (encoding.implicit_vr, encoding.little_endian)
    for tag in list(dataset.keys()):
        item = dataset.get_item(tag)
        if not item.is_raw and item.VR != "SQ":
            continue
        vr = vr_of(item, dataset)
        if vr == "SQ" and (is_rewritten or not item.is_raw):
            for nested in dataset[tag].value:
                keep_numbers(nested, encoding)
        elif vr in ("DS", "IS") and is_rewritten:
            text = (item.value or b"").decode("latin-1")
            dataset[tag] = DataElement(tag, vr, text, already_converted=True)


def person_name_columns(row: Any, column: str) -> PersonName:
    """The three groups of a name from the columns of a row."""
    return PersonName(
        getattr(row, column),
        getattr(row, f"{column}_ideographic"),
        getattr(row, f"{column}_phonetic"),
    )
