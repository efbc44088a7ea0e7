"""Deleting: gone from the index at once, with a reason; the object and the row are kept."""

import json

import pytest
from django.db import IntegrityError
from django.utils import timezone

from studies import signals
from studies.ingest import Outcome
from studies.models import (
    DeletedInstance,
    Deletion,
    Instance,
    InstanceConflict,
    Report,
    Series,
    StoredObject,
    Study,
)
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"
OTHER_SERIES = f"{STUDY}/series/1.2.3.10"
WHY = {"Deletion-Reason": "Images of a phantom"}


@pytest.fixture
def steward(sign_in):
    return sign_in("data steward")


@pytest.fixture
def study(store):
    """Two instances in one series, one in another."""
    for series, number in (("1.2.3.9", "4"), ("1.2.3.9", "5"), ("1.2.3.10", "6")):
        store(make_file(SeriesInstanceUID=series, SOPInstanceUID=f"1.2.3.{number}"))


@pytest.mark.parametrize(
    ("address", "remaining"),
    [(STUDY, set()), (SERIES, {"1.2.3.6"}), (INSTANCE, {"1.2.3.5", "1.2.3.6"})],
)
def test_what_is_deleted_is_found_no_more_and_all_else_is(steward, study, address, remaining):
    response = steward.delete(address, headers=WHY)

    assert (response.status_code, response.content) == (204, b"")
    found = steward.get("/dicom-web/instances").json()
    assert {i["00080018"]["Value"][0] for i in found} == remaining


@pytest.mark.parametrize("address", [STUDY, SERIES, INSTANCE])
@pytest.mark.parametrize("below", ["", "/metadata"])
def test_who_asks_for_what_was_deleted_is_told_so(steward, study, address, below):
    steward.delete(address, headers=WHY)

    response = steward.get(f"{address}{below}", {"accept": "*/*"})

    assert response.status_code == 410
    assert "deleted" in response.json()["error"]


@pytest.mark.parametrize(
    "address",
    [
        *(
            f"{resource}/{below}"
            for resource in (STUDY, SERIES, INSTANCE)
            for below in ("rendered", "thumbnail", "bulkdata", "pixeldata")
        ),
        *(
            f"{INSTANCE}/{below}"
            for below in ("frames/1", "frames/1/rendered", "frames/1/thumbnail")
        ),
        f"{INSTANCE}/bulkdata/7FE00010",
        f"{STUDY}?accept=application/zip",
        "/dicom-web/wado-uri?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.9&objectUID=1.2.3.4",
    ],
)
def test_every_part_of_it_is_gone_too(steward, study, address):
    steward.delete(STUDY, headers=WHY)

    assert steward.get(address).status_code == 410


@pytest.mark.parametrize(
    "address", ["/studies/1.2.3/", "/studies/1.2.3/view/", "/api/studies/1.2.3/"]
)
def test_its_pages_are_not_found(steward, study, address):
    steward.delete(STUDY, headers=WHY)

    assert steward.get(address).status_code == 404


def test_deleting_again_says_that_it_is_gone(steward, study):
    steward.delete(STUDY, headers=WHY)

    assert steward.delete(STUDY, headers=WHY).status_code == 410


def test_what_never_was_cannot_be_deleted(steward, study):
    assert steward.delete("/dicom-web/studies/9.9", headers=WHY).status_code == 404
    assert steward.delete(f"{STUDY}/series/9.9", headers=WHY).status_code == 404


@pytest.mark.parametrize("address", [STUDY, SERIES, INSTANCE])
def test_the_aggregates_follow(steward, study, address):
    steward.delete(address, headers=WHY)

    for series in Series.objects.all():
        assert series.number_of_series_related_instances == series.instances.count()
    for row in Study.objects.all():
        instances = Instance.objects.filter(series__study=row)
        assert row.number_of_study_related_instances == instances.count()
        assert row.number_of_study_related_series == row.series.count()
        assert row.size_bytes == sum(i.stored_object.size_bytes for i in instances)


def test_a_reason_is_asked_for(steward, study):
    response = steward.delete(STUDY)

    assert response.status_code == 400
    assert "reason" in response.json()["error"]
    assert Study.objects.exists()


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"{}", b'{"reason": ""}', b"\xff", b"[" * 8000]
)
def test_a_body_that_states_none_is_refused(steward, study, body):
    response = steward.delete(STUDY, body, content_type="application/json")

    assert response.status_code == 400
    assert Study.objects.exists()


def test_the_reason_may_be_a_json_body(steward, study):
    steward.delete(STUDY, {"reason": "Wrong patient: Müller"}, content_type="application/json")

    assert Deletion.objects.get().reason == "Wrong patient: Müller"


def test_who_why_and_what_is_kept(steward, study):
    steward.delete(SERIES, headers=WHY)

    deletion = Deletion.objects.get()
    assert deletion.reason == "Images of a phantom"
    assert deletion.deleted_by.username == "data steward-1"
    assert (deletion.study_instance_uid, deletion.series_instance_uid) == ("1.2.3", "1.2.3.9")
    assert {i.sop_instance_uid for i in deletion.instances.all()} == {"1.2.3.4", "1.2.3.5"}
    assert deletion.parents["study"]["patient_name"] == "Müller^Jürgen"
    assert [s["series_instance_uid"] for s in deletion.parents["series"]] == ["1.2.3.9"]
    assert deletion.instances.first().row["instance_number"] == 1


def test_the_object_stays_until_it_is_purged(steward, study, object_store):
    steward.delete(STUDY, headers=WHY)

    keys = StoredObject.objects.values_list("object_key", flat=True)
    assert len(keys) == 3
    assert all((object_store / key).exists() for key in keys)


def test_what_was_deleted_does_not_come_back_by_sending_it_again(steward, study, store):
    steward.delete(INSTANCE, headers=WHY)

    result = store(make_file(SeriesInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.4"))

    assert result.outcome is Outcome.CONFLICT
    assert InstanceConflict.objects.get().reason == InstanceConflict.Reason.DELETED
    assert not Instance.objects.filter(sop_instance_uid="1.2.3.4").exists()


def test_a_new_instance_of_a_deleted_study_is_taken_in(steward, study, store):
    steward.delete(STUDY, headers=WHY)

    result = store(make_file(SOPInstanceUID="1.2.3.77"))

    assert result.outcome is Outcome.STORED
    assert Study.objects.get().number_of_study_related_instances == 1
    assert steward.get(STUDY, {"accept": "*/*"}).status_code == 200


@pytest.mark.parametrize("role", ["clinician", "radiologist", "technologist"])
def test_who_may_only_read_is_refused(sign_in, study, role):
    response = sign_in(role).delete(STUDY, headers=WHY)

    assert response.status_code == 403
    assert Study.objects.exists()


@pytest.mark.parametrize("role", ["operator", None])
def test_who_may_not_even_read_learns_nothing(sign_in, study, role):
    client = sign_in(role)

    assert client.delete(STUDY, headers=WHY).status_code == 403
    assert client.delete("/dicom-web/studies/9.9", headers=WHY).status_code == 403
    assert Study.objects.exists()


def test_a_deletion_by_a_browser_needs_its_token(study, sign_in):
    client = sign_in("data steward")
    client.handler.enforce_csrf_checks = True

    assert client.delete(STUDY, headers=WHY).status_code == 403
    assert Study.objects.exists()


def test_others_are_told_while_the_rows_are_still_there(steward, study):
    told = []

    def receiver(deletion, **_):
        told.append((deletion.reason, Instance.objects.count()))

    signals.instances_deleted.connect(receiver)
    try:
        steward.delete(STUDY, headers=WHY)
    finally:
        signals.instances_deleted.disconnect(receiver)

    assert told == [("Images of a phantom", 3)]


def test_a_receiver_that_fails_leaves_everything_as_it_was(steward, study):
    def receiver(**_):
        raise RuntimeError

    signals.instances_deleted.connect(receiver)
    try:
        with pytest.raises(RuntimeError):
            steward.delete(STUDY, headers=WHY)
    finally:
        signals.instances_deleted.disconnect(receiver)

    assert (Instance.objects.count(), Deletion.objects.count()) == (3, 0)


def test_the_database_demands_a_reason(steward, study, django_user_model):
    with pytest.raises(IntegrityError):
        Deletion.objects.create(
            study_instance_uid="1.2",
            reason="",
            deleted_by=django_user_model.objects.get(),
            parents={},
        )


def test_another_method_names_those_there_are(steward, study):
    response = steward.put(STUDY, json.dumps({}), content_type="application/json")

    assert response.status_code == 405
    assert {"GET", "HEAD", "DELETE"} <= set(response["Allow"].split(", "))


def test_a_report_is_kept_with_the_deletion_only_where_the_study_goes(
    steward, admin_client, study, django_user_model
):
    author = django_user_model.objects.first()
    Report.objects.create(
        study=Study.objects.get(), findings="A draft", author=author, saved_by=author,
        saved_at=timezone.now(),
    )  # fmt: skip

    steward.delete(INSTANCE, headers=WHY)
    steward.delete(STUDY, headers=WHY)

    part, whole = Deletion.objects.order_by("pk")
    assert "reports" not in part.parents
    assert [report["findings"] for report in whole.parents["reports"]] == ["A draft"]
    page = admin_client.get(f"/admin/studies/deletion/{whole.pk}/change/")
    assert page.status_code == 200
    assert b"A draft" not in page.content


def test_deletions_are_listed_in_the_administration(admin_client, steward, study):
    steward.delete(INSTANCE, headers=WHY)

    for model in ("deletion", "deletedinstance"):
        assert b"1.2.3.4" in admin_client.get(f"/admin/studies/{model}/").content
    assert DeletedInstance.objects.count() == 1
