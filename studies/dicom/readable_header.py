"""Any header as rows that a person can read, from the DICOM JSON model, within bounds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_description

from studies.dicom.json_values import Header, as_text, items_of, values_of
from studies.dicom.structured_report import date_in_words

MAX_ROWS = 2000
MAX_DEPTH = 16
_MAX_VALUES = 24
_MAX_TEXT = 1000
_MOMENTS = {"DA", "DT", "TM"}


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute.

    Attributes:
        depth: Of the sequences that it lies in.
        name: By PS3.6; of what that does not know, its tag.
        value: In words; of a sequence, how many items it has.
    """

    depth: int
    name: str
    value: str


def readable_rows(header: Header) -> tuple[list[Row], bool]:
    """At most `MAX_ROWS` of a header, and whether that is not all of it."""
    rows: list[Row] = []
    for row in _rows(header, 0):
        if len(rows) == MAX_ROWS:
            return rows, True
        rows.append(row)
    return rows, False


def _rows(header: Header, depth: int) -> Iterator[Row]:
    for tag, attribute in header.items():
        if not isinstance(attribute, Mapping):
            continue
        if attribute.get("vr") != "SQ":
            yield Row(depth, _name(tag), _value(header, tag, attribute))
            continue
        items = items_of(header, tag)
        yield Row(depth, _name(tag), f"{len(items)} item{'' if len(items) == 1 else 's'}")
        for number, item in enumerate(items if depth < MAX_DEPTH else [], 1):
            if len(items) > 1:
                yield Row(depth + 1, f"Item {number}", "")
            yield from _rows(item, depth + 1)


def _name(tag: str) -> str:
    try:
        return str(dictionary_description(int(tag, 16)))
    except (KeyError, ValueError):
        return f"({tag[:4]},{tag[4:8]})"


def _value(header: Header, tag: str, attribute: Mapping[str, Any]) -> str:
    if "BulkDataURI" in attribute:
        return "binary, not shown here"
    if isinstance(binary := attribute.get("InlineBinary"), str):
        return f"binary, {len(binary.rstrip('=')) * 3 // 4} bytes"
    found = values_of(header, tag)
    words = [as_text(value) for value in found[:_MAX_VALUES]]
    if attribute.get("vr") in _MOMENTS:
        words = [date_in_words(word) for word in words]
    more = f", … ({len(found)} values)" if len(found) > _MAX_VALUES else ""
    text = ", ".join(words)
    return (text[:_MAX_TEXT] + "…" if len(text) > _MAX_TEXT else text) + more
