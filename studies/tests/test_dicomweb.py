"""DICOMweb as clients see it (PS3.18 8 and 10)."""

import gzip
import json

import pytest

from studies.tests.answers import body
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"


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
