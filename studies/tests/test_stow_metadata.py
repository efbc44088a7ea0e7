"""Storing metadata and bulk data apart (PS3.18 10.5.1.4)."""

import io
import json
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studies.dicom.xml_model import dataset_to_xml
from studies.dicomweb import store_metadata
from studies.models import Instance, QuarantinedInput, Study
from studies.tests.builders import SAMPLES, make_dataset
from studies.tests.samples import full_disk
from studies.tests.stow import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    TOO_LARGE,
    UNSUPPORTED_TRANSFER_SYNTAX,
    failed,
    other_failures,
    stored,
)

pytestmark = pytest.mark.django_db

JSON, XML = "application/dicom+json", "application/dicom+xml"
JPEG_BASELINE, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
PIXELS = bytes(range(32))


def metadata(**changes: Any) -> dict[str, Any]:
    """Of the file of `make_dataset`, its pixel data to be fetched; None removes an attribute."""
    model = make_dataset(PixelData=None).to_json_dict()
    model["7FE00010"] = {"vr": "OW", "BulkDataURI": "pixels"}
    for tag, element in changes.items():
        model[tag.removeprefix("x")] = element
    return {tag: element for tag, element in model.items() if element is not None}


def text(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


@pytest.fixture
def send(sign_in):
    """Parts are (Content-Type, Content-Location, content)."""
    client = sign_in("technologist")

    def send(*parts: tuple[str, str, bytes], root: str = JSON, **headers):
        body = b"".join(
            f"--b\r\nContent-Type: {kind}\r\nContent-Location: {location}\r\n\r\n".encode("latin-1")
            + content
            + b"\r\n"
            for kind, location, content in parts
        )
        content_type = f'multipart/related; type="{root}"; boundary=b'
        return client.post(
            "/dicom-web/studies", body + b"--b--", content_type=content_type, headers=headers
        )

    return send


def as_json(*models: dict[str, Any]) -> tuple[str, str, bytes]:
    return JSON, "", json.dumps(models).encode()


def pixels(
    content: bytes = PIXELS, kind: str = "application/octet-stream"
) -> tuple[str, str, bytes]:
    return kind, "pixels", content


def held(client) -> pydicom.Dataset:
    """The one instance, as a client gets it."""
    response = client.get(
        "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.4",
        headers={"accept": "application/dicom; transfer-syntax=*"},
    )
    return pydicom.dcmread(io.BytesIO(b"".join(response)))


def test_metadata_and_pixel_data_become_one_instance(send, client):
    response = send(as_json(metadata()), pixels())

    expected = make_dataset()
    dataset = held(client)
    assert response.status_code == 200
    assert stored(response.json()) == ["1.2.3.4"]
    assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert {e.tag: e.value for e in dataset} == {e.tag: e.value for e in expected}


def test_metadata_in_xml_do_the_same(send, client):
    response = send((XML, "", dataset_to_xml(metadata())), pixels(), root=XML, accept=XML)

    assert response.status_code == 200
    assert response["Content-Type"] == XML
    assert b"1.2.3.4" in response.content
    assert held(client).PatientName == "Müller^Jürgen"
    assert held(client).PixelData == PIXELS


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("image/jls", JPEG_LS),
        (f"image/jpeg; transfer-syntax={JPEG_BASELINE}", JPEG_BASELINE),
        (f'application/octet-stream; transfer-syntax="{JPEG_LS}"', JPEG_LS),
    ],
)
def test_compressed_frames_are_encapsulated_in_their_order(send, client, kind, syntax):
    model = metadata(x00280008=text("IS", 3))
    frames = [b"first", b"second", b"third!"]

    response = send(as_json(model), *(pixels(frame, kind) for frame in frames))

    dataset = held(client)
    found = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=3)
    assert response.status_code == 200
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert [frame.rstrip(b"\0") for frame in found] == frames


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "test-SR.dcm", "rtplan.dcm", "examples_palette.dcm"]
)
def test_a_real_file_survives_the_way_through_metadata(send, client, name):
    dataset = pydicom.dcmread(SAMPLES / "test_files" / name)
    parts = []

    def keep(element) -> str:
        parts.append(("application/octet-stream", f"bulk-{element.tag}", element.value))
        return parts[-1][1]

    model = dataset.to_json_dict(bulk_data_threshold=100, bulk_data_element_handler=keep)

    response = send(as_json(model), *parts)

    url = response.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    answer = client.get(url, headers={"accept": "application/dicom; transfer-syntax=*"})
    returned = pydicom.dcmread(io.BytesIO(b"".join(answer)))
    ignored = {"SpecificCharacterSet"}
    assert {e.tag: e.value for e in returned if e.keyword not in ignored} == {
        e.tag: e.value for e in dataset if e.keyword not in ignored
    }


def test_several_instances_share_a_request_and_each_has_its_result(send):
    other = metadata(x00080018=text("UI", "1.2.3.5"))
    broken = metadata(
        x00080018=text("UI", "1.2.3.6"), x7FE00010={"vr": "OW", "BulkDataURI": "nowhere"}
    )

    response = send(as_json(metadata(), other, broken), pixels())

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4", "1.2.3.5"]
    assert failed(response.json()) == [("1.2.3.6", CANNOT_UNDERSTAND)]
    assert "did not come" in response["Warning"]


def test_a_decimal_of_json_has_no_more_characters_than_its_vr_allows(send, client):
    send(as_json(metadata(x00280030=text("DS", 0.1 + 0.2, "1.50"))), pixels())

    dataset = held(client)
    assert dataset.PixelSpacing == pytest.approx([0.3, 1.5])
    assert all(len(str(value)) <= 16 for value in dataset.PixelSpacing)


def test_inline_binary_long_text_and_sequences_are_written(send, client):
    model = metadata(
        x7FE00010={"vr": "OW", "InlineBinary": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
        x00102180={"vr": "SH", "Value": [None, "Bäcker"]},
        x00104000={"vr": "LT", "BulkDataURI": "comment"},
        x00081140={"vr": "SQ", "Value": [{"00081155": text("UI", "1.2")}, {}, None]},
        x00280009={"vr": "AT", "Value": ["00181063"]},
    )

    send(as_json(model), ("application/octet-stream", "comment", "über".encode()))

    dataset = held(client)
    assert dataset.PixelData == PIXELS
    assert list(dataset.Occupation) == ["", "Bäcker"]
    assert dataset.PatientComments == "über"
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2"
    assert len(dataset.ReferencedImageSequence) == 3
    assert dataset.FrameIncrementPointer == 0x00181063


@pytest.mark.parametrize(
    "change",
    [
        {"x00100010": "no object"},
        {"x00100010": {"Value": ["no VR"]}},
        {"x00100010": text("XX", "x")},
        {"x00100010": text("PN", "no groups")},
        {"x00100010": {"vr": "PN", "Value": "no array"}},
        {"x00280010": text("US", 70_000)},
        {"x00280010": text("US", 1.5)},
        {"x00180050": text("DS", "thick")},
        {"x00180050": text("DS", True)},
        {"x00081140": text("SQ", "no item")},
        {"x7FE00010": text("OW", 1, 2)},
        {"x7FE00010": {"vr": "OW", "InlineBinary": "no base 64!"}},
        {"x7FE00010": {"vr": "OW", "BulkDataURI": ["pixels"]}},
        {"x7FE00010": {"vr": "US", "BulkDataURI": "pixels"}},
        {"xPatient": text("PN")},
        {"x0020000E": None},
    ],
    ids=str,
)
def test_metadata_that_are_no_instance_fail_by_their_name(send, change):
    response = send(as_json(metadata(**change)), pixels())

    assert response.status_code == 409
    assert failed(response.json()) == [("1.2.3.4", CANNOT_UNDERSTAND)]
    assert Study.objects.count() == 0


@pytest.mark.parametrize("models", [[[]], ["x"], [{}], [None], [{"00080018": text("UI", "1.2")}]])
def test_metadata_without_a_name_fail_among_the_others(send, models):
    response = send((JSON, "", json.dumps(models).encode()))

    assert response.status_code == 409
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]


def test_sequences_that_are_too_deep_are_refused(send):
    item: dict[str, Any] = {}
    for _ in range(40):
        item = {"00081140": text("SQ", item)}

    response = send(as_json(metadata(**{f"x{tag}": e for tag, e in item.items()})), pixels())

    assert failed(response.json()) == [("1.2.3.4", CANNOT_UNDERSTAND)]


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b"nil"])
def test_metadata_that_are_no_json_are_a_bad_request(send, content):
    response = send((JSON, "", content), pixels())

    assert response.status_code == 400
    assert Instance.objects.count() == 0


def test_bulk_data_alone_are_a_bad_request(send):
    assert send(pixels()).status_code == 400


def test_bulk_data_beyond_the_limit_are_refused(send, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 2000

    response = send(as_json(metadata()), pixels(bytes(1500)), pixels(bytes(1500)))

    assert response.status_code == 413
    assert other_failures(response.json()) == [TOO_LARGE]


def test_an_instance_for_which_there_is_no_room_does_not_hide_what_was_stored(send):
    twice = {"vr": "OB", "BulkDataURI": "pixels"}
    large = metadata(x00080018=text("UI", "1.2.3.5"), x00420011=twice)

    with full_disk(300_000):
        response = send(as_json(metadata(x7FE00010=None), large), pixels(bytes(200_000)))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4"]
    assert other_failures(response.json()) == [OUT_OF_RESOURCES]


def test_texts_that_name_the_same_bulk_data_do_not_fill_the_memory(send):
    texts = {
        f"x0099{number:04X}": {"vr": "UT", "BulkDataURI": "pixels"} for number in range(4096, 4101)
    }

    response = send(as_json(metadata(**texts)), pixels(b" " * 13 * 1024 * 1024))

    assert response.status_code == 413
    assert failed(response.json()) == [("1.2.3.4", TOO_LARGE)]


def test_instances_that_name_the_same_bulk_data_do_not_fill_the_disk(send, monkeypatch):
    monkeypatch.setattr(store_metadata, "_SHARED_BYTES", 0)
    models = [metadata(x00080018=text("UI", f"1.2.3.4.{number}")) for number in range(5)]

    response = send(as_json(*models), pixels())

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.0", "1.2.3.4.1"]
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]
    assert "too many times" in response["Warning"]


def test_metadata_that_are_no_instances_are_given_up_before_they_fill_the_quarantine(
    send, monkeypatch
):
    monkeypatch.setattr(store_metadata, "_MAX_REFUSED", 3)

    response = send(as_json(*[{}] * 5))

    assert response.status_code == 400
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND] * 4


def test_metadata_of_more_instances_than_are_taken_are_a_bad_request(send):
    response = send((JSON, "", b"[" + b"{}," * 50_000 + b"{}]"))

    assert response.status_code == 400
    assert "more than 50000 instances" in response["Warning"]
    assert QuarantinedInput.objects.count() == 0


def test_bulk_data_that_are_named_again_and_again_do_not_multiply(send, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 100_000
    copies = {
        f"x0099{number:04X}": {"vr": "OB", "BulkDataURI": "pixels"} for number in range(4096, 4160)
    }

    response = send(as_json(metadata(**copies)), pixels(bytes(50_000)))

    assert response.status_code == 413
    assert failed(response.json()) == [("1.2.3.4", TOO_LARGE)]


@pytest.mark.parametrize(
    "kind", ["application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", "image/unheard-of", "image/jls; transfer-syntax=x"]
)  # fmt: skip
def test_pixel_data_in_an_encoding_that_we_cannot_write_are_refused(send, kind):
    response = send(as_json(metadata()), pixels(kind=kind))

    assert failed(response.json()) == [("1.2.3.4", UNSUPPORTED_TRANSFER_SYNTAX)]


LATIN = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
KINDS = [
    "application/octet-stream", "image/jls", "application/octet-stream; transfer-syntax=1.2",
    'image/jpeg; transfer-syntax="', "application/octet-stream; =;;", "",
]  # fmt: skip
ELEMENTS = st.fixed_dictionaries(
    {"vr": st.sampled_from(["PN", "DS", "IS", "SQ", "OW", "AT", "UI", "FD", "US", "DA", "XX", "UN"])},
    optional={
        "Value": st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just({})),
        "InlineBinary": st.text(),
        "BulkDataURI": st.just("pixels") | st.integers(),
    },
)  # fmt: skip


@given(
    st.dictionaries(
        st.from_regex("x[0-9A-F]{4}00[0-9A-F]{2}", fullmatch=True) | st.text().map("x{}".format),
        ELEMENTS,
        max_size=4,
    ),
    st.binary(max_size=40),
    st.sampled_from(KINDS) | LATIN,
    st.just("pixels") | LATIN,
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_whatever_metadata_say_the_answer_names_every_instance_once(
    send, changes, content, kind, location
):
    response = send(as_json(metadata(**changes)), (kind, location, content))

    answer = response.json()
    told = len(stored(answer)) + len(failed(answer)) + len(other_failures(answer))
    assert response.status_code in (200, 400, 409)
    assert told == 1
