"""DICOM values as people read them."""

from collections.abc import Mapping
from typing import Any

from django import template

from studies.dicom.names import PersonName, readable

register = template.Library()


@register.filter
def person_name(name: PersonName | str) -> str:
    """The alphabetic group in reading order, else the first that there is."""
    if isinstance(name, PersonName):
        name = name.alphabetic or name.ideographic or name.phonetic
    return readable(name)


@register.filter
def other_scripts(name: PersonName) -> str:
    """The ideographic group, where `person_name` shows the alphabetic one."""
    return readable(name.ideographic) if name.alphabetic else ""


@register.filter
def at(mapping: Mapping[str, Any], key: str) -> Any:
    """The value of a key that the template knows only by a variable; None where there is none."""
    return mapping.get(key)
