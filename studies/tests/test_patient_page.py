"""The studies of one patient in time."""

import re

import pytest

from studies.models import Patient, Report, Study
from studies.portal import patients

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(db):
    patient = Patient.objects.create(patient_id="MRN-1")
    for number, day in enumerate(["2019-05-01", "2024-01-02", "2024-03-04", None]):
        Study.objects.create(
            patient_record=patient, study_instance_uid=f"1.{number}", patient_id="MRN-1", study_date=day,
            patient_name="Doe^Jane", study_description=f"Study {number}",
        )  # fmt: skip
    other = Patient.objects.create(patient_id="MRN-2")
    Study.objects.create(patient_record=other, study_instance_uid="2.1", patient_id="MRN-2")
    return patient


def shown(response) -> list[str]:
    return re.findall(r'data-study="([^"]*)"', response.content.decode())


def test_all_studies_of_the_patient_stand_under_their_years_newest_first(client, patient):
    response = client.get(f"/patients/{patient.pk}/")

    assert shown(response) == ["1.2", "1.1", "1.0", "1.3"]
    assert re.findall(r"<h2>(.*?)</h2>", response.content.decode()) == ["2024", "2019", "Undated"]
    assert "no-store" in response["Cache-Control"]


def test_a_page_is_followed_by_the_earlier_ones(client, patient, monkeypatch):
    monkeypatch.setattr(patients, "PAGE_SIZE", 3)

    first = client.get(f"/patients/{patient.pk}/")
    following = re.search(r'href="([^"]*)" rel="next"', first.content.decode())[1]

    assert (shown(first), shown(client.get(f"/patients/{patient.pk}/{following}"))) == (
        ["1.2", "1.1", "1.0"], ["1.3"],
    )  # fmt: skip


def test_a_signed_report_is_shown_and_a_draft_is_not(client, sign_in, patient, django_user_model):
    author = django_user_model.objects.create_user("author")
    now = "2024-03-05T00:00Z"
    for uid, signed in (("1.2", {"signed_by": author, "signed_at": now}), ("1.1", {})):
        Report.objects.create(
            study=Study.objects.get(study_instance_uid=uid), author=author, saved_by=author, saved_at=now,
            impression=f"Impression of {uid}", **signed,
        )  # fmt: skip

    page = client.get(f"/patients/{patient.pk}/").content.decode()

    assert "Impression of 1.2" in page
    assert "Impression of 1.1" not in page


@pytest.mark.parametrize("number", [0, 2**63, 99_999])
def test_a_patient_who_is_not_there_is_not_found(client, patient, number):
    assert client.get(f"/patients/{number}/").status_code == 404


def test_a_patient_of_whom_one_may_see_nothing_is_not_found(sign_in, patient):
    assert sign_in("operator").get(f"/patients/{patient.pk}/").status_code == 404


def test_the_page_costs_the_same_however_many_studies_it_shows(
    client, patient, django_assert_num_queries
):
    session, user, permissions, bell, page, reports, audit = range(7)
    with django_assert_num_queries(len([session, user, permissions, bell, page, reports, audit])):
        client.get(f"/patients/{patient.pk}/")
