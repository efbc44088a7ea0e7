"""Every address of the archive × who asks."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from accounts.roles import Role
from studies.dicomweb.capabilities import patterns
from studies.models import Instance
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

INSTANCE = "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.4"
PAGES = [
    "/", "/studies/1.2.3/", "/studies/1.2.3/view/", "/studies/1.2.3/documents/1.2.3.9/1.2.3.4/",
    "/studies/1.2.3/documents/1.2.3.9/1.2.3.4/file/",
]  # fmt: skip
PROGRAMS = [
    "/api/studies/", "/api/studies/1.2.3/", "/api/studies/1.2.3/hanging/",
    "/api/studies/1.2.3/presentation/", "/api/studies/1.2.3/measurements/",
    "/api/studies/1.2.3/key-images/", "/api/studies/1.2.3/report/",
    "/api/studies/1.2.3/report/templates/", "/api/schema/", "/api/session/",
    "/api/dicom/dictionary/", "/dicom-web/", "/dicom-web/studies",
    "/dicom-web/series", "/dicom-web/instances", "/dicom-web/studies/1.2.3",
    "/dicom-web/studies/1.2.3/series", "/dicom-web/studies/1.2.3/metadata",
    "/dicom-web/studies/1.2.3/series/1.2.3.9/metadata",
    "/dicom-web/studies/1.2.3/series/1.2.3.9/thumbnail", INSTANCE, f"{INSTANCE}/metadata",
    f"{INSTANCE}/frames/1", f"{INSTANCE}/bulkdata/7FE00010",
    "/dicom-web/studies/1.2.3/bulkdata", "/dicom-web/studies/1.2.3/series/1.2.3.9/bulkdata",
    f"{INSTANCE}/bulkdata", "/dicom-web/studies/1.2.3/pixeldata",
    "/dicom-web/studies/1.2.3/series/1.2.3.9/pixeldata", f"{INSTANCE}/pixeldata",
    "/dicom-web/studies/1.2.3/rendered", "/dicom-web/studies/1.2.3/series/1.2.3.9/rendered",
    f"{INSTANCE}/rendered", f"{INSTANCE}/frames/1/rendered", "/dicom-web/studies/1.2.3/thumbnail",
    f"{INSTANCE}/thumbnail", f"{INSTANCE}/frames/1/thumbnail",
    "/dicom-web/wado-uri?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4",
    "/dicom-web/studies/1.2.3/instances", "/dicom-web/studies/1.2.3/series/1.2.3.9",
    "/dicom-web/studies/1.2.3/series/1.2.3.9/instances",
]  # fmt: skip
LISTS = {
    "/", "/api/studies/", "/api/schema/", "/api/session/", "/api/dicom/dictionary/", "/dicom-web/", "/dicom-web/studies", "/dicom-web/series",
    "/dicom-web/instances", "/dicom-web/studies/1.2.3/series",
    "/dicom-web/studies/1.2.3/instances", "/dicom-web/studies/1.2.3/series/1.2.3.9/instances",
}  # fmt: skip
READERS = ["clinician", "radiologist", "technologist", "data steward", "administrator"]


@pytest.fixture(autouse=True)
def one_study(store):
    store(make_file(EncapsulatedDocument=b"%PDF-1.4"))


def test_a_page_sends_a_stranger_to_the_sign_in(django_client):
    for path in PAGES:
        response = django_client.get(path)

        where = response["Location"].split("?")[0]
        assert (response.status_code, where) == (302, "/accounts/login/"), path


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_a_program_without_a_session_is_refused(django_client, method):
    for path in PROGRAMS:
        response = getattr(django_client, method)(path)

        assert (response.status_code, "WWW-Authenticate" in response) == (401, True), path


# One test for each role, not for each address: they are as many as those of all else together.
@pytest.mark.parametrize("role", READERS)
def test_who_reads_studies_gets_them(sign_in, role):
    client = sign_in(role)
    for path in [*PAGES, *PROGRAMS]:
        response = client.get(path, {} if "?" in path else {"accept": "*/*"})

        assert response.status_code == 200, path


@pytest.mark.parametrize("role", ["operator", None])
def test_who_does_not_read_studies_learns_nothing_of_them(sign_in, role):
    client = sign_in(role)
    for path in [*PAGES, *PROGRAMS]:
        response = client.get(path)

        content = b"".join(response) if response.streaming else response.content
        assert response.status_code == (200 if path in LISTS else 404), path
        assert b"1.2.3.9" not in content, path
        assert "Müller".encode() not in content, path


def test_a_posted_search_is_for_who_reads_studies(django_client, sign_in):
    address, search = "/api/studies/search/", {"patient_name": "müller"}

    def found(client):
        return client.post(address, search, content_type="application/json")

    assert found(django_client).status_code == 401
    assert found(sign_in("operator")).json()["results"] == []
    assert len(found(sign_in("clinician")).json()["results"]) == 1


# --- What changes the archive --------------------------------------------------------------------

STOW = {"content_type": "application/dicom", "data": make_file(SOPInstanceUID="1.2.3.5")}
WHY = {"content_type": "application/json", "data": {"reason": "A phantom"}}
WRITES = [
    ("POST", "/dicom-web/studies", STOW), ("POST", "/dicom-web/studies/1.2.3", STOW),
    ("DELETE", "/dicom-web/studies/1.2.3", WHY),
    ("DELETE", "/dicom-web/studies/1.2.3/series/1.2.3.9", WHY), ("DELETE", INSTANCE, WHY),
]  # fmt: skip
MAY = {
    "POST": {"technologist", "data steward", "administrator"},
    "DELETE": {"data steward", "administrator"},
}
EVERYBODY = [*READERS, "operator", None]
each_write = pytest.mark.parametrize(
    ("method", "path", "body"), WRITES, ids=[f"{method} {path}" for method, path, _ in WRITES]
)


def write(client, method, path, body):
    return getattr(client, method.lower())(path, **body)


@each_write
@pytest.mark.parametrize("role", EVERYBODY)
def test_only_certain_roles_change_the_archive(sign_in, role, method, path, body):
    response = write(sign_in(role), method, path, body)

    may = role in MAY[method]
    assert response.status_code == ({"POST": 200, "DELETE": 204}[method] if may else 403)
    assert Instance.objects.count() == (1 if not may else {"POST": 2, "DELETE": 0}[method])


@each_write
def test_a_stranger_changes_nothing(django_client, method, path, body):
    response = write(django_client, method, path, body)

    assert (response.status_code, Instance.objects.count()) == (401, 1)


@each_write
def test_another_site_cannot_make_a_browser_change_the_archive(sign_in, method, path, body):
    client = sign_in("administrator")
    client.handler.enforce_csrf_checks = True

    response = write(client, method, path, body)

    assert (response.status_code, Instance.objects.count()) == (403, 1)


@pytest.mark.parametrize("role", ["operator", None])
def test_who_does_not_read_studies_is_not_told_what_was_deleted(sign_in, role):
    write(sign_in("data steward"), "DELETE", "/dicom-web/studies/1.2.3", WHY)
    client = sign_in(role)

    for path in PROGRAMS:
        assert client.get(path).status_code == (200 if path in LISTS else 404), path


def test_every_role_is_asked():
    assert set(EVERYBODY) == {*Role, None}


def test_no_method_that_changes_the_archive_is_missing_from_these_tests():
    offered = {
        (method, f"dicom-web/{pattern.pattern}")
        for pattern in patterns()
        for method in pattern.callback.views
        if method != "GET"
    }

    assert offered == {(method, resolve(path).route) for method, path, _ in WRITES}


def test_no_address_of_the_archive_is_missing_from_these_tests():
    known = {p.split("?")[0] for p in [*PAGES, *PROGRAMS]}
    resolver = get_resolver()
    patterns = {resolver.resolve(path).route for path in known} | {
        "api/studies/search/",  # POST only, below
        # A report and who follows a study: see test_reports.py and test_notifications.py.
        *(f"api/studies/<uid:study>/report/{act}/" for act in ("signature", "addenda", "pdf")),
        "studies/<uid:study>/follow/",
        "api/health/",
        "api/analytics/<slug:chart>/",  # analytics/tests/test_charts.py
    }

    ours = {r for r in _routes(resolver) if r.startswith(("studies/", "api/", "dicom-web/"))}

    assert ours <= patterns


def _routes(resolver: URLResolver, prefix: str = "") -> set[str]:
    routes = set()
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        routes |= {route} if isinstance(entry, URLPattern) else _routes(entry, route)
    return routes
