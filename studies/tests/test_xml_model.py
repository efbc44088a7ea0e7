"""The Native DICOM Model (PS3.19 A.1): to XML and back is the same, and nothing hostile is read."""

import json
import xml.etree.ElementTree as ET
from contextlib import suppress

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.dicom.json_model import dataset_to_json
from studies.dicom.xml_model import NAMESPACE, dataset_from_xml, dataset_to_xml
from studies.errors import InvalidInstanceError
from studies.tests.samples import TEST_FILES

DOCUMENT = f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{{}}</NativeDicomModel>'


def attribute_of(model, tag):
    root = ET.fromstring(dataset_to_xml(model))
    (found,) = root.findall(f"{{{NAMESPACE}}}DicomAttribute[@tag='{tag}']")
    return found


def read(content: str):
    return dataset_from_xml(DOCUMENT.format(content).encode())


def test_a_value_is_written_with_its_keyword_and_number():
    found = attribute_of({"00080061": {"vr": "CS", "Value": ["CT", "PT"]}}, "00080061")

    assert found.attrib == {"tag": "00080061", "vr": "CS", "keyword": "ModalitiesInStudy"}
    assert [(value.get("number"), value.text) for value in found] == [("1", "CT"), ("2", "PT")]


def test_a_name_is_written_in_its_components():
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}

    found = attribute_of({"00100010": {"vr": "PN", "Value": [name]}}, "00100010")

    assert ET.tostring(found, encoding="unicode", default_namespace=None).count("山田") == 1
    family = found.find(f"*/{{{NAMESPACE}}}Alphabetic/{{{NAMESPACE}}}FamilyName")
    given_name = found.find(f"*/{{{NAMESPACE}}}Ideographic/{{{NAMESPACE}}}GivenName")
    assert (family.text, given_name.text) == ("Yamada", "太郎")


def test_a_private_element_names_its_creator_and_not_its_block():
    model = {
        "00290012": {"vr": "LO", "Value": ["ACME"]},
        "00291207": {"vr": "SH", "Value": ["x"]},
    }

    found = attribute_of(model, "00290007")

    assert found.get("privateCreator") == "ACME"
    assert dataset_from_xml(dataset_to_xml(model)) == {
        "00290010": {"vr": "LO", "Value": ["ACME"]},
        "00291007": {"vr": "SH", "Value": ["x"]},
    }


def test_bulk_data_are_referred_to():
    model = {"7FE00010": {"vr": "OW", "BulkDataURI": "http://host/bulkdata?a=1&b=2"}}

    assert dataset_from_xml(dataset_to_xml(model)) == model


def test_a_character_that_xml_does_not_have_is_left_out():
    model = {"00104000": {"vr": "LT", "Value": ["a\x00\x1b\ufffeb"]}}

    assert dataset_from_xml(dataset_to_xml(model)) == {"00104000": {"vr": "LT", "Value": ["ab"]}}


@pytest.mark.filterwarnings(r"ignore:::pydicom\..*")
@pytest.mark.parametrize("name", ["CT_small.dcm", "reportsi.dcm", "rtplan.dcm", "liver_1frame.dcm"])
def test_the_header_of_a_real_file_comes_back_the_same(name):
    model = dataset_to_json(pydicom.dcmread(TEST_FILES / name))

    assert dataset_from_xml(dataset_to_xml(model)) == model


def test_what_pydicom_itself_says_of_a_real_file_comes_back_the_same():
    model = pydicom.dcmread(TEST_FILES / "rtplan.dcm").to_json_dict()

    assert dataset_from_xml(dataset_to_xml(model)) == json.loads(json.dumps(model))


# --- Any data set ----------------------------------------------------------------------------------

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\ufffe\uffff^=\\").filter(
    lambda c: c in "\t\n\r" or c >= " "
)
TEXT = st.text(CHARACTERS, min_size=1, max_size=12)
NAMES = st.lists(st.text(CHARACTERS, max_size=4), min_size=1, max_size=5).map("^".join).filter(bool)
PERSON_NAMES = st.dictionaries(
    st.sampled_from(["Alphabetic", "Ideographic", "Phonetic"]), NAMES, min_size=1
)


def values(vr, one):
    """Some values, of which the last is not empty, or none."""
    several = st.lists(st.none() | one, max_size=3)
    return st.builds(
        lambda first, last: {"vr": vr, "Value": [*first, *last]} if last else {"vr": vr},
        several, st.lists(one, max_size=1),
    )  # fmt: skip


FLAT = st.fixed_dictionaries(
    {},
    optional={
        "00080061": values("CS", TEXT),
        "00104000": values("LT", TEXT),
        "00100010": values("PN", PERSON_NAMES),
        "00200013": values("IS", st.integers(-(2**31), 2**31)),
        "00280030": values("DS", st.floats(allow_nan=False, allow_infinity=False)),
        "00280009": values("AT", st.sampled_from(["00181063", "0018A001"])),
        "00281201": st.just({"vr": "OW", "InlineBinary": "AAE="}),
        "00189999": st.just({"vr": "UN"}),
    },
)
PRIVATE = TEXT.map(
    lambda text: {
        "00290010": {"vr": "LO", "Value": [text]},
        "00291001": {"vr": "LO", "Value": [text]},
    }
)


def with_sequence(items):
    sequence = st.lists(items, min_size=1, max_size=2)
    nested = sequence.map(lambda found: {"00400275": {"vr": "SQ", "Value": found}})
    return st.tuples(FLAT, PRIVATE | st.just({}), nested).map(lambda parts: {
        **parts[0], **parts[1], **parts[2]
    })  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.recursive(FLAT, with_sequence, max_leaves=5))
def test_any_data_set_comes_back_the_same(model):
    assert dataset_from_xml(dataset_to_xml(model)) == model


# --- What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<NativeDicomModel>", id="unfinished"),
        pytest.param(b"<html/>", id="something else"),
        pytest.param(b'<?xml version="1.0" encoding="x"?><NativeDicomModel/>', id="encoding"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY b "c">]><NativeDicomModel>&b;</NativeDicomModel>', id="entity"
        ),
        pytest.param(
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><NativeDicomModel/>', id="external subset"
        ),
        pytest.param(b"<NativeDicomModel>" + b"<a>" * 5000, id="too deep"),
    ],
)
def test_a_document_that_is_none_is_refused(document):
    with pytest.raises(InvalidInstanceError):
        dataset_from_xml(document)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("<DicomAttribute vr='CS'/>", id="no tag"),
        pytest.param("<DicomAttribute tag='0008' vr='CS'/>", id="half a tag"),
        pytest.param("<DicomAttribute tag='00080061' vr='CS'/>" * 2, id="twice"),
        pytest.param(
            "<DicomAttribute tag='00200013' vr='IS'><Value number='1'>x</Value></DicomAttribute>",
            id="no number",
        ),
        pytest.param(
            "<DicomAttribute tag='00280030' vr='DS'><Value number='1'>nan</Value></DicomAttribute>",
            id="not a number",
        ),
        pytest.param(
            "<DicomAttribute tag='00080061' vr='CS'><Value number='x'>CT</Value></DicomAttribute>",
            id="number of a value",
        ),
        pytest.param(
            "<DicomAttribute tag='7FE00010' vr='OB'><InlineBinary>*</InlineBinary></DicomAttribute>",
            id="no base 64",
        ),
        pytest.param(
            "<DicomAttribute tag='7FE00010' vr='OB'><Value number='1'>1</Value></DicomAttribute>",
            id="binary as text",
        ),
    ],
)
def test_a_malformed_attribute_is_refused(content):
    with pytest.raises(InvalidInstanceError):
        read(content)


def test_the_vr_may_be_left_to_the_dictionary():
    found = read("<DicomAttribute tag='00280010'><Value number='1'>512</Value></DicomAttribute>")

    assert found == {"00280010": {"vr": "US", "Value": [512]}}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40).map(lambda noise: DOCUMENT.format("").encode() + noise) | st.binary())
def test_no_bytes_are_more_than_malformed(document):
    with suppress(InvalidInstanceError):
        dataset_from_xml(document)
