"""From what an object says of itself to rows, and the aggregates that go with them.

Everything here runs inside one short transaction of the caller. Rows are taken in one order
(patient, study, series, instance), so that two senders of one study wait for each other and never
deadlock; the study's row lock guards its aggregates.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Sum, Value
from django.db.models.functions import Coalesce, Now

from studies.dicom import json_model
from studies.dicom.attributes import Level
from studies.dicom.names import PersonName
from studies.dicom.parse import ParsedInstance
from studies.models import (
    DeletedInstance,
    Instance,
    InstanceConflict,
    Patient,
    Series,
    StoredObject,
    Study,
)


class ConflictError(Exception):
    """The object contradicts the index; `reason` says how."""

    def __init__(self, reason: InstanceConflict.Reason) -> None:
        super().__init__(reason.label)
        self.reason = reason


class KnownInstanceError(Exception):
    """The SOP Instance UID is indexed already; whether as the same object, the caller finds out."""


def make_stored_object(parsed: ParsedInstance, **received: Any) -> StoredObject:
    """The row of one object, not saved; `received` are the fields of ReceivedObject."""
    frames = parsed.frames
    return StoredObject(
        transfer_syntax_uid=parsed.transfer_syntax_uid,
        header_json=json_model.dumps(parsed.header),
        bulk_values={tag: asdict(value) for tag, value in parsed.bulk.items()},
        pixel_data_offset=frames.offset if frames else None,
        pixel_data_length=frames.length if frames else None,
        pixel_data_vr=frames.vr if frames else "",
        frame_length=frames.frame_length if frames else 0,
        frame_starts=list(frames.frame_starts) if frames else [],
        **received,
    )


def index_instance(parsed: ParsedInstance, stored_object: StoredObject) -> Instance:
    """Make the rows of one instance. On an error the caller's transaction must be rolled back.

    Args:
        parsed: What the object says.
        stored_object: Not saved; saved here if the instance is new.

    Raises:
        ConflictError: If the study or the series is known under another parent, or the instance
            was deleted.
        KnownInstanceError: If there is an instance of this UID.
    """
    study = _lock_study(parsed)
    series = _get_series(parsed, study)
    columns = parsed.columns[Level.INSTANCE]
    if Instance.objects.filter(sop_instance_uid=columns["sop_instance_uid"]).exists():
        raise KnownInstanceError
    # Nobody's repeated sending brings back what somebody deleted.
    if DeletedInstance.objects.filter(sop_instance_uid=columns["sop_instance_uid"]).exists():
        raise ConflictError(InstanceConflict.Reason.DELETED)
    stored_object.save(force_insert=True)
    Instance.objects.bulk_create(
        [Instance(series=series, stored_object=stored_object, **columns)], ignore_conflicts=True
    )
    # Two senders with one UID in two studies hold different locks; the unique key decides.
    instance = Instance.objects.filter(stored_object=stored_object).first()
    if instance is None:
        raise KnownInstanceError
    _count(study, series, stored_object.size_bytes)
    return instance


def _lock_study(parsed: ParsedInstance) -> Study:
    """The study's row, locked, made with its patient if it is new."""
    columns = parsed.columns[Level.STUDY]
    uid = columns["study_instance_uid"]
    study = Study.objects.select_for_update().filter(study_instance_uid=uid).first()
    if study is None:
        patient = _get_patient(parsed)
        new = Study(
            patient_record=patient,
            institution_name=parsed.columns[Level.SERIES]["institution_name"],
            **_with_name_groups(parsed.columns[Level.PATIENT] | columns),
        )
        Study.objects.bulk_create([new], ignore_conflicts=True)
        study = Study.objects.select_for_update().get(study_instance_uid=uid)
        if study.patient_record_id != patient.pk and not patient.patient_id:
            patient.delete()  # made for a study that somebody else made first
    identity = parsed.columns[Level.PATIENT]
    # Reports and screenshots often leave the issuer out, which then contradicts none.
    issuers = {identity["issuer_of_patient_id"], study.issuer_of_patient_id} - {""}
    if study.patient_id != identity["patient_id"] or len(issuers) > 1:
        raise ConflictError(InstanceConflict.Reason.PATIENT)
    return study


def _get_patient(parsed: ParsedInstance) -> Patient:
    columns = _with_name_groups(parsed.columns[Level.PATIENT])
    # An empty Patient ID identifies nobody: such a study has a patient of its own.
    if columns["patient_id"]:
        Patient.objects.bulk_create([Patient(**columns)], ignore_conflicts=True)
        return Patient.objects.get(
            patient_id=columns["patient_id"], issuer_of_patient_id=columns["issuer_of_patient_id"]
        )
    return Patient.objects.create(**columns)


def _get_series(parsed: ParsedInstance, study: Study) -> Series:
    columns = parsed.columns[Level.SERIES]
    uid = columns["series_instance_uid"]
    series = Series.objects.filter(series_instance_uid=uid).first()
    if series is None:
        Series.objects.bulk_create([Series(study=study, **columns)], ignore_conflicts=True)
        series = Series.objects.get(series_instance_uid=uid)
    if series.study_id != study.pk:
        raise ConflictError(InstanceConflict.Reason.SERIES)
    return series


def _count(study: Study, series: Series, size_bytes: int) -> None:
    """Move the aggregates; the study's row is locked, so nobody else moves them meanwhile."""
    first_of_series = Series.objects.filter(
        pk=series.pk, number_of_series_related_instances=0
    ).exists()
    Series.objects.filter(pk=series.pk).update(
        number_of_series_related_instances=F("number_of_series_related_instances") + 1,
        size_bytes=F("size_bytes") + size_bytes,
        updated_at=Now(),
    )
    modalities = sorted({*study.modalities_in_study, *filter(None, [series.modality])})
    Study.objects.filter(pk=study.pk).update(
        number_of_study_related_series=F("number_of_study_related_series") + int(first_of_series),
        number_of_study_related_instances=F("number_of_study_related_instances") + 1,
        size_bytes=F("size_bytes") + size_bytes,
        modalities_in_study=Value(
            modalities, output_field=Study._meta.get_field("modalities_in_study")
        ),
        updated_at=Now(),
    )


def _with_name_groups(columns: dict[str, Any]) -> dict[str, Any]:
    """Each person name as the fields of its three groups and of its folded form."""
    fields: dict[str, Any] = {}
    for column, value in columns.items():
        fields |= name_fields(column, value) if isinstance(value, PersonName) else {column: value}
    return fields


def name_fields(column: str, name: PersonName) -> dict[str, str]:
    return {
        column: name.alphabetic[:256],
        f"{column}_ideographic": name.ideographic[:256],
        f"{column}_phonetic": name.phonetic[:256],
        f"{column}_folded": name.folded[:800],
    }


def remove_instances(study: Study, instances: Iterable[Instance]) -> None:
    """Take these instances of one study, whose row the caller has locked, out of the index.

    A series or a study of which nothing is left goes with them; the patient stays, since somebody
    may be sending another study of theirs.
    """
    Instance.objects.filter(pk__in=[row.pk for row in instances]).delete()
    study.series.filter(~Exists(Instance.objects.filter(series=OuterRef("pk")))).delete()
    if study.series.exists():
        recount([study.pk])
    else:
        study.delete()


def remove_empty() -> None:
    """Remove series without instances, studies without series, patients without studies."""
    Series.objects.filter(~Exists(Instance.objects.filter(series=OuterRef("pk")))).delete()
    Study.objects.filter(~Exists(Series.objects.filter(study=OuterRef("pk")))).delete()
    Patient.objects.filter(~Exists(Study.objects.filter(patient_record=OuterRef("pk")))).delete()


def recount(studies: Iterable[int]) -> None:
    """Set the aggregates of these studies, and of their series, from their instances."""
    for study in Study.objects.select_for_update().filter(pk__in=list(studies)):
        for series in study.series.all():
            totals = series.instances.aggregate(
                number=Count("pk"), size=Coalesce(Sum("stored_object__size_bytes"), 0)
            )
            series.number_of_series_related_instances = totals["number"]
            series.size_bytes = totals["size"]
            series.save()
        rows = list(study.series.all())
        study.number_of_study_related_series = len(rows)
        study.number_of_study_related_instances = sum(
            row.number_of_series_related_instances for row in rows
        )
        study.size_bytes = sum(row.size_bytes for row in rows)
        study.modalities_in_study = sorted({row.modality for row in rows if row.modality})
        study.save()
