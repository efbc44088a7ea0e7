"""What other people's clients send, to the letter, and what they need back.

A row is one request, taken from the source of the client or seen on the wire. Whether a whole client
works is shown by `pacs_portal/tests/test_dicomweb_clients.py` and `bench/`; these rows say at once which of
their habits a change would break.
"""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from accounts.tokens import create_token
from studies.models import Instance
from studies.tests.builders import SAMPLES, make_file

pytestmark = pytest.mark.django_db

JPEG = "1.2.840.10008.1.2.4.50"
STUDY = "studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
CT = f"{SERIES}/instances/1.2.3.4"
CINE = "studies/1.2.4/series/1.2.4.9/instances/1.2.4.4"

JSON = "application/dicom+json"
JPEG_IMAGE = "image/jpeg"
DICOM_PARTS = 'multipart/related; type="application/dicom"'
OCTET_PARTS = 'multipart/related; type="application/octet-stream"'
STORED = "; transfer-syntax=*"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
ANY = "*/*"

WEASIS_FIELDS = (
    "includefield=00080020,00080030,00080050,00080061,00080090,00081030,00100010,00100020,00100021,"
    "00100030,00100040,0020000D,00200010"
)
OHIF_FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"
WADO_URI = "requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4"


def row(name: str, path: str, accept: str, expected: str):
    return pytest.param(path, accept, expected, id=name)


REQUESTS = [
    row("OHIF lists studies", f"studies?limit=101&offset=0&fuzzymatching=true&{OHIF_FIELDS}", JSON, JSON),
    row("OHIF searches a patient",
        f"studies?PatientName=*M%C3%BCller*&limit=101&offset=0&fuzzymatching=true&{OHIF_FIELDS}", JSON, JSON),
    row("OHIF searches by a range of days and modalities",
        f"studies?StudyDate=20230101-20241231&ModalitiesInStudy=CT&limit=101&offset=0&{OHIF_FIELDS}", JSON, JSON),
    row("OHIF looks for other studies of the patient",
        f"studies?00100020=MRN-1&limit=101&offset=0&fuzzymatching=true&{OHIF_FIELDS}", JSON, JSON),
    row("OHIF lists series",
        f"{STUDY}/series?includefield=00080021%2C00080031%2C0008103E%2C00200011", JSON, JSON),
    row("OHIF reads metadata", f"{SERIES}/metadata", JSON, JSON),
    row("OHIF reads a frame", f"{CT}/frames/1", f'{OCTET_PARTS}; transfer-syntax="*"', OCTET_PARTS),
    row("OHIF reads a frame as it is told to without quotes", f"{CT}/frames/1",
        "multipart/related; type=application/octet-stream; transfer-syntax=*", OCTET_PARTS),
    row("OHIF reads a frame of a cine", f"{CINE}/frames/2", f'{OCTET_PARTS}; transfer-syntax="*"', OCTET_PARTS),
    row("OHIF shows a rendered thumbnail", f"{CT}/rendered?accept=image/jpeg", ANY, JPEG_IMAGE),
    row("OHIF shows a thumbnail", f"{CT}/thumbnail", JPEG_IMAGE, JPEG_IMAGE),
    row("OHIF loads a segmentation whole", CT, f"{DICOM_PARTS}{STORED}", DICOM_PARTS),
    row("dicom-microscopy-viewer reads metadata", f"{SERIES}/metadata", JSON, JSON),
    row("dicom-microscopy-viewer reads a tile", f"{CINE}/frames/1", f"{OCTET_PARTS}{STORED}", OCTET_PARTS),
    row("dicom-microscopy-viewer renders an optical path", f"{CT}/rendered", "image/png", "image/png"),
    row("Weasis looks for the studies of a patient", f"studies?00100020=MRN-1&{WEASIS_FIELDS}", JAVA, JSON),
    row("Weasis looks for the studies of a patient of an issuer",
        f"studies?00100020=MRN-1&00100021=HOSPITAL&{WEASIS_FIELDS}", JAVA, JSON),
    row("Weasis opens a study", f"studies?0020000D=1.2.3&{WEASIS_FIELDS}", JAVA, JSON),
    row("Weasis opens an accession number", f"studies?00080050=ACC-1&{WEASIS_FIELDS}", JAVA, JSON),
    row("Weasis lists series",
        f"{STUDY}/series?includefield=0008103E,00080060,0020000E,00200011,00081190", JAVA, JSON),
    row("Weasis opens a series",
        f"series?0020000E=1.2.3.9&{WEASIS_FIELDS},0008103E,00080060,00081190,00200011", JAVA, JSON),
    row("Weasis opens an instance",
        f"instances?00080018=1.2.3.4&{WEASIS_FIELDS},0008103E,00080060,0020000E,00200011,00200013,00081190", JAVA, JSON),
    row("Weasis lists instances",
        f"{SERIES}/instances?includefield=00080018,00200013,00081190", JAVA, JSON),
    row("Weasis looks for an instance of the middle",
        f"{SERIES}/instances?includefield=00080018&limit=1&offset=0", JSON, JSON),
    row("Weasis retrieves an instance", CT,
        'multipart/related;type="application/dicom";transfer-syntax=*', DICOM_PARTS),
    row("Weasis retrieves a compressed instance", CINE,
        'multipart/related;type="application/dicom";transfer-syntax=*', DICOM_PARTS),
    row("Weasis shows a thumbnail of a series", f"{SERIES}/thumbnail?viewport=256%2C256", JPEG_IMAGE, JPEG_IMAGE),
    row("Weasis shows a thumbnail of an instance", f"{CT}/thumbnail?viewport=256%2C256", JPEG_IMAGE, JPEG_IMAGE),
    row("Weasis shows a rendered instance", f"{CT}/rendered?viewport=256%2C256", JPEG_IMAGE, JPEG_IMAGE),
    row("Weasis retrieves by WADO-URI", f"wado-uri?{WADO_URI}&contentType=application/dicom", JAVA, "application/dicom"),
    row("Weasis shows a thumbnail by WADO-URI",
        f"wado-uri?{WADO_URI}&contentType=image/jpeg&imageQuality=75&rows=256&columns=256", JAVA, JPEG_IMAGE),
    row("Orthanc searches", "studies?PatientID=MRN-1", ANY, JSON),
    row("Orthanc asks for a field", "studies?00081030&PatientID=MRN-1", ANY, JSON),
    row("Orthanc retrieves a study", STUDY, f"{DICOM_PARTS}{STORED}", DICOM_PARTS),
    row("Orthanc retrieves a series", SERIES, f"{DICOM_PARTS}{STORED}", DICOM_PARTS),
    row("Orthanc retrieves an instance", CT, f"{DICOM_PARTS}{STORED}", DICOM_PARTS),
    row("Orthanc of old retrieves a study", STUDY, ANY, DICOM_PARTS),
    row("Orthanc of old retrieves a compressed study", "studies/1.2.4", ANY, DICOM_PARTS),
    row("Slicer lists studies", "studies?includefield=StudyDescription&offset=0", f"{JSON}, application/json", JSON),
    row("Slicer lists series", f"{STUDY}/series?includefield=SeriesNumber", f"{JSON}, application/json", JSON),
    row("Slicer lists instances", f"{SERIES}/instances", f"{JSON}, application/json", JSON),
    row("Slicer retrieves an instance", CT, f"{DICOM_PARTS}{STORED}", DICOM_PARTS),
    row("dicomweb-client searches", "studies?PatientName=M%C3%BCller%2A&fuzzymatching=true&limit=5",
        f"{JSON}, application/json", JSON),
    row("dicomweb-client retrieves a study", STUDY, DICOM_PARTS, DICOM_PARTS),
    row("dicomweb-client retrieves a compressed study", "studies/1.2.4", DICOM_PARTS, DICOM_PARTS),
    row("dicomweb-client reads whatever frames", f"{CINE}/frames/1,2", 'multipart/related; type="*/*"',
        'multipart/related; type="image/jpeg"'),
    row("dicomweb-client reads uncompressed frames", f"{CT}/frames/1", OCTET_PARTS, OCTET_PARTS),
    row("dicomweb-client reads JPEG frames", f"{CINE}/frames/1", f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG}',
        'multipart/related; type="image/jpeg"'),
    row("dicomweb-client reads bulk data", f"{CT}/bulkdata/7FE00010", 'multipart/related; type="*/*"', OCTET_PARTS),
    row("dicomweb-client renders an instance", f"{CT}/rendered", ANY, JPEG_IMAGE),
    row("dicomweb-client renders an instance as PNG", f"{CT}/rendered", "image/png", "image/png"),
    row("dicomweb-client renders a frame", f"{CINE}/frames/2/rendered", JPEG_IMAGE, JPEG_IMAGE),
    # By itself, an image type is one of a single image: for several there are parts (PS3.18 8.7.5).
    row("dicomweb-client renders a series", f"{SERIES}/rendered", ANY, 'multipart/related; type="image/jpeg"'),
]  # fmt: skip


@pytest.fixture
def archive(store):
    """An uncompressed CT image, and a cine loop in JPEG whose frames can be decoded."""
    store(
        make_file(Rows=64, Columns=64, PixelData=bytes(64 * 64 * 2), IssuerOfPatientID="HOSPITAL")
    )
    store(cine())


def cine() -> bytes:
    """Thirty real frames of ultrasound under UIDs of our own."""
    import io  # noqa: PLC0415

    import pydicom  # noqa: PLC0415

    dataset = pydicom.dcmread(SAMPLES / "test_files" / "examples_ybr_color.dcm")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.4", "1.2.4.9"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.4.4"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(("path", "accept", "expected"), REQUESTS)
def test_a_client_gets_what_it_reads(client, archive, path, accept, expected):
    response = client.get(f"/dicom-web/{path}", headers={"accept": accept})

    content = response.getvalue()
    assert response.status_code == 200, content
    assert response["Content-Type"].startswith(expected)
    assert len(content) > len("[]")


# --- Storing -----------------------------------------------------------------------------------

# Longer than RFC 2046 allows.
ORTHANC_BOUNDARY = "2120fc56-62b6-433e-ad13-eaf2edc9f5bb-2120fc56-62b6-433e-ad13-eaf2edc9f5bb"
QUOTED = 'multipart/related; type="application/dicom"; boundary="b-1"'
STORING = [
    pytest.param(f'multipart/related; type="application/dicom"; boundary={ORTHANC_BOUNDARY}',
                 b"", b"\r\nContent-Length: %d", JSON, id="Orthanc"),
    pytest.param(QUOTED, b"\r\n", b"", ANY, id="dicomweb-client and Slicer"),
    pytest.param(QUOTED, b"\r\n", b"", JSON, id="OHIF"),
    pytest.param("multipart/related;type=application/dicom;boundary=b-1", b"\r\n", b"", JSON, id="dcm4che and Weasis"),
]  # fmt: skip


@pytest.fixture
def machine(db):
    """A client as programs are: a token, no cookie, and no way around the protection of forms."""
    user = get_user_model().objects.create_user("ct-scanner")
    user.groups.add(Group.objects.get(name="technologist"))
    _, token = create_token(user, name="test", lifetime=None)
    return Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize(("content_type", "before", "length", "accept"), STORING)
def test_a_client_stores_as_it_does(machine, content_type, before, length, accept):
    file = make_file()
    head = b"Content-Type: application/dicom" + (length % len(file) if length else b"")
    boundary = content_type.rpartition("boundary=")[2].strip('"').encode()
    body = before + b"--%b\r\n%b\r\n\r\n%b\r\n--%b--" % (boundary, head, file, boundary)

    response = machine.post(
        "/dicom-web/studies", body, content_type=content_type, headers={"accept": accept}
    )

    assert response.status_code == 200, response.content
    # dicomweb-client compares the whole header; Orthanc counts the items and wants no failures.
    assert response["Content-Type"] == JSON
    assert len(response.json()["00081199"]["Value"]) == 1
    assert "00081198" not in response.json()
    assert Instance.objects.count() == 1


def test_a_client_that_cannot_word_a_reason_deletes_with_one_among_its_fixed_headers(
    sign_in, archive
):
    steward = sign_in("data steward")

    response = steward.delete(f"/dicom-web/{STUDY}", headers={"Deletion-Reason": "Sent by mistake"})

    assert response.status_code == 204


# --- Signing in --------------------------------------------------------------------------------


def test_a_user_name_with_a_token_for_a_password_is_enough_for_orthanc(machine, archive):
    import base64  # noqa: PLC0415

    token = machine.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    secret = base64.b64encode(f"ct-scanner:{token}".encode()).decode()

    response = Client().get("/dicom-web/studies", headers={"authorization": f"Basic {secret}"})

    assert (response.status_code, len(response.json())) == (200, 2)


def test_a_retrieve_url_leads_to_where_the_client_asked(client, archive):
    (study,) = client.get("/dicom-web/studies?StudyInstanceUID=1.2.3").json()
    (url,) = study["00081190"]["Value"]

    # Weasis appends to the Retrieve URL of a series to list its instances.
    (series,) = client.get(f"{url}/series").json()
    instances = client.get(f"{series['00081190']['Value'][0]}/instances").json()

    assert url == "http://testserver/dicom-web/studies/1.2.3"
    assert [i["00080018"]["Value"] for i in instances] == [["1.2.3.4"]]


def test_every_bulk_data_uri_of_the_metadata_resolves(client, archive):
    metadata = client.get(f"/dicom-web/{CINE}/metadata").content.decode()
    uris = re.findall(r'"BulkDataURI":\s*"([^"]+)"', metadata)

    statuses = {client.get(uri, headers={"accept": ANY}).status_code for uri in uris}

    assert len(uris) >= 1
    assert statuses == {200}
