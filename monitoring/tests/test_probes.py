"""Liveness, readiness, and a health answer that is true."""

import os
import signal
import time

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connections
from django.test import RequestFactory

from monitoring import probes
from monitoring.views import server_error
from pacs_portal.db.embedded_server import EmbeddedServer


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_answered_without_database_host_or_sign_in(django_client, path):
    response = django_client.get(path, headers={"host": "10.0.0.7"})

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response


def test_a_draining_process_is_alive_but_not_ready(django_client, settings, tmp_path):
    settings.PACS_DRAIN_FILE = tmp_path / "drain"
    settings.PACS_DRAIN_FILE.touch()

    assert django_client.get("/livez").status_code == 200
    assert django_client.get("/readyz").status_code == 503


@pytest.mark.django_db
def test_health_names_each_component(client):
    answer = client.get("/api/health/")

    assert answer.status_code == 200
    assert answer.json()["state"] == "up"
    assert answer.json()["components"]["database"]["state"] == "up"
    assert answer.json()["components"]["database"]["latency_ms"] > 0


@pytest.mark.django_db
def test_health_is_not_for_strangers(django_client):
    assert django_client.get("/api/health/").status_code == 401


@pytest.fixture
def own_server(tmp_path, monkeypatch):
    """A database that a test may stop, in place of the portal's."""
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    wiring = django_settings.DATABASES["default"] | {
        "NAME": "postgres", "USER": "postgres", "OPTIONS": {"pgdata": str(tmp_path / "data")},
        "HOST": "", "PORT": "", "PASSWORD": "",
    }  # fmt: skip
    # Each thread makes its connection from here, the probe's too.
    monkeypatch.setitem(connections.settings, "default", wiring)
    yield server
    server.stop(force=True)


def test_a_stopped_database_is_down_and_up_again_when_it_is_back(own_server):
    states = [probes.probe_database(1.5).state]
    own_server.stop(force=True)
    states.append(probes.probe_database(1.5).state)
    own_server.start()
    states.append(probes.probe_database(1.5).state)

    assert states == ["up", "down", "up"]


def test_a_database_that_hangs_is_down_within_the_limit(own_server):
    pid = own_server.postmaster_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        result = probes.probe_database(1.0)
        seconds = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGCONT)

    assert result.state == "down"
    assert seconds < 3


def test_health_is_told_within_the_limit_although_no_session_can_be_read(own_server, django_client):
    pid = own_server.postmaster_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        answer = django_client.get("/api/health/")
        seconds = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGCONT)

    assert (answer.status_code, answer.json()["state"]) == (503, "down")
    assert answer.json()["components"]["api"]["state"] == "up"
    assert seconds < 3


def test_asking_never_starts_the_embedded_database(own_server):
    own_server.stop(force=True)

    probes.probe_database(1.0)

    assert not own_server.is_accepting()


@pytest.mark.parametrize(
    ("error", "path", "status", "kind"),
    [
        (OperationalError("no server"), "/", 503, "text/html"),
        (OperationalError("no server"), "/api/studies/", 503, "application/json"),
        (ValueError("a mistake of ours"), "/", 500, "text/html"),
        (ValueError("a mistake of ours"), "/dicom-web/studies", 500, "application/json"),
    ],
)
def test_a_failure_is_told_in_the_words_of_its_address(error, path, status, kind):
    try:
        raise error
    except type(error):
        response = server_error(RequestFactory().get(path))

    assert response.status_code == status
    assert response["Content-Type"].startswith(kind)
    assert b"no server" not in response.content
    assert b"a mistake of ours" not in response.content
