"""Who may see which study: by site, by grant, in an emergency; and what others learn of it."""

import datetime
import threading

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from studies import access, query
from studies.models import (
    DeletedInstance,
    EmergencyAccess,
    Instance,
    InstanceConflict,
    Patient,
    Series,
    Site,
    Study,
    StudyGrant,
    StudyScope,
)
from studies.tests.answers import body, json_of
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

NORTH, SOUTH = "North Hospital", "South Hospital"
HOUR = datetime.timedelta(hours=1)


def file_of(uid: str, institution: str | None, department: str | None = None, **attributes):
    """One image of a study of its own, of a patient of its own."""
    said = {
        "PatientID": f"MRN-{uid}", "AccessionNumber": f"ACC-{uid}", "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.9", "SOPInstanceUID": f"{uid}.9.1",
        "InstitutionName": institution, "InstitutionalDepartmentName": department,
    }  # fmt: skip
    return make_file(**said | attributes)


@pytest.fixture
def archive(store):
    """1.1 and 1.2 of two departments of the north, 2.1 of the south, 3.1 of no site."""
    store(file_of("1.1", NORTH, "Radiology"))
    store(file_of("1.2", NORTH, "Cardiology"))
    store(file_of("2.1", SOUTH))
    store(file_of("3.1", None))


@pytest.fixture
def clinician(db) -> User:
    user = User.objects.create_user("curie")
    user.groups.add(Group.objects.get(name="clinician"))
    return user


@pytest.fixture
def steward(db) -> User:
    return User.objects.create_user("steward")


def seen_by(user: User) -> set[str]:
    """Asked anew, as the next request would."""
    fresh = User.objects.get(pk=user.pk)
    found = set(query.studies(fresh).values_list("study_instance_uid", flat=True))
    in_search = query.read_matches(
        query.search(fresh, query.Level.STUDY, {}), ["study.study_instance_uid"]
    )
    assert {row[0] for row in in_search.rows} == found
    assert in_search.total == len(found)
    return found


def study(uid: str) -> Study:
    return Study.objects.get(study_instance_uid=uid)


# --- Sites ---------------------------------------------------------------------------------------


def test_a_clinician_sees_nothing_before_a_site_is_given(clinician, archive):
    assert seen_by(clinician) == set()


@pytest.mark.parametrize(
    ("institution", "department", "expected"),
    [
        (NORTH, "", {"1.1", "1.2"}),
        ("NORTH hospital", "", {"1.1", "1.2"}),
        (NORTH, "radiology", {"1.1"}),
        (SOUTH, "", {"2.1"}),
        (SOUTH, "Radiology", set()),
        ("North", "", set()),
    ],
)
def test_a_scope_shows_an_institution_or_one_department_of_it(
    clinician, archive, institution, department, expected
):
    StudyScope.objects.create(
        user=clinician, institution_name=institution, institutional_department_name=department
    )

    assert seen_by(clinician) == expected


def test_scopes_of_a_group_and_of_the_person_add_up(clinician, archive):
    StudyScope.objects.create(user=clinician, institution_name=SOUTH)
    StudyScope.objects.create(
        group=clinician.groups.get(), institution_name=NORTH,
        institutional_department_name="Cardiology",
    )  # fmt: skip
    StudyScope.objects.create(group=Group.objects.get(name="operator"), institution_name=NORTH)

    assert seen_by(clinician) == {"1.2", "2.1"}


def test_a_scope_shows_nothing_to_whose_role_shows_no_studies(archive):
    operator = User.objects.create_user("operator")
    operator.groups.add(Group.objects.get(name="operator"))
    StudyScope.objects.create(user=operator, institution_name=NORTH)

    assert seen_by(operator) == set()


@pytest.mark.parametrize("role", ["radiologist", "technologist", "data steward", "administrator"])
def test_other_roles_see_every_study_without_a_query(
    archive, role, django_assert_num_queries, clinician
):
    user = User.objects.create_user("somebody")
    user.groups.add(Group.objects.get(name=role))
    user.get_all_permissions()

    with django_assert_num_queries(0):
        condition = access.condition(user)

    assert condition.text == ""
    assert seen_by(user) == {"1.1", "1.2", "2.1", "3.1"}


def test_the_scope_of_a_person_is_read_once(clinician, archive, django_assert_num_queries):
    StudyScope.objects.create(user=clinician, institution_name=NORTH)
    clinician.get_all_permissions()

    with django_assert_num_queries(1):
        access.condition(clinician)
        str(access.visible_to(clinician, Study.objects.all()).query)
        access.scope_of(clinician)


@pytest.mark.parametrize(
    "owner", [{}, {"user": True, "group": True}], ids=["of nobody", "of a user and a group"]
)
def test_a_scope_is_of_a_user_or_of_a_group(clinician, owner):
    people = {"user": clinician, "group": Group.objects.first()}
    scope = StudyScope(institution_name=NORTH, **{name: people[name] for name in owner})

    with pytest.raises(ValidationError, match="Choose either a user or a group"):
        scope.full_clean()


# --- How a study gets its site -------------------------------------------------------------------


def test_the_first_object_that_names_an_institution_says_the_site(store):
    document = {"SOPInstanceUID": "1.1.9.2", "InstanceNumber": "2"}
    store(file_of("1.1", None))
    before = study("1.1").site
    store(file_of("1.1", NORTH, "Radiology", **document))
    store(file_of("1.1", SOUTH, SOPInstanceUID="1.1.9.3"))

    assert before is None
    assert str(study("1.1").site) == "North Hospital / Radiology"
    assert study("1.1").institution_name == NORTH


def test_a_site_is_kept_once_however_many_studies_it_has(archive, store):
    store(file_of("4.1", NORTH, "Radiology"))

    assert [str(site) for site in Site.objects.order_by("pk")] == [
        "North Hospital / Radiology", "North Hospital / Cardiology", "South Hospital",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_first_studies_of_a_site_at_once_are_both_kept(store):
    """The second waits for the first, whose transaction is not over, and takes its site."""
    outcomes = []

    def send():
        outcomes.append(store(file_of("1.2", NORTH)).outcome)
        connection.close()

    other = threading.Thread(target=send)
    with transaction.atomic():
        store(file_of("1.1", NORTH))
        other.start()
        other.join(timeout=0.5)
        assert outcomes == []
    other.join(timeout=30)

    assert outcomes == ["stored"]
    assert study("1.1").site == study("1.2").site == Site.objects.get()


# --- Grants and emergencies ----------------------------------------------------------------------


def test_a_grant_shows_one_study_until_it_ends(clinician, archive, steward):
    later, over = timezone.now() + HOUR, timezone.now() - HOUR
    for uid, times in {
        "1.1": {}, "1.2": {"expires_at": later}, "2.1": {"expires_at": over},
        "3.1": {"revoked_at": over},
    }.items():  # fmt: skip
        StudyGrant.objects.create(
            study=study(uid), user=clinician, granted_by=steward, reason="A consultation", **times
        )

    assert seen_by(clinician) == {"1.1", "1.2"}


def test_an_emergency_shows_all_of_a_patient_until_it_ends(clinician, archive, store):
    store(file_of("1.3", None, PatientID="MRN-2.1"))
    later, over = timezone.now() + HOUR, timezone.now() - HOUR
    for uid, times in {
        "2.1": {"expires_at": later}, "1.1": {"expires_at": over},
        "1.2": {"expires_at": later, "revoked_at": over},
    }.items():  # fmt: skip
        EmergencyAccess.objects.create(
            user=clinician, patient_record=study(uid).patient_record, reason="Unconscious", **times
        )

    assert seen_by(clinician) == {"2.1", "1.3"}


# --- Every way of reading ------------------------------------------------------------------------


@pytest.fixture
def client(sign_in, archive):
    """A clinician's who sees the north."""
    client = sign_in("clinician")
    StudyScope.objects.create(user=client.get("/").wsgi_request.user, institution_name=NORTH)
    return client


@pytest.mark.parametrize(
    ("model", "number"), [(Study, 2), (Series, 2), (Instance, 2), (Patient, 2)]
)
def test_rows_of_every_level_are_those_of_visible_studies(client, model, number):
    user = User.objects.get(username="clinician-1")

    assert access.visible_to(user, model.objects.all()).count() == number


def test_rows_that_belong_to_no_study_are_for_who_sees_all(client):
    user = User.objects.get(username="clinician-1")

    assert not access.visible_to(user, Site.objects.all()).exists()


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_a_search_finds_and_counts_only_what_is_visible(client, level):
    response = client.get(f"/dicom-web/{level}?limit=1")

    assert response["X-Total-Count"] == "2"
    assert b"2.1" not in client.get(f"/dicom-web/{level}").content


def test_a_restricted_person_costs_one_query_more(client, django_assert_num_queries):
    image = "/dicom-web/studies/1.1/series/1.1.9/instances/1.1.9.1"

    for address in ("/dicom-web/studies", "/dicom-web/instances", f"{image}/frames/1"):
        # session, user, permissions, scope, the answer, the audit trail
        with django_assert_num_queries(6):
            client.get(address)


def test_a_foreign_study_is_answered_like_one_that_never_was(client):
    for address in ("/dicom-web/studies/{}/metadata", "/api/studies/{}/hanging/"):
        foreign, none = (client.get(address.format(uid)) for uid in ("2.1", "9.9"))

        assert foreign.status_code == none.status_code == 404, address
        assert body(foreign) == body(none), address


def test_other_studies_of_a_patient_are_those_one_may_see(client, store):
    store(file_of("1.5", SOUTH, PatientID="MRN-1.1"))
    store(file_of("1.6", NORTH, PatientID="MRN-1.1"))

    hanging = client.get("/api/studies/1.1/hanging/").json()

    assert [other["study_instance_uid"] for other in hanging["others"]] == ["1.6"]


def test_a_place_in_the_list_that_is_of_a_foreign_study_tells_nothing_of_it(client):
    """Else the page that begins behind it would tell the name of the patient, letter by letter."""
    foreign = study("2.1").pk

    page = client.get(f"/api/studies/?sort=accession&after={foreign}").json()

    assert [row["study_instance_uid"] for row in page["results"]] == ["1.1", "1.2"]


def test_what_was_deleted_is_gone_for_who_saw_it_and_never_was_for_others(client, sign_in):
    steward = sign_in("data steward")
    for uid in ("1.1", "2.1"):
        steward.delete(f"/dicom-web/studies/{uid}", headers={"Deletion-Reason": "Test"})

    answers = [client.get(f"/dicom-web/studies/{uid}").status_code for uid in ("1.1", "2.1")]

    user = User.objects.get(username="clinician-1")
    assert answers == [410, 404]
    assert access.visible_to(user, DeletedInstance.objects.all()).count() == 1


def test_who_stores_into_a_foreign_study_is_not_told_what_contradicts_it(client, sign_in):
    scanner = User.objects.create_user("scanner")
    scanner.user_permissions.add(
        *Group.objects.get(name="technologist").permissions.exclude(codename="view_every_study")
    )
    client = Client()
    client.force_login(scanner)
    contradiction = file_of("2.1", SOUTH, PatientID="somebody else", SOPInstanceUID="2.1.9.2")

    response = client.post("/dicom-web/studies", contradiction, content_type="application/dicom")

    conflict = InstanceConflict.objects.get()
    assert response.status_code == 409
    assert conflict.reason == "patient"
    assert conflict.get_reason_display() not in response["Warning"]
    assert client.get("/dicom-web/studies/2.1").status_code == 404


def test_the_administration_shows_a_scoped_person_their_studies_only(client):
    user = User.objects.get(username="clinician-1")
    user.is_staff = True
    user.save()

    numbers = {
        model: client.get(f"/admin/studies/{model}/").context["cl"].result_count
        for model in ("patient", "study", "series", "instance")
    }

    assert numbers == {"patient": 2, "study": 2, "series": 2, "instance": 2}
    assert client.get(f"/admin/studies/study/{study('2.1').pk}/change/").status_code == 302


def test_an_administrator_gives_a_scope_and_it_is_told(client, sign_in, acts):
    administrator = sign_in("administrator")
    User.objects.filter(username="administrator-1").update(is_staff=True)
    group = Group.objects.get(name="clinician")

    administrator.post(
        "/admin/studies/studyscope/add/",
        {"group": group.pk, "institution_name": " South Hospital "},
    )

    assert seen_by(User.objects.get(username="clinician-1")) == {"1.1", "1.2", "2.1"}
    (given,) = (act for act in acts if act.what == "scope given")
    assert given.detail == {"of": "South Hospital", "to": "clinician"}


def test_bad_frames_of_a_foreign_image_are_not_told_apart(client):
    image = "/dicom-web/studies/2.1/series/2.1.9/instances/2.1.9.1"

    answers = {client.get(f"{image}/frames/{frame}").status_code for frame in (1, 2)}

    assert answers == {404}
    assert json_of(client.get(f"{image}/frames/2")) == json_of(client.get(f"{image}/frames/1"))
