"""How long a session lasts, and what prolongs it."""

import datetime

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tokens import create_token

pytestmark = pytest.mark.django_db

ADDRESS = "/api/session/"


@pytest.fixture
def client_of_an_old_session(client) -> Client:
    Session.objects.update(expire_date=timezone.now() + datetime.timedelta(seconds=200))
    return client


def remaining(response) -> int:
    return response.json()["remaining_seconds"]


def test_to_ask_tells_how_long_the_session_lasts_and_prolongs_nothing(client_of_an_old_session):
    before = Session.objects.get().expire_date

    answer = client_of_an_old_session.get(ADDRESS)

    assert 190 < remaining(answer) <= 200
    assert Session.objects.get().expire_date == before


def test_to_wish_it_prolongs_the_session(client_of_an_old_session):
    answer = client_of_an_old_session.post(ADDRESS)

    assert remaining(answer) == settings.SESSION_COOKIE_AGE == 15 * 60
    assert remaining(client_of_an_old_session.get(ADDRESS)) > settings.SESSION_COOKIE_AGE - 10


def test_another_site_cannot_prolong_it(client_of_an_old_session):
    client_of_an_old_session.handler.enforce_csrf_checks = True

    assert client_of_an_old_session.post(ADDRESS).status_code == 403


def test_a_session_that_ended_is_told_so(client):
    Session.objects.update(expire_date=timezone.now() - datetime.timedelta(seconds=1))

    assert client.get(ADDRESS).status_code == 401


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_program_has_no_session(client, django_client, method):
    _, token = create_token(User.objects.get(), name="tests", lifetime=None)
    answer = getattr(django_client, method)(ADDRESS, headers={"authorization": f"Bearer {token}"})

    assert (answer.status_code, remaining(answer)) == (200, None)
