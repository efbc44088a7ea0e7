"""The index as data stewards see it: to find and to read, never to type over."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from studies.admin import BoundedPaginator
from studies.errors import InvalidInstanceError
from studies.models import (
    Addendum,
    DeletedInstance,
    Deletion,
    EmergencyAccess,
    HangingProtocol,
    Instance,
    InstanceConflict,
    Patient,
    QuarantinedInput,
    ReferringName,
    Report,
    ReportTemplate,
    Series,
    ShareLink,
    Site,
    StoredObject,
    Study,
    StudyGrant,
    StudyScope,
    Tag,
)
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

MODELS = [
    Patient, Study, Series, Instance, StoredObject, InstanceConflict, QuarantinedInput, Deletion,
    DeletedInstance, Report, Addendum,
]  # fmt: skip
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)


@pytest.fixture(autouse=True)
def one_of_each(store):
    store(make_file())
    store(make_file(PixelData=bytes(32)))
    with pytest.raises(InvalidInstanceError):
        store(b"no DICOM" * 50)
    deletion = Deletion.objects.create(
        study_instance_uid="9.9", reason="A phantom", parents={},
        deleted_by=get_user_model().objects.create_user("deleter"),
    )  # fmt: skip
    DeletedInstance.objects.create(
        deletion=deletion, stored_object=StoredObject.objects.get(), study_instance_uid="9.9",
        series_instance_uid="9.9.1", sop_instance_uid="9.9.1.1", row={},
    )  # fmt: skip
    signature = {"signed_by": deletion.deleted_by, "signed_at": timezone.now()}
    report = Report.objects.create(
        study=Study.objects.get(), author=deletion.deleted_by, saved_by=deletion.deleted_by,
        saved_at=timezone.now(), findings="None.", **signature,
    )  # fmt: skip
    Addendum.objects.create(report=report, number=1, text="None either.", **signature)


@pytest.fixture
def steward(sign_in):
    """A data steward with access to the administration."""
    client = sign_in("data steward")
    user = client.get("/").wsgi_request.user
    user.is_staff = True
    user.save()
    return client


def address(model, *rest) -> str:
    return "/".join(["/admin/studies", model._meta.model_name, *map(str, rest), ""])


def shown(response) -> int:
    return response.context["cl"].result_count


@each_model
def test_a_steward_sees_every_record_and_may_type_over_none(steward, model):
    record = model.objects.get()

    page = steward.get(address(model, record.pk, "change"))

    assert shown(steward.get(address(model))) == 1
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert steward.post(address(model, record.pk, "change"), {}).status_code == 403
    assert steward.post(address(model, record.pk, "delete"), {"post": "yes"}).status_code == 403
    assert steward.get(address(model, "add")).status_code == 403


@pytest.mark.parametrize(
    ("model", "term"),
    [
        (Patient, "mrn-1"), (Patient, "jurgen Müller"), (Study, "mrn"), (Study, "acc-1"),
        (Study, "1.2.3"), (Study, "Jürgen"), (Series, "1.2.3.9"), (Series, "1.2.3"),
        (Instance, "1.2.3.4"), (Instance, "1.2.3.9"), (InstanceConflict, "1.2.3.4"),
        (QuarantinedInput, "test"),
    ],
)  # fmt: skip
def test_a_search_finds(steward, model, term):
    assert shown(steward.get(address(model), {"q": term})) == 1


def test_an_identifier_of_digits_and_dots_is_none_of_a_study_only(steward, store):
    store(
        make_file(
            PatientID="756.9217.0769.85", StudyInstanceUID="7.1", SeriesInstanceUID="7.2",
            SOPInstanceUID="7.3",
        )
    )  # fmt: skip

    assert shown(steward.get(address(Study), {"q": "756.9217"})) == 1


@each_model
def test_a_search_for_something_else_finds_nothing(steward, model):
    assert shown(steward.get(address(model), {"q": "9.9.9"})) == 0


@pytest.mark.parametrize(
    ("model", "choice", "number"),
    [
        (Patient, {"sex": "M"}, 1), (Patient, {"sex": "F"}, 0), (Study, {"modality": "CT"}, 1),
        (Study, {"modality": "MR"}, 0), (Series, {"modality": "CT"}, 1),
        (Series, {"modality": "MR"}, 0), (Instance, {"is_overlaid__exact": "1"}, 0),
        (StoredObject, {"source__exact": "import"}, 1),
        (InstanceConflict, {"reason__exact": "content"}, 1),
        (QuarantinedInput, {"source__exact": "seed"}, 0),
    ],
)  # fmt: skip
def test_a_filter_narrows(steward, model, choice, number):
    assert shown(steward.get(address(model), choice)) == number


@each_model
def test_a_list_counts_to_a_limit_and_reads_no_whole_table(steward, model, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "LIMIT", 7)

    with CaptureQueriesContext(connection) as captured:
        response = steward.get(address(model))

    assert "Counts stop at 7." in response.content.decode()
    table = model._meta.db_table
    counts = [q["sql"] for q in captured if "COUNT(" in q["sql"] and table in q["sql"]]
    assert [("LIMIT 7" in sql) for sql in counts] == [True]
    assert not [q["sql"] for q in captured if "DISTINCT" in q["sql"] and table in q["sql"]]


@pytest.mark.parametrize("role", ["radiologist", "technologist", "clinician", "operator", None])
def test_who_is_no_steward_is_sent_away(sign_in, role):
    assert sign_in(role).get("/admin/studies/study/").status_code == 302


def test_every_model_of_the_archive_is_there():
    registered = {model for model in admin.site._registry if model._meta.app_label == "studies"}

    # Of protocols test_hanging.py tells; of what stewards keep by hand, the tests below.
    by_hand = {HangingProtocol, ReportTemplate, ReferringName, Tag}
    # Of these tell test_access.py, test_emergency.py and test_sharing.py.
    of_access = {Site, StudyScope, StudyGrant, EmergencyAccess, ShareLink}
    assert registered == {*MODELS, *by_hand, *of_access}


# --- Reports: what stewards keep by hand -----------------------------------------------------------


def test_a_steward_writes_a_template_of_reports(steward):
    template = {"name": "CT of the hand", "modality": "CT", "findings": "Bones:"}

    steward.post("/admin/studies/reporttemplate/add/", template)

    assert ReportTemplate.objects.get(name="CT of the hand").findings == "Bones:"


@pytest.mark.parametrize(("name", "rows"), [("Curie^Marie", 1), ("Curie", 0)])
def test_a_steward_says_whom_a_referring_name_means(steward, name, rows):
    user = get_user_model().objects.create_user("curie")

    page = steward.post("/admin/studies/referringname/add/", {"user": user.pk, "name": name})

    assert ReferringName.objects.count() == rows
    assert rows or "Family^Given" in page.content.decode()


def test_a_draft_is_not_shown_to_stewards(steward, store):
    store(make_file(StudyInstanceUID="2.1", SeriesInstanceUID="2.2", SOPInstanceUID="2.3"))
    writer = get_user_model().objects.get(username="deleter")
    draft = Report.objects.create(
        study=Study.objects.get(study_instance_uid="2.1"), author=writer, saved_by=writer,
        saved_at=timezone.now(), findings="Not yet",
    )  # fmt: skip

    assert shown(steward.get(address(Report))) == 1
    assert steward.get(address(Report, draft.pk, "change")).status_code == 302
