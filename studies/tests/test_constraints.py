"""What the database itself refuses, whoever writes."""

import pytest
from django.db import IntegrityError, connection, transaction

from studies.models import (
    Instance,
    InstanceConflict,
    Patient,
    QuarantinedInput,
    Series,
    StoredObject,
    Study,
)
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_instance(store):
    store(make_file())


def copy_of(model, **changes):
    """The one row of the model again, under a key of its own."""
    row = model.objects.get()
    row.pk = None
    row._state.adding = True
    for field, value in changes.items():
        setattr(row, field, value)
    return row


RECEIVED = {"object_key": "k", "sha256": "s", "size_bytes": 1, "source": "import"}


@pytest.mark.parametrize(
    ("make", "constraint"),
    [
        (lambda: copy_of(Patient), "patient_id_and_issuer_name_one_patient"),
        (lambda: copy_of(Study), "study_instance_uid"),
        (lambda: copy_of(Series), "series_instance_uid"),
        (lambda: copy_of(Instance), "sop_instance_uid"),
        (lambda: copy_of(StoredObject), "object_key"),
        (lambda: copy_of(Study, study_instance_uid="../x"), "study_instance_uid_is_a_uid"),
        (lambda: copy_of(Series, series_instance_uid=""), "series_instance_uid_is_a_uid"),
        (lambda: copy_of(Instance, sop_instance_uid="a"), "sop_instance_uid_is_a_uid"),
        (
            lambda: copy_of(Study, study_instance_uid="9", number_of_study_related_series=-1),
            "study_counts_are_not_negative",
        ),
        (
            lambda: copy_of(Study, study_instance_uid="9", size_bytes=-1),
            "study_counts_are_not_negative",
        ),
        (
            lambda: copy_of(Series, series_instance_uid="9", number_of_series_related_instances=-1),
            "series_counts_are_not_negative",
        ),
        (
            lambda: copy_of(Instance, sop_instance_uid="9", rows=-1),
            "instance_counts_are_not_negative",
        ),
        (
            lambda: copy_of(StoredObject, object_key="other", size_bytes=0),
            "stored_object_sizes_are_plausible",
        ),
    ],
)
def test_a_row_that_must_not_be_is_refused(make, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make().save(force_insert=True)


def test_a_patient_without_id_may_be_many():
    for _ in range(2):
        Patient.objects.create(patient_id="", issuer_of_patient_id="HOSPITAL")

    assert Patient.objects.filter(patient_id="").count() == 2


def delete_all(model):
    with transaction.atomic():
        model.objects.all()._raw_delete("default")
        connection.check_constraints()


@pytest.mark.parametrize("model", [Patient, Study, Series, StoredObject])
def test_what_others_stand_on_cannot_be_deleted(model):
    with pytest.raises(IntegrityError, match="foreign key"):
        delete_all(model)


def test_a_conflict_is_kept_once():
    fields = RECEIVED | {"reason": "content", "sop_instance_uid": "1", "study_instance_uid": "2"}
    InstanceConflict.objects.create(**fields)

    with (
        pytest.raises(IntegrityError, match="conflicting_content_is_kept_once"),
        transaction.atomic(),
    ):
        InstanceConflict.objects.create(**fields | {"object_key": "other"})


def test_quarantined_content_is_kept_once_and_described_as_often_as_it_comes():
    QuarantinedInput.objects.create(**RECEIVED, reason="x")
    for _ in range(2):
        QuarantinedInput.objects.create(**RECEIVED | {"object_key": None}, reason="x")

    with (
        pytest.raises(IntegrityError, match="quarantined_content_is_kept_once"),
        transaction.atomic(),
    ):
        QuarantinedInput.objects.create(**RECEIVED | {"object_key": "other"}, reason="x")
