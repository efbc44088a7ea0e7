"""The JSON API of studies."""

import pytest
from django.core.management import call_command

from studies.api.errors import answer_error
from studies.errors import ArchiveError
from studies.models import Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


def test_the_list_gives_studies_with_a_count_and_the_way_on(client, store):
    for number in range(3):
        store(
            make_file(
                StudyInstanceUID=f"1.{number}", SeriesInstanceUID=f"2.{number}",
                SOPInstanceUID=f"3.{number}", StudyDate=f"2024010{number + 1}",
            )
        )  # fmt: skip

    first = client.get("/api/studies/", {"size": 2}).json()
    second = client.get("/api/studies/", {"size": 2, "after": first["next"]}).json()

    assert (first["count"], first["count_is_lower_bound"]) == (3, False)
    assert [s["study_instance_uid"] for s in first["results"]] == ["1.2", "1.1"]
    assert [s["study_instance_uid"] for s in second["results"]] == ["1.0"]
    assert second["next"] is None
    back = client.get("/api/studies/", {"size": 2, "before": second["previous"]}).json()
    assert back["results"] == first["results"]


def test_nothing_lies_before_the_first_study_and_that_is_no_failure(client, store):
    store(make_file())

    response = client.get("/api/studies/", {"before": Study.objects.get().pk})

    assert response.status_code == 200
    assert response.json()["results"] == []


def search(client, wish):
    return client.post("/api/studies/search/", wish, content_type="application/json")


def test_a_search_for_a_patient_is_posted(client, store):
    store(make_file())

    found = search(client, {"patient_name": "jürgen"}).json()

    assert [s["accession_number"] for s in found["results"]] == ["ACC-1"]


BODIES = {
    "deep": ("[" * 100_000, "The body is nested too deeply."),
    "long": ('{"a": "' + "x" * 4 * 1024 * 1024 + '"}', "The body is longer than 4194304 bytes."),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(
    ("method", "below"),
    [("post", "search/"), ("put", "1.2.3/report/"), ("post", "1.2.3/key-images/")],
)
def test_a_body_beyond_all_measure_is_refused(client, store, method, below, kind):
    store(make_file())
    body, sentence = BODIES[kind]

    send = getattr(client, method)
    response = send(f"/api/studies/{below}", body, content_type="application/json")

    assert (response.status_code, response.json()) == (400, {"detail": sentence})


def test_a_body_that_is_no_object_is_refused(client):
    assert search(client, []).status_code == 400


def test_a_fault_of_the_archives_own_is_no_answer():
    assert answer_error(ArchiveError("that no interface knows"), {}) is None


def test_patient_data_in_an_address_are_refused(client):
    response = client.get("/api/studies/", {"patient_id": "MRN-1"})

    assert response.status_code == 400
    assert "patient_id" in response.json()


@pytest.mark.parametrize(
    "parameters", [{"sort": "x"}, {"size": 0}, {"size": 10_000}, {"date_from": "x"}, {"after": "x"}]
)
def test_a_parameter_that_makes_no_sense_is_refused(client, parameters):
    assert client.get("/api/studies/", parameters).status_code == 400


def test_a_study_comes_with_its_series(client, store):
    store(make_file())

    study = client.get("/api/studies/1.2.3/").json()

    assert study["patient_name"] == "Müller^Jürgen"
    assert [s["series_instance_uid"] for s in study["series"]] == ["1.2.3.9"]


def test_a_study_that_is_not_there_is_not_found(client):
    assert client.get("/api/studies/9.9/").status_code == 404


def test_the_schema_describes_every_endpoint_without_a_warning(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn")

    schema = capsys.readouterr().out
    for path in (
        "/api/studies/:",
        "/api/studies/search/:",
        "/api/studies/{study}/:",
        "/api/studies/{study}/measurements/:",
        "/api/studies/{study}/key-images/:",
        "/api/health/:",
    ):
        assert path in schema
