"""Signing in and out, and what a stranger meets."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def no_memory_of_earlier_attempts():
    cache.clear()


@pytest.fixture
def user():
    return get_user_model().objects.create_user("marie", password=PASSWORD)


def sign_in(client, username="marie", password=PASSWORD, **extra):
    return client.post("/accounts/login/", {"login": username, "password": password}, **extra)


def test_the_right_password_signs_in_and_goes_to_the_studies(django_client, user):
    response = sign_in(django_client)

    assert (response.status_code, response["Location"]) == (302, "/")
    assert django_client.get("/").status_code == 200


def test_signing_in_leads_to_the_page_that_was_asked_for(django_client, user):
    response = django_client.post(
        "/accounts/login/?next=/studies/1.2.3/", {"login": "marie", "password": PASSWORD}
    )

    assert response["Location"] == "/studies/1.2.3/"


def test_signing_in_never_leads_to_another_site(django_client, user):
    response = django_client.post(
        "/accounts/login/?next=https://evil.example/", {"login": "marie", "password": PASSWORD}
    )

    assert "evil.example" not in response.get("Location", "")


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(django_client, user):
    def answer(**said):
        page = sign_in(django_client, **said).content.decode()
        return re.sub(r'value="[^"]*"', "", page.split("<main")[1])

    wrong, unknown = answer(password="wrong password here"), answer(username="nobody")

    assert "do not belong together" in wrong
    assert wrong == unknown


def test_many_wrong_passwords_lock_out_even_the_right_one_for_a_while(django_client, user):
    for _ in range(12):
        sign_in(django_client, password="wrong password here")

    response = sign_in(django_client)

    assert response.status_code in (200, 429)
    assert django_client.get("/").status_code == 302


def test_the_session_has_another_key_after_signing_in(django_client, user):
    django_client.get("/accounts/login/")
    before = django_client.session.session_key
    sign_in(django_client)

    assert django_client.session.session_key != before


def test_the_session_cookie_is_hidden_from_scripts(django_client, user):
    cookie = sign_in(django_client).cookies["sessionid"]

    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_signing_out_takes_a_post(client):
    client.get("/accounts/logout/")
    still_in = client.get("/").status_code
    client.post("/accounts/logout/")

    assert still_in == 200
    assert client.get("/").status_code == 302


def test_a_password_is_changed_by_who_knows_it(django_client, user):
    sign_in(django_client)

    django_client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long passphrase", "password2": "another long passphrase"},
    )  # fmt: skip

    user.refresh_from_db()
    assert user.check_password("another long passphrase")


@pytest.mark.parametrize(
    ("old", "new"),
    [("not the old one", "another long passphrase"), (PASSWORD, "short"), (PASSWORD, "1234567890123456")],
)  # fmt: skip
def test_a_password_that_is_weak_or_not_proven_changes_nothing(django_client, user, old, new):
    sign_in(django_client)

    response = django_client.post(
        "/accounts/password/change/", {"oldpassword": old, "password1": new, "password2": new}
    )

    user.refresh_from_db()
    assert response.status_code == 200
    assert user.check_password(PASSWORD)


def test_nobody_signs_up(django_client):
    response = django_client.post(
        "/accounts/signup/", {"username": "x", "password1": PASSWORD, "password2": PASSWORD}
    )

    assert response.status_code in (200, 403)
    assert not get_user_model().objects.filter(username="x").exists()


def test_the_admin_sends_strangers_to_the_same_sign_in(django_client):
    response = django_client.get("/admin/", follow=True)

    assert response.redirect_chain[-1][0].startswith("/accounts/login/")


def test_the_admin_is_for_staff(client):
    assert client.get("/admin/studies/study/").status_code in (302, 403)


@pytest.mark.parametrize("path", ["/", "/studies/1.2.3/", "/admin/", "/accounts/password/change/"])
def test_a_page_asks_a_stranger_to_sign_in(django_client, path):
    response = django_client.get(path)

    assert response.status_code == 302
    assert "/login/" in response["Location"]


@pytest.mark.parametrize("path", ["/api/health/", "/api/no-such-thing/", "/dicom-web/studies"])
def test_a_program_is_told_401_or_404_and_never_sent_to_a_page(django_client, path):
    assert django_client.get(path).status_code in (401, 404)


def test_pages_forbid_inline_script_and_framing_by_others(django_client):
    policy = django_client.get("/accounts/login/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "frame-ancestors 'self'" in policy


def test_pages_hold_no_inline_script_or_style(client):
    for path in ("/", "/accounts/password/change/"):
        page = client.get(path).content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert not [tag for tag in page.split("<script")[1:] if "src=" not in tag.split(">")[0]]
