"""A header of which nothing is left that tells whose it is."""

import json

from hypothesis import given
from hypothesis import strategies as st

from studies.dicom.deidentify import SOP_CLASSES, TAGS, deidentify

MARKS = {"00120062", "00120063", "00280303"}
SECRET = "Müller^Jürgen"


def test_geometry_and_pixels_stay_as_they_are():
    header = {
        "00200032": {"vr": "DS", "Value": [1.0, 2.0, 3.0]},
        "00280010": {"vr": "US", "Value": [512]},
        "7FE00010": {"vr": "OW"},
    }

    assert deidentify(header).items() >= header.items()


def test_it_says_that_identity_and_dates_are_removed():
    assert deidentify({}) == {
        "00120062": {"vr": "CS", "Value": ["YES"]},
        "00120063": {
            "vr": "LO",
            "Value": ["PS3.15 E.1 as a guide: attributes by an allow-list, no dates, no text; UIDs kept"],
        },
        "00280303": {"vr": "CS", "Value": ["REMOVED"]},
    }  # fmt: skip


def test_items_of_sequences_are_gone_through_too():
    measures = {"00280030": {"vr": "DS", "Value": [0.5, 0.5]}, "00100010": {"vr": "PN"}}
    groups = {"52009229": {"vr": "SQ", "Value": [{"00289110": {"vr": "SQ", "Value": [measures]}}]}}

    shared = deidentify(groups)["52009229"]["Value"][0]["00289110"]["Value"]

    assert shared == [{"00280030": {"vr": "DS", "Value": [0.5, 0.5]}}]


def test_a_long_value_loses_its_address():
    header = {"00281201": {"vr": "OW", "BulkDataURI": "http://testserver/dicom-web/…"}}

    assert deidentify(header)["00281201"] == {"vr": "OW"}


def test_a_text_under_a_tag_of_numbers_is_not_passed_on():
    assert "00280030" not in deidentify({"00280030": {"vr": "LO", "Value": [SECRET]}})


tags = st.one_of(
    st.sampled_from(sorted(TAGS)), st.integers(0, 0xFFFFFFFF).map(lambda number: f"{number:08X}")
)
# Devices write names into texts, times into dates, and anything into their private elements.
texts = st.sampled_from(["PN", "LO", "LT", "SH", "ST", "UT", "DA", "TM", "DT", "AE", "UN", "UC"])
leaves = st.fixed_dictionaries({"vr": texts, "Value": st.just([SECRET])})
headers = st.recursive(
    st.dictionaries(tags, leaves, max_size=5),
    lambda inner: st.dictionaries(
        tags,
        st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.lists(inner, max_size=2)}),
        max_size=3,
    ),
    max_leaves=8,
)


@given(headers)
def test_no_text_passes_from_wherever_it_stands(header):
    shown = deidentify(header)

    assert SECRET not in json.dumps(shown, ensure_ascii=False)
    assert set(shown) <= TAGS | MARKS


def test_secondary_captures_and_ultrasound_are_on_no_list():
    assert not {f"1.2.840.10008.5.1.4.1.1.{n}" for n in ("6.1", "7", "12.1")} & set(SOP_CLASSES)
