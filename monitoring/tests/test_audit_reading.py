"""The trail as stewards search it and as other systems read it; that it is read is in it too."""

import base64
import datetime
import io
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import etree

from accounts.acts import Act, Action, Outcome, note
from monitoring.audit import reading
from monitoring.audit.message import write_messages
from monitoring.models import AuditEvent
from studies.models import Patient
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

LIST = "/admin/monitoring/auditevent/"
SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parent / "audit_message.rng"))


@pytest.fixture
def steward(sign_in):
    client = sign_in("data steward")
    get_user_model().objects.update(is_staff=True)
    return client


@pytest.fixture
def study(store):
    store(make_file())


def found(response):
    return [event.what for event in response.context["cl"].result_list]


def last():
    return AuditEvent.objects.order_by("-pk").first()


def tell(what, action=Action.VIEW, **about):
    note(Act(action=action, what=what, **about))


# --- The administration --------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["radiologist", "clinician", "technologist", "operator"])
def test_the_trail_is_for_those_who_answer_for_it(sign_in, role):
    client = sign_in(role)
    get_user_model().objects.update(is_staff=True)

    assert client.get(LIST).status_code == 403


def test_nobody_adds_changes_or_deletes_an_event(admin_client, study):
    event = last()
    for path in ("add/", f"{event.pk}/delete/"):
        assert admin_client.get(f"{LIST}{path}").status_code == 403
    assert admin_client.post(f"{LIST}{event.pk}/change/", {"what": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("search", "whats"),
    [
        ("q=ada", ["by ada"]),
        ("q=P1", ["of P1 and P2", "of P1"]),
        ("q=1.9", ["of a study"]),
        ("q=1.9.7", ["of a study"]),
        ("q=nobody", []),
        ("action=export", ["of P1 and P2"]),
        ("outcome=failed", ["failed"]),
        ("since=2000-01-01&until=2000-01-01", []),
        ("study=1.9", ["of a study"]),
        ("patient=0", []),
        ("patient=x", []),
        ("since=x&action=export", ["of P1 and P2"]),
    ],
)
def test_stewards_search_the_trail(steward, search, whats):
    tell("of P1", patients=[("P1", "")])
    tell("by ada", actor="ada")
    tell("of P1 and P2", Action.EXPORT, patients=[("P1", "A"), ("P2", "A")])
    tell("of a study", study_uids=["1.9"], object_uids=["1.9.7"])
    tell("failed", outcome=Outcome.FAILED)

    response = steward.get(f"{LIST}?{search}")

    assert response.status_code == 200
    assert found(response) == whats


def test_a_period_is_of_whole_days(steward, monkeypatch):
    tell("now")
    today = timezone.now().date()
    for since, until, whats in [
        (today, today, ["now"]), (today + datetime.timedelta(1), "", []),
        ("", today - datetime.timedelta(1), []),
    ]:  # fmt: skip
        assert found(steward.get(f"{LIST}?since={since}&until={until}&action=view")) == whats


def test_who_opened_a_patient_or_a_study_is_one_step_from_their_records(steward, client, study):
    for number in ("", "OTHER"):
        note(Act(action=Action.VIEW, what="of a namesake", patients=[("MRN-1", number)]))
    client.get("/studies/1.2.3/")
    patient = Patient.objects.get()
    record = f"/admin/studies/study/{patient.studies.get().pk}/change/"
    for page in (f"/admin/studies/patient/{patient.pk}/change/", "/studies/1.2.3/", record):
        content = steward.get(page).content.decode()
        link = f"{LIST}?" + ("patient=" + str(patient.pk) if "patient" in page else "study=1.2.3")
        assert f'"{link}"' in content, page

        whats = found(steward.get(link))

        assert "study opened" in whats
        assert "instances stored" in whats
        assert "of a namesake" not in whats
    assert "auditevent" not in client.get("/studies/1.2.3/").content.decode()


def test_each_look_at_the_trail_is_in_it(steward, study):
    steward.get(f"{LIST}?q=MRN-1")
    listed = last()
    steward.get(f"{LIST}{listed.pk}/change/")
    opened = last()
    steward.post(LIST, {"action": "export", "_selected_action": [listed.pk, opened.pk]})
    exported = last()

    assert {event.action for event in (listed, opened, exported)} == {"read-audit"}
    assert {event.event_id for event in (listed, opened, exported)} == {"110101"}
    assert (listed.what, listed.detail) == ("audit trail searched", {"q": "MRN-1"})
    assert (opened.what, opened.detail) == (
        "audit event opened", {"chain": str(listed.chain), "number": str(listed.number)}
    )  # fmt: skip
    assert exported.what == "audit trail exported"


def test_the_page_of_an_event_names_it_whole(steward, client, study):
    client.get("/studies/1.2.3/")
    event = last()

    page = steward.get(f"{LIST}{event.pk}/change/").content.decode()

    for word in ("radiologist-1", "MRN-1 HOSPITAL", "110103 DICOM Instances Accessed", bytes(event.digest).hex()):  # fmt: skip
        assert word in page


def test_the_list_costs_no_query_per_event(steward):
    counts = []
    for _ in range(3):
        tell("again")
        with CaptureQueriesContext(connection) as queries:
            steward.get(LIST)
        counts.append(len(queries))

    assert len(set(counts)) == 1


# --- Plans ---------------------------------------------------------------------------------------


@pytest.fixture
def many(study):
    """20,000 events, of whom most are of one user and say the same."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            """
            INSERT INTO monitoring_auditevent (
                occurred_at, event_id, event_type, event_action, action, what, outcome, actor_kind,
                actor, actor_name, token, roles, client_address, user_agent, route, patient_ids,
                issuers_of_patient_ids, study_uids, object_uids, detail, chain, number,
                previous_digest, digest)
            SELECT now() - n * interval '1 minute', '110103', '', 'R',
                CASE WHEN n % 100 = 0 THEN 'delete' ELSE 'view' END, 'study read',
                CASE WHEN n % 200 = 0 THEN 'refused' ELSE 'success' END, 'person',
                CASE WHEN n % 50 = 0 THEN 'rare' ELSE 'often' END, '', '', '{}', '', '', '',
                ARRAY['P' || n % 5000], ARRAY[''], ARRAY['1.2.' || n % 7000], '{}', '{}', 1, n, '',
                ''
            FROM generate_series(1, 20000) n
            """
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE monitoring_auditevent")


SEARCHES = [
    "", "q=P17", "q=rare", "q=often", "q=1.2.17", "action=delete", "outcome=refused",
    "since=2000-01-01", "study=1.2.17", "q=P17&action=view", "q=often&outcome=refused",
    "p=40", "action=delete&outcome=refused&until=2100-01-01",
]  # fmt: skip


def test_no_search_of_the_trail_reads_or_sorts_all_of_it(steward, many):
    for search in SEARCHES:
        with CaptureQueriesContext(connection) as queries:
            assert steward.get(f"{LIST}?{search}").status_code == 200
        asked = [q["sql"] for q in queries if 'FROM "monitoring_auditevent"' in q["sql"]]

        assert len(asked) >= 2
        with connection.cursor() as cursor:
            for sql in asked:
                cursor.execute(f"EXPLAIN {sql}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                # Never more than so many are counted, and one of a frequent user is soon found.
                is_bounded = "LIMIT 10000" in sql or (
                    search.startswith("q=often") and "LIMIT 1" in sql
                )
                assert is_bounded or "Seq Scan on monitoring_auditevent" not in plan, plan
                assert "Sort Key" not in plan or "InitPlan" in plan, plan


def test_events_are_read_oldest_first_in_pages(many, monkeypatch):
    monkeypatch.setattr(reading, "_PAGE", 7)
    some = AuditEvent.objects.filter(patient_ids__overlap=["P3", "P4", "P5"])

    keys = [event.pk for event in reading.in_order(some)]

    assert len(keys) == 12
    assert keys == sorted(keys)


# --- PS3.15 A.5 ----------------------------------------------------------------------------------


def messages(document):
    return list(etree.fromstring(document.encode()))


def test_every_kind_of_event_is_a_message_of_the_standards_schema(study):
    for action in Action:
        for outcome in Outcome:
            tell(
                f"<{action} & “more”>\x01", action, outcome=outcome, actor='Ada "<&',
                study_uids=["1.2.3", "9.9"], object_uids=["1.2.3.4"], detail={"key <": "value & ]]>"},
            )  # fmt: skip
    tell("nothing named")

    written = messages("".join(write_messages(reading.in_order(AuditEvent.objects.all()))))

    assert len(written) == AuditEvent.objects.count() == len(Action) * 3 + 2
    for message in written:
        assert SCHEMA.validate(message), SCHEMA.error_log


def test_a_message_names_who_from_where_what_and_whose(client, study):
    client.get("/studies/1.2.3/", REMOTE_ADDR="192.0.2.7")
    event = last()

    (message,) = messages("".join(write_messages([event])))

    identification = message.find("EventIdentification")
    assert identification.attrib == {
        "EventActionCode": "R", "EventDateTime": event.occurred_at.isoformat(),
        "EventOutcomeIndicator": "0",
    }  # fmt: skip
    assert identification.find("EventID").attrib == {
        "csd-code": "110103", "codeSystemName": "DCM", "originalText": "DICOM Instances Accessed",
    }  # fmt: skip
    who = message.find("ActiveParticipant")
    assert who.attrib == {
        "UserID": "radiologist-1", "UserName": "radiologist-1", "UserIsRequestor": "true",
        "NetworkAccessPointID": "192.0.2.7", "NetworkAccessPointTypeCode": "2",
    }  # fmt: skip
    assert who.find("RoleIDCode").get("csd-code") == "radiologist"
    study, patient = message.findall("ParticipantObjectIdentification")
    assert (study.get("ParticipantObjectID"), study[0].get("csd-code")) == ("1.2.3", "110180")
    assert (patient.get("ParticipantObjectID"), patient[0].get("csd-code")) == (
        "MRN-1^^^HOSPITAL", "2"
    )  # fmt: skip


def test_a_search_is_a_message_with_its_keys(client, study):
    client.get("/dicom-web/studies?PatientName=m*&PatientID=7")

    (message,) = messages("".join(write_messages([last()])))

    (query,) = message.findall("ParticipantObjectIdentification")
    said = base64.b64decode(query.find("ParticipantObjectQuery").text).decode()
    assert sorted(said.splitlines()) == ["PatientID=7", "PatientName=m*"]
    roles = [one.find("RoleIDCode").get("csd-code") for one in message.findall("ActiveParticipant")]
    assert roles == ["110153", "110152"]


def test_a_sender_is_the_source_and_who_downloads_the_destination(client, study):
    client.get("/dicom-web/studies/1.2.3?accept=application/zip")
    stored = AuditEvent.objects.get(what="instances stored")
    downloaded = last()

    roles = [
        [one.find("RoleIDCode").get("csd-code") for one in message.findall("ActiveParticipant")]
        for message in messages("".join(write_messages([stored, downloaded])))
    ]

    assert roles == [["110153", "110152"], ["110152", "110153"]]


def test_the_command_writes_the_days_that_are_asked_for(study):
    today = timezone.now().date()

    def written(**period):
        output = io.StringIO()
        call_command("export_audit", stdout=output, **period)
        return len(messages(output.getvalue()))

    assert written(since=today, until=today) >= 2  # what was stored, and that it is written
    assert written(until=today - datetime.timedelta(1)) == 0
    assert written(since=today + datetime.timedelta(1)) == 0
    assert last().detail == {"since": str(today + datetime.timedelta(1))}


def test_stewards_download_the_messages_that_they_select(steward, study):
    event = last()

    response = steward.post(LIST, {"action": "export", "_selected_action": [event.pk]})

    (message,) = messages(b"".join(response).decode())
    assert SCHEMA.validate(message)
    assert response["Content-Disposition"] == 'attachment; filename="audit-trail.xml"'
    new = AuditEvent.objects.filter(pk__gt=event.pk)
    assert [event.what for event in new] == ["audit trail exported"]
