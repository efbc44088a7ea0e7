"""dicomweb-client and Orthanc's DICOMweb plugin at a running portal: all they can do, on real files."""

import functools
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from django.conf import settings
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pacs_portal.tests.running_portal import free_port, wait_for
from studies.tests.builders import SAMPLES

pytestmark = [pytest.mark.peer, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

LIST = Path(settings.BASE_DIR) / "studies" / "tests" / "samples.json"
# More real files, where a checkout has them beside it.
KIT = Path(settings.BASE_DIR).parent / "shared" / "dicom-kit"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
CINE, CT = "examples_ybr_color.dcm", "CT_small.dcm"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def accepted_files() -> list[Path]:
    """Each once, though pydicom's files are in the kit too."""
    listed = [(SAMPLES, json.loads(LIST.read_text())["files"])]
    if KIT.exists():
        listed.append((KIT, json.loads((KIT / "index.json").read_text())["entries"]))
    return list(
        {
            sample["sha256"]: folder / sample["file"]
            for folder, samples in listed
            for sample in samples
            if sample["expect"] == "accept"
        }.values()
    )


def renamed(path: Path, purpose: str) -> Dataset:
    """The file as another instance in a study of its own, that no other test stores."""
    dataset = pydicom.dcmread(path)
    uid = functools.partial(generate_uid, prefix="2.25.")
    dataset.StudyInstanceUID = uid(entropy_srcs=[str(path), purpose, "study"])
    dataset.SeriesInstanceUID = uid(entropy_srcs=[str(path), purpose, "series"])
    dataset.SOPInstanceUID = uid(entropy_srcs=[str(path), purpose, "instance"])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # Elements of the command of a message, which some files hold and pydicom writes to none.
    for element in dataset.group_dataset(0x0000):
        del dataset[element.tag]
    return dataset


def uids(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


def same_pixels(one: Dataset, other: Dataset) -> bool:
    """As bytes where the transfer syntax is the same, else as values."""
    if one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID:
        return one.get("PixelData") == other.get("PixelData")
    return bool((one.pixel_array == other.pixel_array).all())


@pytest.fixture(scope="module")
def token(portal):
    """Makes and gives the token of a demonstration user."""

    @functools.cache
    def token(user: str) -> str:
        return portal.manage("create_api_token", user, "--name", "test").strip()

    return token


@pytest.fixture(scope="module")
def connect(portal, token):
    def connect(user: str, **headers: str) -> DICOMwebClient:
        headers["Authorization"] = f"Bearer {token(user)}"
        return DICOMwebClient(f"{portal.url}/dicom-web", headers=headers)

    return connect


@pytest.fixture(scope="module")
def client(connect):
    return connect("technologist")


@pytest.fixture(scope="module")
def cine(client):
    """Thirty frames of ultrasound in JPEG, stored by this client."""
    dataset = renamed(SAMPLES / "test_files" / CINE, "cine")
    client.store_instances([dataset])
    return dataset


@pytest.fixture(scope="module")
def ct(client):
    dataset = renamed(SAMPLES / "test_files" / CT, "ct")
    client.store_instances([dataset])
    return dataset


# --- dicomweb-client ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", accepted_files(), ids=lambda path: path.name)
def test_dicomweb_client_stores_finds_and_retrieves_a_file_with_the_same_pixels(client, path):
    sent = renamed(path, "each file")

    answer = client.store_instances([sent])
    found = client.search_for_instances(*uids(sent)[:2])
    returned = client.retrieve_instance(*uids(sent))

    assert len(answer.ReferencedSOPSequence) == 1
    assert [i["00080018"]["Value"] for i in found] == [[sent.SOPInstanceUID]]
    assert same_pixels(sent, returned)


def test_dicomweb_client_is_told_of_what_is_not_stored(client):
    dataset = renamed(SAMPLES / "test_files" / CT, "other study")

    with pytest.raises(requests.HTTPError) as refusal:
        client.store_instances([dataset], study_instance_uid="2.25.1")

    assert refusal.value.response.status_code == 409
    assert "00081198" in refusal.value.response.json()


def test_dicomweb_client_pages_through_all_studies(client):
    first = client.search_for_studies(limit=7)
    everything = client.search_for_studies(limit=100, get_remaining=True)

    found = [study["0020000D"]["Value"][0] for study in everything]
    assert len(found) == len(set(found)) > 300
    assert first == everything[:7]


def test_dicomweb_client_searches_with_fields_and_fuzzily(client, ct):
    (study,) = client.search_for_studies(
        fuzzymatching=True, fields=["StudyDescription", "00081048"],
        search_filters={"PatientName": "compressedsamples*", "StudyInstanceUID": ct.StudyInstanceUID},
    )  # fmt: skip
    (series,) = client.search_for_series(search_filters={"SeriesInstanceUID": ct.SeriesInstanceUID})
    (instance,) = client.search_for_instances(search_filters={"SOPInstanceUID": ct.SOPInstanceUID})

    assert study["00081030"]["Value"] == [ct.StudyDescription]
    assert series["00080060"]["Value"] == ["CT"]
    assert instance["00280010"]["Value"] == [ct.Rows]


def test_dicomweb_client_retrieves_a_study_and_a_series_at_once_or_one_by_one(client, cine):
    study, series, _ = uids(cine)
    as_stored = (("application/dicom", "*"),)

    found = [
        *client.retrieve_study(study, media_types=as_stored),
        *client.iter_study(study, media_types=as_stored),
        *client.retrieve_series(study, series, media_types=as_stored),
        *client.iter_series(study, series, media_types=as_stored),
    ]

    assert [same_pixels(cine, dataset) for dataset in found] == [True] * 4


def test_dicomweb_client_that_names_no_transfer_syntax_gets_one_that_it_can_read(client, cine, ct):
    syntaxes = [
        dataset.file_meta.TransferSyntaxUID
        for uid in (cine.StudyInstanceUID, ct.StudyInstanceUID)
        for dataset in client.retrieve_study(uid)
    ]

    # Lossy as it is stored, all else uncompressed (PS3.18 8.7.3.5.2).
    assert syntaxes == [JPEG_BASELINE, ExplicitVRLittleEndian]


def test_dicomweb_client_reads_the_same_metadata_at_each_level(client, ct):
    study, series, instance = uids(ct)

    found = [
        *client.retrieve_study_metadata(study),
        *client.retrieve_series_metadata(study, series),
        client.retrieve_instance_metadata(study, series, instance),
    ]

    assert [m["00080018"]["Value"] for m in found] == [[instance]] * 3
    assert found[0] == found[1] == found[2]


def test_dicomweb_client_reads_frames_at_once_or_one_by_one(client, cine):
    codestreams = list(pydicom.encaps.generate_frames(cine.PixelData, number_of_frames=30))
    media_types = (("application/octet-stream", "*"), ("image/jpeg", JPEG_BASELINE))

    at_once = client.retrieve_instance_frames(*uids(cine), frame_numbers=[1, 30])
    one_by_one = list(
        client.iter_instance_frames(*uids(cine), frame_numbers=[2, 3], media_types=media_types)
    )

    assert [f.rstrip(b"\0") for f in at_once] == [codestreams[i].rstrip(b"\0") for i in (0, 29)]
    assert [f.rstrip(b"\0") for f in one_by_one] == [codestreams[i].rstrip(b"\0") for i in (1, 2)]


def test_dicomweb_client_reads_frames_in_another_transfer_syntax(client, ct):
    (frame,) = client.retrieve_instance_frames(
        *uids(ct), frame_numbers=[1], media_types=(("image/jls", "1.2.840.10008.1.2.4.80"),)
    )

    assert frame.startswith(b"\xff\xd8")
    assert b"\xff\xf7" in frame  # the start of a frame of JPEG-LS (ISO 14495-1 C.1.1)


@pytest.mark.parametrize(
    ("media_type", "magic"), [("image/jpeg", b"\xff\xd8\xff"), ("image/png", b"\x89PNG")]
)
def test_dicomweb_client_renders_an_instance_and_a_frame(client, ct, cine, media_type, magic):
    parameters = {"viewport": "64,64"}

    instance = client.retrieve_instance_rendered(
        *uids(ct), media_types=(media_type,), params=parameters
    )
    frame = client.retrieve_instance_frames_rendered(
        *uids(cine), frame_numbers=[3], media_types=(media_type,)
    )

    assert (instance[: len(magic)], frame[: len(magic)]) == (magic, magic)


def test_dicomweb_client_reads_bulk_data_whole_and_in_pieces(client, ct, portal):
    study, series, instance = uids(ct)
    url = (
        f"{portal.url}/dicom-web/studies/{study}/series/{series}/instances/{instance}"
        "/bulkdata/7FE00010"
    )

    (whole,) = client.retrieve_bulkdata(url)
    (same,) = client.iter_bulkdata(url)

    assert whole == same == ct.PixelData


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_dicomweb_client_deletes_with_its_reason_among_its_headers(client, connect, level):
    dataset = renamed(SAMPLES / "test_files" / CT, level)
    client.store_instances([dataset])
    steward = connect("data-steward", **{"Deletion-Reason": "Sent by mistake"})
    depth = ["study", "series", "instance"].index(level) + 1

    getattr(steward, f"delete_{level}")(*uids(dataset)[:depth])

    with pytest.raises(requests.HTTPError) as gone:
        client.retrieve_instance(*uids(dataset))
    assert gone.value.response.status_code == 410


# --- Orthanc -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orthanc(portal, token, tmp_path_factory):
    """An Orthanc that knows the portal by each of the ways it has to sign in."""
    if not PLUGIN.exists():
        pytest.skip(f"{PLUGIN} not installed: apt install orthanc-dicomweb")
    directory = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    url = f"{portal.url}/dicom-web/"
    configuration = {
        "Name": "peer", "StorageDirectory": str(directory), "IndexDirectory": str(directory),
        "HttpPort": http, "DicomPort": dicom, "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Servers": {
                "chunked": {
                    "Url": url, "Username": "technologist", "Password": token("technologist"),
                    "HasWadoRsUniversalTransferSyntax": True, "ChunkedTransfers": True,
                },
                "whole": {
                    "Url": url, "HttpHeaders": {"Authorization": f"Bearer {token('technologist')}"},
                    "HasWadoRsUniversalTransferSyntax": False, "ChunkedTransfers": False,
                },
                "steward": {
                    "Url": url, "HasDelete": True,
                    "HttpHeaders": {
                        "Authorization": f"Bearer {token('data-steward')}",
                        "Deletion-Reason": "Sent by mistake",
                    },
                },
            },
        },
    }  # fmt: skip
    (directory / "orthanc.json").write_text(json.dumps(configuration))
    program = shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin")
    with (directory / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(directory / "orthanc.json")], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(lambda: _answers(f"http://localhost:{http}/system"))
        yield f"http://localhost:{http}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def as_file(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def do(orthanc: str, server: str, what: str, body: dict) -> requests.Response:
    return requests.post(f"{orthanc}/dicom-web/servers/{server}/{what}", json=body, timeout=60)


@pytest.mark.parametrize("path", accepted_files(), ids=lambda path: path.name)
def test_orthanc_sends_a_file_and_fetches_it_back_with_the_same_pixels(orthanc, path):
    sent = renamed(path, "by Orthanc")
    kept = requests.post(f"{orthanc}/instances", data=as_file(sent), timeout=20).json()["ID"]

    stored = do(orthanc, "chunked", "stow", {"Resources": [kept], "Synchronous": True})
    requests.delete(f"{orthanc}/instances/{kept}", timeout=20).raise_for_status()
    fetched = do(
        orthanc, "chunked", "retrieve",
        {"Resources": [{"Study": sent.StudyInstanceUID}], "Synchronous": True},
    )  # fmt: skip
    content = requests.get(f"{orthanc}/instances/{kept}/file", timeout=20).content
    requests.delete(f"{orthanc}/instances/{kept}", timeout=20)

    assert (stored.status_code, fetched.status_code) == (200, 200)
    assert same_pixels(sent, pydicom.dcmread(io.BytesIO(content)))


def test_orthanc_without_chunks_and_transfer_syntaxes_does_it_too(orthanc):
    sent = renamed(SAMPLES / "test_files" / CT, "whole")
    kept = requests.post(f"{orthanc}/instances", data=as_file(sent), timeout=20).json()["ID"]

    stored = do(orthanc, "whole", "stow", {"Resources": [kept], "Synchronous": True})
    fetched = do(
        orthanc, "whole", "retrieve",
        {"Resources": [{"Study": sent.StudyInstanceUID}], "Synchronous": True},
    )  # fmt: skip

    assert (stored.status_code, fetched.status_code) == (200, 200)


def test_orthanc_searches(orthanc, ct):
    answer = do(
        orthanc, "chunked", "get",
        {"Uri": "/studies", "Arguments": {"StudyInstanceUID": ct.StudyInstanceUID, "00081030": ""}},
    ).json()  # fmt: skip

    assert [study["0020000D"]["Value"] for study in answer] == [[ct.StudyInstanceUID]]


def test_orthanc_deletes(orthanc, client):
    dataset = renamed(SAMPLES / "test_files" / CT, "deleted by Orthanc")
    client.store_instances([dataset])

    answer = do(
        orthanc, "steward", "delete",
        {"Level": "Study", "StudyInstanceUID": dataset.StudyInstanceUID},
    )  # fmt: skip

    assert answer.status_code == 200
    assert client.search_for_series(dataset.StudyInstanceUID) == []
