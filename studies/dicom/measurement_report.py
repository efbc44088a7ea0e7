"""Measurements as a Comprehensive SR of TID 1500 "Measurement Report" (PS3.16), and back.

What others write is read as far as its shape says what it is; what cannot be drawn is counted.
A measurement keeps its kind in nothing but its geometry and its concepts, so that ours are read no
differently from those of others.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydicom.dataset import Dataset

from studies.dicom import content_items as content
from studies.dicom.attributes import is_uid
from studies.dicom.content_items import Code, Point
from studies.dicom.documents import Document, Reference, document_dataset, template, to_part10
from studies.dicom.json_values import Header

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
# Enhanced, Comprehensive, Comprehensive 3D and Extensible SR: all that may hold TID 1500.
SOP_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in ("22", "33", "34", "35")
)

_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
_GROUP = Code("125007", "DCM", "Measurement Group")
_PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
_IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
_TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
_TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
_IMAGE_REGION = Code("111030", "DCM", "Image Region")
_DERIVATION = Code("121401", "DCM", "Derivation")
_METHOD = Code("370129005", "SCT", "Measurement Method")
_IN_DETECTOR_PLANE = Code("113941", "DCM", "In Detector Plane")
_MAX_POINTS = 20_000  # of one outline; a browser has to draw it


class Kind(StrEnum):
    LENGTH = "length"
    BIDIRECTIONAL = "bidirectional"
    ANGLE = "angle"
    COBB = "cobb"
    PROBE = "probe"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    FREEHAND = "freehand"
    ARROW = "arrow"


class Quantity(StrEnum):
    LENGTH = "length"
    LONG_AXIS = "long_axis"
    SHORT_AXIS = "short_axis"
    ANGLE = "angle"
    COBB_ANGLE = "cobb_angle"
    AREA = "area"
    VALUE = "value"
    MEAN = "mean"
    STANDARD_DEVIATION = "standard_deviation"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class Value:
    """One measured value; of another vendor's the quantity may be any words, the unit any code."""

    quantity: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was drawn on one frame.

    Attributes:
        label: What the reader called it; empty where they did not.
        frame: From 1.
        points: Column and row, the corner of the first pixel being 0, 0. Of an ellipse the ends of
            the major, then of the minor axis; of a bidirectional of the long, then of the short
            one; of rectangle and freehand the corners, the first not repeated; of an arrow its
            head, then its tail.
        at_detector: Lengths are of the shadow on the detector, not of the patient.
    """

    kind: Kind
    tracking_uid: str
    label: str
    sop_instance_uid: str
    frame: int
    points: tuple[Point, ...]
    values: tuple[Value, ...] = ()
    at_detector: bool = False


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """Of a document, with the number of groups that were not understood."""

    measurements: list[Measurement]
    not_understood: int


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind must have: how many points, of which type, and its values."""

    graphic_type: str
    points: int | None
    lines: tuple[Quantity, ...] = ()
    optional: frozenset[Quantity] = frozenset()


_REGION_VALUES = frozenset(
    {
        Quantity.AREA, Quantity.MEAN, Quantity.STANDARD_DEVIATION, Quantity.MINIMUM,
        Quantity.MAXIMUM,
    }
)  # fmt: skip
FORMS = {
    Kind.LENGTH: Form("POLYLINE", 2, (Quantity.LENGTH,)),
    Kind.BIDIRECTIONAL: Form("POLYLINE", 4, (Quantity.LONG_AXIS, Quantity.SHORT_AXIS)),
    Kind.ANGLE: Form("POLYLINE", 3, (Quantity.ANGLE,)),
    Kind.COBB: Form("POLYLINE", 4, (Quantity.COBB_ANGLE,)),
    Kind.PROBE: Form("POINT", 1, optional=frozenset({Quantity.VALUE})),
    Kind.ELLIPSE: Form("ELLIPSE", 4, optional=_REGION_VALUES),
    Kind.RECTANGLE: Form("POLYLINE", 4, optional=_REGION_VALUES),
    Kind.FREEHAND: Form("POLYLINE", None, optional=_REGION_VALUES),
    Kind.ARROW: Form("POLYLINE", 2),
}

UNITS = {
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm2": Code("mm2", "UCUM", "square millimeter"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px2": Code("{pixels}2", "UCUM", "square pixels"),
    "deg": Code("deg", "UCUM", "degree"),
    "HU": Code("[hnsf'U]", "UCUM", "Hounsfield unit"),
    "SUVbw": Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight"),
    "Bq/ml": Code("Bq/ml", "UCUM", "Becquerels/milliliter"),
    "raw": Code("1", "UCUM", "no units"),
}
_LENGTHS, _AREAS = frozenset({"mm", "px"}), frozenset({"mm2", "px2"})
_PIXELS = frozenset({"HU", "SUVbw", "Bq/ml", "raw"})
UNITS_OF: dict[str, frozenset[str]] = {
    Quantity.LENGTH: _LENGTHS, Quantity.LONG_AXIS: _LENGTHS, Quantity.SHORT_AXIS: _LENGTHS,
    Quantity.ANGLE: frozenset({"deg"}), Quantity.COBB_ANGLE: frozenset({"deg"}),
    Quantity.AREA: _AREAS, Quantity.VALUE: _PIXELS, Quantity.MEAN: _PIXELS,
    Quantity.STANDARD_DEVIATION: _PIXELS, Quantity.MINIMUM: _PIXELS, Quantity.MAXIMUM: _PIXELS,
}  # fmt: skip

_CONCEPTS = {
    Quantity.LENGTH: Code("410668003", "SCT", "Length"),
    Quantity.LONG_AXIS: Code("103339001", "SCT", "Long axis"),
    Quantity.SHORT_AXIS: Code("103340004", "SCT", "Short axis"),
    Quantity.ANGLE: Code("1483009", "SCT", "Angle"),
    Quantity.COBB_ANGLE: Code("285285000", "SCT", "Cobb angle"),
    Quantity.AREA: Code("42798000", "SCT", "Area"),
}
_DERIVATIONS = {
    Quantity.MEAN: Code("373098007", "SCT", "Mean"),
    Quantity.STANDARD_DEVIATION: Code("386136009", "SCT", "Standard Deviation"),
    Quantity.MINIMUM: Code("255605001", "SCT", "Minimum"),
    Quantity.MAXIMUM: Code("56851009", "SCT", "Maximum"),
}
# What the value of a pixel is of; DICOM has no concept for one that nothing is known of.
_PIXEL_VALUE = Code("PIXELVALUE", "99PACSPORTAL", "Pixel value")
_OF_PIXELS = {
    "HU": Code("112031", "DCM", "Attenuation Coefficient"),
    "SUVbw": Code("126401", "DCM", "SUVbw"),
    "Bq/ml": _PIXEL_VALUE,
    "raw": _PIXEL_VALUE,
}
# The same concepts in the codes of SNOMED that reports were written with until 2018.
_RETIRED = {
    ("G-D7FE", "SRT"): Quantity.LENGTH,
    ("G-A185", "SRT"): Quantity.LONG_AXIS,
    ("G-A186", "SRT"): Quantity.SHORT_AXIS,
    ("G-A166", "SRT"): Quantity.AREA,
    ("R-00317", "SRT"): Quantity.MEAN,
    ("R-10047", "SRT"): Quantity.STANDARD_DEVIATION,
    ("R-404FB", "SRT"): Quantity.MINIMUM,
    ("G-A437", "SRT"): Quantity.MAXIMUM,
}
_QUANTITIES = _RETIRED | {
    code.key: quantity for quantity, code in (_CONCEPTS | _DERIVATIONS).items()
}
_PIXEL_CONCEPTS = {code.key for code in _OF_PIXELS.values()}
_UNIT_NAMES = {code.value: name for name, code in UNITS.items()}
_NAMES = {
    Kind.LENGTH: "Length", Kind.BIDIRECTIONAL: "Bidirectional", Kind.ANGLE: "Angle",
    Kind.COBB: "Cobb angle", Kind.PROBE: "Probe", Kind.ELLIPSE: "Ellipse",
    Kind.RECTANGLE: "Rectangle", Kind.FREEHAND: "Freehand", Kind.ARROW: "Arrow",
}  # fmt: skip


# --- Writing -------------------------------------------------------------------------------------


def write_measurement_report(
    document: Document,
    measurements: Sequence[Measurement],
    references: Mapping[str, Reference],
) -> bytes:
    """A Part 10 file.

    Args:
        document: Whose it is, and of which study.
        measurements: At least one, of the values that `FORMS` demands.
        references: The images that they are drawn on, by SOP Instance UID.
    """
    groups = [_group(one, references[one.sop_instance_uid]) for one in measurements]
    root = content.container(
        "",
        _REPORT,
        [
            content.coded(content.HAS_MODIFIER, content.LANGUAGE, content.ENGLISH),
            *content.observer(document.author, document.login),
            content.coded(content.HAS_MODIFIER, _PROCEDURE_REPORTED, _IMAGING_PROCEDURE),
            content.container(content.CONTAINS, _MEASUREMENTS, groups),
        ],
    )
    root.ContentTemplateSequence = [template("1500")]
    used = {one.sop_instance_uid for one in measurements}
    dataset = document_dataset(document, (references[uid] for uid in used), root)
    dataset.SOPClassUID = COMPREHENSIVE_SR
    dataset.Modality = "SR"
    dataset.SeriesDescription = "Measurements"
    dataset.CompletionFlag, dataset.VerificationFlag = "PARTIAL", "UNVERIFIED"
    dataset.PerformedProcedureCodeSequence = []
    return to_part10(dataset)


def _group(one: Measurement, reference: Reference) -> Dataset:
    """TID 1501 where each value has its own line, TID 1410 where all are of one region."""
    frames = [one.frame] if reference.number_of_frames > 1 else []
    source = content.image(
        content.SELECTED_FROM, reference.sop_class_uid, one.sop_instance_uid, frames
    )
    children = [
        content.text(content.HAS_CONTEXT, _TRACKING_IDENTIFIER, one.label or _NAMES[one.kind]),
        content.uid_reference(content.HAS_CONTEXT, _TRACKING_UID, one.tracking_uid),
    ]
    lines = _lines(one)
    if not lines:
        children.append(
            content.coordinates(
                content.CONTAINS, FORMS[one.kind].graphic_type, _closed(one), source, _IMAGE_REGION
            )
        )
    for value in one.values:
        drawn = []
        if value.quantity in lines:
            points = lines[Quantity(value.quantity)]
            drawn = [content.coordinates(content.INFERRED_FROM, "POLYLINE", points, source)]
        children.append(_value(value, one, drawn))
    return content.container(content.CONTAINS, _GROUP, children)


def _lines(one: Measurement) -> dict[Quantity, tuple[Point, ...]]:
    """The points that each value of its own is inferred from."""
    quantities = FORMS[one.kind].lines
    share = len(one.points) // max(1, len(quantities))
    return {
        quantity: one.points[share * index : share * (index + 1)]
        for index, quantity in enumerate(quantities)
    }


def _closed(one: Measurement) -> tuple[Point, ...]:
    """A polyline is closed where it ends at its beginning (PS3.3 C.18.6.1.2)."""
    if one.kind in (Kind.RECTANGLE, Kind.FREEHAND):
        return (*one.points, one.points[0])
    return one.points


def _value(value: Value, one: Measurement, drawn: Sequence[Dataset]) -> Dataset:
    modifiers = []
    if value.quantity in _CONCEPTS:
        concept = _CONCEPTS[Quantity(value.quantity)]
        if one.at_detector and value.unit in ("mm", "mm2"):
            modifiers = [content.coded(content.HAS_MODIFIER, _METHOD, _IN_DETECTOR_PLANE)]
    else:
        concept = _OF_PIXELS[value.unit]
        if derivation := _DERIVATIONS.get(Quantity(value.quantity)):
            modifiers = [content.coded(content.HAS_MODIFIER, _DERIVATION, derivation)]
    return content.number(concept, value.value, UNITS[value.unit], [*modifiers, *drawn])


# --- Reading -------------------------------------------------------------------------------------


def is_measurement_report(header: Header) -> bool:
    return content.concept_of(header).key == _REPORT.key


def read_measurement_report(header: Header) -> MeasurementReport:
    """The measurements of a document in the DICOM JSON model, of whichever vendor."""
    measurements, not_understood = [], 0
    for node in content.walk(header):
        if content.value_type_of(node) != "CONTAINER" or content.concept_of(node).key != _GROUP.key:
            continue
        if measurement := _read_group(node):
            measurements.append(measurement)
        else:
            not_understood += 1
    return MeasurementReport(measurements, not_understood)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The spatial coordinates of a group: all on one frame of one image."""

    graphic_type: str
    points: tuple[Point, ...]
    sop_instance_uid: str
    frame: int


def _read_group(group: Header) -> Measurement | None:
    numbers = content.children(group, "NUM")
    values = [value for number in numbers if (value := _read_value(number))]
    shape = _shape(group, numbers)
    if shape is None:
        return None
    kind, drawn = shape
    uid = next(iter(content.children(group, "UIDREF", _TRACKING_UID)), {})
    tracking_uid = content.value(uid, "0040A124")
    label = content.first_text(group, _TRACKING_IDENTIFIER)
    return Measurement(
        kind=kind,
        tracking_uid=tracking_uid if is_uid(tracking_uid) else "",
        label="" if label == _NAMES[kind] else label,
        sop_instance_uid=drawn.sop_instance_uid,
        frame=drawn.frame,
        points=drawn.points,
        values=tuple(values),
        at_detector=any(map(_is_in_detector_plane, numbers)),
    )


def _shape(group: Header, numbers: Sequence[Header]) -> tuple[Kind, _Drawn] | None:
    """What the coordinates of a group, and the concepts inferred from them, make of it."""
    regions = [_read_coordinates(node) for node in content.children(group, "SCOORD")]
    lines = [
        (_quantity(number)[0], _read_coordinates(node))
        for number in numbers
        for node in content.children(number, "SCOORD")
    ]
    drawn = {one for _, one in lines} | set(regions)
    if None in drawn or len({(one.sop_instance_uid, one.frame) for one in drawn if one}) != 1:
        return None  # three-dimensional, malformed, or on several images
    if not regions and {quantity for quantity, _ in lines} >= _AXES:
        return _bidirectional(dict(lines))
    if len(drawn) != 1:
        return None
    return _single({quantity for quantity, _ in lines}, next(one for one in drawn if one))


_AXES = {Quantity.LONG_AXIS, Quantity.SHORT_AXIS}


def _single(quantities: set[str], one: _Drawn) -> tuple[Kind, _Drawn] | None:
    count = len(one.points)
    by_shape = {
        ("POINT", 1): Kind.PROBE,
        ("ELLIPSE", 4): Kind.ELLIPSE,
        ("POLYLINE", 2): Kind.LENGTH if Quantity.LENGTH in quantities else Kind.ARROW,
    }
    if kind := by_shape.get((one.graphic_type, count)):
        return kind, one
    if one.graphic_type == "CIRCLE" and count == 2:
        return Kind.ELLIPSE, _of_points(one, _axes_of_circle(*one.points))
    if one.graphic_type != "POLYLINE" or count < 3:
        return None
    if quantities & {Quantity.ANGLE, Quantity.COBB_ANGLE}:
        return (Kind.ANGLE if count == 3 else Kind.COBB, one) if count <= 4 else None
    if one.points[0] != one.points[-1] or count == 3:
        return None  # an open line of several points
    corners = one.points[:-1]
    return Kind.RECTANGLE if _is_rectangle(corners) else Kind.FREEHAND, _of_points(one, corners)


def _bidirectional(lines: Mapping[str, _Drawn | None]) -> tuple[Kind, _Drawn] | None:
    long, short = lines.get(Quantity.LONG_AXIS), lines.get(Quantity.SHORT_AXIS)
    if long and short and len(long.points) == len(short.points) == 2:
        return Kind.BIDIRECTIONAL, _of_points(long, long.points + short.points)
    return None


def _of_points(one: _Drawn, points: Sequence[Point]) -> _Drawn:
    return _Drawn(one.graphic_type, tuple(points), one.sop_instance_uid, one.frame)


def _axes_of_circle(center: Point, edge: Point) -> list[Point]:
    (x, y), radius = center, math.dist(center, edge)
    return [(x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)]


def _is_rectangle(corners: Sequence[Point]) -> bool:
    """Whether the diagonals of four corners are of one length and halve each other."""
    if len(corners) != 4:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    diagonal, other = math.dist(corners[0], corners[2]), math.dist(corners[1], corners[3])
    tolerance = 1e-5 * max(diagonal, other, abs(ax), abs(ay), 1.0)  # of 32-bit coordinates
    return (
        abs(ax + cx - bx - dx) <= tolerance
        and abs(ay + cy - by - dy) <= tolerance
        and abs(diagonal - other) <= tolerance
    )


def _read_coordinates(node: Header) -> _Drawn | None:
    images = content.children(node, "IMAGE")
    points = content.points_of(node)
    if len(images) != 1 or not 0 < len(points) <= _MAX_POINTS:
        return None
    if not all(math.isfinite(ordinate) for point in points for ordinate in point):
        return None
    uid, frames = content.image_of(images[0])
    if not is_uid(uid) or len(frames) > 1:
        return None
    return _Drawn(content.value(node, "00700023"), tuple(points), uid, (frames or [1])[0])


def _read_value(number: Header) -> Value | None:
    found = content.number_of(number)
    if found is None:
        return None
    amount, unit = found
    quantity, _ = _quantity(number)
    return Value(quantity, amount, _UNIT_NAMES.get(unit.value, unit.value))


def _quantity(number: Header) -> tuple[str, Code]:
    concept = content.concept_of(number)
    for modifier in content.children(number, "CODE", _DERIVATION):
        if quantity := _QUANTITIES.get(content.code_of(modifier).key):
            return quantity, concept
    if concept.key in _PIXEL_CONCEPTS:
        return Quantity.VALUE, concept
    return _QUANTITIES.get(concept.key, concept.meaning), concept


def _is_in_detector_plane(number: Header) -> bool:
    methods: Iterator[Code] = map(content.code_of, content.children(number, "CODE", _METHOD))
    return any(code.key == _IN_DETECTOR_PLANE.key for code in methods)
