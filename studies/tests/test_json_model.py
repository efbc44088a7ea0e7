"""The DICOM JSON model against PS3.18 Annex F, and against what pydicom makes of real files."""

import base64
import json
import math
from typing import Any

import pytest
from pydicom.dataset import Dataset

from studies.dicom.json_model import clean, dataset_to_json, dumps, value_to_json
from studies.errors import InvalidInstanceError
from studies.tests.builders import make_dataset, make_file, to_file
from studies.tests.samples import name_of, parse, part_10_files, read

pytestmark = pytest.mark.filterwarnings(r"ignore:::pydicom\..*")


def reread(**attributes: Any) -> dict[str, Any]:
    """The header of a file with these attributes and the four UIDs."""
    bare = dict.fromkeys(make_dataset().dir())
    uids = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    return parse(make_file(**{k: v for k, v in bare.items() if k not in uids} | attributes)).header


@pytest.mark.parametrize(
    ("keyword", "value", "tag", "expected"),
    [
        pytest.param(
            "PatientID", "MRN-1", "00100020", {"vr": "LO", "Value": ["MRN-1"]}, id="text"
        ),
        pytest.param(
            "ImageType", ["ORIGINAL", "PRIMARY"], "00080008",
            {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]}, id="several values",
        ),
        pytest.param(
            "ImageType", ["ORIGINAL", "", "AXIAL"], "00080008",
            {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]}, id="empty value is null, F.2.5",
        ),
        pytest.param("PatientID", "", "00100020", {"vr": "LO"}, id="empty attribute, F.2.5"),
        pytest.param("PatientName", "", "00100010", {"vr": "PN"}, id="empty name"),
        pytest.param("Rows", None, "00280010", None, id="absent"),
        pytest.param(
            "PatientName", "Doe^Jane=山田=やまだ", "00100010",
            {"vr": "PN", "Value": [
                {"Alphabetic": "Doe^Jane", "Ideographic": "山田", "Phonetic": "やまだ"}
            ]}, id="groups of a name, F.2.2",
        ),
        pytest.param(
            "PatientName", "=山田", "00100010",
            {"vr": "PN", "Value": [{"Ideographic": "山田"}]}, id="one group of a name",
        ),
        pytest.param(
            "OtherPatientNames", ["Doe^J", "", "Roe^J"], "00101001",
            {"vr": "PN", "Value": [{"Alphabetic": "Doe^J"}, None, {"Alphabetic": "Roe^J"}]},
            id="several names",
        ),
        pytest.param("SeriesNumber", "7", "00200011", {"vr": "IS", "Value": [7]}, id="IS"),
        pytest.param(
            "PixelSpacing", ["0.5", "0.25"], "00280030", {"vr": "DS", "Value": [0.5, 0.25]},
            id="DS",
        ),
        pytest.param(
            "PixelSpacing", ["0.5", ""], "00280030", {"vr": "DS", "Value": [0.5, None]},
            id="DS, one empty",
        ),
        pytest.param("Rows", 512, "00280010", {"vr": "US", "Value": [512]}, id="US"),
        pytest.param(
            "FrameIncrementPointer", [0x00181063, 0x0018A001], "00280009",
            {"vr": "AT", "Value": ["00181063", "0018A001"]}, id="AT in hex, F.2.2",
        ),
        pytest.param(
            "RecommendedDisplayFrameRateInFloat", 12.5, "00089459",
            {"vr": "FL", "Value": [12.5]}, id="FL",
        ),
        pytest.param(
            "DopplerCorrectionAngle", 0.1, "00186034", {"vr": "FD", "Value": [0.1]}, id="FD"
        ),
        pytest.param(
            "DopplerCorrectionAngle", math.nan, "00186034", {"vr": "FD"}, id="NaN is no JSON"
        ),
        pytest.param(
            "DopplerCorrectionAngle", -math.inf, "00186034", {"vr": "FD"}, id="nor is infinity"
        ),
        pytest.param(
            "EncapsulatedDocument", b"%PDF", "00420011",
            {"vr": "OB", "InlineBinary": base64.b64encode(b"%PDF").decode()}, id="binary, F.2.7",
        ),
        pytest.param("EncapsulatedDocument", b"", "00420011", {"vr": "OB"}, id="empty binary"),
        pytest.param(
            "PatientComments", "  two spaces\r\nand a line ", "00104000",
            {"vr": "LT", "Value": ["  two spaces\r\nand a line"]}, id="leading spaces of LT stay",
        ),
        pytest.param(
            "PatientComments", "a\\b", "00104000", {"vr": "LT", "Value": ["a\\b"]},
            id="backslash of LT separates nothing",
        ),
        pytest.param(
            "StudyDescription", "a\x00b\x07c\x9bd", "00081030", {"vr": "LO", "Value": ["abcd"]},
            id="control characters",
        ),
        pytest.param(
            "StudyDate", "20240105", "00080020", {"vr": "DA", "Value": ["20240105"]}, id="DA"
        ),
        pytest.param(
            "RequestAttributesSequence", [], "00400275", {"vr": "SQ"}, id="empty sequence"
        ),
        pytest.param(
            "RequestAttributesSequence", [Dataset()], "00400275", {"vr": "SQ", "Value": [{}]},
            id="empty item",
        ),
    ],
)  # fmt: skip
def test_an_attribute_in_json(keyword, value, tag, expected):
    assert reread(SpecificCharacterSet="ISO_IR 192", **{keyword: value}).get(tag) == expected


@pytest.mark.parametrize("value", [b"1e9999", b"nan   ", b"-inf  ", b"-1e999"])
def test_a_decimal_string_that_is_no_number_of_json_loses_its_value(value):
    content = make_file(SliceThickness="999999")

    assert parse(content.replace(b"999999", value)).header["00180050"] == {"vr": "DS"}


def test_an_integer_string_with_a_fraction_keeps_it():
    content = make_file(SeriesNumber="9999").replace(b"IS\x04\x009999", b"IS\x04\x001.5 ")

    assert parse(content).header["00200011"] == {"vr": "IS", "Value": [1.5]}


def test_sequences_are_nested_data_sets():
    code, request = Dataset(), Dataset()
    code.CodeValue = "T-1"
    request.ScheduledProtocolCodeSequence = [code]
    request.RequestedProcedureID = "P-1"

    header = reread(RequestAttributesSequence=[request, code])

    assert header["00400275"] == {
        "vr": "SQ",
        "Value": [
            {
                "00400008": {
                    "vr": "SQ",
                    "Value": [{"00080100": {"vr": "SH", "Value": ["T-1"]}}],
                },
                "00401001": {"vr": "SH", "Value": ["P-1"]},
            },
            {"00080100": {"vr": "SH", "Value": ["T-1"]}},
        ],
    }


def test_tags_ascend_in_upper_case_whatever_their_order_in_the_file():
    content = make_file()
    at = content.index(b"\x08\x00\x16\x00")
    late = b"\x09\x00\x1f\xa0LO\x02\x00b \x08\x00\x3e\x10LO\x02\x00a "

    tags = list(parse(content[:at] + late + content[at:]).header)

    assert tags == sorted(tags)
    assert "0009A01F" in tags


def test_group_lengths_are_left_out():
    dataset = make_dataset()
    dataset.add_new(0x00080000, "UL", 4)

    assert "00080000" not in parse(to_file(dataset)).header


def test_a_long_binary_value_has_only_its_place():
    dataset = Dataset()
    dataset.PatientID = "MRN-1"

    header = dataset_to_json(dataset, ["00420011", "00091001"])

    assert header == {
        "00091001": {"vr": "UN"},
        "00100020": {"vr": "LO", "Value": ["MRN-1"]},
        "00420011": {"vr": "UN"},
    }


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        pytest.param("US or SS", b"ab", {"vr": "OW", "InlineBinary": "YWI="}, id="bytes"),
        pytest.param("OB or OW", b"", {"vr": "OW"}, id="empty"),
    ],
)
def test_an_undecided_vr_is_given_as_words(vr, value, expected):
    assert value_to_json(vr, value) == expected


def test_text_is_clean_of_what_shows_as_something_else():
    assert clean(" a\x00\x1b\x7f\x85\u202eb\u2069\ud800c\t ") == "abc"


def test_letters_of_other_scripts_are_written_as_they_are():
    assert dumps({"a": "山田"}) == '{"a":"山田"}'


def test_what_is_not_json_is_refused():
    with pytest.raises(ValueError, match="Out of range"):
        dumps({"a": math.nan})


# --- Against pydicom -----------------------------------------------------------------------------


def normalised(theirs: dict[str, Any]) -> dict[str, Any]:
    """The library's model, but for empty values (F.2.5), padding and group lengths (F.2.2)."""
    return {
        tag: normalised_attribute(attribute)
        for tag, attribute in sorted(theirs.items())
        if not tag.endswith("0000")
    }


def normalised_attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    if attribute.get("InlineBinary") == "":
        return {"vr": attribute["vr"]}
    if "Value" not in attribute:
        return attribute
    values = [normalised_value(attribute["vr"], value) for value in attribute["Value"]]
    if all(value is None for value in values):
        return {"vr": attribute["vr"]}
    return attribute | {"Value": values}


def normalised_value(vr: str, value: Any) -> Any:
    if vr == "SQ":
        return normalised(value)
    if vr == "PN":
        return {
            group: name.rstrip("^ ") for group, name in value.items() if name.rstrip("^ ")
        } or None
    if isinstance(value, str):
        text = "".join(c for c in value if c.isprintable() or c in "\t\r\n")
        return (text.rstrip(" ") if vr in ("LT", "ST", "UT") else text.strip(" \t\r\n")) or None
    return value


@pytest.mark.parametrize("path", part_10_files(), ids=name_of)
def test_real_files_give_what_pydicom_gives(path):
    content = path.read_bytes()
    try:
        parsed = parse(content)
    except InvalidInstanceError:
        return  # what is refused, and that it is refused rightly, is told in test_samples

    ours = {tag: value for tag, value in parsed.header.items() if tag not in parsed.bulk}

    dataset = read(content)
    for tag in (*parsed.bulk, "7FE00010"):
        dataset.pop(int(tag, 16), None)
    assert ours == normalised(dataset.to_json_dict(bulk_data_threshold=2**30))
    assert json.loads(dumps(parsed.header)) == parsed.header
