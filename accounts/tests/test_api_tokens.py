"""Programs that show a token, and what a token is worth."""

import base64
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken
from accounts.tokens import create_token, find_user

pytestmark = pytest.mark.django_db

ADDRESS = "/api/studies/"
PASSWORD = "a password for tests"


@pytest.fixture
def user():
    user = get_user_model().objects.create_user("orthanc", password=PASSWORD)
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


@pytest.fixture
def text(user):
    return create_token(user, name="Orthanc in the basement", lifetime=None)[1]


def bearer(text: str) -> Client:
    return Client(headers={"authorization": f"Bearer {text}"})


def basic(name: str, password: str) -> Client:
    credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Client(headers={"authorization": f"Basic {credentials}"})


def test_a_token_acts_as_its_user(text):
    assert bearer(text).get(ADDRESS).status_code == 200


def test_a_token_works_where_the_portal_lies_below_another_address(text):
    assert bearer(text).get(ADDRESS, SCRIPT_NAME="/pacs").status_code == 200


def test_a_program_without_a_token_is_refused_there_as_well():
    assert Client().get(ADDRESS, SCRIPT_NAME="/pacs").status_code == 401


def test_a_token_is_taken_as_the_password_of_basic_authentication(text):
    assert basic("orthanc", text).get(ADDRESS).status_code == 200


def test_the_password_of_the_account_is_not_taken_in_basic_authentication(user):
    assert basic("orthanc", PASSWORD).get(ADDRESS).status_code == 401


def test_a_token_beside_the_name_of_somebody_else_is_not_taken(text):
    assert basic("marie", text).get(ADDRESS).status_code == 401


def test_a_token_opens_no_page_for_people(text):
    assert bearer(text).get("/").status_code == 302


@pytest.mark.parametrize(
    "header",
    [
        "Bearer pacs_unknown", "Bearer", "Bearer ", "Bearer \xff\x00", "Basic", "Basic !",
        "Basic b3J0aGFuYw==", "Basic /w==", "basic Og==",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused_with_the_challenge_of_its_scheme(text, header):
    response = Client(headers={"authorization": header}).get(ADDRESS)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="PACS Portal", error="invalid_token"'


def test_a_bad_token_is_not_made_good_by_a_session(sign_in):
    client = sign_in("radiologist")

    assert client.get(ADDRESS, headers={"authorization": "Bearer pacs_x"}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
    ids=["revoked", "expired"],
)
def test_a_token_ends(text, change):
    ApiToken.objects.update(**change)

    assert bearer(text).get(ADDRESS).status_code == 401


def test_the_token_of_a_user_who_left_does_not_work(user, text):
    user.is_active = False
    user.save()

    assert bearer(text).get(ADDRESS).status_code == 401


def test_a_token_lives_as_long_as_was_said(user):
    token, text = create_token(user, name="x", lifetime=timedelta(days=2))

    assert token.expires_at - token.created_at == pytest.approx(
        timedelta(days=2), abs=timedelta(seconds=5)
    )
    assert bearer(text).get(ADDRESS).status_code == 200


def test_a_token_may_post_without_a_csrf_token_and_a_session_may_not(sign_in, text):
    strict = {"enforce_csrf_checks": True}
    signed_in = Client(**strict)
    signed_in.force_login(get_user_model().objects.get())

    assert signed_in.post("/api/studies/search/", {}, "application/json").status_code == 403
    response = Client(**strict, headers={"authorization": f"Bearer {text}"}).post(
        "/api/studies/search/", {}, "application/json"
    )
    assert response.status_code == 200


def test_a_token_costs_one_query_for_who_and_what_they_may_do(text, django_assert_num_queries):
    bearer(text).get(ADDRESS)

    with django_assert_num_queries(1 + 1 + 1):  # the keys of an empty list, and that it was read
        bearer(text).get(ADDRESS)


@pytest.mark.parametrize("change", [{}, {"is_superuser": True}], ids=str)
def test_a_token_may_do_what_its_user_may(user, text, change):
    user.user_permissions.add(Permission.objects.get(codename="delete_study"))
    get_user_model().objects.update(**change)

    found = find_user(text).get_all_permissions()

    assert found == get_user_model().objects.get().get_all_permissions()
    assert "studies.delete_study" in found


def test_the_use_of_a_token_is_noted_to_the_minute(text):
    bearer(text).get(ADDRESS)
    first = ApiToken.objects.get().last_used_at
    bearer(text).get(ADDRESS)
    assert ApiToken.objects.get().last_used_at == first

    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    bearer(text).get(ADDRESS)
    assert ApiToken.objects.get().last_used_at > first


def test_the_database_does_not_know_the_token(text):
    (row,) = ApiToken.objects.values()

    assert text not in map(str, row.values())
    assert row["prefix"] == text[:12]


def test_the_command_prints_a_token_that_works(user, capsys):
    call_command("create_api_token", "orthanc", "--name", "Orthanc", "--days", "30")

    assert bearer(capsys.readouterr().out.strip()).get(ADDRESS).status_code == 200
    assert ApiToken.objects.get().expires_at is not None


def test_the_command_makes_a_token_for_some_scopes_only(user, capsys):
    call_command("create_api_token", "orthanc", "--name", "Orthanc", "--scopes", "read")

    client = bearer(capsys.readouterr().out.strip())
    assert client.get(ADDRESS).status_code == 200
    assert client.delete("/dicom-web/studies/1.2.3").status_code == 403


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nobody", "--name", "x"], "no active user nobody"),
        (["orthanc", "--name", " "], "--name"),
        (["orthanc", "--name", "x" * 101], "--name"),
        (["orthanc", "--name", "x", "--days", "0"], "--days"),
    ],
)
def test_the_command_says_what_is_wrong(user, arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        call_command("create_api_token", *arguments)


def test_an_administrator_sees_and_revokes_tokens_in_the_admin(sign_in, text):
    client = sign_in("administrator")
    get_user_model().objects.filter(username="administrator-1").update(is_staff=True)
    token = ApiToken.objects.get()

    page = client.get("/admin/accounts/apitoken/").content.decode()
    detail = client.get(f"/admin/accounts/apitoken/{token.pk}/change/").content.decode()
    client.post("/admin/accounts/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})

    assert "Orthanc in the basement" in page
    assert token.digest not in page + detail
    assert bearer(text).get(ADDRESS).status_code == 401


def test_who_manages_no_accounts_sees_no_tokens(sign_in, text):
    client = sign_in("data steward")
    get_user_model().objects.filter(username="data steward-1").update(is_staff=True)

    assert client.get("/admin/accounts/apitoken/").status_code == 403


@pytest.mark.parametrize("role", ["radiologist", "administrator", None])
def test_permissions_are_the_same_as_django_finds_them(sign_in, role):
    from django.contrib.auth.backends import ModelBackend  # noqa: PLC0415

    sign_in(role)
    user = get_user_model().objects.get()
    user.user_permissions.add(Permission.objects.get(codename="delete_study"))
    expected = ModelBackend().get_all_permissions(user)

    fresh = get_user_model().objects.get()
    assert fresh.get_all_permissions() == expected
    assert fresh.has_perm("studies.delete_study")
