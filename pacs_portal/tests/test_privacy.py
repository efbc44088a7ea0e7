"""No patient data in logs and in reports of faults, whatever fails; tried with planted names."""

import json
import logging
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.urls import include, path

from pacs_portal.error_reports import scrub
from pacs_portal.logs import LineFormatter
from pacs_portal.urls import urlpatterns as ours

PLANTED = "PLANTEDNAME"
NAME = f"{PLANTED}^JOHANNA"


def failing(request: HttpRequest, patient: str = ""):
    """Fails as code does that met a bad value: it is in the message, in a variable, in the cause."""
    patient_name = request.GET.get("PatientName", "") + request.POST.get("patient_name", NAME)
    try:
        int(patient_name)
    except ValueError as error:
        raise RuntimeError(f"cannot read {patient_name}") from error


failing.login_required = False
urlpatterns = [path("fails/", failing), path("", include(ours))]


@pytest.fixture
def lines():
    """What would be logged, formatted as it is in production; at the lowest level."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keep(level=logging.DEBUG)
    handler.setFormatter(LineFormatter())
    loggers = [logging.getLogger(name) for name in (None, "django", "pydicom")]
    before = [one.level for one in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield written
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.urls(__name__)
def test_a_view_that_fails_is_logged_with_its_places_and_without_the_patient(lines):
    client = Client(raise_request_exception=False)

    answer = client.post(f"/fails/?PatientName={NAME}", {"patient_name": NAME})

    assert answer.status_code == 500
    assert PLANTED not in "".join(lines)
    assert PLANTED not in answer.content.decode()
    (line, *_) = [line for line in lines if "RuntimeError" in line]
    assert "500 POST /fails/" in line
    assert "test_privacy.py" in line
    assert "| from ValueError at" in line


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("get", f"/dicom-web/studies?PatientName={NAME}&StudyDate=nonsense", None),
        ("get", f"/dicom-web/studies?PatientName={NAME}%00&limit=-1", None),
        ("get", f"/api/studies/?patient_name={NAME}&page_size=x", None),
        ("get", f"/studies/{NAME}/", None),
        ("get", f"/no/such/page/{NAME}", None),
        (
            "post",
            "/api/studies/search/",
            json.dumps({"patient_name": NAME, "study_date_after": NAME}),
        ),
        ("post", "/api/studies/search/", f'{{"patient_name": "{NAME}'),
        ("post", "/dicom-web/studies", NAME),
    ],
)
def test_a_bad_request_leaves_no_name_in_the_log(client, lines, method, address, body):
    options = {"data": body, "content_type": "application/json"} if body else {}

    getattr(client, method)(address, **options)

    assert PLANTED not in "".join(lines)


@pytest.mark.django_db
def test_a_bad_file_leaves_no_name_in_the_log(store, lines):
    from studies.errors import ArchiveError  # noqa: PLC0415
    from studies.tests.builders import make_file  # noqa: PLC0415

    content = make_file(PatientName=NAME, PatientBirthDate=PLANTED, StudyDate=PLANTED)
    for broken in (content[:-20], content.replace(b"1.2.840", b"1.2.X40", 1), content):
        with suppress(ArchiveError):
            store(broken)

    assert PLANTED not in "".join(lines)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (f"GET /dicom-web/studies?PatientName={NAME} HTTP/1.1", "GET /dicom-web/studies?…"),
        (f"Invalid request line: 'GET /x?PatientName={PLANTED} JOHANNA HTTP/1.1'", "Invalid request line: 'GET /x?…"),
        ("really? yes", "really? yes"),
        ("one\r\n2026 ERROR two\x1b[31m\u202e", r"one\x0d\x0a2026 ERROR two\x1b[31m\x202e"),
    ],
)  # fmt: skip
def test_a_line_holds_no_query_and_no_control_characters(message, line):
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), None)

    assert LineFormatter().format(record).partition(" INFO x ")[2] == line


def test_a_line_is_of_bounded_length():
    record = logging.LogRecord("x", logging.INFO, "", 0, "a" * 100_000, (), None)

    assert len(LineFormatter().format(record)) < 2100


def test_gunicorn_logs_in_the_same_lines():
    from pacs_portal import gunicorn  # noqa: PLC0415

    formatters = gunicorn.logconfig_dict["formatters"]
    assert formatters == {"line": {"()": "pacs_portal.logs.LineFormatter"}}


# A portal that reports to a transport which prints what would be sent.
REPORTING = f"""
import django, json, logging, sys
from pacs_portal import settings_test as settings
settings.ROOT_URLCONF = "pacs_portal.tests.test_privacy"
django.setup()
from sentry_sdk.transport import Transport
class Print(Transport):
    def capture_envelope(self, envelope):
        print(envelope.serialize().decode())
from pacs_portal.error_reports import start_reporting
start_reporting("https://key@sentry.invalid/1", transport=Print)
from django.test import Client
client = Client(raise_request_exception=False, headers={{"user-agent": "{NAME}", "cookie": "x={NAME}"}})
client.post("/fails/?PatientName={NAME}", {{"patient_name": "{NAME}"}})
logging.getLogger("studies").error("could not read %s", "{NAME}")
import sentry_sdk
sentry_sdk.flush()
"""


@pytest.fixture(scope="module")
def reports() -> list[dict]:
    """The events that a failing request and a logged error send."""
    done = subprocess.run(
        [sys.executable, "-c", REPORTING], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PACS_DEMONSTRATION": "true", "DATABASE_URL": "postgres://localhost:9/x",
             "PACS_VAR_DIR": str(settings.PACS_VAR_DIR), "DJANGO_SETTINGS_MODULE": "pacs_portal.settings_test",
             "ALLOWED_HOSTS": "testserver"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sent = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [one for one in sent if "platform" in one]


def test_a_fault_is_reported_with_its_code_and_without_the_patient(reports):
    (event,) = [one for one in reports if one.get("transaction") and "exception" in one]

    kinds = [one["type"] for one in event["exception"]["values"]]
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert kinds == ["ValueError", "RuntimeError"]
    assert event["transaction"] == "/fails/"
    assert frames[-1]["function"] == "failing"
    assert PLANTED not in json.dumps(reports)


def test_what_the_report_holds_is_a_list_and_no_more(reports):
    allowed = {
        "event_id", "timestamp", "platform", "level", "logger", "release", "environment", "sdk",
        "transaction", "transaction_info", "exception", "request", "logentry",
    }  # fmt: skip

    assert len(reports) >= 1
    assert all(set(one) <= allowed for one in reports)
    assert not any("vars" in json.dumps(one) for one in reports)


def test_nothing_of_an_event_passes_that_is_not_listed():
    event = {
        "event_id": "1", "user": {"username": NAME}, "extra": {"patient": NAME}, "tags": {"x": NAME},
        "breadcrumbs": {"values": [{"message": NAME}]}, "contexts": {"x": NAME}, "server_name": "x",
        "logentry": {"message": f"GET /x?PatientName={NAME}", "params": [NAME], "formatted": NAME},
        "request": {"method": "GET", "url": f"/x?{NAME}", "data": NAME, "headers": {"x": NAME}},
        "exception": {"values": [{"type": "E", "value": NAME, "stacktrace": {"frames": [{"vars": {"x": NAME}, "lineno": 1}]}}]},
    }  # fmt: skip

    assert scrub(event, {}) == {
        "event_id": "1",
        "logentry": {"message": "GET /x?…"},
        "request": {"method": "GET"},
        "exception": {
            "values": [{"type": "E", "module": None, "stacktrace": {"frames": [{"lineno": 1}]}}]
        },
    }


@pytest.mark.parametrize("address", ["/share/{}/", "/accounts/password/reset/key/{}/"])
def test_the_secret_of_a_link_is_not_logged(address):
    said = f"GET {address} 200 17 bytes 3 ms"
    record = logging.makeLogRecord({"name": "gunicorn.access", "msg": said.format("a-s3cret_")})

    assert LineFormatter().format(record).endswith(said.format("…"))
