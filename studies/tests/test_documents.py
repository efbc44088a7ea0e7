"""What is no image: pages of reports and headers, files of other formats, video."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from studies import documents
from studies.models import StoredObject
from studies.tests.answers import body
from studies.tests.builders import make_encapsulated, make_file, to_file
from studies.tests.samples import TEST_FILES, read

pytestmark = pytest.mark.django_db

PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
PATH = "1.2.3/documents/1.2.3.9/1.2.3.4/"
RENDERED = "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.4/rendered"
NO_IMAGE = dict.fromkeys(
    (
        "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    )
)  # fmt: skip
PDF = b"%PDF-1.4\n% a document\n%%EOF"
MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 4


def make_document(content: bytes, sop_class=PDF_STORAGE, **attributes) -> bytes:
    return make_file(
        SOPClassUID=sop_class,
        Modality="DOC",
        EncapsulatedDocument=content + b"\0" * (len(content) % 2),
        EncapsulatedDocumentLength=len(content),
        **(NO_IMAGE | attributes),
    )


def make_video(*fragments: bytes, transfer_syntax="1.2.840.10008.1.2.4.102", **attributes) -> bytes:
    """Fragments of even length, in a file that says to have many more frames."""
    content = make_encapsulated(list(fragments), transfer_syntax, **attributes)
    dataset = read(content)
    dataset.NumberOfFrames = "25"
    return to_file(dataset, transfer_syntax)


# --- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "title", "said"),
    [("test-SR.dcm", "Diagnosis", "A mass of"), ("reportsi.dcm", "Document Title", "Section Heading")],
)  # fmt: skip
def test_a_report_is_a_page_to_read(client, store, file, title, said):
    store((TEST_FILES / file).read_bytes())
    real = read((TEST_FILES / file).read_bytes())

    address = f"/studies/{real.StudyInstanceUID}/documents/{real.SeriesInstanceUID}/{real.SOPInstanceUID}/"
    page = client.get(address).content.decode()

    assert f"<h1>{title}</h1>" in page
    assert said in page
    assert "not in this archive" in page


def report_on(sop_instance_uid: str, text: str) -> bytes:
    def coded(value: str) -> list[Dataset]:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99TEST", value
        return [code]

    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    reference.ReferencedSOPInstanceUID = sop_instance_uid
    image, words = Dataset(), Dataset()
    image.RelationshipType, image.ValueType = "CONTAINS", "IMAGE"
    image.ReferencedSOPSequence = [reference]
    words.RelationshipType, words.ValueType, words.TextValue = "CONTAINS", "TEXT", text
    words.ConceptNameCodeSequence = coded("Finding")
    return make_file(
        SOPInstanceUID="1.2.3.5",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11",
        SeriesInstanceUID="1.2.3.10",
        Modality="SR",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=coded("Chest report"),
        ContentSequence=[image, words],
        **NO_IMAGE,
    )


def test_a_report_links_to_the_images_that_are_here_and_escapes_what_it_says(client, store):
    store(make_file())
    store(report_on("1.2.3.4", "<script>alert(1)</script>"))

    page = client.get("/studies/1.2.3/documents/1.2.3.10/1.2.3.5/").content.decode()

    assert 'data-sop-instance-uid="1.2.3.4"' in page
    assert "CT 1, number 1" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


def test_what_is_no_report_is_a_table_of_its_header(client, store):
    store(make_file(PatientName="Curie^Marie"))

    page = client.get(f"/studies/{PATH}").content.decode()

    assert '<td data-label="Attribute">Patient&#x27;s Name</td>' in page
    assert "Marie Curie" in page


@pytest.mark.parametrize("path", [PATH, f"{PATH}file/"])
def test_nobody_reads_a_document_that_is_not_there_or_not_for_them(client, sign_in, store, path):
    missing = client.get(f"/studies/{path}").status_code
    store(make_document(PDF))

    assert (missing, client.get(f"/studies/{path}").status_code) == (404, 200)
    assert sign_in("operator").get(f"/studies/{path}").status_code == 404


# --- Files of other formats -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [len(PDF), 200_001], ids=["inline", "long"])
def test_a_pdf_comes_as_it_is_and_nothing_in_it_is_active(client, store, size):
    file = PDF.ljust(size, b" ")
    store(make_document(file))

    response = client.get(RENDERED)

    assert body(response) == file
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_what_only_says_to_be_a_pdf_is_not_shown(client, store):
    store(make_document(b"<html><script>alert(1)</script></html>"))

    response = client.get(RENDERED)

    assert (response.status_code, response.json()["error"]) == (
        406, "What the instance holds is no PDF, though it says so.",
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"<ClinicalDocument/>", PDF], ids=["CDA", "PDF"])
def test_any_encapsulated_file_can_be_saved_but_is_not_shown(client, store, content):
    store(make_document(content, "1.2.840.10008.5.1.4.1.1.104.2"))

    response = client.get(f"/studies/{PATH}file/")

    assert body(response) == content
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert client.get(RENDERED).status_code == 404


def test_a_length_beyond_all_measure_is_passed_over(client, store):
    store(make_document(PDF))
    stored = StoredObject.objects.get()
    header = json.loads(stored.header_json)
    header["00420015"] = {"vr": "UL", "Value": ["9" * 5000]}
    StoredObject.objects.update(header_json=json.dumps(header))

    assert body(client.get(f"/studies/{PATH}file/")).startswith(PDF)


def test_an_image_holds_no_other_file(client, store):
    store(make_file())

    assert client.get(f"/studies/{PATH}file/").status_code == 404


# --- Video ----------------------------------------------------------------------------------------


def test_a_video_comes_whole_or_in_ranges(client, store):
    store(make_video(MP4[:500], MP4[500:]))

    whole = client.get(RENDERED)
    part = client.get(RENDERED, headers={"Range": "bytes=490-509"})

    assert (body(whole), whole["Content-Type"]) == (MP4, "video/mp4")
    assert (part.status_code, body(part)) == (206, MP4[490:510])
    assert part["Content-Range"] == f"bytes 490-509/{len(MP4)}"


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [(b"\x00\x00\x01\xba", "video/mpeg"), (b"\x47\x40\x00\x10", "video/mp2t")],
)
def test_a_video_says_what_it_is_in(client, store, beginning, media_type):
    store(make_video(beginning * 8, transfer_syntax="1.2.840.10008.1.2.4.100"))

    assert client.get(RENDERED)["Content-Type"] == media_type
    assert client.get(f"{RENDERED}?accept=video/mp4").status_code == 406


def test_a_video_in_too_many_pieces_is_refused(client, store, monkeypatch):
    monkeypatch.setattr(documents, "_MAX_FRAGMENTS", 2)
    store(make_video(b"ab", b"cd", b"ef"))

    response = client.get(RENDERED)

    assert (response.status_code, response.json()["error"]) == (
        406, "The video is in more than 2 pieces.",
    )  # fmt: skip


@given(st.lists(st.binary(max_size=6), max_size=5), st.data())
def test_every_range_over_fragments_is_right(fragments, data):
    whole = b"".join(fragments)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    file = io.BytesIO()
    places = []
    for fragment in fragments:
        file.write(b"head")
        places.append((file.tell(), len(fragment)))
        file.write(fragment)

    with pytest.MonkeyPatch.context() as patch:
        content = file.getvalue()
        patch.setattr(documents.storage, "stream", lambda _, a, b: iter([content[a:b]]))
        found = b"".join(documents._join(StoredObject(), places, start, end))

    assert found == whole[start:end]
