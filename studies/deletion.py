"""Deleting: out of the index at once, with a reason; the objects stay until they are purged."""

from typing import Any

from django.db import models, transaction

from studies import index, signals
from studies.access import Viewer, may_delete, visible_to
from studies.dicom.json_model import clean
from studies.errors import InvalidQueryError, NotPermittedError
from studies.models import Addendum, DeletedInstance, Deletion, Instance, Report, Study
from studies.retrieve import absence, find_instances

_MAX_REASON = 500


def delete(
    viewer: Viewer,
    study_uid: str,
    series_uid: str | None = None,
    sop_uid: str | None = None,
    *,
    reason: str,
) -> Deletion:
    """Delete a study, one of its series or one instance; nobody finds it afterwards.

    What was deleted is not taken in again when somebody sends it once more.

    Raises:
        NotPermittedError: If this person may not delete.
        InvalidQueryError: If no reason is given, or one longer than 500 characters.
        NotFoundError: If there is nothing of that name for this person.
        GoneError: If it is deleted already.
    """
    if not may_delete(viewer):
        raise NotPermittedError("Your role does not allow you to delete.")
    reason = clean(reason)
    if not 0 < len(reason) <= _MAX_REASON:
        raise InvalidQueryError(f"A deletion states its reason in 1 to {_MAX_REASON} characters.")
    return _delete(viewer, study_uid, series_uid, sop_uid, reason=reason)


def withdraw(author: Viewer, study_uid: str, series_uid: str, *, reason: str) -> Deletion:
    """Delete a series that holds nothing but documents of this person's own making.

    It takes no permission to delete; that the series is theirs is for the caller to know. Raises
    NotFoundError and GoneError as `delete`.
    """
    return _delete(author, study_uid, series_uid, reason=reason)


def _delete(
    viewer: Viewer,
    study_uid: str,
    series_uid: str | None = None,
    sop_uid: str | None = None,
    *,
    reason: str,
) -> Deletion:
    with transaction.atomic():
        # The same lock that every ingest into the study waits for.
        locked = Study.objects.select_for_update().filter(study_instance_uid=study_uid)
        study = visible_to(viewer, locked).first()
        found = find_instances(viewer, study_uid, series_uid, sop_uid)
        instances = list(found.defer("stored_object__header_json"))
        if study is None or not instances:
            raise absence(viewer, study_uid, series_uid, sop_uid)
        deletion = Deletion.objects.create(
            study_instance_uid=study_uid,
            series_instance_uid=series_uid or "",
            sop_instance_uid=sop_uid or "",
            reason=reason,
            deleted_by_id=viewer.pk,  # type: ignore[misc]  # nobody anonymous may delete
            parents=_parents(study, instances),
        )
        DeletedInstance.objects.bulk_create(_tombstone(deletion, row) for row in instances)
        signals.instances_deleted.send(sender=Deletion, deletion=deletion)
        index.remove_instances(study, instances)
    return deletion


def _parents(study: Study, instances: list[Instance]) -> dict[str, Any]:
    series = {instance.series_id: instance.series for instance in instances}
    return {
        "patient": _columns(study.patient_record),
        "study": _columns(study),
        "series": [_columns(row) for row in series.values()],
        # They go when nothing of the study is left.
        "reports": [_columns(row) for row in Report.objects.filter(study=study)],
        "addenda": [_columns(row) for row in Addendum.objects.filter(report__study=study)],
    }


def _tombstone(deletion: Deletion, instance: Instance) -> DeletedInstance:
    return DeletedInstance(
        deletion=deletion,
        stored_object_id=instance.stored_object_id,
        study_instance_uid=deletion.study_instance_uid,
        series_instance_uid=instance.series.series_instance_uid,
        sop_instance_uid=instance.sop_instance_uid,
        row=_columns(instance),
    )


def _columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
