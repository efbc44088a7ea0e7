"""Grants of single studies: who gives them, to whom, how long, and how they are taken back."""

import datetime

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.acts import Action
from accounts.models import User
from studies.models import StudyGrant
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

ACCESS = "/studies/1.2.3/access/"


@pytest.fixture
def study(store):
    store(make_file(InstitutionName="Elsewhere"))


@pytest.fixture
def clinician(sign_in, study):
    return sign_in("clinician")


def give(client, **said):
    form = {"do": "grant", "grant-username": "clinician-1", "grant-reason": "A consultation"}
    return client.post(ACCESS, form | said)


def test_a_granted_study_is_seen_by_who_saw_it_not(client, clinician, acts):
    before = clinician.get("/studies/1.2.3/").status_code
    response = give(client)

    assert (before, response.status_code) == (404, 302)
    assert clinician.get("/studies/1.2.3/").status_code == 200
    assert [(act.what, act.detail) for act in acts if act.action == Action.SECURITY] == [
        ("study granted", {"to": "clinician-1", "reason": "A consultation"})
    ]


@pytest.mark.parametrize(("days", "lifetime"), [("7", 7), ("", None)])
def test_it_lasts_as_long_as_is_chosen(client, clinician, days, lifetime):
    give(client, **{"grant-days": days})

    ends = StudyGrant.objects.get().expires_at
    assert (ends and round((ends - timezone.now()) / datetime.timedelta(days=1))) == lifetime


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"grant-username": "nobody-else"}, "There is nobody of that user name."),
        ({"grant-username": "operator"}, "The role of this person shows no studies"),
        ({"grant-reason": " \u0000"}, "Null characters are not allowed."),
        ({"grant-reason": ""}, "This field is required."),
        ({"grant-reason": "x" * 501}, "at most 500 characters"),
        ({"grant-days": "5000"}, "Select a valid choice."),
    ],
)
def test_what_makes_no_sense_is_told_and_not_given(client, clinician, said, why):
    User.objects.create_user("operator").groups.add(Group.objects.get(name="operator"))

    response = give(client, **said)

    assert response.status_code == 200
    assert why in response.content.decode()
    assert not StudyGrant.objects.exists()


def test_a_grant_that_is_taken_back_shows_nothing_any_more(client, clinician, acts):
    give(client)
    key = StudyGrant.objects.get().pk

    response = client.post(ACCESS, {"do": "revoke-grant", "key": key})

    assert response.status_code == 302
    assert clinician.get("/studies/1.2.3/").status_code == 404
    assert [act.what for act in acts if act.action == Action.SECURITY][
        -1
    ] == "grant of a study revoked"
    assert client.post(ACCESS, {"do": "revoke-grant", "key": key}).status_code == 404


@pytest.mark.parametrize("key", ["", "x", "٣", "9" * 30, "0"])
def test_a_grant_that_is_none_cannot_be_taken_back(client, clinician, key):
    assert client.post(ACCESS, {"do": "revoke-grant", "key": key}).status_code == 404


def test_a_grant_is_taken_back_from_the_study_that_it_is_of(client, clinician, store):
    store(make_file(StudyInstanceUID="1.5", SeriesInstanceUID="1.5.9", SOPInstanceUID="1.5.9.1"))
    give(client)

    wrong = client.post(
        "/studies/1.5/access/", {"do": "revoke-grant", "key": StudyGrant.objects.get().pk}
    )

    assert wrong.status_code == 404
    assert StudyGrant.objects.get().is_alive


def test_who_was_granted_a_study_grants_it_to_nobody(client, clinician):
    give(client)

    assert clinician.get(ACCESS).status_code == 403
    assert give(clinician).status_code == 403
    assert "Who else may see it" not in clinician.get("/studies/1.2.3/").content.decode()


def test_the_page_lists_what_holds(client, clinician):
    give(client)
    give(client, **{"grant-reason": "An old one"})
    StudyGrant.objects.filter(reason="An old one").update(expires_at=timezone.now())

    page = client.get(ACCESS).content.decode()

    assert "A consultation" in page
    assert "An old one" not in page


def test_stewards_revoke_grants_in_the_administration(client, clinician, sign_in):
    give(client)
    steward = sign_in("data steward")
    User.objects.filter(username="data steward-1").update(is_staff=True)

    steward.post(
        "/admin/studies/studygrant/",
        {"action": "revoke", "_selected_action": StudyGrant.objects.get().pk},
    )

    assert not StudyGrant.objects.get().is_alive
