"""Other people's DICOM software at a running portal."""

import io
import json
import os
import re
import shutil
import subprocess

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient

from pacs_portal.tests.dicom_kit import accepted_datasets
from pacs_portal.tests.running_portal import free_port, wait_for
from studies.tests.builders import SAMPLES

ORTHANC_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]


@pytest.fixture
def session(portal):
    """Signed in as a radiologist, by the form that a person uses."""
    session = requests.Session()
    form = session.get(f"{portal.url}/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
    session.post(
        f"{portal.url}/accounts/login/",
        data={
            "login": "radiologist", "password": portal.passwords["radiologist"],
            "csrfmiddlewaretoken": token,
        },
    )  # fmt: skip
    yield session
    session.close()


@pytest.fixture(scope="module")
def token(portal):
    return portal.manage("create_api_token", "technologist", "--name", "peers").strip()


@pytest.fixture
def client(portal, session):
    return DICOMwebClient(f"{portal.url}/dicom-web", session=session)


@pytest.fixture
def real():
    return pydicom.dcmread(SAMPLES / "test_files" / "CT_small.dcm")


def test_dicomweb_client_finds_a_study_its_series_and_instances(client, real):
    studies = client.search_for_studies(search_filters={"StudyInstanceUID": real.StudyInstanceUID})
    series = client.search_for_series(real.StudyInstanceUID)
    instances = client.search_for_instances(real.StudyInstanceUID, real.SeriesInstanceUID)

    assert [s["0020000D"]["Value"][0] for s in studies] == [real.StudyInstanceUID]
    assert [s["0020000E"]["Value"][0] for s in series] == [real.SeriesInstanceUID]
    assert [i["00080018"]["Value"][0] for i in instances] == [real.SOPInstanceUID]


def test_dicomweb_client_reads_metadata_as_a_data_set(client, real):
    (metadata,) = client.retrieve_series_metadata(real.StudyInstanceUID, real.SeriesInstanceUID)

    dataset = pydicom.Dataset.from_json(metadata, bulk_data_uri_handler=lambda _: b"")

    assert dataset.PatientName == real.PatientName
    assert dataset.ImagePositionPatient == real.ImagePositionPatient


def test_dicomweb_client_gets_the_instance_and_its_frame(client, real):
    uids = (real.StudyInstanceUID, real.SeriesInstanceUID, real.SOPInstanceUID)

    instance = client.retrieve_instance(*uids)
    (frame,) = client.retrieve_instance_frames(
        *uids, frame_numbers=[1], media_types=(("application/octet-stream", "*"),)
    )

    assert instance.PixelData == real.PixelData
    assert frame == real.PixelData


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


@pytest.fixture
def orthanc(tmp_path, portal, token):
    """The URL of an Orthanc of our own, which knows the portal as a server of DICOMweb."""
    http, dicom = free_port(), free_port()
    server = {"Url": f"{portal.url}/dicom-web/", "Username": "technologist", "Password": token}
    configuration = {
        "Name": "peer", "StorageDirectory": str(tmp_path / "db"), "IndexDirectory": str(tmp_path / "db"),
        "HttpPort": http, "DicomPort": dicom, "RemoteAccessAllowed": False,
        "Plugins": [ORTHANC_DICOMWEB], "DicomWeb": {"Enable": True, "Servers": {"portal": server}},
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(configuration))
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(tmp_path / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://localhost:{http}"
    try:
        wait_for(lambda: _answers(f"{url}/system"))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


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


def pixels_of(dataset):
    return dataset.get("PixelData") or dataset.get("FloatPixelData")


def test_dicomweb_client_stores_finds_and_retrieves_every_accepted_file_of_the_kit(portal, token):
    sent = accepted_datasets(salt="dicomweb-client")
    with requests.Session() as machine:
        machine.auth = ("technologist", token)
        client = DICOMwebClient(f"{portal.url}/dicom-web", session=machine)

        answer = client.store_instances(list(sent.values()))
        found = {
            instance["00080018"]["Value"][0]
            for study in {dataset.StudyInstanceUID for dataset in sent.values()}
            for instance in client.search_for_instances(study)
        }
        returned = {
            name: client.retrieve_instance(
                d.StudyInstanceUID, d.SeriesInstanceUID, d.SOPInstanceUID
            )
            for name, d in sent.items()
        }

    uids = {dataset.SOPInstanceUID for dataset in sent.values()}
    assert len(sent) >= 90
    assert {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence} == uids
    assert "FailedSOPSequence" not in answer
    assert found == uids
    changed = [name for name, d in returned.items() if pixels_of(d) != pixels_of(sent[name])]
    assert changed == []


def test_orthanc_stores_finds_and_retrieves_every_accepted_file_of_the_kit(orthanc):
    files = {}
    for dataset in accepted_datasets(salt="orthanc").values():
        content = io.BytesIO()
        dataset.save_as(content, enforce_file_format=True)
        stored = requests.post(f"{orthanc}/instances", data=content.getvalue(), timeout=20).json()
        files[stored["ID"]] = content.getvalue()
    server, wait = f"{orthanc}/dicom-web/servers/portal", {"Synchronous": True}
    studies = requests.get(f"{orthanc}/studies?expand", timeout=20).json()
    uids = [study["MainDicomTags"]["StudyInstanceUID"] for study in studies]

    sent = requests.post(f"{server}/stow", json={"Resources": list(files), **wait}, timeout=60)
    found = requests.post(
        f"{server}/qido",
        json={"Uri": "/studies", "Arguments": {"StudyInstanceUID": ",".join(uids)}},
        timeout=20,
    )
    for study in studies:
        requests.delete(f"{orthanc}/studies/{study['ID']}", timeout=20)
    wanted = [{"Study": uid} for uid in uids]
    requests.post(f"{server}/retrieve", json={"Resources": wanted, **wait}, timeout=60)
    returned = {
        name: requests.get(f"{orthanc}/instances/{name}/file", timeout=20).content
        for name in requests.get(f"{orthanc}/instances", timeout=20).json()
    }

    assert len(files) >= 90
    assert sent.json()["InstancesCount"] == str(len(files))
    assert sorted(study["0020000D"]["Value"] for study in found.json()) == sorted(uids)
    assert returned == files
