"""dicomweb-client and Orthanc's DICOMweb plugin at a running portal: all they can do, on real files."""

import io

import pydicom
import pytest
import requests
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_portal.tests.dicom_kit import accepted_files, renamed, same_pixels, uids
from studies.tests.builders import SAMPLES

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

CINE, CT = "examples_ybr_color.dcm", "CT_small.dcm"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


@pytest.fixture(scope="module")
def connect(portal, make_token):
    def connect(user: str, **headers: str) -> DICOMwebClient:
        headers["Authorization"] = f"Bearer {make_token(user)}"
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


def test_dicomweb_client_stores_finds_and_retrieves_every_accepted_file_with_the_same_pixels(
    client,
):
    sent = {path: renamed(path, "each file") for path in accepted_files()}

    answer = client.store_instances(list(sent.values()))
    found = [client.search_for_instances(*uids(dataset)[:2]) for dataset in sent.values()]
    returned = {path: client.retrieve_instance(*uids(dataset)) for path, dataset in sent.items()}

    names = [dataset.SOPInstanceUID for dataset in sent.values()]
    assert len(set(names)) >= 60
    assert sorted(r.ReferencedSOPInstanceUID for r in answer.ReferencedSOPSequence) == sorted(names)
    assert "FailedSOPSequence" not in answer
    assert [[i["00080018"]["Value"] for i in instances] for instances in found] == [
        [[name]] for name in names
    ]
    assert [path for path in sent if not same_pixels(sent[path], returned[path])] == []


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


def as_file(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def do(orthanc: str, server: str, what: str, body: dict) -> requests.Response:
    return requests.post(f"{orthanc}/dicom-web/servers/{server}/{what}", json=body, timeout=60)


def test_orthanc_stores_finds_and_retrieves_every_accepted_file_bit_for_bit(orthanc):
    files, studies = {}, {}
    for path in accepted_files():
        content = as_file(renamed(path, "by Orthanc"))
        kept = requests.post(f"{orthanc}/instances", data=content, timeout=20).json()
        files[kept["ID"]] = content
        studies[kept["ParentStudy"]] = renamed(path, "by Orthanc").StudyInstanceUID

    stored = do(orthanc, "chunked", "stow", {"Resources": list(files), "Synchronous": True})
    names = sorted(studies.values())
    found = [
        study
        for half in (names[::2], names[1::2])  # all would be a longer address than gunicorn takes
        for study in do(
            orthanc, "chunked", "qido",
            {"Uri": "/studies", "Arguments": {"StudyInstanceUID": ",".join(half)}},
        ).json()
    ]  # fmt: skip
    for study in studies:
        requests.delete(f"{orthanc}/studies/{study}", timeout=20).raise_for_status()
    wanted = [{"Study": name} for name in names]
    fetched = do(orthanc, "chunked", "retrieve", {"Resources": wanted, "Synchronous": True})
    returned = {
        name: requests.get(f"{orthanc}/instances/{name}/file", timeout=20).content for name in files
    }

    assert len(files) >= 60
    assert (stored.status_code, fetched.status_code) == (200, 200)
    assert stored.json()["InstancesCount"] == str(len(files))
    assert sorted(study["0020000D"]["Value"] for study in found) == names
    assert [name for name in files if returned[name] != files[name]] == []


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
