"""Reports as nested values, whatever stands in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.dicom.readable_header import MAX_ROWS, readable_rows
from studies.dicom.structured_report import (
    MAX_ITEMS,
    Reference,
    date_in_words,
    is_report,
    read_report,
)
from studies.tests.samples import TEST_FILES, parse


def header_of(name):
    return parse((TEST_FILES / name).read_bytes()).header


def code(value, meaning=None):
    item = {"00080100": {"vr": "SH", "Value": [value]}}
    return item | ({"00080104": {"vr": "LO", "Value": [meaning]}} if meaning else {})


def item(value_type, concept="Finding", **attributes):
    return {
        "0040A040": {"vr": "CS", "Value": [value_type]},
        "0040A043": {"vr": "SQ", "Value": [code("1", concept)]},
        **{tag.removeprefix("t"): value for tag, value in attributes.items()},
    }


def container(*items, concept="Report"):
    return item("CONTAINER", concept, t0040A730={"vr": "SQ", "Value": list(items)})


def test_a_real_report_is_read_to_its_leaves():
    report = read_report(header_of("test-SR.dcm"))

    said = {(one.concept, one.value) for one in report.root.walk()}
    assert report.title == "Diagnosis"
    assert ("State", "Complete, Verified, This document is completed!") in report.facts
    assert ("Some UID", "1.2.3.4.5") in said
    assert ("Text Code", "A mass of") in said
    assert [one.value for one in report.root.walk() if one.value_type == "NUM"] == [
        "3 cm"
    ] * 2  # one of them by reference
    assert report.references()
    assert not report.is_cut


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(item("TEXT", t0040A160={"vr": "UT", "Value": ["<b>mass</b>"]}), "<b>mass</b>", id="TEXT"),
        pytest.param(item("CODE", t0040A168={"vr": "SQ", "Value": [code("T-28000", "Lung")]}), "Lung", id="CODE"),
        pytest.param(item("CODE", t0040A168={"vr": "SQ", "Value": [code("T-28000")]}), "T-28000", id="a code without a meaning"),
        pytest.param(
            item("NUM", t0040A300={"vr": "SQ", "Value": [{
                "0040A30A": {"vr": "DS", "Value": [12.5]},
                "004008EA": {"vr": "SQ", "Value": [code("mm", "millimeter")]},
            }]}), "12.5 mm", id="NUM",
        ),
        pytest.param(item("NUM", t0040A301={"vr": "SQ", "Value": [code("114006", "Measurement failure")]}), "Measurement failure", id="NUM without a value"),
        pytest.param(item("PNAME", t0040A123={"vr": "PN", "Value": [{"Alphabetic": "Curie^Marie"}]}), "Marie Curie", id="PNAME"),
        pytest.param(item("DATETIME", t0040A120={"vr": "DT", "Value": ["20240105101500"]}), "2024-01-05 10:15:00", id="DATETIME"),
        pytest.param(
            item("SCOORD", t00700023={"vr": "CS", "Value": ["POLYLINE"]}, t00700022={"vr": "FL", "Value": [1, 2, 3, 4]}),
            "Polyline, 2 points", id="SCOORD",
        ),
        pytest.param(item("TCOORD", t0040A130={"vr": "CS", "Value": ["POINT"]}, t0040A138={"vr": "DS", "Value": [1.5]}), "Point: 1.5 s", id="TCOORD"),
        pytest.param(item("HOLOGRAM"), "A value of type HOLOGRAM, which is not shown here", id="a type of tomorrow"),
    ],
)  # fmt: skip
def test_a_value_of_every_type_is_in_words(content, value):
    report = read_report(container(content))

    assert [one.value for one in report.root.items] == [value]


def test_an_image_is_a_reference_with_its_frames():
    reference = {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"vr": "UI", "Value": ["1.2.3"]},
        "00081160": {"vr": "IS", "Value": [2, "x", 5]},
    }

    report = read_report(container(item("IMAGE", t00081199={"vr": "SQ", "Value": [reference]})))

    assert report.references() == [Reference("1.2.840.10008.5.1.4.1.1.2", "1.2.3", (2, 5))]


def test_an_item_by_reference_says_what_it_refers_to():
    other = item("TEXT", "Nodule", t0040A160={"vr": "UT", "Value": ["of 3 mm"]})
    reference = {"0040DB73": {"vr": "UL", "Value": [1, 1]}}

    report = read_report(container(other, reference, {"0040DB73": {"vr": "UL", "Value": [1, 9]}}))

    said = [(one.concept, one.value) for one in report.root.items]
    assert said == [("Nodule", "of 3 mm"), ("Nodule", "of 3 mm"), ("", "")]


def test_a_report_that_is_too_long_or_too_deep_is_cut_and_says_so():
    long = read_report(container(*[item("TEXT")] * (MAX_ITEMS + 1)))
    deep = container()
    for _ in range(100):
        deep = container(deep)

    assert (len(long.root.items), long.is_cut) == (MAX_ITEMS, True)
    assert read_report(deep).is_cut
    assert len(list(read_report(deep).root.walk())) < 40


def test_texts_that_are_long_in_sum_are_cut_and_the_report_says_so():
    text = {"t0040A160": {"vr": "UT", "Value": ["x" * 19_000]}}
    report = read_report(container(*[item("TEXT", **text)] * 1000))

    assert report.is_cut
    assert sum(len(one.value) for one in report.root.walk()) < 1_010_000


TAGS = st.sampled_from([
    "0040A730", "0040A043", "0040A040", "0040A300", "0040A168", "00081199", "0040A123", "00700022",
    "0040A130", "0040A138", "0040A073", "00080104", "0040DB73", "0040A160", "00081160", "00081155",
])  # fmt: skip
JSON = st.recursive(
    st.sampled_from([None, True, 0, -7, 2.5, 1e300, "", "12", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TAGS | st.just("Value"), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
TYPES = st.sampled_from(["CONTAINER", "NUM", "CODE", "IMAGE", "SCOORD", "TCOORD", "TEXT", "PNAME"])


@given(st.dictionaries(TAGS, st.fixed_dictionaries({"vr": st.just("SQ"), "Value": JSON})), TYPES)
def test_no_tree_is_too_odd_to_be_read(header, value_type):
    header["0040A040"] = {"vr": "CS", "Value": [value_type]}

    report = read_report(header)
    rows, _ = readable_rows(header)

    assert all(isinstance(one.value, str) for one in report.root.walk())
    assert all(isinstance(row.value, str) for row in rows)


def test_a_header_is_a_table_of_names_and_values():
    rows, is_cut = readable_rows(header_of("rtplan.dcm"))

    said = {(row.depth, row.name): row.value for row in rows}
    assert said[0, "Modality"] == "RTPLAN"
    assert said[0, "Beam Sequence"] == "1 item"
    assert said[1, "Beam Name"] == "Field 1"
    assert not is_cut


def test_a_header_that_is_too_long_is_cut_and_binary_values_are_counted():
    long = {f"0009{n:04X}": {"vr": "LO", "Value": ["x"]} for n in range(MAX_ROWS + 1)}
    rows, is_cut = readable_rows(long)
    (binary,) = readable_rows({"00091001": {"vr": "OB", "InlineBinary": "AAEC"}})[0]

    assert (len(rows), is_cut) == (MAX_ROWS, True)
    assert (rows[0].name, binary.value) == ("(0009,0000)", "binary, 3 bytes")


def test_only_what_has_a_content_tree_is_a_report():
    reports = ["test-SR.dcm", "reportsi.dcm", "CT_small.dcm"]

    assert [is_report(json.loads(json.dumps(header_of(name)))) for name in reports] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [("20240105", "2024-01-05"), ("101530.25", "10:15:30"), ("202401051015", "2024-01-05 10:15"), ("soon", "soon")],
)  # fmt: skip
def test_dates_and_times_are_in_words(text, words):
    assert date_in_words(text) == words
