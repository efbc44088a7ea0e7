"""Every address of the archive × who asks."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

INSTANCE = "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.4"
PAGES = ["/", "/studies/1.2.3/", "/studies/1.2.3/view/"]
PROGRAMS = [
    "/api/studies/", "/api/studies/1.2.3/", "/api/schema/", "/dicom-web/", "/dicom-web/studies",
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
    "/", "/api/studies/", "/api/schema/", "/dicom-web/", "/dicom-web/studies", "/dicom-web/series",
    "/dicom-web/instances", "/dicom-web/studies/1.2.3/series",
    "/dicom-web/studies/1.2.3/instances", "/dicom-web/studies/1.2.3/series/1.2.3.9/instances",
}  # fmt: skip
READERS = ["clinician", "radiologist", "technologist", "data steward", "administrator"]


@pytest.fixture(autouse=True)
def one_study(store):
    store(make_file())


@pytest.mark.parametrize("path", PAGES)
def test_a_page_sends_a_stranger_to_the_sign_in(db, django_client, path):
    response = django_client.get(path)

    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/accounts/login/")


@pytest.mark.parametrize("path", PROGRAMS)
def test_a_program_without_a_session_is_refused(django_client, path):
    response = django_client.get(path)

    assert response.status_code == 401
    assert "WWW-Authenticate" in response


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS])
def test_who_reads_studies_gets_them(sign_in, role, path):
    response = sign_in(role).get(path, {} if "?" in path else {"accept": "*/*"})

    assert response.status_code == 200


@pytest.mark.parametrize("role", ["operator", None])
@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS])
def test_who_does_not_read_studies_learns_nothing_of_them(sign_in, role, path):
    response = sign_in(role).get(path)

    content = b"".join(response) if response.streaming else response.content
    assert response.status_code == (200 if path in LISTS else 404)
    assert b"1.2.3.9" not in content
    assert "Müller".encode() not in content


def test_a_posted_search_is_for_who_reads_studies(django_client, sign_in):
    address, search = "/api/studies/search/", {"patient_name": "müller"}

    assert django_client.post(address, search).status_code == 401
    assert sign_in("operator").post(address, search).json()["results"] == []
    assert len(sign_in("clinician").post(address, search).json()["results"]) == 1


def test_no_address_of_the_archive_is_missing_from_these_tests():
    known = {p.split("?")[0] for p in [*PAGES, *PROGRAMS]}
    resolver = get_resolver()
    patterns = {resolver.resolve(path).route for path in known} | {
        "api/studies/search/",  # POST only, below
        "api/health/",
    }

    ours = {r for r in _routes(resolver) if r.startswith(("studies/", "api/", "dicom-web/"))}

    assert ours <= patterns


def _routes(resolver: URLResolver, prefix: str = "") -> set[str]:
    routes = set()
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        routes |= {route} if isinstance(entry, URLPattern) else _routes(entry, route)
    return routes
