"""DICOMweb as clients see it (PS3.18 8 and 10)."""

import gzip
import io
import json
from unittest.mock import Mock

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from studies.models import Instance, Series, StoredObject, Study
from studies.tests.builders import (
    RLE,
    SAMPLES,
    make_dataset,
    make_encapsulated,
    make_file,
    to_file,
)

pytestmark = pytest.mark.django_db

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def body(response) -> bytes:
    return b"".join(response) if response.streaming else response.content


def parts(response) -> list[tuple[str, bytes]]:
    """Content-Type and content of each part."""
    boundary = response["Content-Type"].split("boundary=")[1].encode()
    pieces = body(response).split(b"--" + boundary)[1:-1]
    found = []
    for piece in pieces:
        head, _, content = piece.partition(b"\r\n\r\n")
        found.append((head.decode().strip().removeprefix("Content-Type: "), content[:-2]))
    return found


# --- Search ------------------------------------------------------------------------------------


def test_a_study_is_found_with_its_required_attributes(client, store):
    store(make_file())

    response = client.get("/dicom-web/studies", {"StudyInstanceUID": "1.2.3"})

    (study,) = response.json()
    assert response["Content-Type"] == "application/dicom+json"
    assert list(study) == sorted(study)
    assert study["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]}
    assert study["00080020"] == {"vr": "DA", "Value": ["20240105"]}
    assert study["00080030"] == {"vr": "TM", "Value": ["101500"]}
    assert study["00080061"] == {"vr": "CS", "Value": ["CT"]}
    assert study["00201208"] == {"vr": "IS", "Value": [1]}
    assert study["00081190"] == {"vr": "UR", "Value": [f"http://testserver{STUDY}"]}


def test_series_of_a_study_are_found_with_counts_of_the_archive(client, store):
    store(make_file())

    (series,) = client.get(f"{STUDY}/series").json()

    assert series["0020000E"]["Value"] == ["1.2.3.9"]
    assert series["00080060"]["Value"] == ["CT"]
    assert series["00201209"]["Value"] == [1]


def test_a_series_tells_the_request_it_answers(client, store):
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP-1", "SPS-1"
    store(make_file(RequestAttributesSequence=[request], TimezoneOffsetFromUTC="+0100"))

    (series,) = client.get(f"{STUDY}/series").json()

    assert series["00400275"] == {
        "vr": "SQ",
        "Value": [
            {
                "00400009": {"vr": "SH", "Value": ["SPS-1"]},
                "00401001": {"vr": "SH", "Value": ["RP-1"]},
            }
        ],
    }
    assert series["00080201"] == {"vr": "SH", "Value": ["+0100"]}


def test_instances_of_a_series_are_found(client, store):
    store(make_file())

    (instance,) = client.get(f"{SERIES}/instances").json()

    assert instance["00080018"]["Value"] == ["1.2.3.4"]
    assert instance["00280010"]["Value"] == [4]


def test_an_answer_at_study_level_holds_nothing_of_lower_levels(client, store):
    store(make_file())

    (study,) = client.get("/dicom-web/studies").json()

    assert not {"00080060", "0020000E", "00080018", "00280010"} & set(study)


def test_no_match_is_an_empty_list(client):
    response = client.get("/dicom-web/studies", {"PatientID": "nobody"})

    assert (response.status_code, response.json()) == (200, [])


def test_matches_beyond_the_limit_are_told_of(client, store):
    for number in range(3):
        store(
            make_file(
                StudyInstanceUID=f"1.5.{number}", SeriesInstanceUID=f"1.6.{number}",
                SOPInstanceUID=f"1.7.{number}",
            )
        )  # fmt: skip

    response = client.get("/dicom-web/studies", {"limit": "1", "offset": "1"})

    assert len(response.json()) == 1
    assert "There are 1 additional results that can be requested" in response["Warning"]


def test_an_option_that_is_not_supported_is_answered_with_a_warning(client):
    response = client.get("/dicom-web/studies", {"fuzzymatching": "true"})

    assert response.status_code == 200
    assert "fuzzymatching" in response["Warning"]


@pytest.mark.parametrize("query", ["limit=x", "offset=-1", "NoSuch=1", "StudyInstanceUID=../x"])
def test_a_bad_parameter_is_answered_with_a_sentence(client, query):
    response = client.get(f"/dicom-web/studies?{query}")

    assert response.status_code == 400
    assert response.json()["error"]


# --- Metadata ----------------------------------------------------------------------------------


def test_metadata_hold_the_header_and_refer_to_the_pixels(client, store):
    store(make_file())

    (header,) = client.get(f"{SERIES}/metadata").json()

    assert header["00280010"] == {"vr": "US", "Value": [4]}
    assert header["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
    assert header["7FE00010"] == {
        "vr": "OW", "BulkDataURI": f"http://testserver{INSTANCE}/bulkdata/7FE00010",
    }  # fmt: skip
    assert "00020010" not in header


@pytest.mark.parametrize("resource", [STUDY, SERIES, INSTANCE])
def test_metadata_exist_at_each_level(client, store, resource):
    store(make_file())

    assert len(json.loads(body(client.get(f"{resource}/metadata")))) == 1


def test_metadata_are_compressed_for_who_takes_it(client, store):
    store(make_file(StudyDescription="x" * 250))

    response = client.get(f"{SERIES}/metadata", headers={"Accept-Encoding": "gzip"})

    assert json.loads(gzip.decompress(response.content))[0]["00280010"]["Value"] == [4]


def test_metadata_that_the_client_has_are_not_sent_again(client, store):
    store(make_file())
    etag = client.get(f"{SERIES}/metadata")["ETag"]

    response = client.get(f"{SERIES}/metadata", headers={"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")


def test_metadata_change_their_name_with_the_series(client, store):
    store(make_file())
    etag = client.get(f"{SERIES}/metadata")["ETag"]
    store(make_file(SOPInstanceUID="1.2.3.5"))

    response = client.get(f"{SERIES}/metadata", headers={"If-None-Match": etag})

    assert response.status_code == 200


# --- Whole instances -----------------------------------------------------------------------------


def test_an_instance_comes_back_bit_for_bit(client, store):
    content = make_file()
    store(content)

    ((content_type, part),) = parts(client.get(INSTANCE, headers={"Accept": DICOM}))

    assert content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert part == content


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "image_dfl.dcm"])
def test_a_real_file_comes_back_bit_for_bit(client, store, name):
    content = (SAMPLES / "test_files" / name).read_bytes()
    store(content)
    instance = Instance.objects.select_related("series__study").get()
    series = instance.series

    response = client.get(
        f"/dicom-web/studies/{series.study.study_instance_uid}"
        f"/series/{series.series_instance_uid}/instances/{instance.sop_instance_uid}"
        "?accept=application/dicom;transfer-syntax=*"
    )

    assert response["Content-Type"] == "application/dicom"
    assert body(response) == content


def test_a_study_comes_with_all_its_instances(client, store):
    store(make_file())
    store(make_file(SOPInstanceUID="1.2.3.5", InstanceNumber="2"))

    response = client.get(STUDY, headers={"Accept": DICOM})

    uids = [pydicom.dcmread(io.BytesIO(part)).SOPInstanceUID for _, part in parts(response)]
    assert uids == ["1.2.3.4", "1.2.3.5"]


def test_an_overlaid_instance_carries_the_identity_of_the_index(client, store):
    store(make_file())
    Study.objects.update(patient_name="Ωmega^Zoë", patient_id="NEW-1")
    Instance.objects.update(is_overlaid=True)

    ((_, part),) = parts(client.get(INSTANCE, headers={"Accept": DICOM}))

    dataset = pydicom.dcmread(io.BytesIO(part))
    assert (dataset.PatientName, dataset.PatientID) == ("Ωmega^Zoë", "NEW-1")
    assert dataset.PixelData == bytes(range(32))
    (header,) = client.get(f"{SERIES}/metadata").json()
    assert header["00100020"]["Value"] == ["NEW-1"]


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
def test_an_overlaid_instance_keeps_its_transfer_syntax_and_its_pixels(client, store, syntax):
    content = make_file(syntax)
    store(content)
    Study.objects.update(patient_id="NEW-1")
    Instance.objects.update(is_overlaid=True)

    ((_, part),) = parts(client.get(INSTANCE, headers={"Accept": DICOM}))

    dataset = pydicom.dcmread(io.BytesIO(part))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert dataset.PatientID == "NEW-1"
    assert dataset.PixelData == pydicom.dcmread(io.BytesIO(content)).PixelData


def test_an_overlaid_document_without_pixels_is_retrieved_too(client, store):
    store(
        make_file(
            "1.2.840.10008.1.2.1.99", EncapsulatedDocument=b"%PDF" + bytes(100), PixelData=None
        )
    )
    Study.objects.update(patient_id="NEW-1")
    Instance.objects.update(is_overlaid=True)

    ((_, part),) = parts(client.get(INSTANCE, headers={"Accept": DICOM}))

    dataset = pydicom.dcmread(io.BytesIO(part))
    assert (dataset.PatientID, dataset.EncapsulatedDocument[:4]) == ("NEW-1", b"%PDF")


def test_instances_that_share_an_object_differ_in_identity(client, store):
    store(make_file())
    Instance.objects.create(
        series=Series.objects.get(), stored_object=StoredObject.objects.get(), is_overlaid=True,
        sop_instance_uid="1.2.3.77", sop_class_uid="1.2.840.10008.5.1.4.1.1.2", instance_number=2,
        rows=4, columns=4, bits_allocated=16,
    )  # fmt: skip

    headers = client.get(f"{SERIES}/metadata").json()
    response = client.get(f"{SERIES}/instances/1.2.3.77/frames/1", headers={"Accept": OCTETS})

    assert [h["00080018"]["Value"] for h in headers] == [["1.2.3.4"], ["1.2.3.77"]]
    assert parts(response)[0][1] == bytes(range(32))


# --- Frames --------------------------------------------------------------------------------------


def test_a_native_frame_comes_with_its_transfer_syntax(client, store):
    store(make_file())

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    assert parts(response) == [
        ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", bytes(range(32)))
    ]


def test_frames_come_in_the_order_in_which_they_were_asked_for(client, store):
    store(make_encapsulated([b"first frame!", b"second frame", b"third frame!"]))

    response = client.get(f"{INSTANCE}/frames/3,1", headers={"Accept": OCTETS})

    assert parts(response) == [
        (f"application/octet-stream; transfer-syntax={RLE}", b"third frame!"),
        (f"application/octet-stream; transfer-syntax={RLE}", b"first frame!"),
    ]


def test_big_endian_pixels_leave_as_little_endian(client, store):
    store(make_file("1.2.840.10008.1.2.2"))

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    ((content_type, frame),) = parts(response)
    assert content_type.endswith("transfer-syntax=1.2.840.10008.1.2.1")
    assert frame[:4] == bytes([1, 0, 3, 2])


def test_big_endian_words_of_single_bytes_leave_in_the_order_of_the_pixels(client, store):
    """OW of 8-bit pixels is swapped in words, whatever the pixel is (PS3.5 7.3)."""
    two_frames_of_nine = bytes([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16])
    dataset = make_dataset(
        Rows=3, Columns=3, BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames="2",
        PixelData=two_frames_of_nine,
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    store(to_file(dataset, "1.2.840.10008.1.2.2"))

    response = client.get(f"{INSTANCE}/frames/1,2", headers={"Accept": OCTETS})

    assert [frame for _, frame in parts(response)] == [bytes(range(9)), bytes(range(9, 18))]


def test_deflated_pixels_leave_inflated(client, store):
    store(make_file("1.2.840.10008.1.2.1.99"))

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    assert parts(response)[0][1] == bytes(range(32))


@pytest.mark.parametrize("frames", ["0", "2", "1,2", "99999999999999999999"])
def test_a_frame_that_is_not_there_is_not_found(client, store, frames):
    store(make_file())

    assert client.get(f"{INSTANCE}/frames/{frames}").status_code == 404


def test_a_frame_list_that_is_none_is_refused(client, store):
    store(make_file())

    assert client.get(f"{INSTANCE}/frames/one").status_code == 400


def test_the_bulk_data_of_the_metadata_can_be_fetched(client, store):
    store(make_file())
    (header,) = client.get(f"{SERIES}/metadata").json()

    response = client.get(header["7FE00010"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == bytes(range(32))


def test_native_pixels_of_many_frames_are_one_value(client, store):
    store(make_file(NumberOfFrames="2", PixelData=bytes(range(64))))

    response = client.get(
        f"{INSTANCE}/bulkdata/7FE00010", headers={"Accept": "application/octet-stream"}
    )

    assert response["Content-Type"].startswith("application/octet-stream")
    assert body(response) == bytes(range(64))


def test_frames_that_share_bytes_come_as_one_value(client, store):
    store(
        make_file(
            Rows=3, Columns=3, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames="2",
            PixelData=b"\xff\x01\x02\x00",
        )
    )  # fmt: skip
    (header,) = client.get(f"{SERIES}/metadata").json()

    response = client.get(header["7FE00010"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == b"\xff\x01\x02\x00"


def test_pixels_that_cannot_be_had_are_not_referred_to(client, store):
    dataset = make_dataset(NumberOfFrames="2", PixelData=encapsulate([b"one frame?"]))
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    store(to_file(dataset, RLE))

    (header,) = client.get(f"{SERIES}/metadata").json()

    assert header["7FE00010"] == {"vr": "OB"}
    assert client.get(f"{INSTANCE}/bulkdata/7FE00010").status_code == 404


def test_a_long_value_of_a_compressed_instance_is_octets_all_the_same(client, store):
    profile = bytes(70_000)
    store(make_encapsulated([b"codestream"], ICCProfile=profile))
    (header,) = client.get(f"{SERIES}/metadata").json()

    response = client.get(
        header["00282000"]["BulkDataURI"], headers={"Accept": "application/octet-stream"}
    )

    assert body(response) == profile


def test_long_big_endian_values_leave_as_little_endian(client, store):
    store(make_file("1.2.840.10008.1.2.2", RedPaletteColorLookupTableData=b"\0\1" * 40_000))
    (header,) = client.get(f"{SERIES}/metadata").json()

    response = client.get(header["00281201"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == b"\1\0" * 40_000


def test_a_frame_alone_and_in_parts_are_different_representations(client, store):
    store(make_file())
    etag = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})["ETag"]

    response = client.get(
        f"{INSTANCE}/frames/1",
        headers={"Accept": "application/octet-stream", "If-None-Match": etag},
    )

    assert response.status_code == 200
    assert body(response) == bytes(range(32))


def test_a_header_that_cannot_be_rewritten_is_said_without_its_values(client, store, monkeypatch):
    store(make_file())
    Instance.objects.update(is_overlaid=True)
    complaint = ValueError("Secret^Name")
    monkeypatch.setattr("studies.retrieve.overlay_head", Mock(side_effect=complaint))

    response = client.get(INSTANCE, headers={"Accept": DICOM})

    assert response.status_code == 406
    assert b"Secret" not in response.content


def test_a_long_binary_value_is_fetched_on_its_own(client, store):
    document = b"%PDF" + bytes(100_000)
    store(make_file(EncapsulatedDocument=document, PixelData=None))
    (header,) = client.get(f"{SERIES}/metadata").json()

    response = client.get(header["00420011"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == document


# --- Negotiation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "accept", "status"),
    [
        pytest.param("/metadata", "application/dicom+json", 200, id="JSON, PS3.18 8.7.3.2"),
        pytest.param("/metadata", "application/json", 200, id="JSON by its old name"),
        pytest.param("/metadata", "*/*", 200, id="anything"),
        pytest.param("/metadata", "image/png", 406, id="what metadata is not, PS3.18 8.7.1"),
        pytest.param("", DICOM, 200, id="as stored, PS3.18 8.7.3.5.2"),
        pytest.param("", f"{DICOM[:-1]}{RLE}", 200, id="the syntax it has"),
        pytest.param("", 'multipart/related; type="application/dicom"', 406, id="explicit VR"),
        pytest.param("", 'multipart/related; type="image/jpeg"', 406, id="not a type of instances"),
        pytest.param("/frames/1", OCTETS, 200, id="frames as stored"),
        pytest.param("/frames/1", "application/octet-stream; transfer-syntax=*", 200, id="alone"),
        pytest.param(
            "/frames/1", 'multipart/related; type="image/dicom-rle"', 200, id="the type it has"
        ),
        pytest.param("/frames/1", 'multipart/related; type="image/jls"', 406, id="another type"),
        pytest.param(
            "/frames/1", 'multipart/related; type="application/octet-stream"', 406,
            id="uncompressed, of compressed ones",
        ),
        pytest.param("/frames/1", "image/png;q=0.5, */*;q=0.1", 200, id="second choice"),
        pytest.param("/frames/1", "*/*;q=0", 406, id="explicitly nothing"),
    ],
)  # fmt: skip
def test_negotiation_of_a_compressed_instance(client, store, resource, accept, status):
    store(make_encapsulated([b"first frame!", b"second frame"]))

    assert client.get(f"{INSTANCE}{resource}", headers={"Accept": accept}).status_code == status


def test_a_lossy_instance_comes_as_it_is_when_no_syntax_is_asked_for(client, store):
    """There is no uncompressed form of what was lost (PS3.18 8.7.3.5.2)."""
    store(make_encapsulated([b"\xff\xd8 a JPEG \xff\xd9"], JPEG_BASELINE))

    whole = client.get(INSTANCE, headers={"Accept": 'multipart/related; type="application/dicom"'})
    frame = client.get(f"{INSTANCE}/frames/1", headers={"Accept": "application/octet-stream"})

    assert whole.status_code == 200
    assert frame["Content-Type"].endswith(f"transfer-syntax={JPEG_BASELINE}")


@pytest.mark.parametrize("resource", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
def test_what_is_not_there_is_not_found(client, resource):
    assert client.get(f"{INSTANCE}{resource}").status_code == 404


def test_an_instance_under_another_series_is_not_found(client, store):
    store(make_file())

    assert client.get(f"{STUDY}/series/1.2.3.8/instances/1.2.3.4").status_code == 404


def test_an_object_that_has_vanished_is_an_error_and_no_empty_answer(client, store, object_store):
    store(make_file())
    for path in (object_store / "instances").rglob("*"):
        if path.is_file():
            path.unlink()

    assert client.get(INSTANCE, headers={"Accept": DICOM}).status_code == 503


# --- Thumbnails --------------------------------------------------------------------------------------


def thumbnail_url() -> str:
    series = Series.objects.select_related("study").get()
    study_uid, series_uid = series.study.study_instance_uid, series.series_instance_uid
    return f"/dicom-web/studies/{study_uid}/series/{series_uid}/thumbnail"


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_rle.dcm",
    ],
)
def test_a_thumbnail_is_a_small_jpeg(client, store, name):
    from PIL import Image  # noqa: PLC0415

    store((SAMPLES / "test_files" / name).read_bytes())

    response = client.get(thumbnail_url())

    image = Image.open(io.BytesIO(response.content))
    assert (response["Content-Type"], image.format) == ("image/jpeg", "JPEG")
    assert max(image.size) <= 256
    assert image.convert("L").getextrema()[0] < image.convert("L").getextrema()[1]


def test_a_thumbnail_is_made_once(client, store, monkeypatch):
    store((SAMPLES / "test_files" / "CT_small.dcm").read_bytes())
    first = client.get(thumbnail_url())
    monkeypatch.setattr("studies.dicom.pixels.render_thumbnail", None)

    again = client.get(thumbnail_url())

    assert again.content == first.content


def test_pixels_that_cannot_be_decoded_are_no_thumbnail(client, store):
    store(make_encapsulated([b"no codestream at all"]))

    assert client.get(thumbnail_url()).status_code == 406


def test_a_series_without_images_has_no_thumbnail(client, store):
    store((SAMPLES / "test_files" / "test-SR.dcm").read_bytes())

    assert client.get(thumbnail_url()).status_code == 404
