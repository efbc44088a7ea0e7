"""What an open list is told: every study that matches and is committed, however late, and no other."""

import re
import threading

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from studies import changes
from studies.models import Patient, Study

pytestmark = pytest.mark.django_db

# A snapshot of the database before any transaction of these tests.
LONG_AGO = "3:3:"


@pytest.fixture
def patient(db):
    return Patient.objects.create()


def arrive(patient, uid, **columns) -> Study:
    return Study.objects.create(patient_record=patient, study_instance_uid=uid, **columns)


def told(client, mark, **asked) -> dict:
    answer = client.get("/api/studies/changes/", {"after": mark, **asked})
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_study_that_arrives_is_told_once(client):
    patient, mark = Patient.objects.create(), changes.mark()
    study = arrive(patient, "1.1")

    first = told(client, mark)
    second = told(client, first["mark"])

    assert (first["new"], second["new"]) == ([study.pk], [])


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_study_that_began_before_the_mark_and_is_committed_after_it_is_told(client):
    patient = Patient.objects.create()
    is_written, may_commit = threading.Event(), threading.Event()

    def write_slowly():
        with transaction.atomic():
            arrive(patient, "1.1")
            is_written.set()
            may_commit.wait(20)
        connection.close()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert is_written.wait(20)
    later = arrive(patient, "1.2")  # has a greater number, and is committed first
    before = told(client, changes.mark())
    may_commit.set()
    writer.join()

    after = told(client, before["mark"])

    slow = Study.objects.get(study_instance_uid="1.1")
    assert slow.pk < later.pk
    assert (before["new"], after["new"]) == ([], [slow.pk])


def test_only_studies_of_the_search_are_told(client, patient):
    arrive(patient, "1.1", modalities_in_study=["MR"])
    matching = arrive(patient, "1.2", modalities_in_study=["CT"])

    assert told(client, LONG_AGO, modality="CT")["new"] == [matching.pk]


@pytest.fixture
def old_study(patient):
    return arrive(patient, "1.1", arrived_in="2", changed_in="2")


def test_a_study_that_comes_into_a_list_by_a_change_is_told_where_the_list_asks_for_it(
    client, old_study
):
    Study.objects.update(priority="stat")

    assert told(client, LONG_AGO, priority="stat")["new"] == [old_study.pk]
    assert told(client, LONG_AGO)["new"] == []


def test_rows_that_have_changed_come_with_what_they_show(client, patient, old_study):
    reader = get_user_model().objects.create_user("reader", last_name="Reader")
    other = arrive(patient, "1.2", arrived_in="2", changed_in="2")
    Study.objects.filter(pk=old_study.pk).update(assigned_to=reader, reading_status="in-progress")

    answer = told(client, LONG_AGO, rows=f"{old_study.pk},{other.pk}")

    assert answer["new"] == []
    assert answer["rows"] == [
        {
            "id": old_study.pk, "reading_status": "in-progress", "reading": "In progress",
            "priority": "routine", "priority_name": "Routine", "reader": "Reader",
            "number_of_comments": 0,
        }
    ]  # fmt: skip


def test_a_study_whose_images_are_counted_on_is_no_change(client, old_study):
    Study.objects.update(number_of_study_related_instances=7)

    assert told(client, LONG_AGO, rows=str(old_study.pk))["rows"] == []


def test_what_a_dump_of_another_database_brought_along_is_not_new(client, patient):
    Study.objects.filter(pk=arrive(patient, "1.1").pk).update(updated_at="2020-01-01T00:00Z")

    assert told(client, LONG_AGO)["new"] == []


def test_more_new_studies_than_one_reads_are_more_than_so_many(client, patient):
    Study.objects.bulk_create(
        Study(patient_record=patient, study_instance_uid=f"1.{n}")
        for n in range(changes.MAX_NEW + 1)
    )

    answer = told(client, LONG_AGO)

    assert (len(answer["new"]), answer["has_more"]) == (changes.MAX_NEW, True)


def test_who_may_not_see_studies_is_told_of_none(sign_in, patient):
    arrive(patient, "1.1")

    assert told(sign_in("operator"), LONG_AGO)["new"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"after": "x"}, {"after": "5:3:"}, {"after": "1:1:" + "1," * 3000}, {"after": "1:9:99"},
        {"after": "1:1:", "rows": "1;2"}, {"after": "1:1:", "rows": ",".join("1" * 101)},
        {"after": "1:1:", "q": "of another"}, {"after": "1:1:", "date_from": "x"},
        {"after": "99999999999999999999:1:"},
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_understood_is_refused(client, patient, asked):
    assert client.get("/api/studies/changes/", asked).status_code == 400


def test_a_patient_does_not_stand_in_the_address_of_a_question(client, patient):
    answer = client.get("/api/studies/changes/", {"after": "1:1:", "patient_id": "MRN-1"})

    assert answer.status_code == 400


def test_the_page_of_the_list_holds_a_mark(client, patient):
    arrive(patient, "1.1")

    page = client.get("/").content.decode()

    assert re.search(r'data-mark="\d+:\d+:[0-9,]*"', page)


def test_a_question_costs_a_mark_what_is_new_and_what_has_changed(client, patient):
    study = arrive(patient, "1.1")

    with CaptureQueriesContext(connection) as captured:
        told(client, LONG_AGO, rows=str(study.pk))

    who, mark, savepoint, new, changed, followed = 3, 1, 2, 1, 1, 1  # the last once in a while
    assert len(captured) == who + mark + savepoint + new + changed + followed
