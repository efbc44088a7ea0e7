"""DICOM without Django: bytes in, plain values out."""

import logging
import warnings
from typing import Any

import pydicom.config
from pydicom.datadict import dictionary_VR
from pydicom.hooks import hooks, raw_element_value, raw_element_vr

# Values are checked by us. pydicom would quote bad ones, hence patient data, in warnings and logs.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\..*")


# A binary value longer than this, not nested, stays in the object and is fetched on its own.
MAX_INLINE_BYTES = 64 * 1024


def public_vr(tag: int) -> str:
    """VR of a public tag by PS3.6, repeating groups included; of several as "OB or OW"."""
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def _vr_as_walked(raw: Any, data: dict[str, Any], **context: Any) -> None:
    """The VR of an element that names none or UN (PS3.5 6.2.2).

    It is a sequence only where `elements` saw one too, and a long value that only a device's own
    dictionary knows stays what it is: what was not walked has no bounds.
    """
    unnamed = raw._replace(VR=None) if raw.VR == "UN" else raw  # noqa: SLF001 - of a named tuple
    raw_element_vr(unnamed, data, **context)
    if raw.length > MAX_INLINE_BYTES and raw.VR in (None, "UN") and public_vr(raw.tag) == "UN":
        data["VR"] = "UN"
    if data["VR"] == "SQ" and raw.VR != "SQ" and (raw.VR, public_vr(raw.tag)) != (None, "SQ"):
        data["VR"] = "UN"


def _plain_numbers(raw: Any, data: dict[str, Any], **context: Any) -> None:
    """DS and IS as float and int: the library's own objects take ten times the memory and time."""
    if data["VR"] not in ("DS", "IS") or not raw.value:
        raw_element_value(raw, data, **context)
        return
    parts = [part.strip(b" \0\r\n\t") for part in raw.value.split(b"\\")]
    numbers = [_number(data["VR"], part) if part else None for part in parts]
    data["value"] = numbers if len(numbers) > 1 else numbers[0]


def _number(vr: str, text: bytes) -> float | str:
    """An IS that is no whole number, as devices write it, is a float; what is none stays text."""
    for type_ in (float,) if vr == "DS" else (int, float):
        try:
            return type_(text)
        except ValueError:
            continue
    return text.decode("latin-1")


pydicom.config.replace_un_with_known_vr = False  # the hook does, within bounds
hooks.register_callback("raw_element_vr", _vr_as_walked)
hooks.register_callback("raw_element_value", _plain_numbers)


def vr_of(element: Any, dataset: Any) -> str:
    """VR of an element of the data set, whether it is converted yet or not."""
    if not element.is_raw:
        return str(element.VR)
    data: dict[str, Any] = {}
    _vr_as_walked(element, data, ds=dataset, encoding=None)
    return str(data["VR"])
