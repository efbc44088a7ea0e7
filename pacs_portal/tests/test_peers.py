"""Files and media between a running portal, DCMTK and Orthanc."""

import io
import shutil
import subprocess

import pydicom
import pytest
import requests

from studies.tests.builders import SAMPLES

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


@pytest.fixture
def session(radiologist):
    """Signed in as a radiologist."""
    with requests.Session() as session:
        for cookie in radiologist["cookies"]:
            session.cookies.set(cookie["name"], cookie["value"])
        yield session


def test_dcmtk_reads_a_seeded_instance_without_a_complaint(portal, session, tmp_path):
    study = session.get(f"{portal.url}/dicom-web/studies", params={"limit": 1}).json()[0]
    url = study["00081190"]["Value"][0]
    instance = session.get(f"{url}/instances", params={"limit": 1}).json()[0]

    answer = session.get(
        instance["00081190"]["Value"][0], headers={"Accept": "application/dicom;transfer-syntax=*"}
    )
    (tmp_path / "instance.dcm").write_bytes(answer.content)
    said = subprocess.run(
        [shutil.which("dcmdump"), str(tmp_path / "instance.dcm")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    dataset = pydicom.dcmread(io.BytesIO(answer.content))
    assert said.stderr == ""
    assert dataset.StudyInstanceUID == study["0020000D"]["Value"][0]
    assert f"[{dataset.PatientID}]" in said.stdout


def test_a_seeded_instance_goes_through_orthanc_and_comes_back_the_same(
    portal, session, orthanc, tmp_path
):
    study = session.get(f"{portal.url}/dicom-web/studies", params={"limit": 1}).json()[0]
    instance = session.get(
        f"{study['00081190']['Value'][0]}/instances", params={"limit": 1}
    ).json()[0]
    content = session.get(
        instance["00081190"]["Value"][0], headers={"Accept": "application/dicom;transfer-syntax=*"}
    ).content

    stored = requests.post(f"{orthanc}/instances", data=content, timeout=20).json()
    tags = requests.get(f"{orthanc}/instances/{stored['ID']}/simplified-tags", timeout=20).json()
    returned = requests.get(f"{orthanc}/instances/{stored['ID']}/file", timeout=20).content

    assert tags["PatientID"] == study["00100020"]["Value"][0]
    assert tags["StudyInstanceUID"] == study["0020000D"]["Value"][0]
    assert returned == content


def test_a_file_that_orthanc_exports_is_imported(portal, orthanc, tmp_path):
    original = (SAMPLES / "test_files" / "examples_rgb_color.dcm").read_bytes()
    stored = requests.post(f"{orthanc}/instances", data=original, timeout=20).json()
    archive = requests.get(f"{orthanc}/studies/{stored['ParentStudy']}/archive", timeout=20).content
    (tmp_path / "study.zip").write_bytes(archive)

    said = portal.manage("import_dicom", str(tmp_path / "study.zip"))

    assert said.startswith("1 accepted, 0 already there, 0 conflicting, 0 rejected")
