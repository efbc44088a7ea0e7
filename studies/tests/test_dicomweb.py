"""DICOMweb as clients see it (PS3.18 8 and 10)."""

import gzip
import json

import pytest
from pydicom.dataset import Dataset

from studies.tests.answers import body
from studies.tests.builders import (
    make_file,
)

pytestmark = pytest.mark.django_db

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


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
