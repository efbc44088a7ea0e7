"""How a person left a study, kept for that person only."""

import json

import pytest

from studies.api.reading import MAX_STATE_BYTES
from studies.deletion import delete
from studies.models import Presentation
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

ADDRESS = "/api/studies/1.2.3/presentation/"
STATE = {"version": 1, "rows": 1, "columns": 2, "cells": []}


@pytest.fixture(autouse=True)
def one_study(store):
    store(make_file())


def put(client, body=STATE, address=ADDRESS):
    body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.put(address, body, content_type="application/json")


def test_a_presentation_comes_back_to_who_left_it_and_to_nobody_else(client, sign_in):
    before = client.get(ADDRESS)
    kept = put(client)

    assert (before.status_code, before.json()) == (200, {})
    assert kept.status_code == 204
    assert client.get(ADDRESS).json() == STATE
    assert sign_in("clinician", sees_every_study=True).get(ADDRESS).json() == {}


def test_the_last_one_is_kept(client):
    put(client)
    put(client, {"version": 2})

    assert client.get(ADDRESS).json() == {"version": 2}
    assert Presentation.objects.count() == 1


def test_a_presentation_can_be_forgotten(client):
    put(client)

    assert client.delete(ADDRESS).status_code == 204
    assert client.get(ADDRESS).json() == {}
    assert client.delete(ADDRESS).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="half an object"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param("[1]", id="a list"),
        pytest.param("null", id="null"),
        pytest.param('{"a": 1e999}', id="an infinite number"),
        pytest.param('{"a": NaN}', id="not a number"),
        pytest.param('{"a": "\\u0000"}', id="a null character"),
        pytest.param('{"a": "\\ud800"}', id="half a surrogate pair"),
        pytest.param('{"a": ' + "[" * 60_000 + "]" * 2_000 + "}", id="a deep nest"),
        pytest.param('{"a": ' + "[" * 30_000 + "]" * 30_000 + "}", id="a deep nest, closed"),
        pytest.param(json.dumps({"a": "x" * MAX_STATE_BYTES}), id="too much"),
    ],
)
def test_what_is_no_presentation_is_refused_with_a_sentence(client, body):
    response = put(client, body)

    assert response.status_code == 400
    assert "presentation" in response.json()["detail"]
    assert not Presentation.objects.exists()


def test_as_much_as_is_allowed_is_kept(client):
    state = {"a": "x" * (MAX_STATE_BYTES - len('{"a": ""}'))}

    assert put(client, state).status_code == 204
    assert client.get(ADDRESS).json() == state


@pytest.mark.parametrize("role", ["operator", None])
def test_who_does_not_read_studies_keeps_nothing(sign_in, role):
    client = sign_in(role)

    assert put(client).status_code == 404
    assert client.delete(ADDRESS).status_code == 404
    assert not Presentation.objects.exists()


def test_a_stranger_keeps_nothing(django_client):
    assert put(django_client).status_code == 401
    assert django_client.delete(ADDRESS).status_code == 401


def test_another_site_cannot_make_a_browser_keep_something(sign_in):
    client = sign_in("radiologist")
    client.handler.enforce_csrf_checks = True

    assert put(client).status_code == 403


def test_of_a_study_that_is_not_there_nothing_is_kept(client):
    assert put(client, address="/api/studies/9.9/presentation/").status_code == 404


def test_a_presentation_goes_with_its_study(client, sign_in):
    put(client)
    steward = sign_in("data steward").get("/").wsgi_request.user

    delete(steward, "1.2.3", reason="A phantom")

    assert not Presentation.objects.exists()
