"""Sessions end by themselves and by their owner's wish, here and elsewhere."""

import datetime

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import SignedIn, User
from accounts.tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

DAY = 12 * 60 * 60


def minutes_ago(minutes: float) -> None:
    """As if everybody had done their last thing so long ago."""
    end = timezone.now() + datetime.timedelta(seconds=settings.SESSION_COOKIE_AGE - minutes * 60)
    Session.objects.update(expire_date=end)


def remaining() -> float:
    return (Session.objects.get().expire_date - timezone.now()).total_seconds() / 60


def signed_in_ago(client: Client, seconds: float) -> None:
    session = client.session
    session["signed_in_at"] -= seconds
    session.save()


# --- Idle and absolute limits -----------------------------------------------------------------------


def test_who_does_nothing_is_signed_out(client):
    minutes_ago(15.1)

    assert client.get("/").status_code == 302


def test_what_a_person_does_prolongs_the_session(client):
    minutes_ago(10)

    client.get("/")

    assert remaining() == pytest.approx(15, abs=0.1)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/api/health/", {}), ("/api/session/", {}), ("/", {"x-background": "yes"})],
)
def test_what_a_page_asks_by_itself_does_not(client, path, headers):
    minutes_ago(10)

    client.get(path, headers=headers)

    assert remaining() == pytest.approx(5, abs=0.1)


def test_a_page_that_polls_cannot_prolong_it_by_changing_the_session(client):
    minutes_ago(10)

    client.post("/", {"patient_id": "x"}, headers={"x-background": "yes"})

    assert remaining() == pytest.approx(5, abs=0.1)


def test_use_is_noted_once_a_minute(client, django_assert_num_queries):
    client.get("/api/session/")
    with django_assert_num_queries(2):
        client.get("/api/dicom/dictionary/")

    minutes_ago(2)
    with django_assert_num_queries(2 + 2):
        client.get("/api/dicom/dictionary/")


def test_a_session_ends_after_twelve_hours_whatever_is_done(client):
    signed_in_ago(client, DAY + 1)
    client.get("/")

    assert client.get("/").status_code == 302


def test_it_ends_then_also_for_who_signed_in_by_the_form(user, type_password):
    client = type_password()
    signed_in_ago(client, DAY + 1)
    client.get("/")

    assert client.get("/").status_code == 302


def test_a_page_that_polls_does_not_prolong_it_for_who_signed_in_by_the_form(user, type_password):
    client = type_password()
    minutes_ago(10)

    client.post("/", {"patient_id": "x"}, headers={"x-background": "yes"})

    assert remaining() == pytest.approx(5, abs=0.1)


def test_nothing_prolongs_it_past_its_last_hour(client):
    signed_in_ago(client, DAY - 300)

    answer = client.post("/api/session/").json()

    assert answer["remaining_seconds"] == pytest.approx(300, abs=2)
    assert answer["longest_seconds"] == pytest.approx(300, abs=2)


def test_a_session_of_the_release_before_gets_its_limits_too(client):
    session = client.session
    del session["signed_in_at"]
    session.save()

    client.get("/")

    assert client.session["signed_in_at"] == pytest.approx(timezone.now().timestamp(), abs=5)


# --- The list ---------------------------------------------------------------------------------------


def test_the_list_shows_where_one_is_signed_in(user, type_password):
    here = type_password(headers={"user-agent": "Firefox at home"}, REMOTE_ADDR="192.0.2.7")
    type_password(headers={"user-agent": "Chrome in the reading room"}, REMOTE_ADDR="192.0.2.8")

    page = here.get("/accounts/sessions/").content.decode()

    assert "Firefox at home" in page
    assert "192.0.2.8" in page
    assert page.count("Sign out there:") == 1
    assert here.session.session_key not in page


def test_of_others_nothing_is_listed(client, user, type_password):
    type_password(headers={"user-agent": "Firefox of Marie"})

    assert "Firefox of Marie" not in client.get("/accounts/sessions/").content.decode()


def test_one_session_is_ended(user, type_password, acts):
    here, there = type_password(), type_password()
    row = SignedIn.objects.get(session_key=there.session.session_key)

    here.post(f"/accounts/sessions/{row.pk}/end/")

    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert acts[-1].what == "sessions ended"


def test_all_others_are_ended(user, type_password):
    here, *others = [type_password() for _ in range(3)]

    here.post("/accounts/sessions/end-others/")

    assert here.get("/").status_code == 200
    assert [one.get("/").status_code for one in others] == [302, 302]


def test_the_session_of_somebody_else_cannot_be_ended(client, user, type_password):
    hers = type_password()
    row = SignedIn.objects.get(session_key=hers.session.session_key)

    client.post(f"/accounts/sessions/{row.pk}/end/")

    assert hers.get("/").status_code == 200


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one_in_the_list(user, type_password):
    here, there = type_password(), type_password()

    here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long passphrase", "password2": "another long passphrase"},
    )  # fmt: skip

    assert (here.get("/").status_code, there.get("/").status_code) == (200, 302)
    assert list(SignedIn.objects.values_list("session_key", flat=True)) == [
        here.session.session_key
    ]


def test_signing_out_takes_the_session_from_the_list(user, type_password):
    client = type_password()

    client.post("/accounts/logout/")

    assert not SignedIn.objects.exists()


def test_sessions_that_are_over_are_swept(client):
    Session.objects.update(expire_date=timezone.now() - datetime.timedelta(seconds=1))

    call_command("sweep_accounts")

    assert not SignedIn.objects.exists()
    assert not Session.objects.exists()


def test_a_user_who_leaves_is_signed_out_at_once(client):
    User.objects.update(is_active=False)

    assert client.get("/").status_code == 302
