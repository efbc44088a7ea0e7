"""Sign-in by an OpenID Connect provider: a real one, of its own process, followed as a browser does."""

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from accounts.tests.test_second_factor import code_of, secured  # noqa: F401 - a fixture
from pacs_portal.tests.running_portal import free_port, wait_for

pytestmark = pytest.mark.django_db

SIGN_IN = "/accounts/sso/sso/"
MARIE = {"email": "marie@hospital.example", "email_verified": True, "preferred_username": "m.curie"}


@pytest.fixture(scope="module")
def issuer():
    port = free_port()
    url = f"http://localhost:{port}"
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url):
    try:
        return requests.get(f"{url}/.well-known/openid-configuration", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture
def provider(settings, issuer):
    settings.ROOT_URLCONF = "accounts.tests.urls_with_single_sign_on"
    settings.PACS_OIDC_ISSUER = issuer
    settings.PACS_OIDC_NAME = "Hospital"
    settings.PACS_OIDC_ROLES = {"readers": "radiologist", "admins": "administrator"}
    app = {
        "provider_id": "sso", "name": "Hospital", "client_id": "pacs", "secret": "s",
        "settings": {"server_url": issuer},
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": settings.SOCIALACCOUNT_PROVIDERS["openid_connect"] | {"APPS": [app]}
    }
    return issuer


@pytest.fixture
def sign_in_as(provider):
    """Goes to the provider, signs in there with these claims and comes back."""

    def sign_in_as(sub: str = "0001", **claims) -> Client:
        requests.put(f"{provider}/users/{sub}", json=claims, timeout=10)
        client = Client()
        there = client.get(SIGN_IN)["Location"]
        back = requests.post(there, {"sub": sub}, allow_redirects=False, timeout=10)
        client.answer = client.get(local(back.headers["Location"]))
        return client

    return sign_in_as


def local(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_without_a_provider_there_is_no_such_address():
    client = Client()

    assert client.get(SIGN_IN).status_code in (302, 404)
    assert "/sso/" not in client.get("/accounts/login/").content.decode()


def test_the_sign_in_page_offers_it(provider):
    page = Client().get("/accounts/login/").content.decode()

    assert "Sign in with Hospital" in page
    assert SIGN_IN in page


def test_the_way_there_has_a_state_and_a_code_challenge(provider):
    asked = parse_qs(urlsplit(Client().get(SIGN_IN)["Location"]).query)

    assert asked["code_challenge_method"] == ["S256"]
    assert set(asked["scope"][0].split()) == {"openid", "profile", "email"}
    assert len(asked["state"][0]) >= 16


def test_who_has_no_account_gets_one_without_roles(sign_in_as):
    client = sign_in_as(**MARIE)

    user = get_user_model().objects.get()
    assert client.answer["Location"] == "/"
    assert (user.username, user.email, roles(user)) == ("m.curie", MARIE["email"], set())
    assert not user.has_usable_password()


def test_the_second_time_it_is_the_same_account(sign_in_as):
    sign_in_as(**MARIE)
    client = sign_in_as(**MARIE | {"email": "other@hospital.example", "preferred_username": "x"})

    assert get_user_model().objects.count() == 1
    assert client.get("/accounts/sessions/").status_code == 200


def test_a_known_account_is_linked_by_a_verified_address(user, sign_in_as):
    client = sign_in_as(**MARIE)

    assert SocialAccount.objects.get().user == user
    assert client.get("/accounts/sessions/").status_code == 200


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_takes_over_no_account(user, sign_in_as, verified, acts):
    client = sign_in_as(**MARIE | {"email_verified": verified})

    assert client.answer["Location"] == "/accounts/login/"
    assert client.get("/").status_code == 302
    assert not SocialAccount.objects.exists()
    assert [(act.outcome, act.actor) for act in acts if act.actor] == [("failed", user)]


@pytest.mark.parametrize("change", [{"is_superuser": True}, {"is_active": False}], ids=str)
def test_a_superuser_and_who_left_are_not_linked(user, sign_in_as, change):
    get_user_model().objects.update(**change)

    assert sign_in_as(**MARIE).get("/").status_code == 302
    assert not SocialAccount.objects.exists()


def test_an_address_of_two_accounts_links_neither(user, sign_in_as):
    get_user_model().objects.create_user("second", email=MARIE["email"].upper())

    assert sign_in_as(**MARIE).get("/").status_code == 302
    assert not SocialAccount.objects.exists()


def test_another_subject_with_the_same_address_does_not_get_in(user, sign_in_as):
    sign_in_as("0001", **MARIE)

    assert sign_in_as("0002", **MARIE).get("/").status_code == 302


def test_an_unverified_address_is_not_kept_for_a_new_account(sign_in_as):
    sign_in_as(**MARIE | {"email_verified": False})

    assert get_user_model().objects.get().email == ""


def test_who_left_does_not_come_in_by_the_provider(sign_in_as):
    sign_in_as(**MARIE)
    get_user_model().objects.update(is_active=False)

    client = sign_in_as(**MARIE)

    assert client.answer["Location"] == "/accounts/login/"
    assert client.get("/").status_code == 302


def test_the_claim_gives_and_takes_the_roles_that_are_mapped_and_no_others(sign_in_as, acts):
    sign_in_as(**MARIE, groups=["readers", "cleaners"])
    user = get_user_model().objects.get()
    user.groups.add(Group.objects.get(name="clinician"))
    first = roles(user)

    sign_in_as(**MARIE, groups=["admins"])

    assert first == {"radiologist", "clinician"}
    assert roles(user) == {"administrator", "clinician"}
    assert [act.detail for act in acts if act.what == "roles changed"][-2:] == [
        {"user": "m.curie", "added": "administrator"},
        {"user": "m.curie", "removed": "radiologist"},
    ]


def test_the_second_factor_is_asked_all_the_same(secured, sign_in_as):  # noqa: F811
    client = sign_in_as(**MARIE)

    assert client.get("/").status_code == 302
    client.post("/accounts/second-factor/code/", {"code": code_of()})
    assert client.get("/").status_code == 200


def test_who_refuses_at_the_provider_is_back_at_the_sign_in_page(provider):
    client = Client()
    there = client.get(SIGN_IN)["Location"]
    back = requests.post(there, {"action": "deny"}, allow_redirects=False, timeout=10)

    page = client.get(local(back.headers["Location"]), follow=True)

    assert page.request["PATH_INFO"] == "/accounts/login/"
    assert "Single sign-on did not work" in page.content.decode()


def test_an_answer_that_nobody_asked_for_is_refused(sign_in_as, provider):
    mine = Client()
    there = mine.get(SIGN_IN)["Location"]
    back = requests.post(there, {"sub": "0001"}, allow_redirects=False, timeout=10)
    victim = Client()

    victim.get(local(back.headers["Location"]))

    assert victim.get("/").status_code == 302


def test_a_provider_that_does_not_answer_is_told_in_words(provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = (
        "http://localhost:9"
    )

    page = Client().get(SIGN_IN, follow=True)

    assert page.request["PATH_INFO"] == "/accounts/login/"
    assert "Single sign-on did not work" in page.content.decode()
