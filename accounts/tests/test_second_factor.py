"""A code beside the password, which nothing goes around."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from accounts import second_factor
from accounts.models import SignedIn
from accounts.tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SET_UP = "/accounts/second-factor/set-up/"
CODE = "/accounts/second-factor/code/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_of(secret: str = SECRET, steps: int = 0) -> str:
    """What an app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


@pytest.fixture
def secured(user):
    """The user with an app that was set up long ago."""
    secret = second_factor.Adapter().encrypt(SECRET)
    row = Authenticator.objects.create(user=user, type="totp", data={"secret": secret})
    row.data["last_counter"] = 0
    row.save()
    return user


@pytest.fixture
def required(settings, user):
    settings.PACS_MFA_REQUIRED_ROLES = ["administrator"]
    user.groups.add(Group.objects.get(name="administrator"))
    get_user_model().objects.update(is_staff=True)
    return user


def set_up(client: Client, password: str = PASSWORD) -> tuple[str, str]:
    """As a person does it: password again, picture, code; the secret, and the page of the codes."""
    client.post("/accounts/reauthenticate/", {"password": password})
    page = client.get(SET_UP).content.decode()
    secret = re.search(r'id="totp-key">(\w+)<', page)[1]
    answer = client.post(SET_UP, {"code": code_of(secret)}, follow=True)
    return secret, answer.content.decode()


def recovery_codes(page: str) -> list[str]:
    return re.findall(r"<code>(\d{8})</code>", page)


# --- Signing in -----------------------------------------------------------------------------------


def test_password_and_code_sign_in(secured, type_password):
    client = type_password()

    answer = client.post(CODE, {"code": code_of()})

    assert (client.answer["Location"], answer["Location"]) == (CODE, "/")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/studies/1.2.3/", "/admin/", "/accounts/sessions/", SET_UP, "/accounts/password/change/",
     "/accounts/recovery-codes/", "/api/studies/", "/api/session/", "/dicom-web/studies"],
)  # fmt: skip
def test_nothing_is_reachable_between_password_and_code(secured, type_password, path):
    answer = type_password().get(path)

    assert answer.status_code == (401 if path.startswith(("/api", "/dicom-web")) else 302)
    assert "/login/" in answer.get("Location", "/login/")


def test_a_session_that_waits_for_its_code_is_listed_nowhere(secured, type_password):
    type_password()

    assert not SignedIn.objects.exists()


def test_a_wrong_code_signs_nobody_in(secured, type_password, acts):
    client = type_password()

    page = client.post(CODE, {"code": "000000"}).content.decode()

    assert "This code is not valid" in page
    assert client.get("/").status_code == 302
    assert [(act.what, act.outcome, act.actor) for act in acts] == [
        ("wrong code", "failed", secured)
    ]


def test_a_code_is_good_once(secured, type_password):
    code = code_of()
    type_password().post(CODE, {"code": code})

    again = type_password()
    again.post(CODE, {"code": code})

    assert again.get("/").status_code == 302


@pytest.mark.parametrize(("steps", "is_good"), [(-2, False), (-1, True), (1, True), (3, False)])
def test_a_code_of_the_neighbouring_half_minutes_is_good_for_clocks_differ(
    secured, type_password, steps, is_good
):
    client = type_password()

    client.post(CODE, {"code": code_of(steps=steps)})

    assert (client.get("/").status_code == 200) == is_good


def test_codes_cannot_be_tried_out(secured, type_password):
    client = type_password()

    answers = [client.post(CODE, {"code": f"00000{n}"}).status_code for n in range(6)]
    right = client.post(CODE, {"code": code_of()})

    assert answers == [200] * 5 + [429]
    assert right.status_code == 429


def test_the_database_holds_no_secret_that_makes_codes(secured):
    assert SECRET not in str(list(Authenticator.objects.values()))


def test_a_new_secret_key_leaves_the_factor_good_and_takes_it_over(secured, settings):
    former = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "k" * 60, [former]
    assert second_factor.check(secured, code_of())

    settings.SECRET_KEY_FALLBACKS = []

    assert second_factor.check(secured, code_of(steps=1))


# --- Setting it up and removing it ------------------------------------------------------------------


def test_to_set_it_up_takes_the_password_again(user, type_password):
    answer = type_password().get(SET_UP)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")


def test_it_is_set_up_with_a_picture_and_a_code_and_shows_recovery_codes_once(user, type_password):
    client = type_password()
    _, page = set_up(client)

    again = client.get("/accounts/recovery-codes/").content.decode()

    assert len(set(recovery_codes(page))) == 10
    assert recovery_codes(again) == []
    assert second_factor.is_set_up(user)


def test_the_picture_is_one_that_the_policy_lets_through(user, type_password):
    client = type_password()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    answer = client.get(SET_UP)

    assert 'src="data:image/svg+xml;base64,' in answer.content.decode()
    assert "img-src 'self' data:" in answer["Content-Security-Policy"]


def test_the_code_that_set_it_up_does_not_sign_in_as_well(user, type_password):
    secret, _ = set_up(type_password())
    client = type_password()

    client.post(CODE, {"code": code_of(secret)})
    assert client.get("/").status_code == 302

    client.post(CODE, {"code": code_of(secret, steps=1)})
    assert client.get("/").status_code == 200


def test_a_recovery_code_signs_in_once(user, type_password):
    _, page = set_up(type_password())
    code = recovery_codes(page)[0]
    first, second = type_password(), type_password()

    first.post(CODE, {"code": code})
    second.post(CODE, {"code": code})

    assert (first.get("/").status_code, second.get("/").status_code) == (200, 302)


def test_other_sessions_end_when_it_is_set_up(user, type_password):
    elsewhere, here = type_password(), type_password()

    set_up(here)

    assert (elsewhere.get("/").status_code, here.get("/").status_code) == (302, 200)


def test_it_is_removed_after_a_code_and_other_sessions_end(secured, type_password, acts):
    elsewhere, here = type_password(), type_password()
    elsewhere.post(CODE, {"code": code_of(steps=-1)})
    here.post(CODE, {"code": code_of()})
    here.post("/accounts/second-factor/confirm/", {"code": code_of(steps=1)})
    acts.clear()

    here.post("/accounts/second-factor/remove/")

    assert not second_factor.is_set_up(secured)
    assert (elsewhere.get("/").status_code, here.get("/").status_code) == (302, 200)
    assert [act.what for act in acts] == ["sessions ended", "second factor removed"]


def test_an_administrator_resets_the_factor_of_somebody_who_lost_it(secured, sign_in, acts):
    admin = sign_in("administrator")
    get_user_model().objects.filter(username="administrator-1").update(is_staff=True)
    acts.clear()

    admin.post(
        "/admin/accounts/user/",
        {"action": "reset_second_factor", "_selected_action": [secured.pk]},
    )

    assert not second_factor.is_set_up(secured)
    assert [(act.what, act.detail["user"]) for act in acts] == [("second factor removed", "marie")]


def test_an_administrator_cannot_reset_the_factor_of_a_superuser(secured, sign_in):
    get_user_model().objects.filter(pk=secured.pk).update(is_superuser=True)
    admin = sign_in("administrator")
    get_user_model().objects.filter(username="administrator-1").update(is_staff=True)

    admin.post(
        "/admin/accounts/user/",
        {"action": "reset_second_factor", "_selected_action": [secured.pk]},
    )

    assert second_factor.is_set_up(secured)


# --- Roles that need one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/admin/", "/accounts/sessions/", "/accounts/password/change/"]
)
def test_whose_role_needs_one_sees_no_page_before_it_is_set_up(required, type_password, path):
    answer = type_password().get(path)

    assert (answer.status_code, answer["Location"]) == (302, SET_UP)


@pytest.mark.parametrize("path", ["/api/studies/", "/dicom-web/studies"])
def test_and_no_program_in_their_browser_gets_anything(required, type_password, path):
    answer = type_password().get(path)

    assert answer.status_code == 403
    assert "second factor" in answer.content.decode()


def test_after_setting_it_up_they_work(required, type_password):
    client = type_password()

    set_up(client)

    assert client.get("/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_they_cannot_remove_it(required, type_password):
    client = type_password()
    set_up(client)

    client.post("/accounts/second-factor/remove/")

    assert second_factor.is_set_up(required)


def test_a_role_that_is_given_during_a_session_is_asked_at_once(settings, user, type_password):
    settings.PACS_MFA_REQUIRED_ROLES = ["administrator"]
    client = type_password()
    before = client.get("/").status_code

    user.groups.add(Group.objects.get(name="administrator"))

    assert (before, client.get("/").status_code) == (200, 302)


def test_a_superuser_counts_as_administrator(settings, user, type_password):
    settings.PACS_MFA_REQUIRED_ROLES = ["administrator"]
    get_user_model().objects.update(is_superuser=True)

    assert type_password().get("/")["Location"] == SET_UP


def test_other_roles_are_asked_for_nothing_and_cost_no_query(
    settings, sign_in, django_assert_num_queries
):
    settings.PACS_MFA_REQUIRED_ROLES = ["administrator"]
    client = sign_in("radiologist")
    client.get("/api/studies/")

    with django_assert_num_queries(3 + 1 + 1):  # the last keeps that it was read
        client.get("/api/studies/")
