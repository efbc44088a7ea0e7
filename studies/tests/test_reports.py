"""Reports: a draft that readers share, its signature that nothing changes, addenda."""

import threading
import uuid

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from studies.models import Addendum, Deletion, Report, ReportTemplate, Study
from studies.reports import writing
from studies.tests.builders import make_file

REPORT = "/api/studies/1.2.3/report/"
SIGNATURE = f"{REPORT}signature/"
ADDENDA = f"{REPORT}addenda/"
TEXT = {"findings": "A nodule of 4 mm.", "impression": "Likely benign."}


@pytest.fixture
def study(store) -> Study:
    store(make_file())
    return Study.objects.get()


@pytest.fixture
def another_radiologist(db) -> User:
    user = User.objects.create_user("second", first_name="Grace", last_name="Hopper")
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


def send(client, method, address, **body):
    return getattr(client, method)(address, body, content_type="application/json")


def save(client, *, version=None, **text):
    return send(client, "put", REPORT, version=version, **text)


def sign(client, *, version=None, **text):
    return send(client, "post", SIGNATURE, version=version, **(text or TEXT))


def add(client, *, number=1, text="Compared with 2019: unchanged."):
    return send(client, "post", ADDENDA, number=number, text=text)


def status() -> str:
    return Study.objects.get().reading_status


# --- Writing ---------------------------------------------------------------------------------------


def test_a_study_begins_unread_and_without_a_report(client, study):
    answer = client.get(REPORT).json()

    assert answer == {
        "reading_status": "unread", "reader": "radiologist-1", "may_write": True, "report": None,
    }  # fmt: skip


def test_a_draft_is_begun_saved_again_and_read_back(client, study):
    begun = save(client, findings="A nodule")
    saved = save(client, version=begun.json()["version"], **TEXT)

    report = client.get(REPORT).json()["report"]
    assert (begun.status_code, saved.status_code) == (200, 200)
    assert {name: report[name] for name in TEXT} == TEXT
    assert (report["author"], report["is_signed"]) == ("radiologist-1", False)
    assert begun.json()["version"] != report["version"] == saved.json()["version"]
    assert status() == "in-progress"


def test_a_signed_report_says_who_and_when(client, study):
    signed = sign(client).json()

    report = Report.objects.get()
    assert (signed["is_signed"], signed["signed_by"]) == (True, "radiologist-1")
    assert report.signed_at == report.saved_at or report.signed_at < report.saved_at
    assert status() == "reported"


def test_a_report_that_says_nothing_is_not_signed(client, study):
    answer = sign(client, indication="Cough", findings=" \n ")

    assert answer.status_code == 400
    assert "findings" in answer.json()["detail"]
    assert (Report.objects.count(), status()) == (0, "unread")


def test_control_characters_do_not_get_into_a_report(client, study):
    saved = save(client, findings="one\x07\u202etwo\nthree").json()

    assert saved["findings"] == "onetwo\nthree"


@pytest.mark.parametrize(
    "body",
    [
        {"findings": "no version"},
        {"version": "1", "findings": "no UUID"},
        {"version": None, "findings": ["a list"]},
        {"version": None, "findings": "x" * 20_001},
        {"version": None, "findings": "nul \x00"},
    ],
)
def test_a_body_that_makes_no_sense_is_refused_and_nothing_is_kept(client, study, body):
    for method, address in (("put", REPORT), ("post", SIGNATURE)):
        assert send(client, method, address, **body).status_code == 400

    assert (Report.objects.count(), status()) == (0, "unread")


# --- Two readers -----------------------------------------------------------------------------------


def test_who_saves_over_another_version_is_told_of_whom_and_when_and_nothing_is_lost(
    client, study, another_radiologist
):
    first = save(client, **TEXT).json()["version"]
    theirs = writing.save_draft(
        another_radiologist, "1.2.3", version=uuid.UUID(first), sections={"findings": "Theirs"}
    )

    answer = save(client, version=first, findings="Mine")

    assert answer.status_code == 409
    assert "Grace Hopper" in answer.json()["detail"]
    assert f"{theirs.saved_at:%Y-%m-%d %H:%M}" in answer.json()["detail"]
    assert Report.objects.get().findings == "Theirs"


@pytest.mark.parametrize("act", [save, sign])
def test_two_who_begin_at_once_do_not_overwrite_each_other(client, study, another_radiologist, act):
    writing.save_draft(another_radiologist, "1.2.3", version=None, sections=TEXT)

    assert act(client, findings="Mine").status_code == 409
    assert Report.objects.get().findings == TEXT["findings"]


def test_a_report_that_another_signed_meanwhile_is_not_signed_twice(
    client, study, another_radiologist
):
    version = save(client, **TEXT).json()["version"]
    writing.sign(another_radiologist, "1.2.3", version=uuid.UUID(version), sections=TEXT)

    answer = sign(client, version=version)

    assert (answer.status_code, Report.objects.get().signed_by) == (409, another_radiologist)


def test_a_draft_of_a_discarded_version_does_not_replace_the_one_begun_since(
    client, study, another_radiologist
):
    old = save(client, **TEXT).json()["version"]
    send(client, "delete", REPORT, version=old)
    writing.save_draft(another_radiologist, "1.2.3", version=None, sections={"findings": "New"})

    assert save(client, version=old, findings="Old").status_code == 409
    assert Report.objects.get().findings == "New"


@pytest.mark.parametrize("act", [save, sign])
def test_what_is_sent_again_because_the_answer_was_lost_is_no_conflict(client, study, act):
    first = act(client, **TEXT)
    again = act(client, **TEXT)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()


def test_an_addendum_that_is_sent_again_is_made_once(client, study):
    sign(client)

    answers = [add(client), add(client)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Addendum.objects.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_who_save_at_the_same_moment_one_waits_and_is_told(study, sign_in):
    reader = sign_in("radiologist").get("/").wsgi_request.user
    outcomes = []

    def other() -> None:
        second = User.objects.create_user("second")
        second.groups.add(Group.objects.get(name="radiologist"))
        try:
            writing.sign(second, "1.2.3", version=None, sections=TEXT)
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        writing.save_draft(reader, "1.2.3", version=None, sections={"findings": "First"})
        thread = threading.Thread(target=other)
        thread.start()
        wait_until_somebody_waits()
    thread.join(timeout=30)

    assert [type(error).__name__ for error in outcomes] == ["EditConflictError"]
    assert (Report.objects.get().findings, Report.objects.get().is_signed) == ("First", False)


def wait_until_somebody_waits() -> None:
    question = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"
    )
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute(question)
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.05)")
    raise TimeoutError(question)


# --- What is signed --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["put", "delete"])
def test_a_signed_report_is_neither_saved_over_nor_discarded(client, study, method):
    version = sign(client).json()["version"]

    answer = send(client, method, REPORT, version=version, findings="Other")

    assert answer.status_code == 409
    assert Report.objects.get().findings == TEXT["findings"]


def test_the_database_itself_keeps_what_is_signed(client, study):
    sign(client)
    add(client)

    for rows, change in (
        (Report.objects.all(), {"findings": "Other"}),
        (Report.objects.all(), {"signed_at": None, "signed_by": None}),
        (Addendum.objects.all(), {"text": "Other"}),
    ):
        with (
            pytest.raises(IntegrityError, match="what_is_signed_never_changes"),
            transaction.atomic(),
        ):
            rows.update(**change)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Report, "a_signed_report_stays_with_its_study"),
        (Addendum, "an_addendum_stays_with_its_report"),
    ],
)
def test_what_is_signed_cannot_be_removed_by_itself(client, study, model, why):
    sign(client)
    add(client)

    def remove() -> None:
        model.objects.all().delete()
        connection.check_constraints()

    with pytest.raises(IntegrityError, match=why), transaction.atomic():
        remove()


def test_addenda_are_numbered_and_have_their_own_author(client, study, another_radiologist):
    sign(client)
    writing.add_addendum(another_radiologist, "1.2.3", number=1, text="First")

    unread = add(client, number=1, text="Second")
    read = add(client, number=2, text="Second")

    report = client.get(REPORT).json()["report"]
    assert (unread.status_code, read.status_code) == (409, 201)
    assert "Grace Hopper" in unread.json()["detail"]
    assert [(a["number"], a["text"], a["signed_by"]) for a in report["addenda"]] == [
        (1, "First", "Grace Hopper"), (2, "Second", "radiologist-1"),
    ]  # fmt: skip
    assert report["findings"] == TEXT["findings"]


@pytest.mark.parametrize("text", ["", " \n", "x" * 20_001])
def test_an_addendum_says_something_within_bounds(client, study, text):
    sign(client)

    assert add(client, text=text).status_code == 400
    assert Addendum.objects.count() == 0


def test_a_draft_takes_no_addendum(client, study):
    save(client, **TEXT)

    assert add(client).status_code == 404


# --- Discarding, deleting, receiving ---------------------------------------------------------------


def test_who_began_a_draft_may_discard_it_and_the_study_is_unread_again(client, study):
    version = save(client, **TEXT).json()["version"]

    answer = send(client, "delete", REPORT, version=version)

    assert (answer.status_code, Report.objects.count(), status()) == (204, 0, "unread")


def test_nobody_discards_what_another_began(client, study, another_radiologist):
    draft = writing.save_draft(another_radiologist, "1.2.3", version=None, sections=TEXT)

    answer = send(client, "delete", REPORT, version=str(draft.version))

    assert (answer.status_code, Report.objects.count()) == (403, 1)


def test_an_image_that_arrives_later_does_not_make_the_study_unread(client, study, store):
    sign(client)

    store(make_file(SOPInstanceUID="1.2.3.5"))

    assert (status(), Study.objects.get().number_of_study_related_instances) == ("reported", 2)


def test_a_deletion_keeps_the_report_that_goes_with_the_study(client, study, sign_in):
    sign(client)
    add(client)

    sign_in("data steward").delete("/dicom-web/studies/1.2.3", headers={"Deletion-Reason": "Test"})

    connection.check_constraints()
    kept = Deletion.objects.get().parents
    assert (Report.objects.count(), Addendum.objects.count()) == (0, 0)
    assert kept["reports"][0]["findings"] == TEXT["findings"]
    assert kept["addenda"][0]["text"] == "Compared with 2019: unchanged."
    assert client.get(REPORT).status_code == 404


def test_a_deleted_image_leaves_the_report_of_its_study(client, study, store, sign_in):
    store(make_file(SOPInstanceUID="1.2.3.5"))
    sign(client)

    sign_in("data steward").delete(
        "/dicom-web/studies/1.2.3/series/1.2.3.9/instances/1.2.3.5",
        headers={"Deletion-Reason": "Test"},
    )

    assert (Report.objects.count(), status()) == (1, "reported")


# --- Who may ---------------------------------------------------------------------------------------

ACTS = {"put": REPORT, "post": SIGNATURE, "delete": REPORT}
READERS = ["clinician", "technologist", "data steward", "administrator"]


@pytest.mark.parametrize("role", [*READERS, "operator", None])
def test_only_radiologists_write(client, sign_in, study, role):
    version = save(client, **TEXT).json()["version"]
    other = sign_in(role, sees_every_study=role == "clinician")
    refused = 403 if role in READERS else 404

    for method, address in ACTS.items():
        answer = send(other, method, address, version=version, **TEXT)
        assert answer.status_code == refused, method
    sign(client, version=version)
    assert add(other).status_code == refused
    assert Addendum.objects.count() == 0


@pytest.mark.parametrize("role", READERS)
def test_others_read_a_report_once_it_is_signed(client, sign_in, study, role):
    version = save(client, **TEXT).json()["version"]
    other = sign_in(role, sees_every_study=role == "clinician")
    pages = (REPORT, "/studies/1.2.3/")

    drafts = [other.get(page).content.decode() for page in pages]
    draft_as_pdf = other.get(f"{REPORT}pdf/")
    sign(client, version=version)

    assert draft_as_pdf.status_code == 404
    assert not any(TEXT["findings"] in draft for draft in drafts)
    assert all(TEXT["findings"] in other.get(page).content.decode() for page in pages)
    assert other.get(f"{REPORT}pdf/").status_code == 200


@pytest.mark.parametrize("role", ["operator", None])
def test_who_sees_no_studies_reads_no_reports(client, sign_in, study, role):
    sign(client)
    other = sign_in(role, sees_every_study=role == "clinician")

    for address in (REPORT, f"{REPORT}pdf/", f"{REPORT}templates/"):
        assert other.get(address).status_code == 404


def test_a_stranger_neither_reads_nor_writes(client, django_client, study):
    sign(client)

    assert django_client.get(REPORT).status_code == 401
    for method, address in (*ACTS.items(), ("post", ADDENDA)):
        assert send(django_client, method, address, version=None, **TEXT).status_code == 401


def test_another_site_cannot_make_a_browser_sign(client, study):
    client.handler.enforce_csrf_checks = True

    assert sign(client).status_code == 403
    assert Report.objects.count() == 0


def test_a_study_that_is_not_there_has_no_report(client, study):
    path = "/api/studies/9.9/report/"

    assert client.get(path).status_code == 404
    assert client.get(f"{path}pdf/").status_code == 404
    for method in ("put", "delete"):
        assert send(client, method, path, version=None).status_code == 404


# --- Templates, list, pages ------------------------------------------------------------------------


def test_templates_of_the_modality_and_body_part_are_offered_the_best_first(client, study):
    ReportTemplate.objects.create(name="Any")
    ReportTemplate.objects.create(name="Any CT", modality="CT", technique="Helical.")

    offered = client.get(f"{REPORT}templates/").json()

    names = [template["name"] for template in offered]
    assert names[0] == "CT head without contrast"
    assert names[-2:] == ["Any CT", "Any"]
    assert not any(name.startswith(("MR", "CT chest")) for name in names)
    assert offered[-2]["technique"] == "Helical."


def test_the_list_shows_the_status_and_filters_by_it(client, study, store):
    store(make_file(StudyInstanceUID="2.1", SeriesInstanceUID="2.2", SOPInstanceUID="2.3"))
    sign(client)

    def found(status):
        page = client.get("/", {"reading_status": status}).content.decode()
        uids = [r["study_instance_uid"] for r in client.get(
            "/api/studies/", {"reading_status": status}
        ).json()["results"]]  # fmt: skip
        assert all(f"/studies/{uid}/" in page for uid in uids)
        return uids

    assert found("reported") == ["1.2.3"]
    assert found("unread") == ["2.1"]
    assert found("in-progress") == []
    reported = '<span class="badge reading-reported" data-field="reading">Reported<'
    assert reported in client.get("/").content.decode()
    assert client.get("/api/studies/", {"reading_status": "read"}).status_code == 400


def test_a_report_with_markup_is_only_text_on_the_page(client, study):
    sign(client, findings="<script>alert(1)</script>")

    page = client.get("/studies/1.2.3/").content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_status_that_is_none_is_refused_by_the_database(study):
    with pytest.raises(IntegrityError, match="reading_status_is_known"), transaction.atomic():
        Study.objects.update(reading_status="read")
