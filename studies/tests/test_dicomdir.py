"""The directory of a File-set, record by record."""

import datetime
import io

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.dicom.dicomdir import Directory, needs_header, record_type
from studies.dicom.names import PersonName

EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"


def identity(series: str = "1.2.3", instance: str = "1.2.3.4", **changes):
    return {
        "PatientName": PersonName("Müller^Jürgen", "山田^太郎", ""), "PatientID": "MRN-1",
        "StudyDate": datetime.date(2024, 1, 5), "StudyTime": datetime.time(10, 15),
        "StudyDescription": "Größe", "StudyInstanceUID": "1.2", "StudyID": "",
        "AccessionNumber": "ACC", "Modality": "CT", "SeriesInstanceUID": series,
        "SeriesNumber": None, "SOPInstanceUID": instance, "InstanceNumber": None,
    } | changes  # fmt: skip


def add(directory: Directory, *, sop_class: str = CT, header=None, **changes) -> tuple[str, ...]:
    return directory.add(
        identity(**changes), sop_class_uid=sop_class, transfer_syntax_uid=EXPLICIT, header=header
    )


def records(directory: Directory) -> list[pydicom.Dataset]:
    return pydicom.dcmread(io.BytesIO(directory.encode())).DirectoryRecordSequence


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param("2", "IMAGE", id="CT"),
        pytest.param("66.4", "IMAGE", id="Segmentation"),
        pytest.param("88.33", "SR DOCUMENT", id="PS3.3 F.5.25, Comprehensive SR"),
        pytest.param("88.59", "KEY OBJECT DOC", id="PS3.3 F.5.26"),
        pytest.param("11.1", "PRESENTATION", id="PS3.3 F.5.23, Grayscale Softcopy"),
        pytest.param("9.1.1", "WAVEFORM", id="PS3.3 F.5.24, 12-lead ECG"),
        pytest.param("104.1", "ENCAP DOC", id="PS3.3 F.5.32, PDF"),
        pytest.param("481.1", "IMAGE", id="RT Image"),
        pytest.param("481.2", "RT DOSE", id="PS3.3 F.5.19"),
        pytest.param("481.3", "RT STRUCTURE SET", id="PS3.3 F.5.20"),
        pytest.param("481.5", "RT PLAN", id="PS3.3 F.5.21"),
        pytest.param("481.10", "RADIOTHERAPY", id="PS3.3 F.5.46, RT Physician Intent"),
        pytest.param("66", "RAW DATA", id="PS3.3 F.5.28"),
        pytest.param("4.2", "SPECTROSCOPY", id="PS3.3 F.5.27"),
    ],
)
def test_a_class_has_its_type_of_record(number, expected):
    assert record_type(f"1.2.840.10008.5.1.4.1.1.{number}") == expected


def test_a_private_class_is_listed_as_an_image():
    assert record_type("1.3.12.2.1107.5.9.1") == "IMAGE"


def test_the_header_of_an_image_is_not_needed():
    assert not needs_header(CT)


def test_names_are_components_of_eight_characters():
    directory = Directory()

    names = [add(directory), add(directory, instance="1.2.3.5"), add(directory, series="1.9")]

    assert names == [
        ("DICOM", "S0000001", "I0000001"), ("DICOM", "S0000001", "I0000002"),
        ("DICOM", "S0000002", "I0000001"),
    ]  # fmt: skip


def test_names_of_all_scripts_are_kept():
    directory = Directory()
    add(directory)

    patient, study, *_ = records(directory)

    assert str(patient.PatientName) == "Müller^Jürgen=山田^太郎"
    assert study.StudyDescription == "Größe"


def test_an_instance_without_a_number_takes_the_one_of_its_place():
    directory = Directory()
    add(directory)
    add(directory, instance="1.2.3.5")

    assert [record.InstanceNumber for record in records(directory)[-2:]] == [1, 2]


def test_a_key_that_cannot_be_read_is_empty():
    directory = Directory()
    header = {"00280010": {"vr": "US", "Value": ["many"]}, "00280011": {"vr": "US", "Value": [4]}}
    add(directory, sop_class=SPECTROSCOPY, header=header)

    record = records(directory)[-1]

    assert (record["Rows"].is_empty, record.Columns) == (True, 4)


def test_a_directory_of_nothing_is_still_a_file():
    assert pydicom.dcmread(io.BytesIO(Directory().encode())).file_meta.TransferSyntaxUID == EXPLICIT


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 5), max_size=5))
def test_following_the_links_meets_every_instance_in_order(instances_of_series):
    directory = Directory()
    added = []
    for series, count in enumerate(instances_of_series, start=1):
        for number in range(count):
            added.append(f"1.{series}.{number}")
            add(directory, series=f"1.{series}", instance=added[-1])

    file = pydicom.dcmread(io.BytesIO(directory.encode()))

    at = {record.seq_item_tell: record for record in file.get("DirectoryRecordSequence", [])}
    root = file.get("OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity", 0)
    assert [record.ReferencedSOPInstanceUIDInFile for record in leaves(at, root)] == added


def leaves(at: dict[int, pydicom.Dataset], offset: int) -> list[pydicom.Dataset]:
    """What lies below a record and those that follow it."""
    found = []
    while offset:
        record = at[offset]
        below = record.OffsetOfReferencedLowerLevelDirectoryEntity
        found += leaves(at, below) if below else [record]
        offset = record.OffsetOfTheNextDirectoryRecord
    return found
