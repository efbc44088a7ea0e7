"""Reads single values out of the DICOM JSON model (PS3.18 Annex F), whatever stands in it."""

from collections.abc import Mapping
from typing import Any

from studies.dicom.names import readable

Header = Mapping[str, Any]

_CODE_VALUES = ("00080100", "00080119", "00080120")  # short, long, URN


def values_of(header: Header, tag: str) -> list[Any]:
    """All values of an attribute; none where it is absent, empty or no attribute at all."""
    attribute = header.get(tag)
    found = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return found if isinstance(found, list) else []


def text_of(header: Header, tag: str) -> str:
    """The first value in words: a name in reading order, a number as it is."""
    found = values_of(header, tag)
    return as_text(found[0]) if found else ""


def as_text(value: Any) -> str:
    """One value in words; nested items have none."""
    if isinstance(value, Mapping):
        groups = (value.get(key) for key in ("Alphabetic", "Ideographic", "Phonetic"))
        return next((readable(str(group)) for group in groups if group), "")
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return "" if value is None or isinstance(value, list) else str(value).strip()


def items_of(header: Header, tag: str) -> list[Header]:
    """The items of a sequence."""
    return [item for item in values_of(header, tag) if isinstance(item, Mapping)]


def code_of(header: Header, tag: str) -> str:
    """The meaning of the first code of a sequence (PS3.3 8), else its value and scheme."""
    codes = items_of(header, tag)
    return meaning(codes[0]) if codes else ""


def meaning(code: Header) -> str:
    """What a code means; codes without a meaning occur."""
    value = next((text for tag in _CODE_VALUES if (text := text_of(code, tag))), "")
    return text_of(code, "00080104") or " ".join(filter(None, [value, text_of(code, "00080102")]))
