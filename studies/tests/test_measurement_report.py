"""Measurements and key images as documents, and back; against other software as well."""

import datetime
import io
import json
import subprocess
import tempfile
from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom.sr.coding import CodedConcept
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.dicom.content_items import author_of
from studies.dicom.documents import Document, Reference, predecessors_of
from studies.dicom.json_model import clean, dataset_to_json
from studies.dicom.key_objects import KeyImage, KeyObjects, read_key_objects, write_key_objects
from studies.dicom.measurement_report import (
    FORMS,
    UNITS_OF,
    Kind,
    Measurement,
    Value,
    is_measurement_report,
    read_measurement_report,
    write_measurement_report,
)
from studies.dicom.names import PersonName
from studies.dicom.parse import parse_instance
from studies.tests.builders import CT_IMAGE_STORAGE, make_dataset

IMAGE = Reference(CT_IMAGE_STORAGE, "1.2.3.4", "1.2.3.9")
CINE = Reference("1.2.840.10008.5.1.4.1.1.3.1", "1.2.3.5", "1.2.3.8", number_of_frames=20)
REFERENCES = {one.sop_instance_uid: one for one in (IMAGE, CINE)}
DOCUMENT = Document(
    identity={
        "PatientName": PersonName("Müller^Jürgen"), "PatientID": "MRN-1",
        "PatientBirthDate": datetime.date(1970, 1, 2), "PatientSex": "M",
        "StudyInstanceUID": "1.2.3", "StudyDate": datetime.date(2024, 1, 5),
        "StudyTime": datetime.time(10, 15), "StudyID": "1", "AccessionNumber": "ACC-1",
        "ReferringPhysicianName": PersonName("Curie^Marie"),
    },
    sop_instance_uid="2.25.1",
    series_instance_uid="2.25.2",
    series_number=7,
    instance_number=2,
    author="Röntgen^Wilhelm",
    login="wilhelm",
    written_at=datetime.datetime(2024, 1, 6, 8, 30, tzinfo=datetime.UTC),
    predecessors=[Reference("1.2.840.10008.5.1.4.1.1.88.33", "2.25.0", "2.25.2")],
)  # fmt: skip

ordinates = st.floats(0, 4096, width=32)
points = st.tuples(ordinates, ordinates)
labels = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=40).map(
    clean
)


@st.composite
def shapes(draw, kind):
    if kind is Kind.RECTANGLE:
        left, top, right, bottom = (draw(st.integers(0, 4096)) for _ in range(4))
        return ((left, top), (right, top), (right, bottom), (left, bottom))
    # Four corners may happen to be a rectangle, and are one then.
    count = FORMS[kind].points or draw(st.sampled_from([3, 5, 6, 40]))
    return tuple(draw(st.lists(points, min_size=count, max_size=count)))


@st.composite
def measurements(draw):
    kind = draw(st.sampled_from(list(Kind)))
    form, image = FORMS[kind], draw(st.sampled_from([IMAGE, CINE]))
    optional = draw(st.sets(st.sampled_from(sorted(form.optional)))) if form.optional else []
    values = tuple(
        Value(
            quantity,
            draw(st.floats(-1e12, 1e12)),
            draw(st.sampled_from(sorted(UNITS_OF[quantity]))),
        )
        for quantity in [*form.lines, *sorted(optional)]
    )
    return Measurement(
        kind=kind,
        tracking_uid=f"2.25.{draw(st.integers(1, 2**128))}",
        label=draw(labels),
        sop_instance_uid=image.sop_instance_uid,
        frame=draw(st.integers(1, image.number_of_frames)),
        points=draw(shapes(kind)),
        values=values,
        at_detector=draw(st.booleans()) and any(v.unit in ("mm", "mm2") for v in values),
    )


def header_of(content: bytes):
    """As the archive keeps it."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return parse_instance(file, max_bytes=2**30).header


def one_of_each() -> list[Measurement]:
    """A plausible measurement of every kind."""
    line, unit = ((10.5, 10.0), (50.0, 40.25)), "mm"
    region = tuple(
        Value(quantity, value, unit)
        for quantity, value, unit in [
            ("area", 812.25, "mm2"), ("mean", 40.5, "HU"), ("standard_deviation", 3.25, "HU"),
            ("minimum", -7.0, "HU"), ("maximum", 99.0, "HU"),
        ]
    )  # fmt: skip
    drawn = {
        Kind.LENGTH: (line, [Value("length", 49.75, unit)]),
        Kind.BIDIRECTIONAL: (
            (*line, (20.0, 40.0), (40.0, 10.0)),
            [Value("long_axis", 49.75, unit), Value("short_axis", 36.0, unit)],
        ),
        Kind.ANGLE: ((*line, (90.0, 12.0)), [Value("angle", 81.5, "deg")]),
        Kind.COBB: ((*line, (90.0, 12.0), (100.0, 80.0)), [Value("cobb_angle", 12.5, "deg")]),
        Kind.PROBE: (((12.5, 13.5),), [Value("value", -1000.0, "HU")]),
        Kind.ELLIPSE: (((10.0, 30.0), (60.0, 30.0), (35.0, 20.0), (35.0, 40.0)), region),
        Kind.RECTANGLE: (((10.0, 20.0), (60.0, 20.0), (60.0, 40.0), (10.0, 40.0)), region),
        Kind.FREEHAND: (((1.0, 1.0), (9.0, 2.0), (8.0, 9.0), (4.0, 11.0), (2.0, 5.0)), region),
        Kind.ARROW: (line, []),
    }
    return [
        Measurement(
            kind, f"2.25.{100 + number}", f"Finding {number}", "1.2.3.4", 1, points, tuple(v)
        )
        for number, (kind, (points, v)) in enumerate(drawn.items())
    ]


@given(st.lists(measurements(), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_measurements_come_back_as_they_were_written(drawn):
    header = header_of(write_measurement_report(DOCUMENT, drawn, REFERENCES))

    report = read_measurement_report(header)

    assert report.measurements == drawn
    assert report.not_understood == 0


def test_a_report_says_whose_it_is_and_what_it_takes_the_place_of():
    header = header_of(write_measurement_report(DOCUMENT, one_of_each(), REFERENCES))

    assert is_measurement_report(header)
    assert author_of(header) == "Röntgen^Wilhelm"
    assert predecessors_of(header) == {"2.25.0"}


def test_what_has_no_label_is_named_after_its_kind_and_comes_back_without_one():
    unnamed = [replace(one, label="") for one in one_of_each()]

    header = header_of(write_measurement_report(DOCUMENT, unnamed, REFERENCES))

    assert read_measurement_report(header).measurements == unnamed
    assert "Cobb angle" in str(header)


def test_another_library_reads_our_report():
    """highdicom reads the root by TID 1500 and each group by TID 1410 or 1501."""
    content = write_measurement_report(DOCUMENT, one_of_each(), REFERENCES)

    report = highdicom.sr.srread(io.BytesIO(content))

    assert isinstance(report, highdicom.sr.ComprehensiveSR)
    root = report.content
    assert isinstance(root, highdicom.sr.MeasurementReport)
    regions = root.get_planar_roi_measurement_groups()
    assert {group.tracking_identifier for group in regions} == {
        "Finding 4", "Finding 5", "Finding 6", "Finding 7", "Finding 8",
    }  # fmt: skip
    lines = root.get_image_measurement_groups()
    (length,) = [group for group in lines if group.tracking_identifier == "Finding 0"]
    (measured,) = length.get_measurements()
    assert (measured.value, measured.unit.value) == (49.75, "mm")
    mean = CodedConcept("373098007", "SCT", "Mean")
    (ellipse,) = [group for group in regions if group.tracking_identifier == "Finding 5"]
    assert [m.value for m in ellipse.get_measurements() if m.derivation == mean] == [40.5]


def test_another_library_reads_our_key_objects():
    images = [KeyImage("1.2.3.4"), KeyImage("1.2.3.5", 7)]

    dataset = pydicom.dcmread(io.BytesIO(write_key_objects(DOCUMENT, "Look", images, REFERENCES)))
    selection = highdicom.ko.KeyObjectSelectionDocument.from_dataset(dataset)

    found = [str(item.referenced_sop_instance_uid) for item in selection.content.get_references()]
    assert found == ["1.2.3.4", "1.2.3.5"]
    assert selection.resolve_reference("1.2.3.5") == ("1.2.3", "1.2.3.8", "1.2.3.5")


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["report", "key objects"])
def test_dcmtk_reads_our_documents_without_a_warning(tmp_path, kind):
    path = tmp_path / "document.dcm"
    path.write_bytes(
        write_measurement_report(DOCUMENT, one_of_each(), REFERENCES)
        if kind == "report"
        else write_key_objects(DOCUMENT, "Look here", [KeyImage("1.2.3.5", 7)], REFERENCES)
    )

    done = subprocess.run(["dsrdump", path], capture_output=True, text=True, check=True)

    # Of what it cannot check itself it says so.
    complaints = [line for line in done.stderr.splitlines() if "not support" not in line]
    complaints = [line for line in complaints if "not yet supported" not in line]
    assert complaints == []
    expected = ["Finding 1", "49.75", "Cobb angle"] if kind == "report" else ["Look here", "7"]
    assert [words for words in expected if words not in done.stdout] == []


# --- Of other vendors -----------------------------------------------------------------------------


def foreign_report():
    """As highdicom writes TID 1500: a circle, and a region of a volume, which is no picture's."""
    image = make_dataset(
        SOPInstanceUID="1.2.3.4", FrameOfReferenceUID="1.2.7", ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
    )  # fmt: skip
    sr = highdicom.sr
    person = sr.ObserverContext(
        CodedConcept("121006", "DCM", "Person"),
        sr.PersonObserverIdentifyingAttributes(name="Curie^Marie"),
    )
    area = sr.Measurement(
        CodedConcept("42798000", "SCT", "Area"), 3.5, CodedConcept("mm2", "UCUM", "mm2")
    )
    shape = CodedConcept("111", "99X", "Shape")
    odd = sr.Measurement(shape, 2.0, CodedConcept("furlong", "UCUM", "furlong"))
    circle = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.9.1", identifier="Circle"),
        referenced_region=sr.ImageRegion(
            graphic_type="CIRCLE",
            graphic_data=np.array([[2.0, 2.0], [2.0, 3.0]]),
            source_image=sr.SourceImageForRegion(CT_IMAGE_STORAGE, "1.2.3.4"),
        ),
        measurements=[area, odd],
    )
    in_space = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid="1.9.2", identifier="In space"),
        referenced_region=sr.ImageRegion3D(
            graphic_type="POINT", graphic_data=np.array([[1.0, 2.0, 3.0]]),
            frame_of_reference_uid="1.2.7",
        ),
    )  # fmt: skip
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(person),
        procedure_reported=CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[circle, in_space],
    )
    return sr.Comprehensive3DSR(
        evidence=[image], content=content, series_instance_uid="1.9.3", series_number=1,
        sop_instance_uid="1.9.4", instance_number=1, manufacturer="Another",
    )  # fmt: skip


def test_of_another_vendors_report_what_can_be_drawn_is_read_and_the_rest_counted():
    report = read_measurement_report(dataset_to_json(foreign_report()))

    assert report.not_understood == 1
    assert report.measurements == [
        Measurement(
            kind=Kind.ELLIPSE, tracking_uid="1.9.1", label="Circle", sop_instance_uid="1.2.3.4",
            frame=1, points=((1.0, 2.0), (3.0, 2.0), (2.0, 1.0), (2.0, 3.0)),
            values=(Value("area", 3.5, "mm2"), Value("Shape", 2.0, "furlong")),
        )
    ]  # fmt: skip


def test_the_author_of_another_vendors_report_is_found():
    assert author_of(dataset_to_json(foreign_report())) == "Curie^Marie"


def test_codes_that_were_retired_are_still_understood():
    header = header_of(write_measurement_report(DOCUMENT, one_of_each()[:1], REFERENCES))
    retired = json.loads(
        json.dumps(header).replace("410668003", "G-D7FE").replace('"SCT"', '"SRT"')
    )

    assert read_measurement_report(retired).measurements == one_of_each()[:1]


def test_an_outline_of_too_many_points_is_counted_and_not_read():
    endless = replace(one_of_each()[7], points=tuple((n % 97, n % 89) for n in range(20_000)))
    header = header_of(write_measurement_report(DOCUMENT, [endless], REFERENCES))

    report = read_measurement_report(header)

    assert (report.measurements, report.not_understood) == ([], 1)


scalars = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.just("CONTAINER")
tags = st.sampled_from(
    [
        "0040A730", "0040A040", "0040A043", "0040A168", "00080100", "0040A300", "0040A30A",
        "00700022", "00700023", "00081199", "00081155", "00081160", "0040A124", "0040A360",
        "00081115", "0040A078", "0040A123",
    ]
)  # fmt: skip
nodes = st.recursive(
    st.dictionaries(tags, st.fixed_dictionaries({}, optional={"Value": st.lists(scalars)})),
    lambda inner: st.dictionaries(
        tags, st.fixed_dictionaries({"Value": st.lists(inner | scalars, max_size=3)}), max_size=5
    ),
    max_leaves=20,
)


def as_group(node):
    """The same below a container that is a measurement group."""
    group = {
        "0040A040": {"vr": "CS", "Value": ["CONTAINER"]},
        "0040A043": {
            "vr": "SQ",
            "Value": [{"00080100": {"Value": ["125007"]}, "00080102": {"Value": ["DCM"]}}],
        },
    }
    number = {"0040A040": {"Value": ["NUM"]}} | node
    scoord = {"0040A040": {"Value": ["SCOORD"]}} | node
    return group | {"0040A730": {"vr": "SQ", "Value": [number, scoord, node]}}


@given(nodes)
@settings(max_examples=200, deadline=None)
def test_no_document_makes_reading_fail(node):
    for header in (node, as_group(node)):
        read_measurement_report(header)
        read_key_objects(header)
        predecessors_of(header)
        author_of(header)


# --- Key objects ----------------------------------------------------------------------------------

chosen = st.lists(
    st.builds(KeyImage, st.just("1.2.3.4"))
    | st.builds(KeyImage, st.just("1.2.3.5"), st.none() | st.integers(1, 20)),
    min_size=1,
    max_size=8,
)


@given(labels, chosen)
@settings(max_examples=40, deadline=None)
def test_key_images_come_back_as_they_were_written(note, images):
    header = header_of(write_key_objects(DOCUMENT, note, images, REFERENCES))

    assert read_key_objects(header) == KeyObjects("Of Interest", note, images)
    assert author_of(header) == "Röntgen^Wilhelm"
    assert predecessors_of(header) == {"2.25.0"}
