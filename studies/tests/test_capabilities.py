"""What the service says of itself, compared with what it does."""

from xml.etree import ElementTree as ET

import pytest
from django.urls import resolve

from studies.dicomweb.capabilities import TRANSACTIONS, WADL, patterns
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

BASE = "/dicom-web/"
NAMES = {
    "{study}": "1.2.3", "{series}": "1.2.3.9", "{instance}": "1.2.3.4", "{frames}": "1",
    "{tag}": "7FE00010",
}  # fmt: skip
QUERIES = {
    "wado-uri": "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4",
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"]


def local(element: ET.Element) -> str:
    return element.tag.removeprefix("{http://wadl.dev.java.net/2009/02}")


def children(element: ET.Element, tag: str) -> list[ET.Element]:
    return [child for child in element if local(child) == tag]


def listed(element: ET.Element, parent: str = "") -> dict[str, ET.Element]:
    """Path of each resource of the document that has methods."""
    found = {}
    for resource in children(element, "resource"):
        path = f"{parent}/{resource.get('path')}".lstrip("/")
        if children(resource, "method"):
            found[path] = resource
        found |= listed(resource, path)
    return found


def methods_of(resource: ET.Element) -> set[str]:
    return {method.get("name") for method in children(resource, "method")}


def request_of(resource: ET.Element, method: str) -> ET.Element:
    (found,) = [m for m in children(resource, "method") if m.get("name") == method]
    (request,) = children(found, "request")
    return request


def describe(client, path: str = BASE) -> dict[str, ET.Element]:
    response = client.options(path)
    assert response.status_code == 200
    (resources,) = children(ET.fromstring(response.content), "resources")
    return listed(resources)


def address(path: str) -> str:
    for name, value in NAMES.items():
        path = path.replace(name, value)
    return f"{BASE}{path}"


def allowed(client, path: str) -> set[str]:
    """Methods that are answered with anything but 405."""
    return {m for m in METHODS if client.generic(m, address(path)).status_code != 405}


def test_every_address_is_listed_and_nothing_else(client):
    listed_routes = {resolve(address(path)).route for path in describe(client)}

    assert listed_routes == {f"dicom-web/{pattern.pattern}" for pattern in patterns()}


def test_every_method_that_is_listed_is_answered_and_no_other(client, store):
    store(make_file())

    for path, resource in describe(client).items():
        methods = methods_of(resource)
        assert allowed(client, path) == methods | ({"HEAD"} if "GET" in methods else set()), path


def test_a_method_that_is_not_allowed_is_told_which_are(client):
    response = client.put("/dicom-web/series")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_every_media_type_that_is_listed_is_given(client, store):
    store(make_file())

    for path, resource in describe(client).items():
        for given in produced(resource):
            response = client.get(
                f"{address(path)}{QUERIES.get(path, '')}",
                headers={"Accept": f"{given}; transfer-syntax=*"},
            )
            assert response["Content-Type"].replace(" ", "").startswith(given.replace(" ", "")), path  # fmt: skip


def produced(resource: ET.Element) -> list[str]:
    (method,) = [m for m in children(resource, "method") if m.get("name") == "GET"]
    (response,) = children(method, "response")
    return [r.get("mediaType") for r in children(response, "representation")]


def test_every_media_type_that_is_listed_is_taken_and_no_other(sign_in):
    client = sign_in("technologist")
    taking = {
        path: {r.get("mediaType") for r in children(request_of(resource, "POST"), "representation")}
        for path, resource in describe(client).items()
        if "POST" in methods_of(resource)
    }

    for path, types in taking.items():
        for taken in types:
            assert post(client, path, f"{taken}; boundary=b") != 415, path
        assert post(client, path, "text/plain") == 415, path
    assert set(taking) == {"studies", "studies/{study}"}


def post(client, path: str, media_type: str) -> int:
    return client.post(address(path), b"nothing", content_type=media_type).status_code


@pytest.mark.parametrize("path", ["studies", "series", "instances"])
def test_every_query_parameter_that_is_listed_is_understood(client, path):
    request = request_of(describe(client)[path], "GET")
    names = [parameter.get("name") for parameter in children(request, "param")]

    answers = {name: client.get(f"{BASE}{path}", {name: VALUES.get(name, "1")}) for name in names}

    assert "PatientName" in names
    assert {name for name, answer in answers.items() if answer.status_code != 200} == set()


VALUES = {
    "accept": "application/dicom+json", "includefield": "all", "StudyDate": "20240105",
    "PatientBirthDate": "20240105", "PerformedProcedureStepStartDate": "20240105",
    "StudyTime": "10", "PerformedProcedureStepStartTime": "10", "fuzzymatching": "true",
    "emptyvaluematching": "true", "multiplevaluematching": "true",
}  # fmt: skip


def test_every_view_has_said_what_it_takes_and_gives():
    answering = {view for pattern in patterns() for view in pattern.callback.views.values()}

    assert answering == set(TRANSACTIONS)


def test_a_resource_describes_itself_and_what_lies_below_it(client):
    resources = describe(client, "/dicom-web/studies/1.2.3/series/1.2.3.9")

    assert "studies/{study}/series/{series}" in resources
    assert "studies/{study}/series/{series}/instances/{instance}/metadata" in resources
    assert "studies/{study}/metadata" not in resources


def test_the_base_names_the_service(client):
    document = ET.fromstring(client.options(BASE).content)

    (resources,) = children(document, "resources")
    assert resources.get("base") == "http://testserver/dicom-web"


def test_names_in_an_address_are_parameters_of_the_template(client):
    resource = describe(client)["studies/{study}"]

    assert [(p.get("name"), p.get("style")) for p in children(resource, "param")] == [
        ("study", "template")
    ]


def test_the_methods_of_a_resource_are_allowed_by_its_header(client):
    assert client.options("/dicom-web/series")["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["options", "get"])
def test_capabilities_are_told_at_the_base_whichever_way_they_are_asked(client, method):
    response = getattr(client, method)(BASE)

    assert (response.status_code, response["Content-Type"]) == (200, WADL)


def test_capabilities_come_as_json_for_whom_it_pleases(client):
    response = client.options(BASE, headers={"Accept": "application/json"})

    resources = response.json()["application"]["resources"]
    studies = resources["resource"][0]
    assert resources["@base"] == "http://testserver/dicom-web"
    assert (studies["@path"], studies["method"][0]["@name"]) == ("studies", "GET")
    assert {"@name": "limit", "@style": "query"} in studies["method"][0]["request"]["param"]


def test_capabilities_in_another_form_are_not_acceptable(client):
    assert client.options(BASE, headers={"Accept": "text/plain"}).status_code == 406


def test_capabilities_are_not_for_strangers(django_client):
    assert django_client.options(BASE).status_code == 401
