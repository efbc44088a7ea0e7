"""The index's identity over a stored file, whose other bytes stay what they were."""

import datetime
import io
import struct
import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset

from studies.dicom.attributes import BY_KEYWORD
from studies.dicom.names import PersonName
from studies.dicom.overlay import (
    attribute_to_json,
    overlay_head,
    overlay_header,
    person_name_columns,
    to_dicom_text,
)
from studies.tests.builders import make_dataset, make_encapsulated, make_file, to_file
from studies.tests.samples import CHARSET_FILES, TEST_FILES, parse, read

pytestmark = pytest.mark.filterwarnings(r"ignore:::pydicom\..*")

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
IDENTITY = {
    "PatientName": PersonName("Yamada^Tarou", "山田^太郎", "やまだ^たろう"),
    "PatientID": "OTHER-7",
    "IssuerOfPatientID": "",
    "PatientBirthDate": datetime.date(1966, 7, 8),
    "PatientSex": "O",
    "StudyDate": None,
    "StudyTime": datetime.time(1, 2, 3, 450_000),
    "AccessionNumber": "Ž-12",
    "StudyInstanceUID": "2.25.1",
    "SeriesInstanceUID": "2.25.2",
    "SOPInstanceUID": "2.25.3.333",
    "SeriesNumber": 12,
}
# Written by the overlay, besides the identity.
REWRITTEN = {*IDENTITY, "SpecificCharacterSet"}


def overlaid(content: bytes) -> bytes:
    """The whole file of another identity, as `retrieve_instance` puts it together."""
    parsed = parse(content)
    end = len(content)
    if parsed.frames:
        end = parsed.frames.offset - (8 if parsed.transfer_syntax_uid == IMPLICIT else 12)
    return overlay_head(content[:end], parsed.transfer_syntax_uid, IDENTITY) + content[end:]


def others(dataset: Dataset) -> dict[int, object]:
    """Value by tag, but for what the overlay writes and group lengths, which it drops."""
    return {
        element.tag: element.value
        for element in dataset
        if element.keyword not in REWRITTEN and element.tag.element
    }


SOURCES = [
    pytest.param(make_file(), id="explicit"),
    pytest.param(make_file(IMPLICIT), id="implicit"),
    pytest.param(make_file(BIG_ENDIAN), id="big endian"),
    pytest.param(make_encapsulated([b"ab", b"cd"]), id="encapsulated"),
    pytest.param(make_file(SpecificCharacterSet="ISO_IR 100"), id="Latin-1"),
    pytest.param(make_file(SpecificCharacterSet=None, PatientName="Doe^Jane"), id="ASCII"),
    pytest.param(make_file(PixelData=None), id="no pixels"),
    *[
        pytest.param((folder / name).read_bytes(), id=name)
        for folder, name in [
            (CHARSET_FILES, "chrH32.dcm"), (CHARSET_FILES, "chrX2.dcm"),
            (CHARSET_FILES, "chrGreek.dcm"), (CHARSET_FILES, "chrFrenMulti.dcm"),
            (TEST_FILES, "CT_small.dcm"), (TEST_FILES, "MR_small_implicit.dcm"),
            (TEST_FILES, "MR_small_bigendian.dcm"), (TEST_FILES, "SC_rgb_rle_2frame.dcm"),
            (TEST_FILES, "JPEG2000.dcm"), (TEST_FILES, "test-SR.dcm"),
            (TEST_FILES, "rtplan.dcm"), (TEST_FILES, "examples_overlay.dcm"),
            (TEST_FILES, "waveform_ecg.dcm"),
        ]
    ],
]  # fmt: skip
each_source = pytest.mark.parametrize("content", SOURCES)


@each_source
def test_the_result_has_the_other_identity(content):
    dataset = read(overlaid(content))

    assert {keyword: str(dataset.get(keyword)) for keyword in IDENTITY} == {
        "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "PatientID": "OTHER-7",
        "IssuerOfPatientID": "",
        "PatientBirthDate": "19660708",
        "PatientSex": "O",
        "StudyDate": "",
        "StudyTime": "010203.450000",
        "AccessionNumber": "Ž-12",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": "2.25.2",
        "SOPInstanceUID": "2.25.3.333",
        "SeriesNumber": "12",
    }


@each_source
def test_file_meta_information_follows(content):
    dataset, before = read(overlaid(content)), read(content)

    meta = dataset.file_meta
    assert meta.MediaStorageSOPInstanceUID == "2.25.3.333"
    assert meta.MediaStorageSOPClassUID == dataset.SOPClassUID
    assert meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert meta.get("SourceApplicationEntityTitle") == before.file_meta.get(
        "SourceApplicationEntityTitle"
    )


@each_source
def test_everything_else_stays(content):
    assert others(read(overlaid(content))) == others(read(content))


@each_source
def test_the_pixels_stay_where_they_are_found(content):
    result = overlaid(content)

    before, after = parse(content).frames, parse(result).frames
    if before is None:
        assert after is None
        return
    shift = after.offset - before.offset
    assert result[after.offset :] == content[before.offset :]
    assert (after.length, after.frame_length) == (before.length, before.frame_length)
    assert after.frame_starts == tuple(start + shift for start in before.frame_starts)


@each_source
def test_the_result_can_be_taken_in_again(content):
    again, before = parse(overlaid(content)), parse(content)

    assert again.sop_instance_uid == "2.25.3.333"
    written = {BY_KEYWORD[keyword].tag for keyword in IDENTITY} | {"00080005"}
    assert {tag: value for tag, value in again.header.items() if tag not in written} == {
        tag: value for tag, value in before.header.items() if tag not in written
    }


def test_elements_of_a_utf_8_file_stay_bit_for_bit():
    item = Dataset()
    item.CodeMeaning = "Schädel"
    dataset = make_dataset(RequestAttributesSequence=[item], PatientComments="  ä ")
    dataset["RequestAttributesSequence"].is_undefined_length = True
    block = dataset.private_block(0x0009, "PORTAL", create=True)
    block.add_new(1, "UN", b"\xff\xfe\x00\x01")
    content = to_file(dataset)

    result = overlaid(content)

    for tag in (0x00090010, 0x00091001, 0x00104000, 0x00400275, 0x00280010):
        raw = element_bytes(content, tag)
        assert element_bytes(result, tag) == raw
    assert len(element_bytes(content, 0x00400275)) > 40


def element_bytes(content: bytes, tag: int) -> bytes:
    from studies.dicom.elements import Encoding  # noqa: PLC0415
    from studies.dicom.parse import read_meta, top_level_elements  # noqa: PLC0415

    _, start = read_meta(content)
    elements = top_level_elements(content, start, Encoding(implicit_vr=False, little_endian=True))
    (found,) = [element for element in elements if element.tag == tag]
    return content[found.start : found.end]


def test_text_of_items_in_another_character_set_survives():
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.CodeMeaning = "Голова"
    content = make_file(
        SpecificCharacterSet="ISO_IR 100", StudyDescription="Schädel",
        RequestAttributesSequence=[item],
    )  # fmt: skip

    dataset = read(overlaid(content))

    assert dataset.StudyDescription == "Schädel"
    assert dataset.RequestAttributesSequence[0].CodeMeaning == "Голова"


def test_numbers_stay_as_they_were_written():
    content = make_file(
        SpecificCharacterSet="ISO_IR 100", SliceThickness="1.50", PatientWeight="070"
    )

    assert b"1.50" in overlaid(content)
    assert b"070 " in overlaid(content)


@pytest.mark.parametrize("character_set", ["ISO_IR 100", "ISO_IR 192"])
def test_numbers_stay_in_items_that_are_written_in_another_encoding(character_set):
    """A sequence of unknown VR holds implicit items, which the writer makes explicit ones."""
    numbers = b"1.50\\\\2.5"
    thickness = struct.pack("<HHL", 0x0018, 0x0050, len(numbers)) + numbers
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(thickness)) + thickness
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    sequence = struct.pack("<HH2sHL", 0x0021, 0x1001, b"UN", 0, 0xFFFFFFFF) + item + end
    content = make_file(SpecificCharacterSet=character_set)
    behind = content.index(b"\x28\0\x02\0")  # of group 0028

    result = overlaid(content[:behind] + sequence + content[behind:])

    assert numbers in result


def test_a_damaged_value_stays_as_it_is():
    """Three bytes are no US; the library refuses to read them, and quotes them."""
    content = make_file(SpecificCharacterSet="ISO_IR 100")
    rows = b"\x28\0\x10\0US\x02\0\x04\0"
    damaged = b"\x28\0\x09\0AT\x06\0Planta"

    result = overlaid(content.replace(rows, damaged + rows))

    assert damaged in result


def test_an_attribute_written_in_another_vr_is_laid_over():
    dataset = make_dataset()
    dataset.add_new("SeriesNumber", "US", 7)

    assert read(overlaid(to_file(dataset))).SeriesNumber == 12


def test_a_code_beyond_the_default_repertoire_breaks_nothing():
    content = make_file()
    parsed = parse(content)
    head = content[: parsed.frames.offset - 12]

    result = overlay_head(head, EXPLICIT, IDENTITY | {"PatientSex": "Ω"})

    assert read(result).PatientSex == "?"


def test_the_preamble_stays():
    content = b"II*\x00" + make_file()[4:]

    assert overlaid(content)[:132] == content[:132]


@pytest.mark.parametrize("number", [2, 3])
def test_file_meta_information_without_its_uids_is_completed(number):
    """Devices leave (0002,0002) or (0002,0003) out; the data set has both."""
    content = make_file()
    at = content.index(bytes((2, 0, number, 0)) + b"UI")
    end = at + 8 + content[at + 6]

    dataset = read(overlaid(content[:at] + content[end:]))

    assert dataset.file_meta.MediaStorageSOPInstanceUID == "2.25.3.333"
    assert dataset.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_a_file_of_another_identity_may_keep_its_own_uid():
    content = make_file(PixelData=None)

    result = overlay_head(content, EXPLICIT, {"PatientID": "OTHER-7"})

    assert read(result).PatientID == "OTHER-7"
    assert read(result).file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


@pytest.mark.peer
@each_source
def test_dcmtk_reads_the_result_without_a_complaint_of_ours(content, tmp_path):
    complaints = []
    for name, file in (("before", content), ("after", overlaid(content))):
        (tmp_path / name).write_bytes(file)
        dump = subprocess.run(
            ["dcmdump", "--quote-nonascii", tmp_path / name], capture_output=True, check=True
        )
        complaints.append([line for line in dump.stderr.splitlines() if b"(0008,0005)" not in line])

    assert len(complaints[1]) <= len(complaints[0])


# --- Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("MRN-1", "MRN-1"),
        (7, "7"),
        (datetime.date(2024, 2, 9), "20240209"),
        (datetime.date(12, 1, 2), "00120102"),
        (datetime.time(1, 2, 3), "010203"),
        (datetime.time(1, 2, 3, 4), "010203.000004"),
        (PersonName("A", "", "C"), "A==C"),
    ],
)
def test_a_column_as_dicom_writes_it(value, text):
    assert to_dicom_text(value) == text


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("PatientID", "MRN-1", {"vr": "LO", "Value": ["MRN-1"]}),
        ("PatientID", "", {"vr": "LO"}),
        ("StudyDate", datetime.date(2024, 2, 9), {"vr": "DA", "Value": ["20240209"]}),
        ("StudyDate", None, {"vr": "DA"}),
        ("Rows", 512, {"vr": "US", "Value": [512]}),
        ("SeriesNumber", None, {"vr": "IS"}),
        ("PatientName", PersonName("A^B"), {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}),
        ("PatientName", PersonName(), {"vr": "PN"}),
        ("ModalitiesInStudy", ["CT", "SR"], {"vr": "CS", "Value": ["CT", "SR"]}),
        ("ModalitiesInStudy", [], {"vr": "CS"}),
    ],
)
def test_a_column_in_json(keyword, value, expected):
    assert attribute_to_json(keyword, value) == expected


def test_a_header_of_another_identity_stays_in_order():
    header = {"00080018": {"vr": "UI", "Value": ["1.2"]}, "00280010": {"vr": "US", "Value": [4]}}

    result = overlay_header(header, {"PatientID": "MRN-1", "SOPInstanceUID": "2.25.3"})

    assert list(result.items()) == [
        ("00080018", {"vr": "UI", "Value": ["2.25.3"]}),
        ("00100020", {"vr": "LO", "Value": ["MRN-1"]}),
        ("00280010", {"vr": "US", "Value": [4]}),
    ]


def test_a_name_is_put_together_from_its_columns():
    class Row:
        patient_name, patient_name_ideographic, patient_name_phonetic = "A", "B", "C"

    assert person_name_columns(Row(), "patient_name") == PersonName("A", "B", "C")


def test_what_pydicom_writes_is_what_it_reads():
    """The comparison above would prove nothing if both sides read the same wrong thing."""
    assert pydicom.dcmread(io.BytesIO(overlaid(make_file()))).pixel_array.shape == (4, 4)
