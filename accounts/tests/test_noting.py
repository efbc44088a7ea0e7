"""Every act that concerns an account is told to the audit trail, once."""

import pytest
from django.contrib.auth.models import Group

from accounts.tests.conftest import PASSWORD
from accounts.tokens import create_token

pytestmark = pytest.mark.django_db


def told(acts):
    return [(act.action, act.what, act.outcome, act.is_change) for act in acts]


def test_a_sign_in(user, type_password, acts):
    type_password()

    assert told(acts) == [("sign-in", "signed in", "success", True)]
    assert acts[0].actor == user


def test_a_wrong_password(user, type_password, acts):
    type_password("wrong password here")

    assert told(acts) == [("sign-in", "wrong password", "failed", False)]
    assert acts[0].actor == user


def test_of_an_unknown_name_that_is_typed_nothing_is_kept(type_password, acts):
    type_password(username="my password, typed in the wrong field")

    assert told(acts) == [("sign-in", "wrong password", "failed", False)]
    assert (acts[0].actor, dict(acts[0].detail)) == (None, {})


def test_a_sign_out(user, type_password, acts):
    client = type_password()
    acts.clear()

    client.post("/accounts/logout/")

    assert told(acts) == [("sign-out", "signed out", "success", True)]
    assert acts[0].actor == user


def test_a_new_password_and_what_it_ends(user, type_password, acts):
    client = type_password()
    acts.clear()

    client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long passphrase", "password2": "another long passphrase"},
    )  # fmt: skip

    assert told(acts) == [("security", "password changed", "success", True)]


def test_a_new_user_has_no_changed_password(django_user_model, acts):
    django_user_model.objects.create_user("pierre", password=PASSWORD)

    assert acts == []


def test_roles_that_are_given_and_taken_in_the_administration(user, sign_in, acts):
    admin = sign_in("administrator")
    type(user).objects.filter(username="administrator-1").update(is_staff=True)
    clinician, radiologist = (Group.objects.get(name=name) for name in ("clinician", "radiologist"))
    user.groups.add(clinician)
    acts.clear()

    admin.post(
        f"/admin/accounts/user/{user.pk}/change/",
        {"username": "marie", "is_active": "on", "groups": [radiologist.pk],
         "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"},
    )  # fmt: skip

    *of_roles, edited = acts
    assert [act.detail for act in of_roles] == [
        {"user": "marie", "removed": "clinician"},
        {"user": "marie", "added": "radiologist"},
    ]
    assert {(act.what, act.is_change) for act in of_roles} == {("roles changed", True)}
    assert edited.what == "record changed in the administration"


def test_an_api_token_that_is_made_and_revoked(user, sign_in, acts):
    admin = sign_in("administrator")
    type(user).objects.filter(username="administrator-1").update(is_staff=True)
    acts.clear()

    token, _ = create_token(user, name="tests", lifetime=None)
    admin.post("/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})

    assert [(act.what, act.detail["user"]) for act in acts] == [
        ("API token created", "marie"),
        ("API token revoked", "marie"),
    ]


def test_what_is_not_kept_is_not_done(user, type_password):
    from accounts.acts import acted  # noqa: PLC0415

    def refuse(**_rest):
        raise RuntimeError

    client = type_password()
    acted.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            client.post(
                "/accounts/password/change/",
                {"oldpassword": PASSWORD, "password1": "another long passphrase", "password2": "another long passphrase"},
            )  # fmt: skip
    finally:
        acted.disconnect(refuse)

    user.refresh_from_db()
    assert user.check_password(PASSWORD)
