"""Every address of the portal × who asks × a study of theirs, of somebody else, of nobody."""

import datetime
import json
import re

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from studies.models import Instance, Report, ShareLink, Study, StudyScope
from studies.portal.visitors import _SESSION_KEY
from studies.tests.addresses import (
    ADDRESSES,
    ADMINISTRATION,
    DOCUMENT,
    FOREIGN,
    LINK,
    NO_ROLE,
    NOBODY,
    NONE,
    OWN,
    PLAIN_LINK,
    ROLES,
    SEARCHES,
    WHO,
    sees,
    with_tables,
)
from studies.tests.answers import body
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

CSRF_TOKEN = rb"\b[A-Za-z0-9]{64}\b"
INSTITUTIONS = {OWN: "North", FOREIGN: "South"}


def file_of(study: str, **attributes) -> bytes:
    said = {
        "StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.9", "PatientID": f"MRN-{study}",
        "SOPInstanceUID": f"{study}.9.1", "InstitutionName": INSTITUTIONS.get(study, "North"),
        "EncapsulatedDocument": b"%PDF-1.4",
    }  # fmt: skip
    return make_file(**said | attributes)


@pytest.fixture(autouse=True)
def two_studies(store):
    """With signed reports, and somebody who can be granted one."""
    writer = User.objects.create_user("writer")
    for study in (OWN, FOREIGN):
        store(file_of(study))
        Report.objects.create(
            study=Study.objects.get(study_instance_uid=study), findings="x", author=writer,
            saved_by=writer, saved_at=timezone.now(), signed_by=writer, signed_at=timezone.now(),
        )  # fmt: skip
    group = Group.objects.get(name="clinician")
    StudyScope.objects.create(group=group, institution_name="North")
    User.objects.create_user("consultant").groups.add(group)


@pytest.fixture
def client_of(sign_in):
    """Whoever asks, by the name that the table has for them."""

    def client_of(who: str) -> Client:
        if who == NOBODY:
            return Client()
        if who not in (LINK, PLAIN_LINK):
            return sign_in(None if who == NO_ROLE else who)
        link = ShareLink.objects.create(
            study=Study.objects.get(study_instance_uid=OWN), digest=who, recipient="Somebody",
            created_by=User.objects.get(username="writer"), deidentified=who == PLAIN_LINK,
            expires_at=timezone.now() + datetime.timedelta(hours=1),
        )  # fmt: skip
        client = Client()
        session = client.session
        session[_SESSION_KEY] = link.pk
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        return client

    return client_of


def ask(client, address, study):
    """Status and content of the answer; what it changed is taken back."""
    with transaction.atomic():
        response = client.generic(
            address.method, path_of(address, study), **content(address, study),
            headers=address.headers,
        )  # fmt: skip
        answer = response.status_code, body(response)
        transaction.set_rollback(True)
    return answer


def path_of(address, study) -> str:
    patient = Study.objects.filter(study_instance_uid=study).values_list("patient_record").first()
    number = str(patient[0] if patient else 0)
    return address.path.replace("{study}", study).replace("{patient}", number)


def content(address, study):
    """Arguments of the request, in the form in which the address takes them."""
    said = json.dumps(address.body).replace("{study}", study)
    if address.body == "{study}":
        file = file_of(study, SOPInstanceUID=f"{study}.9.2")
        return {"data": file, "content_type": "application/dicom"}
    if address.method in ("GET", "DELETE") and not address.body:
        return {}
    if address.is_of_programs:
        return {"data": said, "content_type": "application/json"}
    form = "&".join(f"{name}={value}" for name, value in json.loads(said).items())
    return {"data": form, "content_type": "application/x-www-form-urlencoded"}


# One test for each of them, not for each address: those are as many as all other tests together.
@pytest.mark.parametrize("who", WHO)
def test_every_address_answers_as_it_is_documented(client_of, who):
    client, wrong = client_of(who), []

    for address in ADDRESSES:
        for study in address.studies:
            status, said = ask(client, address, study)

            expected = 200 if is_empty_search(address, who) else address.expected(who, study)
            hidden = {uid for uid in (OWN, FOREIGN) if not sees(who, uid)}
            if address.makes_study and status == expected:
                hidden -= {study}  # the sender is told what they have sent
            named = {uid for uid in hidden if f"{uid}.9".encode() in said}
            if status != expected or named:
                wrong.append((address.method, address.path, study, status, expected, named))

    assert not wrong, "\n".join(map(str, wrong))


def is_empty_search(address, who) -> bool:
    """A search below a study that one may not see finds nothing, and says no more than that."""
    return address.route in SEARCHES and who not in (NOBODY, LINK, PLAIN_LINK)


@pytest.mark.parametrize("who", [role for role in ROLES if role in ("clinician", "operator")])
def test_a_foreign_study_is_answered_word_for_word_like_one_that_never_was(client_of, who):
    client = client_of(who)

    for address in ADDRESSES:
        if address.is_of_a_study:
            foreign, none = (
                (status, re.sub(CSRF_TOKEN, b"", said))
                for status, said in (ask(client, address, study) for study in (FOREIGN, NONE))
            )
            assert foreign == none, f"{address.method} {address.path}"


@pytest.mark.parametrize("role", ["data steward", "administrator"])
def test_the_administration_shows_each_role_what_is_documented(sign_in, role):
    client = sign_in(role)
    User.objects.filter(username=f"{role}-1").update(is_staff=True)

    answers = {
        model: client.get(f"/admin/{model.replace('.', '/')}/").status_code
        for model in ADMINISTRATION
    }

    assert answers == {model: 200 if role in may else 403 for model, may in ADMINISTRATION.items()}


@pytest.mark.parametrize(
    "who", [who for who in WHO if who not in ("data steward", "administrator")]
)
def test_who_does_not_work_in_the_administration_is_sent_away(client_of, who):
    client = client_of(who)

    for model in ADMINISTRATION:
        assert client.get(f"/admin/{model.replace('.', '/')}/").status_code == 302, model


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_other_safe_methods_are_for_those_who_may_ask_by_get(client_of, method):
    client = client_of("operator")

    for address in ADDRESSES:
        if address.method == "GET" and address.is_of_programs and address.is_of_a_study:
            path = path_of(address, OWN)
            said = body(client.generic(method, path, headers=address.headers))
            assert f"{OWN}.9".encode() not in said, path


def test_a_stranger_is_told_how_to_sign_in(django_client):
    for address in ADDRESSES:
        if address.is_open:
            continue
        response = django_client.generic(address.method, path_of(address, OWN))
        if address.is_of_programs:
            assert "WWW-Authenticate" in response, address.path
        else:
            assert response["Location"].startswith("/accounts/login/?next="), address.path


def test_another_site_cannot_make_a_browser_change_anything(client_of):
    client = client_of("administrator")
    client.handler.enforce_csrf_checks = True

    for address in ADDRESSES:
        if address.method != "GET" and not address.is_open:
            assert ask(client, address, OWN)[0] == 403, address.path
    assert Instance.objects.count() == 2


# --- Nothing is missing here ---------------------------------------------------------------------


def test_every_role_is_asked():
    assert set(ROLES) == set(Role)


def test_no_address_is_missing_from_the_table():
    listed = {address.route for address in ADDRESSES}

    assert {route for route in routes(get_resolver()) if not route.startswith("admin/")} == listed


def test_no_method_of_a_program_is_missing_from_the_table():
    listed = {(address.method, address.route) for address in ADDRESSES if address.is_of_programs}

    offered = {
        (method, route)
        for route, pattern in patterns(get_resolver())
        if route.startswith(("api/", "dicom-web/"))
        for method in methods(pattern)
    }

    assert offered == listed


def test_no_model_of_the_administration_is_missing_from_the_table():
    registered = {model._meta.label_lower for model in admin.site._registry}

    assert registered == set(ADMINISTRATION)


def test_the_document_says_what_the_table_says():
    written = DOCUMENT.read_text()

    assert with_tables(written) == written, "run: python -m studies.tests.addresses"


def methods(pattern) -> set[str]:
    view = pattern.callback
    if hasattr(view, "views"):  # a resource of DICOMweb
        return set(view.views)
    names = {name.upper() for name in view.cls.http_method_names if hasattr(view.cls, name)}
    return names - {"OPTIONS"}


def patterns(resolver: URLResolver, prefix: str = "") -> list[tuple[str, URLPattern]]:
    found = []
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        found += [(route, entry)] if isinstance(entry, URLPattern) else patterns(entry, route)
    return found


def routes(resolver: URLResolver) -> set[str]:
    return {route for route, _ in patterns(resolver)}
