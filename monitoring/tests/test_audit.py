"""What is kept of what people and programs do: each act as one event, at the cost of one insert."""

import ast
import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver

from accounts.acts import Act, Action, note
from monitoring.audit import recording
from monitoring.audit.codes import EVENTS_OF_ACTIONS, EVENTS_OF_ACTS, MEANINGS, REPEATED
from monitoring.models import ActorKind, AuditEvent
from studies.deletion import delete
from studies.models import Instance, Patient, Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
JSON = "application/json"
SERIES = "/dicom-web/studies/1.2.3/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
WADO_URI = "/dicom-web/wado-uri?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4"
TEXT = {"version": None, "findings": "None."}
WHY = {"reason": "A phantom"}


@pytest.fixture
def study(store):
    store(make_file(EncapsulatedDocument=b"%PDF-1.4"))
    return Study.objects.get()


@pytest.fixture
def events(study):
    """Those that were kept since this was asked for, but for what `sign_in` does."""
    last = AuditEvent.objects.order_by("pk").last()

    def since() -> list[AuditEvent]:
        new = AuditEvent.objects.filter(pk__gt=last.pk)
        new = new.exclude(what__in=["roles changed", "signed in"])
        return list(new.order_by("pk"))

    return since


def said(event):
    return event.action, event.what, event.outcome


# --- What each request is ------------------------------------------------------------------------

READS = [
    ("/", "search", "studies searched"),
    ("/studies/1.2.3/", "view", "study opened"),
    ("/studies/1.2.3/view/", "view", "viewer opened"),
    ("/studies/1.2.3/documents/1.2.3.9/1.2.3.4/", "view", "document opened"),
    ("/studies/1.2.3/documents/1.2.3.9/1.2.3.4/file/", "export", "document downloaded"),
    ("/notifications/", "view", "notifications opened"),
    ("/api/studies/", "search", "studies searched"),
    ("/api/studies/1.2.3/", "view", "study read"),
    ("/api/studies/1.2.3/hanging/", "view", "study read"),
    ("/api/studies/1.2.3/presentation/", "view", "study read"),
    ("/api/studies/1.2.3/measurements/", "view", "study read"),
    ("/api/studies/1.2.3/key-images/", "view", "study read"),
    ("/api/studies/1.2.3/report/", "view", "study read"),
    ("/api/studies/1.2.3/report/templates/", "view", "study read"),
    ("/dicom-web/studies", "search", "studies searched"),
    ("/dicom-web/series", "search", "series searched"),
    ("/dicom-web/instances", "search", "instances searched"),
    ("/dicom-web/studies/1.2.3/series", "search", "series searched"),
    ("/dicom-web/studies/1.2.3/metadata", "view", "study read"),
    (f"{SERIES}/metadata", "view", "study read"),
    (f"{INSTANCE}/metadata", "view", "study read"),
    (f"{INSTANCE}/frames/1", "view", "images read"),
    (f"{INSTANCE}/bulkdata/7FE00010", "view", "images read"),
    (f"{SERIES}/bulkdata", "view", "images read"),
    (f"{SERIES}/pixeldata", "view", "images read"),
    (f"{SERIES}/thumbnail", "view", "images read"),
    (f"{INSTANCE}/thumbnail", "view", "images read"),
    (f"{SERIES}/rendered", "view", "images read"),
    (f"{INSTANCE}/rendered", "view", "images read"),
    (f"{INSTANCE}/frames/1/rendered", "view", "images read"),
    (WADO_URI, "view", "images read"),
    (f"{WADO_URI}&contentType=application/dicom", "export", "instances retrieved"),
    (INSTANCE, "export", "instances retrieved"),
    (SERIES, "export", "instances retrieved"),
    ("/dicom-web/studies/1.2.3", "export", "instances retrieved"),
    ("/dicom-web/studies/1.2.3?accept=application/zip", "export", "study downloaded"),
    (f"{SERIES}?accept=application/zip", "export", "study downloaded"),
]  # fmt: skip
WRITES = [
    ("put", "/api/studies/1.2.3/report/", TEXT, "change", "report draft saved"),
    ("post", "/api/studies/1.2.3/report/signature/", TEXT, "change", "report signed"),
    ("post", "/api/studies/1.2.3/acts/", {"act": "print"}, "print", "images printed"),
    ("post", "/api/studies/1.2.3/acts/", {"act": "picture"}, "export", "picture saved"),
    ("post", "/api/studies/1.2.3/acts/", {"act": "video"}, "export", "video saved"),
    (
        "post", "/api/studies/1.2.3/key-images/", {"images": [{"sop_instance_uid": "1.2.3.4"}]},
        "upload", "instances stored",
    ),
    ("post", "/api/studies/search/", {"patient_name": "müller"}, "search", "studies searched"),
]  # fmt: skip
STEWARDS = [
    ("delete", INSTANCE, WHY, "delete", "instances deleted"),
    ("delete", "/dicom-web/studies/1.2.3", WHY, "delete", "study deleted"),
]


# All in one, in an order in which none is a repetition: each is a session of its own.
def test_each_address_is_read_as_exactly_one_act_in_one_insert(sign_in, study, events):
    user = sign_in().session["_auth_user_id"]
    for number, (path, action, what) in enumerate(READS):
        client = Client()
        client.force_login(get_user_model().objects.get(pk=user))
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path, {} if "?" in path else {"accept": "*/*"})
            content = b"".join(response) if response.streaming else response.content

        assert (response.status_code, bool(content)) == (200, True), path
        (event,) = events()[number:]
        assert said(event) == (action, what, "success"), path
        assert len([q for q in queries if "INSERT INTO monitoring" in q["sql"]]) == 1, path
        if "1.2.3" in path:
            assert event.study_uids == ["1.2.3"], path
            assert event.patients == [("MRN-1", "HOSPITAL")], path


@pytest.mark.parametrize(
    ("method", "path", "body", "action", "what"),
    [*WRITES, *STEWARDS],
    ids=[f"{method} {path} {what}" for method, path, _, _, what in [*WRITES, *STEWARDS]],
)
def test_each_change_is_exactly_one_act(sign_in, events, method, path, body, action, what):
    client = sign_in("data steward" if action == "delete" else "radiologist")

    response = getattr(client, method)(path, body, content_type=JSON)

    assert response.status_code < 300
    (event,) = events()
    assert said(event) == (action, what, "success")
    if "1.2.3" in path:
        assert (event.study_uids, event.patients) == (["1.2.3"], [("MRN-1", "HOSPITAL")])


def test_every_address_that_names_a_study_is_among_these():
    asked = {path.split("?")[0] for path, *_ in READS}
    asked |= {path for _, path, *_ in [*WRITES, *STEWARDS]}
    known = {get_resolver().resolve(path).route for path in asked}
    told_elsewhere = {
        # As one of these, of which they are a part.
        *(f"dicom-web/studies/<uid:study>/{part}" for part in (
            "instances", "series/<uid:series>/instances", "bulkdata", "pixeldata", "thumbnail",
            "rendered", "series/<uid:series>/instances/<uid:instance>/bulkdata",
            "series/<uid:series>/instances/<uid:instance>/pixeldata",
            "series/<uid:series>/instances/<uid:instance>/frames/<str:frames>/thumbnail",
        )),
        "api/studies/<uid:study>/report/addenda/", "api/studies/<uid:study>/report/pdf/",
        "studies/<uid:study>/follow/",  # below
        # Each of their forms is one act, see test_worklist.py, test_granting.py and test_sharing.py.
        "studies/<uid:study>/worklist/", "studies/<uid:study>/access/",
    }  # fmt: skip

    of_studies = {route for route in _routes(get_resolver()) if "<uid:study>" in route}
    assert len(of_studies) > 30

    assert of_studies - known == told_elsewhere


def _routes(resolver, prefix=""):
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from _routes(entry, route)


def test_a_report_is_printed_added_to_and_a_study_followed(client, events):
    client.post("/api/studies/1.2.3/report/signature/", TEXT, content_type=JSON)
    client.post(
        "/api/studies/1.2.3/report/addenda/", {"number": 1, "text": "More."}, content_type=JSON
    )
    client.get("/api/studies/1.2.3/report/pdf/")
    client.post("/studies/1.2.3/follow/", {"follow": "yes"})

    assert [event.what for event in events()] == [
        "report signed", "report addendum signed", "report printed", "study read"
    ]  # fmt: skip


def test_a_search_is_kept_with_its_keys_and_without_who_was_found(client, events):
    client.get("/dicom-web/studies?PatientName=m*&ModalitiesInStudy=CT&limit=5")

    (event,) = events()
    assert event.detail == {"PatientName": "m*", "ModalitiesInStudy": "CT"}
    assert (event.event_id, event.event_action, event.patient_ids) == ("110112", "E", [])


def test_what_is_sent_is_an_act_for_each_study_and_names_what_came(sign_in, events):
    files = [
        make_file(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{n}", PatientID=f"P{study}")
        for study in ("1.5", "1.6") for n in (1, 2)
    ]  # fmt: skip
    body = b"".join(
        b"--x\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n" for content in files
    )
    media_type = 'multipart/related; type="application/dicom"; boundary=x'

    response = sign_in("technologist").post(
        "/dicom-web/studies", body + b"--x--", content_type=media_type
    )

    assert response.status_code == 200
    assert [(event.study_uids, event.object_uids, event.patient_ids) for event in events()] == [
        (["1.5"], ["1.5.1.1", "1.5.1.2"], ["P1.5"]),
        (["1.6"], ["1.6.1.1", "1.6.1.2"], ["P1.6"]),
    ]
    assert {(event.event_id, event.event_action) for event in events()} == {("110104", "C")}


def test_what_is_sent_again_or_kept_apart_is_told(store, events):
    store(make_file(EncapsulatedDocument=b"%PDF-1.4"))
    store(make_file(EncapsulatedDocument=b"%PDF-1.5"))

    assert [said(event) for event in events()] == [
        ("upload", "instances sent again", "success"),
        ("upload", "instance kept apart", "failed"),
    ]


# --- Who and from where ---------------------------------------------------------------------------


def test_a_person_is_named_with_role_address_browser_and_pattern_of_the_address(sign_in, events):
    client = sign_in("radiologist")
    get_user_model().objects.update(first_name="Ada", last_name="Byron")

    client.get("/studies/1.2.3/", headers={"user-agent": "Browser/1"}, REMOTE_ADDR="192.0.2.7")

    (event,) = events()
    assert (event.actor_kind, event.actor, event.actor_name) == (
        ActorKind.PERSON, "radiologist-1", "Ada Byron"
    )  # fmt: skip
    assert (event.roles, event.client_address) == (["radiologist"], "192.0.2.7")
    assert (event.user_agent, event.route) == ("Browser/1", "GET studies/<uid:study>/")
    assert event.request_id is not None


def test_all_acts_of_a_request_bear_its_mark(rf, study, events):
    request = rf.get("/")
    with recording.collecting(request) as collected:
        note(Act(action=Action.CHANGE, what="one thing", is_change=True))
        note(Act(action=Action.VIEW, what="another"))
    collected.complete(200, None)

    assert len(events()) == 2
    assert len({event.request_id for event in events()}) == 1


def test_a_program_is_named_by_its_token(sign_in, events):
    sign_in("radiologist")
    user = get_user_model().objects.get()
    user.token = SimpleNamespace(name="workstation 4")

    note(Act(action=Action.VIEW, what="study read", actor=user))

    (event,) = events()
    assert (event.actor_kind, event.actor, event.token, event.roles) == (
        ActorKind.TOKEN, "radiologist-1", "workstation 4", ["radiologist"]
    )  # fmt: skip


def test_a_command_is_named_by_the_user_of_the_system(tmp_path, events, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    file = tmp_path / "one.dcm"
    file.write_bytes(make_file(SOPInstanceUID="1.2.3.5"))

    call_command("import_dicom", file)

    (event,) = events()
    assert (event.actor_kind, event.actor) == (ActorKind.COMMAND, "operator")
    assert said(event) == ("upload", "instances stored", "success")


def test_a_visitor_who_is_no_user_is_named_as_they_are_shown(rf, study, events):
    class Visitor:
        display_name = "Shared with Dr Curie"

    note(Act(action=Action.VIEW, what="study read", actor=Visitor(), study_uids=["1.2.3"]))

    (event,) = events()
    assert (event.actor_kind, event.actor, event.actor_id) == (
        ActorKind.VISITOR, "Shared with Dr Curie", None
    )  # fmt: skip


def test_who_is_deleted_stays_named(client, events):
    client.get("/studies/1.2.3/")
    get_user_model().objects.all().delete()

    assert events()[0].actor == "radiologist-1"


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "method", "path", "status", "what"),
    [
        ("clinician", "delete", "/dicom-web/studies/1.2.3", 403, "not permitted"),
        ("operator", "get", "/studies/1.2.3/", 404, "not found"),
        ("operator", "get", f"{INSTANCE}/frames/1", 404, "not found"),
        ("radiologist", "get", "/dicom-web/studies/9.9.9/metadata", 404, "not found"),
    ],
)
def test_what_is_refused_is_an_act_of_whoever_tried(
    sign_in, events, role, method, path, status, what
):
    client = sign_in(role)

    response = getattr(client, method)(path)

    assert response.status_code == status
    (event,) = events()
    assert (event.action, event.what, event.outcome) == ("refusal", what, "refused")
    assert event.study_uids == [path.split("/studies/")[1].split("/")[0]]


def test_the_patient_of_a_study_that_was_refused_is_told(sign_in, events):
    sign_in("operator").get("/studies/1.2.3/")

    assert events()[0].patients == [("MRN-1", "HOSPITAL")]


def test_a_token_that_is_not_valid_is_an_act_of_nobody_known(django_client, events):
    for _ in range(3):
        answer = django_client.get("/api/studies/", headers={"authorization": "Bearer pacs_wrong"})
        assert answer.status_code == 401

    assert {(event.actor_kind, event.actor, event.what) for event in events()} == {
        (ActorKind.ANONYMOUS, "", "credentials refused")
    }


def test_who_shows_no_credentials_and_what_is_no_record_leave_no_trace(
    django_client, client, events
):
    django_client.get("/api/studies/1.2.3/")
    django_client.get("/studies/1.2.3/")
    client.get("/no/such/page/")
    client.get("/livez")

    assert events() == []


def test_what_fails_is_told_as_failed(client, events):
    assert client.get(f"{INSTANCE}/frames/7").status_code == 404
    assert client.get(SERIES, headers={"accept": "image/png"}).status_code == 406

    assert [said(event) for event in events()] == [
        ("refusal", "not found", "refused"), ("view", "images read", "failed")
    ]  # fmt: skip


# --- As often as it happens, and no oftener --------------------------------------------------------


def test_what_a_viewer_asks_for_a_thousand_times_is_one_act(client, events, monkeypatch):
    now = itertools.chain([0.0], itertools.repeat(0.0))
    monkeypatch.setattr(recording.time, "monotonic", lambda: next(now))
    for _ in range(5):
        client.get(f"{INSTANCE}/frames/1")
        client.get(f"{INSTANCE}/metadata")
    assert [event.what for event in events()] == ["images read", "study read"]

    monkeypatch.setattr(recording.time, "monotonic", lambda: 301.0)
    client.get(f"{INSTANCE}/frames/1")
    assert [event.what for event in events()] == ["images read", "study read", "images read"]


def test_another_session_and_another_study_are_other_acts(client, store, events):
    store(make_file(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1", SOPInstanceUID="1.9.1.1"))
    user = get_user_model().objects.get()
    other = Client()
    other.force_login(user)
    uploads = 1

    for who in (client, other):
        who.get("/dicom-web/studies/1.2.3/metadata")
        who.get("/dicom-web/studies/1.9/metadata")

    assert len(events()) == uploads + 4


def test_pages_are_told_each_time(client, events):
    client.get("/studies/1.2.3/")
    client.get("/studies/1.2.3/")

    assert [event.what for event in events()] == ["study opened"] * 2


def test_little_is_remembered(client, events, monkeypatch):
    monkeypatch.setattr(recording, "_MAX_REMEMBERED", 1)
    for path in ("frames/1", "metadata", "frames/1"):
        client.get(f"{INSTANCE}/{path}")

    assert [event.what for event in events()] == ["images read", "study read", "images read"]


# --- Kept or not done ----------------------------------------------------------------------------


def test_a_change_that_is_rolled_back_is_no_act(sign_in, events, monkeypatch):
    sign_in("data steward")
    monkeypatch.setattr("studies.index.remove_instances", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        delete(get_user_model().objects.get(), "1.2.3", reason="A phantom")

    assert events() == []
    assert Study.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_cannot_be_kept_is_not_done(sign_in, store):
    store(make_file())
    reader, steward = sign_in("radiologist"), sign_in("data steward")
    steward.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE monitoring_auditevent RENAME TO away")
        try:
            page = reader.get("/studies/1.2.3/")
            frame = reader.get(f"{INSTANCE}/frames/1")
            deletion = steward.delete("/dicom-web/studies/1.2.3", WHY, content_type=JSON)
            sending = steward.post(
                "/dicom-web/studies", make_file(SOPInstanceUID="1.5"), content_type="application/dicom"
            )  # fmt: skip
        finally:
            cursor.execute("ALTER TABLE away RENAME TO monitoring_auditevent")

    assert [page.status_code, frame.status_code] == [503, 503]
    assert "Müller" not in page.content.decode()
    assert frame.json() == {"detail": "The database does not answer. Try again in a few seconds."}
    assert (deletion.status_code, sending.status_code) == (500, 503)
    assert [row.sop_instance_uid for row in Instance.objects.all()] == ["1.2.3.4"]


def test_what_strangers_say_is_bounded_and_cleaned(study, events):
    long = "a" * 5000
    note(
        Act(
            action=Action.SEARCH,
            what=long,
            detail={"name\0": f"\ud800\0{long}", **{str(n): "x" for n in range(200)}},
            study_uids=[str(n) for n in range(3000)],
            object_uids=[str(n) for n in range(3000)],
            patients=[(long, long)],
        )
    )

    (event,) = events()
    assert (len(event.what), len(event.study_uids), len(event.object_uids)) == (100, 1000, 100)
    assert event.detail["name\ufffd"] == f"?\ufffd{'a' * 498}"
    assert len(event.detail) == 52
    assert event.detail["number of objects"] == "3000"
    assert event.patients == [("a" * 64, "a" * 64)]


# --- The administration ---------------------------------------------------------------------------


@pytest.fixture
def steward(sign_in):
    client = sign_in("data steward")
    get_user_model().objects.update(is_staff=True)
    return client


def test_records_that_are_listed_and_opened_in_the_administration_are_told(steward, study, events):
    patient, instance = Patient.objects.get(), Instance.objects.get()
    for path in (
        "/admin/studies/study/?q=MRN-1", f"/admin/studies/patient/{patient.pk}/change/",
        f"/admin/studies/instance/{instance.pk}/change/",
    ):  # fmt: skip
        assert steward.get(path).status_code == 200

    listed, opened, of_instance = events()
    assert (listed.action, listed.what, listed.detail) == (
        "search", "studies listed", {"q": "MRN-1"}
    )  # fmt: skip
    assert (opened.what, opened.patients) == (
        "patient opened in the administration", [("MRN-1", "HOSPITAL")]
    )  # fmt: skip
    assert (of_instance.study_uids, of_instance.patients) == (["1.2.3"], [("MRN-1", "HOSPITAL")])


def test_what_is_changed_and_deleted_in_the_administration_is_told(steward, events):
    form = {"name": "Head", "modality": "CT", "body_part_examined": "", "findings": "None."}
    for name in ("indication", "technique", "comparison", "impression"):
        form[name] = ""
    assert steward.post("/admin/studies/reporttemplate/add/", form).status_code == 302
    assert (
        steward.post("/admin/studies/reporttemplate/add/", form | {"name": "Foot"}).status_code
        == 302
    )
    made = [event.detail["key"] for event in events()]
    steward.post(
        "/admin/studies/reporttemplate/",
        {"action": "delete_selected", "_selected_action": made, "post": "yes"},
    )

    assert [(event.action, event.detail["record"]) for event in events()] == [
        ("change", "studies.reporttemplate"), ("change", "studies.reporttemplate"),
        ("delete", "studies.reporttemplate"), ("delete", "studies.reporttemplate"),
    ]  # fmt: skip
    assert sorted(event.detail["key"] for event in events()[2:]) == sorted(made)


def test_what_is_changed_of_accounts_is_of_security(admin_client, events):
    admin_client.post("/admin/auth/group/add/", {"name": "guests"})

    (event,) = events()
    assert (event.action, event.detail["record"]) == ("security", "auth.group")


# --- The documents -------------------------------------------------------------------------------


def test_the_table_of_the_documents_is_the_one_that_the_trail_goes_by():
    text = (ROOT / "docs" / "audit.md").read_text()

    for action in Action:
        event = EVENTS_OF_ACTIONS[action]
        assert _row(f"`{action}`", event) in text
    for (action, what), event in EVENTS_OF_ACTS.items():
        assert _row(f"`{action}`: {what}", event) in text


def _row(first, event):
    code = f"{event.event_id} {MEANINGS[event.event_id]}"
    kind = f"{event.event_type} {MEANINGS[event.event_type]}" if event.event_type else ""
    return f"| {first} | {code} | {event.event_action} | {kind} |\n"


def test_every_act_that_the_code_names_is_in_the_documents():
    text = (ROOT / "docs" / "audit.md").read_text()
    named = set(REPEATED)
    apps = ("pacs_portal", "accounts", "studies", "analytics", "monitoring")
    for path in itertools.chain.from_iterable((ROOT / app).rglob("*.py") for app in apps):
        if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts):
            named.update(_named_by(ast.parse(path.read_text())))

    assert len(named) > 20
    assert [what for what in sorted(named) if f"`{what}`" not in text] == []


def _named_by(tree):
    """What the calls say that make an act: words with a space, in whatever place."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in calls:
        if getattr(call.func, "id", "").startswith(("Act", "_note", "_change", "_revoke")):
            said = [*call.args, *(word.value for word in call.keywords if word.arg == "what")]
            simple = (part for part in said if isinstance(part, ast.Constant | ast.IfExp))
            for node in itertools.chain.from_iterable(map(ast.walk, simple)):
                if isinstance(node, ast.Constant) and " " in str(node.value):
                    yield node.value


def test_roles_that_may_read_the_trail():
    readers = Group.objects.filter(permissions__codename="view_auditevent")

    assert {group.name for group in readers} == {"data steward", "administrator"}
