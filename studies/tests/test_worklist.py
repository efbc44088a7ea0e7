"""Reader, priority, tags, comments and status of studies: one by one, and several at once."""

import threading

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection

from accounts.acts import acted
from studies import query, worklist
from studies.errors import (
    EditConflictError,
    InvalidQueryError,
    NotFoundError,
    NotPermittedError,
)
from studies.filters import StudyFilter
from studies.models import Deletion, Patient, Priority, Report, Study, StudyComment, Tag
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


def person(name, role="radiologist", **fields):
    user = get_user_model().objects.create_user(name, **fields)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def reader(db):
    return person("reader")


@pytest.fixture
def study(db):
    return Study.objects.create(
        patient_record=Patient.objects.create(), study_instance_uid="1.1", patient_id="MRN-1",
        issuer_of_patient_id="HOSPITAL",
    )  # fmt: skip


@pytest.fixture
def acts():
    told = []

    def listen(sender, act, **_):
        told.append(act)

    acted.connect(listen)
    yield told
    acted.disconnect(listen)


def kept(study) -> Study:
    return Study.objects.get(pk=study.pk)


def test_a_study_is_nobodys_routine_and_untagged_at_first(study):
    assert (kept(study).assigned_to, kept(study).priority, kept(study).tags) == (
        None,
        "routine",
        [],
    )


def test_a_reader_takes_a_study(reader, study):
    worklist.assign(reader, "1.1", reader)

    assert kept(study).assigned_to == reader


def test_what_another_has_taken_is_not_taken_unawares(reader, study):
    worklist.assign(reader, "1.1", reader)
    other = person("other")

    with pytest.raises(EditConflictError, match="reader has taken it"):
        worklist.assign(other, "1.1", other)
    assert kept(study).assigned_to == reader

    worklist.assign(other, "1.1", other, may_replace=True)
    assert kept(study).assigned_to == other


def test_who_has_a_study_hands_it_on_without_more_ado(reader, study):
    worklist.assign(reader, "1.1", reader)
    other = person("other")

    worklist.assign(reader, "1.1", other)

    assert kept(study).assigned_to == other


def test_studies_are_assigned_only_to_who_may_report(reader, study):
    clinician = person("clinician", "clinician")

    with pytest.raises(InvalidQueryError):
        worklist.assign(reader, "1.1", clinician)
    assert set(worklist.readers()) == {reader}


@pytest.mark.parametrize(
    ("step", "argument", "role"),
    [
        (worklist.assign, None, "technologist"),
        (worklist.mark, "reported", "technologist"),
    ],
)
def test_a_role_that_may_see_may_not_do_everything(study, step, argument, role):
    with pytest.raises(NotPermittedError):
        step(person("somebody", role), "1.1", argument)


def test_who_may_not_see_a_study_does_not_learn_of_it(study):
    with pytest.raises(NotFoundError):
        worklist.comment(person("operator", "operator"), "1.1", "hello")


def test_each_change_is_told_once_with_whom_it_is_about(reader, study, acts):
    tag = Tag.objects.create(name="Teaching")
    for _ in range(2):
        worklist.assign(reader, "1.1", reader)
        worklist.prioritise(reader, "1.1", Priority.STAT)
        worklist.tag(reader, "1.1", add=[tag.pk])
        worklist.mark(reader, "1.1", "reported")

    assert [(act.what, dict(act.detail)) for act in acts] == [
        ("study assigned", {"reader": "reader"}),
        ("priority set", {"priority": "stat"}),
        ("study tagged", {"tags": str(tag.pk)}),
        ("reading status set", {"status": "reported"}),
    ]
    assert {(*act.patients, *act.study_uids, act.is_change) for act in acts} == {
        (("MRN-1", "HOSPITAL"), "1.1", True)
    }


def test_a_study_that_is_reported_here_is_marked_only_by_its_report(reader, study):
    Report.objects.create(study=study, author=reader, saved_by=reader, saved_at="2024-01-01T00:00Z")

    with pytest.raises(EditConflictError):
        worklist.mark(reader, "1.1", "reported")


@pytest.mark.parametrize(
    ("step", "value"),
    [(worklist.prioritise, "now"), (worklist.mark, "?"), (worklist.comment, " \n")],
)
def test_a_value_that_is_not_known_changes_nothing(reader, study, step, value):
    with pytest.raises(InvalidQueryError):
        step(reader, "1.1", value)


def test_a_retired_tag_stays_where_it_is_and_is_not_given_any_more(reader, study):
    tag = Tag.objects.create(name="Old")
    worklist.tag(reader, "1.1", add=[tag.pk])
    Tag.objects.update(is_retired=True)

    with pytest.raises(InvalidQueryError, match="no such tag"):
        worklist.tag(reader, "1.1", add=[tag.pk])
    assert kept(study).tags == [tag.pk]
    assert kept(worklist.tag(reader, "1.1", remove=[tag.pk])).tags == []


def test_comments_are_counted_where_the_list_shows_them(reader, study):
    worklist.comment(reader, "1.1", "Seen.\x00")
    worklist.comment(reader, "1.1", "And again.")

    assert [c.text for c in StudyComment.objects.order_by("pk")] == ["Seen.", "And again."]
    assert kept(study).number_of_comments == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_readers_who_take_a_study_at_once_one_has_it_and_the_other_is_told():
    study = Study.objects.create(patient_record=Patient.objects.create(), study_instance_uid="1.1")
    people = [person("one"), person("two")]
    start, told = threading.Barrier(2), []

    def take(reader):
        start.wait()
        try:
            worklist.assign(reader, "1.1", reader)
        except EditConflictError as error:
            told.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[reader]) for reader in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == [f"{kept(study).assigned_to.display_name} has taken it."]


# --- Filters -------------------------------------------------------------------------------------


class Asking:
    def __init__(self, user):
        self.user = user


def found(user, **search) -> set[str]:
    filters = StudyFilter(search, queryset=query.studies(user), request=Asking(user))
    assert filters.is_valid(), filters.errors
    return set(filters.qs.values_list("study_instance_uid", flat=True))


@pytest.fixture
def worked_on(reader, study):
    tag = Tag.objects.create(name="Teaching")
    Study.objects.create(
        patient_record=Patient.objects.create(), study_instance_uid="1.2", assigned_to=reader,
        priority="stat", tags=[tag.pk], reading_status="in-progress", modalities_in_study=["CT"],
        patient_name_folded="doe jane", accession_number="CT12345", study_date="2024-02-03",
    )  # fmt: skip
    return tag


@pytest.mark.parametrize(
    "search",
    [
        {"priority": "stat"}, {"assigned_to": "me"}, {"reading_status": "in-progress"},
        {"text": "mine"}, {"text": "stat"}, {"text": "tag:teaching"}, {"text": "reader:READER"},
        {"text": "in progress urgent stat"}, {"text": "CT12345"}, {"text": "ct"},
        {"text": "jane Dóe"}, {"text": "do"}, {"text": "2024-02"}, {"text": "2024-02-03.. ct doe"},
        {"text": "name:jane accession:ct1"},
    ],
)  # fmt: skip
def test_what_people_say_of_a_study_finds_it(reader, worked_on, search):
    assert found(reader, **search) == {"1.2"}


def test_a_tag_and_a_reader_are_filters_by_their_keys(reader, worked_on):
    assert found(reader, tag=str(worked_on.pk)) == {"1.2"}
    assert found(reader, assigned_to=str(reader.pk)) == {"1.2"}
    assert found(reader, assigned_to="nobody") == {"1.1"}
    assert found(reader, text="tag:none") == found(reader, text="reader:none") == set()


@pytest.mark.parametrize("text", ["ane", "an", "e"])
def test_a_word_of_one_or_two_letters_begins_a_part_of_the_name(reader, worked_on, text):
    assert found(reader, text=f"name:{text}") == ({"1.2"} if text == "ane" else set())


def test_a_search_of_too_many_words_is_refused(reader):
    filters = StudyFilter(
        {"text": "a " * 13}, queryset=query.studies(reader), request=Asking(reader)
    )

    assert filters.errors == {"text": ["Search for at most 12 words."]}


# --- Pages ---------------------------------------------------------------------------------------


def test_the_page_of_a_study_changes_it_and_shows_what_was_said(client, store):
    store(make_file())
    for form in (
        {"act": "assign", "reader": "me"}, {"act": "prioritise", "priority": "urgent"},
        {"act": "comment", "comment": "<b>Compare</b> with 2019"},
    ):  # fmt: skip
        client.post("/studies/1.2.3/worklist/", form)

    page = client.get("/studies/1.2.3/").content.decode()

    assert "Urgent</span>" in page
    assert "&lt;b&gt;Compare&lt;/b&gt; with 2019" in page
    assert Study.objects.get().assigned_to.get_username() == "radiologist-1"


def test_a_page_says_why_something_was_not_done(sign_in, store):
    store(make_file())

    page = sign_in("technologist").post(
        "/studies/1.2.3/worklist/", {"act": "assign", "reader": ""}, follow=True
    )

    assert "Your role does not allow you to assign studies." in page.content.decode()


@pytest.mark.parametrize("form", [{}, {"act": "delete", "reason": "x"}, {"act": "?"}])
def test_a_form_that_does_nothing_is_not_found(client, store, form):
    store(make_file())

    assert client.post("/studies/1.2.3/worklist/", form).status_code == 404


@pytest.fixture
def several(store):
    for number in range(3):
        uid = f"1.{number}"
        store(
            make_file(StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.2")
        )


def test_several_studies_are_changed_each_for_itself(client, several, acts):
    other = person("other")
    Study.objects.filter(study_instance_uid="1.1").update(assigned_to=other)
    acts.clear()  # that people were given roles

    page = client.post(
        "/list/changes/",
        {"act": "assign", "reader": "me", "study": ["1.0", "1.1", "1.1", "1.2", "9.9"]},
    ).content.decode()

    assert "2 of 4 studies" in page
    assert "other has taken it." in page
    assert "no such study" in page
    assert [act.study_uids for act in acts] == [["1.0"], ["1.2"]]


def test_a_steward_deletes_several_studies_with_a_reason(sign_in, several):
    steward = sign_in("data steward")
    wish = {"act": "delete", "study": ["1.0", "1.1"]}

    refused = steward.post("/list/changes/", wish).content.decode()
    done = steward.post("/list/changes/", wish | {"reason": "Phantoms"}).content.decode()

    assert ("0 of 2 studies" in refused, "2 of 2 studies" in done) == (True, True)
    assert Study.objects.count() == 1


def test_a_role_without_the_permission_deletes_nothing(client, several):
    client.post("/list/changes/", {"act": "delete", "reason": "x", "study": ["1.0", "1.1"]})

    assert Study.objects.count() == 3


@pytest.mark.parametrize("studies", [[], [f"1.{n}" for n in range(501)]])
def test_none_and_too_many_studies_are_refused(reader, studies):
    with pytest.raises(InvalidQueryError, match="1 to 500"):
        worklist.each(studies, str)


def test_an_address_to_go_back_to_is_one_of_the_list(client, several):
    wish = {"act": "prioritise", "priority": "stat", "study": "1.0"}

    ours = client.post("/list/changes/", wish | {"back": "?sort=mrn"}).content.decode()
    theirs = client.post("/list/changes/", wish | {"back": "//evil.example"}).content.decode()

    assert 'href="/?sort=mrn"' in ours
    assert "evil.example" not in theirs


def test_the_api_tells_what_people_say_of_a_study(client, reader, worked_on):
    answer = client.get("/api/studies/?priority=stat").json()["results"]

    assert [(s["assigned_to"], s["tags"], s["priority"]) for s in answer] == [
        ("reader", ["Teaching"], "stat")
    ]


def test_comments_go_along_with_their_study_into_its_tombstone(sign_in, store):
    store(make_file())
    steward = sign_in("data steward")
    steward.post("/studies/1.2.3/worklist/", {"act": "comment", "comment": "Blurred"})

    steward.post("/list/changes/", {"act": "delete", "study": "1.2.3", "reason": "Sent twice"})

    assert [row["text"] for row in Deletion.objects.get().parents["comments"]] == ["Blurred"]
