"""DICOM without Django: bytes in, plain values out."""

import logging
import warnings
from typing import Any

import pydicom.config
from pydicom.datadict import DicomDictionary
from pydicom.hooks import hooks, raw_element_vr

# Values are checked by us. pydicom would quote bad ones, hence patient data, in warnings and logs.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\..*")


def _vr_as_walked(raw: Any, data: dict[str, Any], **context: Any) -> None:
    """The VR of an element that names none or UN (PS3.5 6.2.2).

    It is a sequence only where `elements` saw one too: what was not walked has no bounds.
    """
    unnamed = raw._replace(VR=None) if raw.VR == "UN" else raw  # noqa: SLF001 - of a named tuple
    raw_element_vr(unnamed, data, **context)
    public = DicomDictionary.get(int(raw.tag), ("",))[0]
    if data["VR"] == "SQ" and raw.VR != "SQ" and (raw.VR, public) != (None, "SQ"):
        data["VR"] = "UN"


pydicom.config.replace_un_with_known_vr = False  # the hook does, within bounds
hooks.register_callback("raw_element_vr", _vr_as_walked)
