"""Tokens that are signed, short and renewed, for programs in which people sign in."""

import threading
from datetime import timedelta

import jwt
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import grants
from accounts.keys import new_private_key
from accounts.models import Grant, RefreshToken
from accounts.tests.conftest import PASSWORD
from accounts.tests.test_second_factor import code_of, secured  # noqa: F401 - a fixture
from accounts.tokens import create_token

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, REVOKE = "/api/token/", "/api/token/refresh/", "/api/token/revoke/"
READ = "/api/studies/"


@pytest.fixture(scope="module")
def pems() -> list[str]:
    return [new_private_key() for _ in range(2)]


@pytest.fixture
def radiologist(user):
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


def post(path: str, **body):
    return Client().post(path, body, "application/json")


def ask(**said):
    return post(TOKEN, **{"username": "marie", "password": PASSWORD, "name": "tests"} | said)


def granted(**said) -> dict:
    answer = ask(**said)
    assert answer.status_code == 200, answer.content
    return answer.json()


def bearer(text: str) -> Client:
    return Client(headers={"authorization": f"Bearer {text}"})


def reads(tokens: dict) -> int:
    return bearer(tokens["access_token"]).get(READ).status_code


def test_a_password_gets_an_access_token_that_reads(radiologist):
    tokens = granted()

    assert reads(tokens) == 200
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 300)
    assert tokens["scope"] == "read write delete"


def test_an_access_token_costs_one_query_as_other_tokens_do(radiologist, django_assert_num_queries):
    client = bearer(granted()["access_token"])

    with django_assert_num_queries(1 + 2):
        client.get(READ)


def test_anybody_can_check_the_signature_by_the_published_keys(radiologist):
    text = granted()["access_token"]

    (key,) = Client().get("/.well-known/jwks.json").json()["keys"]

    claims = jwt.decode(text, jwt.PyJWK(key), algorithms=["RS256"], audience="pacs-portal")
    assert jwt.get_unverified_header(text)["kid"] == key["kid"]
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (str(radiologist.pk), 300)
    assert set(key) == {"kid", "use", "alg", "kty", "n", "e"}


@pytest.mark.parametrize(
    "said", [{"password": "wrong password here"}, {"username": "nobody"}], ids=str
)
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(radiologist, said):
    answer = ask(**said)

    assert answer.status_code == 401
    assert answer.json() == {"detail": "This user name and password do not belong together."}


@pytest.mark.parametrize(
    "said",
    [{"name": ""}, {"name": "x" * 101}, {"scope": "read everything"}, {"scope": " "}, {"username": "x" * 151}, {"password": ["x"]}],
    ids=lambda said: str(said)[:20],
)  # fmt: skip
def test_what_makes_no_sense_is_400(radiologist, said):
    assert ask(**said).status_code == 400
    assert not Grant.objects.exists()


def test_passwords_cannot_be_tried_out_here_either(radiologist):
    answers = [ask(password="wrong password here").status_code for _ in range(6)]

    assert answers == [401] * 5 + [429]
    assert ask()["Retry-After"]


def test_who_has_a_second_factor_sends_its_code(secured):  # noqa: F811
    assert ask().status_code == 401
    assert ask(code="000000").status_code == 401

    code = code_of()
    assert ask(code=code).status_code == 200
    assert ask(code=code).status_code == 401


def test_whose_role_needs_a_factor_gets_no_token_before_it_is_set_up(settings, radiologist):
    settings.PACS_MFA_REQUIRED_ROLES = ["radiologist"]

    answer = ask()

    assert answer.status_code == 401
    assert "second factor" in answer.json()["detail"]


# --- Ends ---------------------------------------------------------------------------------------------


def test_an_access_token_ends_after_five_minutes(radiologist, monkeypatch):
    past = timezone.now() - timedelta(seconds=301)
    monkeypatch.setattr(grants.timezone, "now", lambda: past)
    tokens = granted()
    monkeypatch.undo()

    assert reads(tokens) == 401


def test_a_refresh_token_gives_the_next_two(radiologist):
    first = granted(scope="read")

    second = post(REFRESH, refresh_token=first["refresh_token"]).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert (reads(second), second["scope"]) == (200, "read")


def test_a_refresh_token_that_is_shown_twice_ends_all_that_came_of_it(radiologist, acts):
    first = granted()
    second = post(REFRESH, refresh_token=first["refresh_token"]).json()
    acts.clear()

    again = post(REFRESH, refresh_token=first["refresh_token"])

    assert again.status_code == 401
    assert "stolen" in again.json()["detail"]
    assert post(REFRESH, refresh_token=second["refresh_token"]).status_code == 401
    assert (reads(first), reads(second)) == (401, 401)
    assert [(act.what, act.outcome, act.actor) for act in acts] == [
        ("token revoked", "refused", radiologist)
    ]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_refreshes_at_once_one_wins_and_the_grant_is_over(radiologist):
    text = granted()["refresh_token"]
    answers = []

    def refresh():
        answers.append(post(REFRESH, refresh_token=text).status_code)
        connection.close()

    threads = [threading.Thread(target=refresh) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200, 401]
    assert Grant.objects.get().revoked_because == "a refresh token was shown twice"


def test_a_program_signs_out(radiologist):
    tokens = granted()

    assert post(REVOKE, refresh_token=tokens["refresh_token"]).status_code == 204
    assert reads(tokens) == 401
    assert post(REFRESH, refresh_token=tokens["refresh_token"]).status_code == 401


def test_to_revoke_what_is_no_token_is_answered_the_same(radiologist):
    assert post(REVOKE, refresh_token="pacs_refresh_x").status_code == 204


def test_an_administrator_revokes_a_grant(radiologist, sign_in, acts):
    tokens = granted()
    admin = sign_in("administrator")
    type(radiologist).objects.filter(username="administrator-1").update(is_staff=True)
    acts.clear()

    admin.post(
        "/admin/accounts/grant/",
        {"action": "revoke", "_selected_action": [Grant.objects.get().pk]},
    )

    assert reads(tokens) == 401
    assert [act.what for act in acts] == ["token revoked"]


def test_a_new_password_ends_the_tokens_that_the_old_one_got(radiologist):
    tokens = granted()

    radiologist.set_password("another long passphrase")
    radiologist.save()

    assert reads(tokens) == 401


def test_the_token_of_a_user_who_left_does_not_work(radiologist):
    tokens = granted()

    type(radiologist).objects.update(is_active=False)

    assert reads(tokens) == 401
    assert post(REFRESH, refresh_token=tokens["refresh_token"]).status_code == 401


def test_a_grant_ends_after_a_month(radiologist):
    tokens = granted()

    Grant.objects.update(expires_at=timezone.now())

    assert post(REFRESH, refresh_token=tokens["refresh_token"]).status_code == 401


def test_the_database_knows_no_token(radiologist):
    tokens = granted()

    rows = str([*Grant.objects.values(), *RefreshToken.objects.values()])

    assert tokens["refresh_token"] not in rows
    assert tokens["access_token"] not in rows


# --- Forged ------------------------------------------------------------------------------------------


def claims_of(tokens: dict) -> dict:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})


@pytest.mark.parametrize(
    "change",
    [{"sub": "0"}, {"sub": "x"}, {"grant": 0}, {"aud": "others"}, {"iss": "others"}, {"exp": None}, {"exp": 1}],
    ids=str,
)  # fmt: skip
def test_a_token_of_our_key_with_other_claims_is_not_taken(radiologist, settings, change):
    tokens = granted()
    kid = jwt.get_unverified_header(tokens["access_token"])["kid"]
    claims = {k: v for k, v in (claims_of(tokens) | change).items() if v is not None}

    forged = jwt.encode(claims, settings.PACS_JWT_PRIVATE_KEY, "RS256", headers={"kid": kid})

    assert bearer(forged).get(READ).status_code == 401


def test_a_token_of_another_key_or_of_none_is_not_taken(radiologist, pems):
    tokens = granted()
    claims, kid = claims_of(tokens), jwt.get_unverified_header(tokens["access_token"])["kid"]

    forged = [
        jwt.encode(claims, pems[0], "RS256", headers={"kid": kid}),
        jwt.encode(claims, pems[0], "RS256", headers={"kid": "unknown"}),
        jwt.encode(claims, "", "none", headers={"kid": kid}),
        jwt.encode(claims, "s" * 32, "HS256", headers={"kid": kid}),
        tokens["access_token"][:-4] + "AAAA",
        "a.b.c", "..", "é.é.é",
    ]  # fmt: skip

    assert [bearer(text).get(READ).status_code for text in forged] == [401] * len(forged)


# --- Keys ---------------------------------------------------------------------------------------------


def test_a_key_is_changed_without_a_token_failing(radiologist, settings, pems):
    old, new = pems
    settings.PACS_JWT_PRIVATE_KEY, settings.PACS_JWT_OTHER_KEYS = old, ""
    of_the_old = granted()

    settings.PACS_JWT_PRIVATE_KEY, settings.PACS_JWT_OTHER_KEYS = new, old
    of_the_new = granted()

    assert (reads(of_the_old), reads(of_the_new)) == (200, 200)
    assert len(Client().get("/.well-known/jwks.json").json()["keys"]) == 2

    settings.PACS_JWT_OTHER_KEYS = ""
    assert (reads(of_the_old), reads(of_the_new)) == (401, 200)


def test_without_a_key_no_token_is_signed_and_the_answer_says_what_else_there_is(
    radiologist, settings
):
    settings.PACS_JWT_PRIVATE_KEY = ""

    answer = ask()

    assert answer.status_code == 401
    assert "use an API token" in answer.json()["detail"]
    assert not Grant.objects.exists()


# --- Scopes ---------------------------------------------------------------------------------------------


def requests(client: Client) -> list[int]:
    """Statuses of reading, searching by a body, writing and deleting."""
    return [
        client.get(READ).status_code,
        client.post("/api/studies/search/", {}, "application/json").status_code,
        client.post("/dicom-web/studies", b"", content_type="text/plain").status_code,
        client.delete("/dicom-web/studies/1.2.3").status_code,
    ]


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", [True, True, False, False]), ("write", [False, False, True, False]), ("delete", [False, False, False, True])],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["signed", "opaque"])
def test_a_token_does_only_what_its_scopes_say(user, kind, scope, allowed):
    user.groups.add(*Group.objects.filter(name__in=["technologist", "data steward"]))
    if kind == "signed":
        text = granted(scope=scope)["access_token"]
    else:
        text = create_token(user, name="tests", lifetime=None, scopes=[scope])[1]

    refused = [status == 403 for status in requests(bearer(text))]

    assert refused == [not one for one in allowed]


def test_a_token_that_lacks_a_scope_is_told_which(radiologist):
    answer = bearer(granted(scope="write")["access_token"]).get(READ)

    assert answer.json() == {"detail": "This token is not for that: its scopes lack read."}
    assert 'error="insufficient_scope", scope="read"' in answer["WWW-Authenticate"]


def test_scopes_give_nothing_that_the_role_does_not(user):
    tokens = granted(scope="read write delete")

    assert bearer(tokens["access_token"]).delete("/dicom-web/studies/1.2.3").status_code in (
        403,
        404,
    )
