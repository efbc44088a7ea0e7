"""WADO-RS as clients see it (PS3.18 10.4): instances, frames, bulk data."""

import io
import tracemalloc
import zlib
from unittest.mock import Mock

import pydicom
import pytest
from django.contrib.auth import get_user_model
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from studies import content, retrieve
from studies.dicom.byte_order import swap_words
from studies.dicomweb.errors import status_of
from studies.errors import ArchiveError, InvalidInstanceError, OtherStudyError
from studies.models import Instance, Series, StoredObject, Study
from studies.tests.answers import body, json_of, parts, parts_with_headers
from studies.tests.builders import (
    RLE,
    SAMPLES,
    make_dataset,
    make_encapsulated,
    make_file,
    to_file,
)
from studies.tests.samples import full_disk

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def make_compressed(**attributes) -> bytes:
    """A file in RLE whose codestreams are real ones."""
    dataset = pydicom.dcmread(io.BytesIO(make_file(**attributes)))
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def retrieved(response) -> pydicom.Dataset:
    """The only instance of a payload."""
    ((content_type, part),) = parts(response)
    dataset = pydicom.dcmread(io.BytesIO(part))
    assert content_type.endswith(f"transfer-syntax={dataset.file_meta.TransferSyntaxUID}")
    return dataset


def viewer():
    return get_user_model().objects.get(username="radiologist-1")


def remove_objects(object_store) -> None:
    for path in (object_store / "instances").rglob("*"):
        if path.is_file():
            path.unlink()


# --- Whole instances -----------------------------------------------------------------------------


def test_an_instance_comes_back_bit_for_bit(client, store):
    content = make_file()
    store(content)

    ((headers, part),) = parts_with_headers(client.get(INSTANCE, headers={"Accept": DICOM}))

    assert headers == {
        "Content-Type": f"application/dicom; transfer-syntax={EXPLICIT}",
        "Content-Location": f"http://testserver{INSTANCE}",
    }
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
    (header,) = json_of(client.get(f"{SERIES}/metadata"))
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

    headers = json_of(client.get(f"{SERIES}/metadata"))
    response = client.get(f"{SERIES}/instances/1.2.3.77/frames/1", headers={"Accept": OCTETS})

    assert [h["00080018"]["Value"] for h in headers] == [["1.2.3.4"], ["1.2.3.77"]]
    assert parts(response)[0][1] == bytes(range(32))


@pytest.mark.parametrize("level", [STUDY, SERIES])
def test_instances_come_few_by_few(client, store, monkeypatch, django_assert_num_queries, level):
    monkeypatch.setattr(retrieve, "_INSTANCES_AT_ONCE", 2)
    for number in range(5):
        store(make_file(SOPInstanceUID=f"1.2.3.4.{number}", InstanceNumber=str(number)))

    # Session, user and permissions; the keys; who takes them; three times two instances.
    with django_assert_num_queries(3 + 1 + 1 + 3):
        found = parts_with_headers(client.get(level, headers={"Accept": DICOM}))

    assert [headers["Content-Location"][-1] for headers, _ in found] == list("01234")


def test_an_instance_that_is_deleted_while_its_study_is_sent_is_left_out(client, store):
    store(make_file())
    store(make_file(SOPInstanceUID="1.2.3.5", InstanceNumber="2"))
    found = retrieve.find_instance_set(viewer(), "1.2.3")
    Instance.objects.filter(sop_instance_uid="1.2.3.4").delete()

    assert [instance.sop_instance_uid for instance in found] == ["1.2.3.5"]


def test_a_large_instance_is_sent_in_little_memory(client, store):
    store(make_file(Rows=4096, Columns=4096, PixelData=bytes(2 * 4096 * 4096)))
    response = client.get(STUDY, headers={"Accept": DICOM})

    tracemalloc.start()
    sent = sum(map(len, response))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sent > 2 * 4096 * 4096
    assert peak < 8 * 1024**2


@pytest.mark.parametrize(
    ("syntax", "is_overlaid", "accept"),
    [
        pytest.param(EXPLICIT, True, DICOM, id="overlaid"),
        pytest.param("1.2.840.10008.1.2", False, "application/dicom", id="from implicit VR"),
        pytest.param("1.2.840.10008.1.2.1.99", True, DICOM, id="overlaid and deflated"),
    ],
)
def test_a_large_document_is_rewritten_in_little_memory(client, store, syntax, is_overlaid, accept):
    document = bytes(range(256)) * 4 * 1024 * 16
    attributes = {"PixelData": None, "Rows": None, "Columns": None}
    store(make_file(syntax, EncapsulatedDocument=document, **attributes))
    Instance.objects.update(is_overlaid=is_overlaid)
    response = client.get(f"{SERIES}/metadata")  # what is loaded once is loaded

    tracemalloc.start()
    response = client.get(INSTANCE, headers={"Accept": accept})
    pieces = [zlib.crc32(piece) for piece in response]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert pieces
    assert peak < len(document) // 2


LONG = {
    "RedPaletteColorLookupTableData": bytes(range(250)) * 320,
    "ICCProfile": bytes(range(100)) * 800,
    "EncapsulatedDocument": b"%PDF" * 20_000,
}


@pytest.mark.parametrize(
    "syntax", [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
@pytest.mark.parametrize("accept", [DICOM, 'multipart/related; type="application/dicom"'])
@pytest.mark.parametrize("is_overlaid", [False, True])
def test_long_values_keep_their_places_in_what_is_rewritten(
    client, store, syntax, accept, is_overlaid
):
    content = make_file(syntax, DeviceSerialNumber="7", PatientComments="after", **LONG)
    store(content)
    Instance.objects.update(is_overlaid=is_overlaid)
    original = pydicom.dcmread(io.BytesIO(content))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": accept}))

    assert set(original.keys()) <= set(dataset.keys())
    assert list(dataset.keys()) == sorted(dataset.keys())
    is_swapped = "2.2" in syntax and "*" not in accept
    for keyword, value in LONG.items():
        words = dataset[keyword].VR == "OW" and is_swapped
        assert dataset[keyword].value == (swap_words(value, 2) if words else value)
        assert dataset[keyword].VR == original[keyword].VR
    assert (dataset.PatientComments, dataset.pixel_array.shape) == ("after", (4, 4))


def test_a_long_value_in_the_place_of_a_name_does_not_outlive_its_correction(client, store):
    dataset = make_dataset()
    dataset.add_new("PatientID", "UN", b"WRONG " * 20_000)
    store(to_file(dataset))
    Study.objects.update(patient_id="NEW-1")
    Instance.objects.update(is_overlaid=True)

    response = client.get(INSTANCE, headers={"Accept": DICOM})

    ((_, part),) = parts(response)
    assert b"WRONG" not in part
    assert pydicom.dcmread(io.BytesIO(part)).PatientID == "NEW-1"


def test_offset_tables_of_other_codestreams_are_left_out(client, store):
    dataset = pydicom.dcmread(io.BytesIO(make_compressed()))
    dataset.ExtendedOffsetTable = bytes(80_000)
    dataset.ExtendedOffsetTableLengths = bytes(80_000)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    store(buffer.getvalue())

    decoded = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert "ExtendedOffsetTable" not in decoded
    assert "ExtendedOffsetTableLengths" not in decoded


@pytest.mark.parametrize("accept", [DICOM, "application/dicom; transfer-syntax=*"])
def test_the_length_of_what_is_sent_as_stored_is_told(client, store, accept):
    store(make_file())

    response = client.get(INSTANCE, headers={"Accept": accept})

    assert int(response["Content-Length"]) == len(body(response))


def test_a_head_tells_of_an_instance_without_reading_it(client, store, object_store):
    content = make_file()
    store(content)
    remove_objects(object_store)

    response = client.head(INSTANCE, headers={"Accept": "application/dicom; transfer-syntax=*"})

    assert (response.status_code, body(response)) == (200, b"")
    assert response["Content-Length"] == str(len(content))
    assert response["Accept-Ranges"] == "bytes"


def test_an_instance_that_the_client_has_is_not_sent_again(client, store, object_store):
    store(make_file())
    etag = client.get(INSTANCE, headers={"Accept": DICOM})["ETag"]
    remove_objects(object_store)

    response = client.get(INSTANCE, headers={"Accept": DICOM, "If-None-Match": etag})

    assert (response.status_code, response["ETag"]) == (304, etag)


def test_an_instance_of_another_identity_is_sent_again(client, store):
    store(make_file())
    Instance.objects.update(is_overlaid=True)
    etag = client.get(INSTANCE, headers={"Accept": DICOM})["ETag"]
    Study.objects.update(patient_id="NEW-1")

    response = client.get(INSTANCE, headers={"Accept": DICOM, "If-None-Match": etag})

    assert retrieved(response).PatientID == "NEW-1"


OF_MANY = [
    pytest.param(f"{level}{resource}", accept, id=f"{name}{resource}")
    for name, level in (("study", STUDY), ("series", SERIES), ("instance", INSTANCE))
    for resource, accept in (("", DICOM), ("/bulkdata", OCTETS), ("/pixeldata", OCTETS))
]


@pytest.mark.parametrize(("address", "accept"), OF_MANY)
def test_what_the_client_has_is_not_sent_again(client, store, object_store, address, accept):
    store(make_file())
    first = client.get(address, headers={"Accept": accept})
    remove_objects(object_store)

    again = {"Accept": accept, "If-None-Match": first["ETag"]}
    response = client.get(address, headers=again)

    assert (response.status_code, response["ETag"]) == (304, first["ETag"])
    # What is deleted, or hidden from somebody, is to vanish from the screen as well.
    assert first["Cache-Control"] == response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("level", [STUDY, SERIES])
def test_instances_of_another_identity_or_number_are_sent_again(client, store, level):
    def etag() -> str:
        return client.get(level, headers={"Accept": DICOM})["ETag"]

    store(make_file())
    etags = [etag()]
    Instance.objects.update(is_overlaid=True)
    etags.append(etag())
    Study.objects.update(patient_name_phonetic="NEW")
    etags.append(etag())
    Instance.objects.update(instance_number=7)
    etags.append(etag())
    store(make_file(SOPInstanceUID="1.2.3.5", InstanceNumber="2"))
    etags.append(etag())

    assert len(set(etags)) == 5


def test_forms_of_a_study_are_different_representations(client, store):
    store(make_file("1.2.840.10008.1.2"))
    forms = [
        (STUDY, DICOM), (STUDY, 'multipart/related; type="application/dicom"'),
        (STUDY, "application/zip"), (f"{STUDY}/bulkdata", OCTETS), (f"{STUDY}/pixeldata", OCTETS),
    ]  # fmt: skip

    etags = [client.get(path, headers={"Accept": accept})["ETag"] for path, accept in forms]

    assert len(set(etags)) == 5


# --- Transcoded instances ------------------------------------------------------------------------

ANY_SYNTAX = 'multipart/related; type="application/dicom"'


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
)
def test_uncompressed_instances_come_in_explicit_little_endian(client, store, syntax):
    """PS3.18 8.7.3.5.2: implicit VR and big endian are not for the web."""
    store(make_file(syntax))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    expected = pydicom.dcmread(io.BytesIO(make_file(syntax)))
    assert (dataset.pixel_array == expected.pixel_array).all()
    assert dataset.PatientName == expected.PatientName


def test_a_compressed_instance_is_decoded_unless_another_syntax_is_asked_for(client, store):
    store(make_compressed(NumberOfFrames="2", PixelData=bytes(range(64))))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    assert (dataset["PixelData"].VR, dataset.PixelData) == ("OW", bytes(range(64)))


@pytest.mark.parametrize(
    "target", [RLE, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"]
)
def test_an_uncompressed_instance_is_compressed_as_it_is_asked_for(client, store, target):
    pixels = bytes(range(256)) * 4 * 3
    store(make_file(Rows=16, Columns=32, NumberOfFrames="3", PixelData=pixels))

    dataset = retrieved(
        client.get(INSTANCE, headers={"Accept": f"{ANY_SYNTAX}; transfer-syntax={target}"})
    )

    assert dataset.file_meta.TransferSyntaxUID == target
    dataset.decompress(generate_instance_uid=False)
    assert dataset.PixelData == pixels


def test_odd_pixels_are_filled_to_an_even_length(client, store):
    attributes = {"Rows": 3, "Columns": 3, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    store(make_compressed(**attributes, PixelData=bytes(range(9)) + b"\0"))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert (dataset["PixelData"].VR, dataset.PixelData) == ("OB", bytes(range(9)) + b"\0")


def test_a_document_without_pixels_is_written_anew_too(client, store):
    store(make_file("1.2.840.10008.1.2", PixelData=None, Rows=None, Columns=None))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert dataset.file_meta.TransferSyntaxUID == EXPLICIT
    assert dataset.AccessionNumber == "ACC-1"


def test_a_transcoded_instance_carries_the_identity_of_the_index(client, store):
    store(make_compressed())
    Study.objects.update(patient_id="NEW-1")
    Instance.objects.update(is_overlaid=True)

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert (dataset.PatientID, dataset.PixelData) == ("NEW-1", bytes(range(32)))


def test_what_follows_the_pixels_is_left_out_of_transcoded_instances(client, store):
    """Padding, and signatures that would be broken (PS3.3 C.12.1.1.3)."""
    store(make_compressed(DataSetTrailingPadding=bytes(16)))

    dataset = retrieved(client.get(INSTANCE, headers={"Accept": ANY_SYNTAX}))

    assert "DataSetTrailingPadding" not in dataset
    assert dataset.PixelData == bytes(range(32))


@pytest.mark.parametrize("resource", ["", "/frames/1", "/bulkdata"])
def test_pixels_that_cannot_be_decoded_are_refused_in_words(client, store, resource):
    store(make_encapsulated([b"no codestream at all"]))

    response = client.get(f"{INSTANCE}{resource}")

    assert response.status_code == 406
    assert "error" in response.json()


def test_frames_that_cannot_be_told_apart_are_not_transcoded(client, store):
    dataset = make_dataset(NumberOfFrames="2", PixelData=encapsulate([b"one frame?"]))
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    store(to_file(dataset, RLE))

    response = client.get(INSTANCE, headers={"Accept": ANY_SYNTAX})

    assert (response.status_code, "told apart" in response.json()["error"]) == (406, True)


# --- Frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [make_file(), make_encapsulated([b"codestream" * 4])])
def test_a_frame_too_large_for_memory_is_refused_before_it_is_read(
    client, store, object_store, monkeypatch, file
):
    store(file)
    remove_objects(object_store)
    monkeypatch.setattr(content, "MAX_ANSWER_BYTES", 31)

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    assert (response.status_code, "whole instance" in response.json()["error"]) == (406, True)


def test_a_native_frame_comes_with_its_transfer_syntax(client, store):
    store(make_file())

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    ((headers, frame),) = parts_with_headers(response)
    assert frame == bytes(range(32))
    assert headers == {
        "Content-Type": f"application/octet-stream; transfer-syntax={EXPLICIT}",
        "Content-Location": f"http://testserver{INSTANCE}/frames/1",
    }


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
    (header,) = json_of(client.get(f"{SERIES}/metadata"))

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
    (header,) = json_of(client.get(f"{SERIES}/metadata"))

    response = client.get(header["7FE00010"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == b"\xff\x01\x02\x00"


def test_pixels_that_cannot_be_had_are_not_referred_to(client, store):
    dataset = make_dataset(NumberOfFrames="2", PixelData=encapsulate([b"one frame?"]))
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    store(to_file(dataset, RLE))

    (header,) = json_of(client.get(f"{SERIES}/metadata"))

    assert header["7FE00010"] == {"vr": "OB"}
    assert client.get(f"{INSTANCE}/bulkdata/7FE00010").status_code == 404


def test_a_long_value_of_a_compressed_instance_is_octets_all_the_same(client, store):
    profile = bytes(70_000)
    store(make_encapsulated([b"codestream"], ICCProfile=profile))
    (header,) = json_of(client.get(f"{SERIES}/metadata"))

    response = client.get(
        header["00282000"]["BulkDataURI"], headers={"Accept": "application/octet-stream"}
    )

    assert body(response) == profile


def test_long_big_endian_values_leave_as_little_endian(client, store):
    store(make_file("1.2.840.10008.1.2.2", RedPaletteColorLookupTableData=b"\0\1" * 40_000))
    (header,) = json_of(client.get(f"{SERIES}/metadata"))

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
    (header,) = json_of(client.get(f"{SERIES}/metadata"))

    response = client.get(header["00420011"]["BulkDataURI"], headers={"Accept": OCTETS})

    assert parts(response)[0][1] == document


@pytest.mark.parametrize("accept", [OCTETS, "application/octet-stream; transfer-syntax=*"])
def test_a_head_tells_of_a_frame_without_reading_it(client, store, object_store, accept):
    store(make_encapsulated([b"codestream"]))
    remove_objects(object_store)

    response = client.head(f"{INSTANCE}/frames/1", headers={"Accept": accept})

    assert (response.status_code, body(response)) == (200, b"")


def test_a_frame_of_a_large_object_needs_its_own_positions_only(client, store):
    streams = [b"stream of %d" % number * 2 for number in range(6)]
    store(make_encapsulated(streams))

    found = retrieve.find_frames(viewer(), "1.2.3", "1.2.3.9", "1.2.3.4", [3, 2])

    assert (found.count, len(found.starts)) == (6, 3)
    assert list(found.read()) == [streams[2], streams[1]]
    assert "frame_starts" in found.instance.stored_object.get_deferred_fields()


def test_frames_of_single_bits_are_taken_apart(client, store):
    """Pixels of a frame may begin in the middle of a byte (PS3.5 8.1.1)."""
    store(
        make_file(
            Rows=3, Columns=3, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames="3",
            PixelData=(0b1_0000_0001 | 0b0_1010_1010 << 9 | 0b1_1111_0000 << 18).to_bytes(4, "little"),
        )
    )  # fmt: skip

    response = client.get(f"{INSTANCE}/frames/1,2,3", headers={"Accept": OCTETS})

    frames = [int.from_bytes(frame, "little") for _, frame in parts(response)]
    assert frames == [0b1_0000_0001, 0b0_1010_1010, 0b1_1111_0000]


def test_a_frame_is_transcoded_as_it_is_asked_for(client, store):
    store(make_compressed(NumberOfFrames="2", PixelData=bytes(range(64))))

    response = client.get(
        f"{INSTANCE}/frames/2,1", headers={"Accept": OCTETS.split("; tr", maxsplit=1)[0]}
    )

    assert parts(response) == [
        (f"application/octet-stream; transfer-syntax={EXPLICIT}", bytes(range(32, 64))),
        (f"application/octet-stream; transfer-syntax={EXPLICIT}", bytes(range(32))),
    ]


def test_a_list_of_frames_names_each_once(client, store):
    store(make_file(NumberOfFrames="2", PixelData=bytes(64)))

    response = client.get(f"{INSTANCE}/frames/1,2,01")

    assert (response.status_code, "once" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize("frames", ["", ",", "1,", "-1", "1.5", "1 2", "\u0661"])
def test_frames_are_numbers(client, store, frames):
    store(make_file())

    assert client.get(f"{INSTANCE}/frames/{frames}").status_code in (400, 404)


# --- Bulk data of many -----------------------------------------------------------------------------


@pytest.fixture
def two_instances(store):
    store(make_file(EncapsulatedDocument=bytes(70_000)))
    store(make_encapsulated([b"one!", b"two!"], SOPInstanceUID="1.2.3.5", InstanceNumber="2"))


@pytest.mark.parametrize("level", [STUDY, SERIES])
def test_the_bulk_data_of_many_instances_come_in_parts_with_their_addresses(
    client, two_instances, level
):
    found = parts_with_headers(client.get(f"{level}/bulkdata", headers={"Accept": OCTETS}))

    base = f"http://testserver{SERIES}/instances"
    assert [(headers["Content-Location"], len(part)) for headers, part in found] == [
        (f"{base}/1.2.3.4/bulkdata/00420011", 70_000),
        (f"{base}/1.2.3.4/bulkdata/7FE00010", 32),
        (f"{base}/1.2.3.5/frames/1", 4),
        (f"{base}/1.2.3.5/frames/2", 4),
    ]
    syntaxes = [headers["Content-Type"].split("=")[1] for headers, _ in found]
    assert syntaxes == [EXPLICIT, EXPLICIT, RLE, RLE]


def test_octets_of_an_instance_are_its_bulk_data(client, two_instances):
    """PS3.18 Table 10.4.4-1, note 2."""
    whole = client.get(INSTANCE, headers={"Accept": OCTETS})
    bulk = client.get(f"{INSTANCE}/bulkdata", headers={"Accept": OCTETS})

    assert parts(whole) == parts(bulk)


def test_pixel_data_are_the_pixels_alone(client, two_instances):
    found = parts_with_headers(client.get(f"{STUDY}/pixeldata", headers={"Accept": OCTETS}))

    assert [headers["Content-Location"].split("/")[-2:] for headers, _ in found] == [
        ["bulkdata", "7FE00010"], ["frames", "1"], ["frames", "2"],
    ]  # fmt: skip


def test_the_pixels_of_an_instance_may_come_alone(client, store):
    store(make_file())

    response = client.get(f"{INSTANCE}/pixeldata", headers={"Accept": "application/octet-stream"})

    assert body(response) == bytes(range(32))


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_pixels_that_are_fractions_are_pixels_too(client, store, keyword):
    value = bytes(range(256)) * 300
    store(make_file(PixelData=None, **{keyword: value}))

    response = client.get(f"{INSTANCE}/pixeldata", headers={"Accept": OCTETS})

    assert parts(response) == [(f"application/octet-stream; transfer-syntax={EXPLICIT}", value)]


@pytest.mark.parametrize("resource", ["bulkdata", "pixeldata"])
def test_who_has_no_bulk_data_gives_none(client, store, resource):
    store(make_file(PixelData=None))

    assert client.get(f"{STUDY}/{resource}").status_code == 404


# --- Ranges ----------------------------------------------------------------------------------------

ALONE = "application/octet-stream; transfer-syntax=*"


@pytest.mark.parametrize(
    ("asked", "content_range", "sent"),
    [
        pytest.param("bytes=0-9", "bytes 0-9/32", slice(0, 10), id="first bytes"),
        pytest.param("bytes=10-", "bytes 10-31/32", slice(10, 32), id="from a byte on"),
        pytest.param("bytes=-5", "bytes 27-31/32", slice(27, 32), id="last bytes"),
        pytest.param("bytes=-99", None, slice(0, 32), id="more than there is"),
        pytest.param("bytes=30-99", "bytes 30-31/32", slice(30, 32), id="beyond the end"),
        pytest.param("bytes=9-3", None, slice(0, 32), id="no range"),
        pytest.param("bytes=0-1,4-5", None, slice(0, 32), id="several, which may be ignored"),
        pytest.param("lines=0-1", None, slice(0, 32), id="another unit"),
    ],
)
@pytest.mark.parametrize("resource", ["frames/1", "bulkdata/7FE00010", "pixeldata"])
def test_a_range_of_a_value_is_sent(client, store, resource, asked, content_range, sent):
    store(make_file())

    response = client.get(f"{INSTANCE}/{resource}", headers={"Accept": ALONE, "Range": asked})

    assert response.status_code == (206 if content_range else 200)
    assert response.get("Content-Range") == content_range
    assert body(response) == bytes(range(32))[sent]
    assert response["Content-Length"] == str(sent.stop - sent.start)


@pytest.mark.parametrize("asked", ["bytes=32-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end_is_told_the_end(client, store, asked):
    store(make_file())

    response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": ALONE, "Range": asked})

    assert (response.status_code, response["Content-Range"]) == (416, "bytes */32")


def test_a_range_of_what_has_changed_is_the_whole(client, store):
    store(make_file())
    headers = {"Accept": ALONE, "Range": "bytes=0-3"}
    etag = client.get(f"{INSTANCE}/frames/1", headers=headers)["ETag"]

    same = client.get(f"{INSTANCE}/frames/1", headers=headers | {"If-Range": etag})
    other = client.get(f"{INSTANCE}/frames/1", headers=headers | {"If-Range": '"other"'})

    assert (same.status_code, other.status_code) == (206, 200)


def test_a_part_of_an_instance_is_a_range_of_its_file(client, store):
    content = make_file()
    store(content)
    headers = {"Accept": "application/dicom; transfer-syntax=*", "Range": "bytes=128-131"}

    response = client.get(INSTANCE, headers=headers)

    assert (response.status_code, body(response)) == (206, b"DICM")


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 2), (3, 70_001), (69_999, 80_000)])
def test_a_range_of_what_is_stored_otherwise_is_one_of_what_is_sent(store, syntax, start, end):
    value = bytes(range(250)) * 320
    store(make_file(syntax, RedPaletteColorLookupTableData=value))
    ranged = content.bulk_value(Instance.objects.get(), "00281201")

    whole = b"".join(ranged)
    assert b"".join(ranged.stream(start, end)) == whole[start:end]
    assert len(whole) == ranged.size == 80_000


# --- Errors ---------------------------------------------------------------------------------------


def kinds_below(kind: type) -> set[type]:
    return {kind}.union(*map(kinds_below, kind.__subclasses__()))


def test_every_error_of_the_archive_has_a_status():
    without = [k for k in kinds_below(ArchiveError) - {ArchiveError} if status_of(k) == 500]

    assert without == []


def test_a_kind_of_an_error_has_the_status_of_that_error():
    assert status_of(OtherStudyError) == status_of(InvalidInstanceError) == 409


@pytest.mark.parametrize("resource", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
def test_what_is_not_there_is_not_found(client, resource):
    assert client.get(f"{INSTANCE}{resource}").status_code == 404


def test_an_instance_under_another_series_is_not_found(client, store):
    store(make_file())

    assert client.get(f"{STUDY}/series/1.2.3.8/instances/1.2.3.4").status_code == 404


def test_an_object_that_has_vanished_is_an_error_and_no_empty_answer(client, store, object_store):
    store(make_file())
    remove_objects(object_store)

    response = client.get(INSTANCE, headers={"Accept": DICOM})

    assert (response.status_code, response["Retry-After"]) == (503, "5")


def test_a_deflated_object_beyond_a_limit_that_was_lowered_is_an_error_of_the_store(
    client, store, settings
):
    store(make_file("1.2.840.10008.1.2.1.99"))
    settings.PACS_MAX_INSTANCE_BYTES = 10

    assert client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS}).status_code == 503


def test_no_room_to_inflate_an_object_is_an_error_of_the_store(client, store):
    store(make_file("1.2.840.10008.1.2.1.99", Rows=500, Columns=500, PixelData=bytes(500_000)))

    with full_disk(100_000):
        response = client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS})

    assert response.status_code == 503


@pytest.mark.parametrize("altered", [b"\xff" * 16, b""])
def test_a_deflated_object_that_was_altered_is_an_error_of_the_store(
    client, store, object_store, altered
):
    store(make_file("1.2.840.10008.1.2.1.99"))
    (path,) = [path for path in (object_store / "instances").rglob("*") if path.is_file()]
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + altered + bytes(40 - len(altered)))

    assert client.get(f"{INSTANCE}/frames/1", headers={"Accept": OCTETS}).status_code == 503
