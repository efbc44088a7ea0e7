"""Content items of structured documents (PS3.3 C.17.3): made with pydicom, read from JSON headers.

Who reads says what it looks for and gets nothing where it is absent or of another form: documents
come from anywhere.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from studies.dicom.json_values import Header, items_of, values_of

CONTENT_SEQUENCE = "0040A730"
# What a document may have; more is not walked.
_MAX_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.1); its meaning is for people and does not identify it."""

    value: str
    scheme: str
    meaning: str

    @property
    def key(self) -> tuple[str, str]:
        return self.value, self.scheme


CONTAINS, HAS_CONTEXT, HAS_MODIFIER = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD"
INFERRED_FROM, SELECTED_FROM = "INFERRED FROM", "SELECTED FROM"

LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
PERSON = Code("121006", "DCM", "Person")
PERSON_OBSERVER_NAME = Code("121008", "DCM", "Person Observer Name")
PERSON_OBSERVER_LOGIN = Code("128774", "DCM", "Person Observer's Login Name")

Point = tuple[float, float]


# --- Making --------------------------------------------------------------------------------------


def code_item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value, code.scheme, code.meaning,
    )  # fmt: skip
    return item


def _item(relationship: str, value_type: str, concept: Code | None = None) -> Dataset:
    item = Dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = value_type
    if concept:
        item.ConceptNameCodeSequence = [code_item(concept)]
    return item


def container(relationship: str, concept: Code, children: Sequence[Dataset]) -> Dataset:
    item = _item(relationship, "CONTAINER", concept)
    item.ContinuityOfContent = "SEPARATE"
    item.ContentSequence = list(children)
    return item


def coded(relationship: str, concept: Code, code: Code) -> Dataset:
    item = _item(relationship, "CODE", concept)
    item.ConceptCodeSequence = [code_item(code)]
    return item


def text(relationship: str, concept: Code, content: str) -> Dataset:
    item = _item(relationship, "TEXT", concept)
    item.TextValue = content
    return item


def uid_reference(relationship: str, concept: Code, uid: str) -> Dataset:
    item = _item(relationship, "UIDREF", concept)
    item.UID = uid
    return item


def number(concept: Code, value: float, unit: Code, children: Sequence[Dataset] = ()) -> Dataset:
    """A measured value; in binary as well where sixteen characters do not hold it (C.18.1)."""
    item = _item(CONTAINS, "NUM", concept)
    measured = Dataset()
    measured.NumericValue = format_number_as_ds(value)
    if float(measured.NumericValue) != value:
        measured.FloatingPointValue = value
    measured.MeasurementUnitsCodeSequence = [code_item(unit)]
    item.MeasuredValueSequence = [measured]
    if children:
        item.ContentSequence = list(children)
    return item


def image(
    relationship: str, sop_class_uid: str, sop_instance_uid: str, frames: Sequence[int] = ()
) -> Dataset:
    item = _item(relationship, "IMAGE")
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class_uid
    reference.ReferencedSOPInstanceUID = sop_instance_uid
    if frames:
        reference.ReferencedFrameNumber = list(frames)
    item.ReferencedSOPSequence = [reference]
    return item


def coordinates(
    relationship: str,
    graphic_type: str,
    points: Iterable[Point],
    source: Dataset,
    concept: Code | None = None,
) -> Dataset:
    """Points of an image as column and row, the corner of its first pixel being 0, 0 (C.18.6.1)."""
    item = _item(relationship, "SCOORD", concept)
    item.GraphicType = graphic_type
    item.GraphicData = [ordinate for point in points for ordinate in point]
    item.ContentSequence = [source]
    return item


def observer(name: str, login: str) -> list[Dataset]:
    """Who wrote it (TID 1003)."""
    named = _item(HAS_CONTEXT, "PNAME", PERSON_OBSERVER_NAME)
    named.PersonName = name
    return [
        coded(HAS_CONTEXT, OBSERVER_TYPE, PERSON),
        named,
        text(HAS_CONTEXT, PERSON_OBSERVER_LOGIN, login),
    ]


# --- Reading -------------------------------------------------------------------------------------


def value(node: Header, tag: str) -> str:
    """The first value as text; empty where there is none."""
    found = values_of(node, tag)
    return "" if not found or found[0] is None else str(found[0])


def children(node: Header, value_type: str, *concepts: Code) -> list[Header]:
    """The content items of one type below a node, those of certain concepts if any are named."""
    keys = {concept.key for concept in concepts}
    return [
        item
        for item in items_of(node, CONTENT_SEQUENCE)
        if value_type_of(item) == value_type and (not keys or concept_of(item).key in keys)
    ]


def walk(root: Header) -> Iterator[Header]:
    """A node and all below it, in their order; of a document beyond all measure the beginning."""
    waiting = [root]
    for _ in range(_MAX_ITEMS):
        if not waiting:
            return
        node = waiting.pop()
        yield node
        waiting.extend(reversed(items_of(node, CONTENT_SEQUENCE)))


def value_type_of(node: Header) -> str:
    return value(node, "0040A040")


def concept_of(node: Header) -> Code:
    return read_code(node, "0040A043")


def code_of(node: Header) -> Code:
    """Of an item whose value is a code."""
    return read_code(node, "0040A168")


def read_code(node: Header, tag: str) -> Code:
    for item in items_of(node, tag)[:1]:
        # Short, long, or a URN (PS3.3 8.1).
        code_value = value(item, "00080100") or value(item, "00080119") or value(item, "00080120")
        return Code(code_value, value(item, "00080102"), value(item, "00080104"))
    return Code("", "", "")


def text_of(node: Header) -> str:
    return value(node, "0040A160")


def first_text(node: Header, concept: Code) -> str:
    return next((text_of(item) for item in children(node, "TEXT", concept)), "")


def number_of(node: Header) -> tuple[float, Code] | None:
    """A measured value and its unit; None where it has none."""
    for measured in items_of(node, "0040A300")[:1]:
        try:
            amount = float(value(measured, "0040A161") or value(measured, "0040A30A"))
        except ValueError:
            return None
        return (amount, read_code(measured, "004008EA")) if math.isfinite(amount) else None
    return None


def points_of(node: Header) -> list[Point]:
    """Of spatial coordinates; none where they are not pairs of numbers."""
    data = values_of(node, "00700022")
    if len(data) % 2 or not all(isinstance(part, int | float) for part in data):
        return []
    return list(zip(map(float, data[::2]), map(float, data[1::2]), strict=True))


def image_of(node: Header) -> tuple[str, list[int]]:
    """SOP Instance UID and frame numbers that an item of type IMAGE names."""
    for reference in items_of(node, "00081199")[:1]:
        frames = [n for n in values_of(reference, "00081160") if isinstance(n, int) and n > 0]
        return value(reference, "00081155"), frames
    return "", []


def author_of(root: Header) -> str:
    """The name of the person who wrote it, as DICOM writes names; empty where nobody is named."""
    for item in children(root, "PNAME", PERSON_OBSERVER_NAME):
        if name := _name(item, "0040A123"):
            return name
    for sequence in ("0040A078", "0040A073"):  # Author Observer, Verifying Observer
        for item in items_of(root, sequence):
            if name := _name(item, "0040A123") or _name(item, "0040A075"):
                return name
    return ""


def _name(node: Header, tag: str) -> str:
    for groups in items_of(node, tag)[:1]:
        return str(groups.get("Alphabetic") or groups.get("Ideographic") or "")
    return ""
