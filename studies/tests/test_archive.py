"""A study, a series or an instance as a ZIP with its DICOMDIR."""

import io
import subprocess
import tracemalloc
import zipfile

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from studies.models import Instance, Study
from studies.tests.builders import RLE, SAMPLES, make_encapsulated, make_file

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
ZIP = "application/zip"
STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.88.11"


def archive(response) -> zipfile.ZipFile:
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response)))


def get(client, path: str = STUDY) -> zipfile.ZipFile:
    return archive(client.get(path, headers={"Accept": ZIP}))


def dicomdir(content: zipfile.ZipFile) -> list[Dataset]:
    return pydicom.dcmread(io.BytesIO(content.read("DICOMDIR"))).DirectoryRecordSequence


@pytest.fixture
def two_series(store):
    for series, instance in (("1.2.3.9", 1), ("1.2.3.9", 2), ("1.2.3.10", 1)):
        store(
            make_file(
                SeriesInstanceUID=series, SOPInstanceUID=f"{series}.{instance}",
                InstanceNumber=str(instance),
            )
        )  # fmt: skip


def test_a_study_comes_as_files_with_a_directory(client, two_series):
    content = get(client)

    assert content.testzip() is None
    assert content.namelist() == [
        "DICOM/S0000001/I0000001", "DICOM/S0000001/I0000002", "DICOM/S0000002/I0000001",
        "README.TXT", "DICOMDIR",
    ]  # fmt: skip


def test_a_series_comes_alone(client, two_series):
    assert len(get(client, SERIES).namelist()) == 2 + 2


def test_an_instance_comes_alone(client, store):
    store(make_file())

    assert len(get(client, INSTANCE).namelist()) == 1 + 2


def test_each_file_is_what_retrieval_of_its_instance_gives(client, store):
    store(make_file())
    store(make_encapsulated([b"frame"], SOPInstanceUID="1.2.3.5", InstanceNumber="2"))
    single = {"Accept": "application/dicom; transfer-syntax=*"}

    content = get(client)

    for number, uid in enumerate(("1.2.3.4", "1.2.3.5"), start=1):
        response = client.get(f"{SERIES}/instances/{uid}", headers=single)
        assert content.read(f"DICOM/S0000001/I{number:07}") == b"".join(response)


def test_the_index_is_laid_over_files_and_directory_alike(client, store):
    store(make_file())
    Study.objects.update(patient_name="Corrected^Name")
    Instance.objects.update(is_overlaid=True)

    content = get(client)

    file = pydicom.dcmread(io.BytesIO(content.read("DICOM/S0000001/I0000001")))
    assert file.PatientName == "Corrected^Name"
    assert dicomdir(content)[0].PatientName == "Corrected^Name"


def test_the_directory_leads_to_every_file(client, two_series, tmp_path):
    get(client).extractall(tmp_path)

    found = FileSet(tmp_path / "DICOMDIR")

    loaded = [instance.load() for instance in found]
    found._stage["t"].cleanup()
    assert [(i.SeriesInstanceUID, i.SOPInstanceUID) for i in loaded] == [
        ("1.2.3.9", "1.2.3.9.1"), ("1.2.3.9", "1.2.3.9.2"), ("1.2.3.10", "1.2.3.10.1"),
    ]  # fmt: skip


def test_the_directory_has_the_keys_of_each_level(client, store):
    store(make_file())

    patient, study, series, image = dicomdir(get(client))

    assert (patient.DirectoryRecordType, patient.PatientName) == ("PATIENT", "Müller^Jürgen")
    assert (study.DirectoryRecordType, study.StudyDate, study.AccessionNumber) == (
        "STUDY", "20240105", "ACC-1",
    )  # fmt: skip
    assert (series.DirectoryRecordType, series.Modality, series.SeriesNumber) == ("SERIES", "CT", 1)
    assert (image.DirectoryRecordType, image.InstanceNumber) == ("IMAGE", 1)
    assert image.ReferencedFileID == ["DICOM", "S0000001", "I0000001"]


def test_the_directory_names_the_transfer_syntax_of_each_file(client, store):
    store(make_encapsulated([b"frame"]))

    assert dicomdir(get(client))[-1].ReferencedTransferSyntaxUIDInFile == RLE


def code(meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", meaning
    return item


def content_item(relationship: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, "CODE"
    item.ConceptNameCodeSequence = [code(relationship)]
    return item


def test_a_report_is_listed_with_its_title_and_without_its_content(client, store):
    store(
        make_file(
            SOPClassUID=STRUCTURED_REPORT, Modality="SR", PixelData=None, Rows=None,
            CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED", ContentDate="20240105",
            ConceptNameCodeSequence=[code("Report")],
            ContentSequence=[content_item("HAS CONCEPT MOD"), content_item("CONTAINS")],
        )
    )  # fmt: skip

    report = dicomdir(get(client))[-1]

    assert (report.DirectoryRecordType, report.CompletionFlag) == ("SR DOCUMENT", "COMPLETE")
    assert report.ConceptNameCodeSequence[0].CodeMeaning == "Report"
    assert [item.RelationshipType for item in report.ContentSequence] == ["HAS CONCEPT MOD"]
    assert (report.ContentTime, "VerificationDateTime" in report) == ("", False)


def test_the_query_parameter_asks_for_it_too(client, store):
    store(make_file())

    response = client.get(STUDY, {"accept": ZIP})

    assert (response["Content-Type"], archive(response).testzip()) == (ZIP, None)


def test_another_form_is_given_to_whom_it_pleases_more(client, store):
    store(make_file())

    response = client.get(STUDY, headers={"Accept": f"{ZIP};q=0.5, multipart/related"})

    assert response["Content-Type"].startswith("multipart/related")


def test_files_are_not_transcoded_for_it(client, store):
    store(make_file())

    response = client.get(STUDY, headers={"Accept": f"{ZIP}; transfer-syntax={RLE}"})

    assert (response.status_code, response.json()["error"]) == (
        406, "A ZIP holds the files as they are stored: transfer-syntax=*.",
    )  # fmt: skip


def test_what_does_not_exist_is_not_an_empty_archive(client):
    assert client.get(STUDY, headers={"Accept": ZIP}).status_code == 404


def test_the_name_of_the_download_says_nothing_of_the_patient(client, store):
    store(make_file())

    response = client.get(STUDY, headers={"Accept": ZIP})

    assert response["Content-Disposition"] == 'attachment; filename="1.2.3.zip"'


def test_no_name_in_the_archive_says_anything_of_the_patient(client, store):
    store(make_file())

    content = get(client)

    assert b"MRN-1" not in content.read("README.TXT")
    assert all(set(name) <= set("DICOMREATXSI0123456789/.") for name in content.namelist())


def test_the_page_of_a_study_links_to_its_archive(client, store):
    store(make_file())

    page = client.get("/studies/1.2.3/").content.decode()

    assert f'href="{STUDY}?accept=application/zip"' in page


def test_rows_are_read_a_few_at_a_time(client, two_series, monkeypatch):
    monkeypatch.setattr("studies.dicomweb.archive._ROWS_AT_A_TIME", 2)

    assert len(get(client).namelist()) == 3 + 2


def test_an_instance_that_goes_while_the_archive_is_sent_is_not_listed(
    client, two_series, monkeypatch
):
    monkeypatch.setattr("studies.dicomweb.archive._ROWS_AT_A_TIME", 1)
    response = client.get(STUDY, headers={"Accept": ZIP})
    Instance.objects.filter(sop_instance_uid="1.2.3.9.2").delete()

    content = archive(response)

    listed = [record.get("ReferencedSOPInstanceUIDInFile") for record in dicomdir(content)]
    assert [uid for uid in listed if uid] == ["1.2.3.9.1", "1.2.3.10.1"]
    assert len(content.namelist()) == 2 + 2


def test_entries_beyond_the_old_limits_are_written_as_zip64(client, store, monkeypatch):
    monkeypatch.setattr("studies.dicomweb.archive._LARGE_BYTES", 1)
    store(make_file())

    content = get(client)

    assert content.testzip() is None
    assert b"\x01\x00\x10\x00" in content.fp.getvalue()[:100]  # ZIP64 extended information


@pytest.mark.parametrize("megabytes", [8, 64])
def test_an_archive_of_any_size_is_sent_in_a_few_megabytes(client, store, megabytes):
    store(make_file(Rows=1024, Columns=1024, NumberOfFrames=str(megabytes // 2), PixelData=bytes(megabytes << 20)))  # fmt: skip
    response = client.get(STUDY, headers={"Accept": ZIP})
    tracemalloc.start()

    sent = sum(len(piece) for piece in response)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent > megabytes << 20
    assert peak < 6 << 20


@pytest.mark.peer
def test_dcmtk_reads_the_directory_without_a_complaint(client, two_series, tmp_path):
    get(client).extractall(tmp_path)

    dump = subprocess.run(
        ["dcmdump", "--quiet", "+L", "DICOMDIR"], cwd=tmp_path, check=True,
        capture_output=True, text=True,
    )  # fmt: skip

    assert dump.stderr == ""
    assert dump.stdout.count("ReferencedFileID") == 3


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("liver_1frame.dcm", "IMAGE"),
        ("reportsi.dcm", "SR DOCUMENT"),
        ("rtdose.dcm", "RT DOSE"),
        ("rtplan.dcm", "RT PLAN"),
        ("test-SR.dcm", "SR DOCUMENT"),
        ("waveform_ecg.dcm", "WAVEFORM"),
    ],
)
def test_real_files_of_every_kind_are_listed_as_what_they_are(
    client, store, tmp_path, name, expected
):
    store((SAMPLES / "test_files" / name).read_bytes())
    get(client, f"/dicom-web/studies/{Study.objects.get().study_instance_uid}").extractall(tmp_path)

    dump = subprocess.run(
        ["dcmdump", "--quiet", "+P", "0004,1430", "DICOMDIR"], cwd=tmp_path, check=True,
        capture_output=True, text=True,
    )  # fmt: skip

    types = [line.split("[")[1].split("]")[0] for line in dump.stdout.splitlines()]
    assert (types, dump.stderr) == (["PATIENT", "STUDY", "SERIES", expected], "")


@pytest.mark.peer
def test_dcmtk_adds_a_file_to_the_directory_as_to_one_of_its_own(client, two_series, tmp_path):
    get(client).extractall(tmp_path)
    (tmp_path / "NEW").write_bytes(make_file(SOPInstanceUID="1.2.3.99", InstanceNumber="9"))

    subprocess.run(["dcmgpdir", "--append", "NEW"], cwd=tmp_path, check=True, capture_output=True)

    added = pydicom.dcmread(tmp_path / "DICOMDIR").DirectoryRecordSequence
    types = [record.DirectoryRecordType for record in added]
    assert (types.count("SERIES"), types.count("IMAGE")) == (2, 4)
