"""Names of data elements for people who read a header."""

import pytest

pytestmark = pytest.mark.django_db

ADDRESS = "/api/dicom/dictionary/"


def test_an_element_has_its_name_and_keyword(client):
    names = client.get(ADDRESS).json()

    assert names["00100010"] == ["Patient's Name", "PatientName"]
    assert names["60xx3000"] == ["Overlay Data", "OverlayData"]
    assert len(names) > 4000


def test_it_comes_compressed_and_once_only(client):
    first = client.get(ADDRESS, headers={"accept-encoding": "gzip"})
    again = client.get(ADDRESS, headers={"if-none-match": first["ETag"]})

    assert first["Content-Encoding"] == "gzip"
    assert len(first.content) < 100_000
    assert (again.status_code, again.content) == (304, b"")
