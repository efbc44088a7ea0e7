"""Deleting: out of the index at once, with a reason; the objects stay until they are purged."""

from collections.abc import Collection
from typing import Any

from django.db import models, transaction

from accounts.acts import Act, Action, note
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
    with transaction.atomic():
        study, instances = _locked(viewer, study_uid, series_uid, sop_uid)
        if study is None or not instances:
            raise absence(viewer, study_uid, series_uid, sop_uid)
        return _remove(viewer, study, instances, reason, series_uid, sop_uid)


def withdraw(
    author: Viewer, study_uid: str, series_uid: str, sop_uids: Collection[str], *, reason: str
) -> Deletion:
    """Delete documents of this person's own making, all of one series.

    It takes no permission to delete; that they are theirs is for the caller to know.

    Raises:
        NotPermittedError: If nothing else of the study is left: its report would go.
        NotFoundError, GoneError: As `delete`.
    """
    with transaction.atomic():
        study, found = _locked(author, study_uid, series_uid)
        instances = [row for row in found if row.sop_instance_uid in sop_uids]
        if study is None or not instances:
            raise absence(author, study_uid, series_uid)
        if not _leaves_any(study, instances):
            raise NotPermittedError("Nothing else is left of the study; a data steward deletes it.")
        return _remove(author, study, instances, reason, series_uid)


def _locked(
    viewer: Viewer, study_uid: str, series_uid: str | None, sop_uid: str | None = None
) -> tuple[Study | None, list[Instance]]:
    """What is named, and its study under the lock that every ingest into it waits for."""
    locked = Study.objects.select_for_update().filter(study_instance_uid=study_uid)
    study = visible_to(viewer, locked).first()
    found = find_instances(viewer, study_uid, series_uid, sop_uid)
    return study, list(found.defer("stored_object__header_json"))


def _remove(
    viewer: Viewer,
    study: Study,
    instances: list[Instance],
    reason: str,
    series_uid: str | None = None,
    sop_uid: str | None = None,
) -> Deletion:
    deletion = Deletion.objects.create(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=series_uid or "",
        sop_instance_uid=sop_uid or "",
        reason=reason,
        deleted_by_id=viewer.pk,  # type: ignore[misc]  # nobody anonymous may delete
        parents=_parents(study, instances),
    )
    DeletedInstance.objects.bulk_create(_tombstone(deletion, row) for row in instances)
    signals.instances_deleted.send(sender=Deletion, deletion=deletion)
    note(_act(viewer, deletion, instances))
    index.remove_instances(study, instances)
    return deletion


def _act(viewer: Viewer, deletion: Deletion, instances: list[Instance]) -> Act:
    whole = not (deletion.series_instance_uid or deletion.sop_instance_uid)
    detail = {"reason": deletion.reason, "number of instances": str(len(instances))}
    return Act(
        action=Action.DELETE,
        what="study deleted" if whole else "instances deleted",
        actor=viewer,
        study_uids=[deletion.study_instance_uid],
        object_uids=[] if whole else [row.sop_instance_uid for row in instances],
        detail=detail,
        is_change=True,
    )


def _leaves_any(study: Study, instances: list[Instance]) -> bool:
    """Whether anything is left of the study without these."""
    others = Instance.objects.filter(series__study=study)
    return others.exclude(pk__in=[row.pk for row in instances]).exists()


def _parents(study: Study, instances: list[Instance]) -> dict[str, Any]:
    series = {instance.series_id: instance.series for instance in instances}
    parents = {
        "patient": _columns(study.patient_record),
        "study": _columns(study),
        "series": [_columns(row) for row in series.values()],
    }
    if not _leaves_any(study, instances):  # then they go along with the study
        addenda = Addendum.objects.filter(report__study=study)
        parents["reports"] = [_columns(row) for row in Report.objects.filter(study=study)]
        parents["addenda"] = [_columns(row) for row in addenda]
        parents["comments"] = [_columns(row) for row in study.comments.all()]
    return parents


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
