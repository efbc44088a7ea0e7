"""A structured report (PS3.3 C.17.3) as nested plain values, from the DICOM JSON model.

Reads any tree, valid or not: what cannot be understood is named, what is too much is cut, and the
report says so. Key object selections (C.17.6) are such trees as well.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from studies.dicom.json_values import Header, as_text, code_of, items_of, text_of, values_of

CONTENT_SEQUENCE = "0040A730"
_CONCEPT_NAME = "0040A043"
_VALUE_TYPE = "0040A040"
_RELATIONSHIP = "0040A010"
_REFERENCED_ITEM = "0040DB73"
_NOT_OF_A_COPY = (CONTENT_SEQUENCE, _REFERENCED_ITEM, _RELATIONSHIP)
# Items of a report that are shown; one of a thousand lines is read by nobody.
MAX_ITEMS = 4000
MAX_DEPTH = 24
_MAX_TEXT = 20_000
_MAX_TEXT_OF_ALL = 1_000_000
_MAX_CODE_STRING = 16  # of VR CS
_MAX_REFERENCES = 500
_MAX_FRAMES = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that a report speaks of, and which frames of it; none means all."""

    sop_class_uid: str
    sop_instance_uid: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One content item.

    Attributes:
        position: Of the item in its tree (C.17.3.2.5), "1" being the root, "1.2" its second.
        relationship: To the item above, as DICOM has it, such as "HAS PROPERTIES".
        value_type: Such as TEXT, NUM or CONTAINER.
        concept: What the value is of.
        value: In words, with its unit; empty for a container.
    """

    position: str
    relationship: str
    value_type: str
    concept: str
    value: str = ""
    references: tuple[Reference, ...] = ()
    items: tuple["Item", ...] = ()

    @property
    def is_heading(self) -> bool:
        return self.value_type == "CONTAINER"

    @property
    def heading_level(self) -> int:
        """Below the title of the page, of which there is one (HTML knows six levels)."""
        return min(6, 2 + self.position.count("."))

    def walk(self) -> Iterator["Item"]:
        """The item and all below it, in reading order."""
        yield self
        for item in self.items:
            yield from item.walk()


@dataclass(frozen=True, slots=True)
class Report:
    """The report, and what is said of it.

    Attributes:
        title: Of the document, as its first item names it.
        facts: What is said of the document itself: label and value.
        is_cut: Whether there is more than is shown.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    root: Item
    is_cut: bool

    def references(self) -> list[Reference]:
        """Every instance that is spoken of, each once."""
        found = (reference for item in self.root.walk() for reference in item.references)
        return list({one.sop_instance_uid: one for one in found}.values())


def is_report(header: Header) -> bool:
    """Whether the instance holds a content tree; of the SR Document Content Module (C.17.3)."""
    return CONTENT_SEQUENCE in header or text_of(header, _VALUE_TYPE) == "CONTAINER"


def read_report(header: Header) -> Report:
    """The report that the header of an instance holds."""
    reading = _Reading(header)
    root = _read_item(header, "1", reading)
    title = root.concept or "Report without a title"
    return Report(title, tuple(_facts(header)), root, reading.is_cut)


@dataclass(slots=True)
class _Reading:
    """A report that is being read: what may still be read of it, and whether it was not enough."""

    header: Header
    items: int = MAX_ITEMS
    references: int = _MAX_REFERENCES
    text: int = _MAX_TEXT_OF_ALL
    is_cut: bool = False

    def take_item(self) -> bool:
        self.items -= 1
        self.is_cut |= self.items < 0
        return self.items >= 0

    def take_reference(self) -> bool:
        self.references -= 1
        self.is_cut |= self.references < 0
        return self.references >= 0


def _read_item(item: Header, position: str, reading: _Reading) -> Item:
    if steps := values_of(item, _REFERENCED_ITEM):
        item = _named_item(reading.header, steps, text_of(item, _RELATIONSHIP))
    value_type = text_of(item, _VALUE_TYPE)[:_MAX_CODE_STRING]
    read = _VALUES.get(value_type, _unknown)
    below = items_of(item, CONTENT_SEQUENCE)
    if below and position.count(".") >= MAX_DEPTH:
        reading.is_cut, below = True, []
    return Item(
        position=position,
        relationship=text_of(item, _RELATIONSHIP)[:_MAX_CODE_STRING],
        value_type=value_type,
        concept=_bounded(code_of(item, _CONCEPT_NAME), reading),
        value=_bounded(read(item), reading),
        references=tuple(_references(item, reading)),
        items=tuple(
            _read_item(child, f"{position}.{number}", reading)
            for number, child in enumerate(below, 1)
            if reading.take_item()
        ),
    )


def _named_item(header: Header, steps: list[Any], relationship: str) -> Header:
    """A copy, without what is below it, of the item that another one is by reference (C.17.3.2.5).

    The first step is the root. What leads nowhere is an item without value.
    """
    found: Header = header
    for step in steps[1:MAX_DEPTH]:
        below = items_of(found, CONTENT_SEQUENCE)
        number = as_text(step)
        found = below[int(number) - 1] if _is_one_of(number, below) else {}
    own = {tag: value for tag, value in found.items() if tag not in _NOT_OF_A_COPY}
    return own | {_RELATIONSHIP: {"vr": "CS", "Value": [relationship]}}


def _is_one_of(number: str, items: list[Header]) -> bool:
    return bool(re.fullmatch(r"\d{1,6}", number)) and 1 <= int(number) <= len(items)


def _bounded(text: str, reading: _Reading) -> str:
    shown = text[: min(_MAX_TEXT, reading.text)]
    reading.text -= len(shown)
    if len(shown) == len(text):
        return text
    reading.is_cut = True
    return shown + "…"


# --- Values (PS3.3 Table C.17.3-7) ----------------------------------------------------------------


def _text(tag: str) -> Callable[[Header], str]:
    return lambda item: text_of(item, tag)


def _number(item: Header) -> str:
    """A measured value with its unit; why there is none, where there is none (C.18.1)."""
    measured = items_of(item, "0040A300")
    if not measured:
        return code_of(item, "0040A301") or "no value"
    unit = items_of(measured[0], "004008EA")
    # "1" is UCUM's unit of what has none; annotations such as {count} say what is counted.
    symbol = text_of(unit[0], "00080100") if unit else ""
    symbol = symbol if symbol != "1" else ""
    return " ".join(filter(None, [text_of(measured[0], "0040A30A"), symbol.strip("{}")]))


def _coordinates(item: Header) -> str:
    count = len(values_of(item, "00700022"))
    dimensions = 3 if text_of(item, _VALUE_TYPE) == "SCOORD3D" else 2
    graphic = text_of(item, "00700023").capitalize() or "Graphic"
    return f"{graphic}, {_counted(count // dimensions, 'point')}"


def _times(item: Header) -> str:
    """Temporal coordinates (C.18.7)."""
    kind = text_of(item, "0040A130").replace("_", " ").capitalize() or "Times"
    for tag, unit in (("0040A132", "samples"), ("0040A138", "s"), ("0040A13A", "")):
        if found := values_of(item, tag):
            some = ", ".join(as_text(value) for value in found[:20])
            return f"{kind}: {some} {unit}".strip()
    return kind


def _unknown(item: Header) -> str:
    value_type = text_of(item, _VALUE_TYPE)
    return f"A value of type {value_type}, which is not shown here" if value_type else ""


def date_in_words(text: str) -> str:
    """DA, TM or DT (PS3.5 6.2) as ISO 8601 would have it; anything else as it is."""
    if match := re.fullmatch(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?.*)?", text):
        year, month, day, hour, minute, second = match.groups()
        time = f" {hour}:{minute}" + (f":{second}" if second else "") if hour else ""
        return f"{year}-{month}-{day}{time}"
    if match := re.fullmatch(r"(\d{2})(\d{2})(\d{2})?(?:\.\d+)?", text):
        return ":".join(filter(None, match.groups()))
    return text


def _moment(tag: str) -> Callable[[Header], str]:
    return lambda item: date_in_words(text_of(item, tag))


_VALUES: dict[str, Callable[[Header], str]] = {
    "CONTAINER": lambda _: "",
    "TEXT": _text("0040A160"),
    "CODE": lambda item: code_of(item, "0040A168"),
    "NUM": _number,
    "PNAME": _text("0040A123"),
    "DATETIME": _moment("0040A120"),
    "DATE": _moment("0040A121"),
    "TIME": _moment("0040A122"),
    "UIDREF": _text("0040A124"),
    "SCOORD": _coordinates,
    "SCOORD3D": _coordinates,
    "TCOORD": _times,
    "IMAGE": lambda _: "",
    "WAVEFORM": lambda _: "",
    "COMPOSITE": lambda _: "",
}


def _references(item: Header, reading: _Reading) -> Iterator[Reference]:
    for reference in items_of(item, "00081199"):
        uid = text_of(reference, "00081155")
        if uid and reading.take_reference():
            frames = values_of(reference, "00081160")[:_MAX_FRAMES]
            numbers = (as_text(frame) for frame in frames)
            yield Reference(
                text_of(reference, "00081150"),
                uid,
                tuple(int(number) for number in numbers if re.fullmatch(r"\d{1,9}", number)),
            )


# --- The document ---------------------------------------------------------------------------------


def _facts(header: Header) -> Iterator[tuple[str, str]]:
    """What is said of the document itself (C.17.2)."""
    date = " ".join(
        filter(None, [date_in_words(text_of(header, tag)) for tag in ("00080023", "00080033")])
    )
    flags = [text_of(header, tag).capitalize() for tag in ("0040A491", "0040A493")]
    facts = [
        ("Written", date),
        ("State", ", ".join(filter(None, [*flags, text_of(header, "0040A492")]))),
        ("Author", ", ".join(_people(header, "0040A078", "0040A123"))),
        ("Verified by", ", ".join(_people(header, "0040A073", "0040A075"))),
        ("Replaces", _predecessors(header)),
    ]
    yield from ((label, value) for label, value in facts if value)


def _people(header: Header, sequence: str, name: str) -> Iterator[str]:
    for person in items_of(header, sequence)[:20]:
        said = [text_of(person, name), text_of(person, "0040A027") or text_of(person, "00080080")]
        when = date_in_words(text_of(person, "0040A030"))
        if words := ", ".join(filter(None, said)):
            yield f"{words} ({when})" if when else words


def _predecessors(header: Header) -> str:
    count = len(items_of(header, "0040A360"))
    return _counted(count, "earlier document") if count else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
