"""The DICOM JSON model (PS3.18 Annex F)."""

import base64
import json
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName as PydicomName

from studies.dicom.byte_order import WORD_BYTES, swap_words
from studies.dicom.names import PersonName

JsonObject = dict[str, dict[str, Any]]

BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
INTEGER = {"IS", "SL", "SS", "SV", "UL", "US", "UV"}
REAL = {"DS", "FL", "FD"}
_FREE_TEXT = {"LT", "ST", "UT"}
# What pydicom raises on values that do not fit their VR.
UNREADABLE = (
    ValueError, TypeError, LookupError, NotImplementedError, AttributeError, OSError,
    RecursionError, ArithmeticError, BytesLengthException, struct.error,
)  # fmt: skip
# C0 and C1, what turns the direction of a line, and halves of characters, which UTF-8 cannot hold.
_CONTROLS = {
    code: None
    for code in (
        *range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    )
    if chr(code) not in "\t\n\r"
}  # fmt: skip


def dataset_to_json(dataset: Dataset, bulk: Iterable[str] = ()) -> JsonObject:
    """All elements in ascending order; those whose tag is in `bulk` as a BulkDataURI to complete.

    A value that does not fit its VR is left out, its VR stays: one bad element of a device must not
    hide the other three hundred.
    """
    result: JsonObject = {}
    bulk_tags = set(bulk)
    for tag in sorted(dataset.keys()):
        if tag.group < 8 or tag.element == 0:  # file meta, command and group lengths (F.2.2)
            continue
        result[f"{tag:08X}"] = _element_to_json(dataset, tag)
    for key in bulk_tags:
        result.setdefault(key, {"vr": "UN"})
    return dict(sorted(result.items()))


def _element_to_json(dataset: Dataset, tag: Any) -> dict[str, Any]:
    raw = dataset.get_item(tag)
    try:
        element = dataset[tag]
        value = element.value
        if not getattr(raw, "is_little_endian", True) and element.VR in WORD_BYTES:
            value = swap_words(value, WORD_BYTES[element.VR])
        return value_to_json(element.VR, value)
    except UNREADABLE:
        return {"vr": str(getattr(raw, "VR", None) or "UN")[:2]}


def value_to_json(vr: str, value: Any) -> dict[str, Any]:
    """One attribute: `{"vr": …, "Value": […]}`; an empty one has only its VR (F.2.5)."""
    vr = vr[:2] if " or " not in vr else "OW"
    if vr == "SQ":
        return (
            {"vr": vr, "Value": [dataset_to_json(item) for item in value]} if value else {"vr": vr}
        )
    if vr in BINARY:
        return _binary_to_json(vr, value)
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    converted = [_scalar_to_json(vr, item) for item in values]
    if all(item is None for item in converted):
        return {"vr": vr}
    return {"vr": vr, "Value": converted}


def _binary_to_json(vr: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, bytes) or not value:
        return {"vr": vr}
    return {"vr": vr, "InlineBinary": base64.b64encode(value).decode()}


def _scalar_to_json(vr: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        return PersonName.from_text(clean(str(value))).as_json() or None
    if vr == "AT":
        return f"{int(value):08X}"
    if vr in INTEGER:
        return int(value) if int(value) == value else float(value)  # "1.5" as IS of a device
    if vr in REAL:
        number = float(value)
        return number if math.isfinite(number) else None  # JSON has no NaN and no infinity
    if vr in _FREE_TEXT:  # leading spaces count there (PS3.5 6.2)
        return str(value).translate(_CONTROLS).rstrip(" ") or None
    return clean(str(value)) or None


def clean(text: str) -> str:
    """Text without control characters, which no browser, log or database should be fed."""
    return text.translate(_CONTROLS).strip(" \t\r\n")


def person_name(value: Any) -> PersonName:
    """The first name of a PN value of pydicom."""
    if isinstance(value, MultiValue | list):
        value = value[0] if value else ""
    if isinstance(value, PydicomName):
        value = str(value)
    return PersonName.from_text(clean(value or ""))


def dumps(model: Mapping[str, Any]) -> str:
    """Compact JSON text; refuses what is not JSON."""
    return json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
