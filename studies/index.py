"""From what an object says of itself to rows, and the aggregates that go with them.

Everything here runs inside one short transaction of the caller. Rows are taken in one order
(patient, study, series, instance), so that two senders of one study wait for each other and never
deadlock; the study's row lock guards its aggregates.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Sum, Value
from django.db.models.functions import Coalesce, Now

from studies import signals
from studies.dicom import json_model
from studies.dicom.attributes import Level
from studies.dicom.json_values import text_of
from studies.dicom.names import PersonName
from studies.dicom.parse import ParsedInstance
from studies.models import (
    DeletedInstance,
    Instance,
    InstanceConflict,
    Patient,
    Series,
    SeriesMetadata,
    Site,
    StoredObject,
    Study,
)

_INSTITUTIONAL_DEPARTMENT_NAME = "00081040"


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


def index_instances(items: Sequence[tuple[ParsedInstance, StoredObject]]) -> list[Instance]:
    """Make the rows of instances of one study. On an error the transaction must be rolled back.

    Args:
        items: What each object says, and its row, not saved; SOP Instance UIDs differ.

    Returns:
        The instances in the same order.

    Raises:
        ConflictError: If the study or a series is known under another parent, or an instance was
            deleted.
        KnownInstanceError: If there is an instance of one of the UIDs.
    """
    study = _lock_study(items[0][0])
    for parsed, _ in items:
        _require_patient_of(study, parsed)
    if study.site_id is None:
        _place(study, [parsed for parsed, _ in items])
    series = _get_series(study, [parsed for parsed, _ in items])
    _refuse_known([parsed.sop_instance_uid for parsed, _ in items])
    for _, stored_object in items:
        stored_object.pk = None  # a transaction that was rolled back may have given it one
    StoredObject.objects.bulk_create([stored_object for _, stored_object in items])
    instances = [
        Instance(
            series=series[parsed.series_instance_uid],
            stored_object=stored_object,
            **parsed.columns[Level.INSTANCE],
        )
        for parsed, stored_object in items
    ]
    with signals.changing([study.pk]):
        _insert(instances)
        _count(study, instances)
    return instances


def _refuse_known(uids: list[str]) -> None:
    if Instance.objects.filter(sop_instance_uid__in=uids).exists():
        raise KnownInstanceError
    # Nobody's repeated sending brings back what somebody deleted.
    if DeletedInstance.objects.filter(sop_instance_uid__in=uids).exists():
        raise ConflictError(InstanceConflict.Reason.DELETED)


def _insert(instances: list[Instance]) -> None:
    """Two senders of one UID in two studies hold different locks; then the unique key decides."""
    # Everybody in the same order, or two senders could wait for each other.
    ordered = sorted(instances, key=lambda instance: instance.sop_instance_uid)
    Instance.objects.bulk_create(ordered, ignore_conflicts=True)
    stored_objects = [instance.stored_object for instance in instances]
    inserted = Instance.objects.filter(stored_object__in=stored_objects)
    keys = dict(inserted.values_list("stored_object", "pk"))
    if len(keys) < len(instances):
        raise KnownInstanceError
    for instance in instances:
        instance.pk = keys[instance.stored_object_id]


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
    return study


def _place(study: Study, items: Iterable[ParsedInstance]) -> None:
    """At the site that the first of these to name an institution names, if one does.

    A document often names none, and must not hide the images that come after it.
    """
    for parsed in items:
        if institution := parsed.columns[Level.SERIES]["institution_name"]:
            department = text_of(parsed.header, _INSTITUTIONAL_DEPARTMENT_NAME)[:256]
            (site,) = sites_of({(institution, department)}).values()
            row = Study.objects.filter(pk=study.pk)
            row.update(site=site, institution_name=institution)
            return


def sites_of(names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Keys of the sites of these institutions and departments, made where they are new."""
    # Everybody in the same order, or two senders could wait for each other.
    wanted = [
        Site(institution_name=institution, institutional_department_name=department)
        for institution, department in sorted(names)
    ]
    found = _keys_of(wanted)
    if len(found) < len(wanted):
        Site.objects.bulk_create(wanted, ignore_conflicts=True)
        found = _keys_of(wanted)
    return found


def _keys_of(sites: Iterable[Site]) -> dict[tuple[str, str], int]:
    wanted = {(site.institution_name, site.institutional_department_name) for site in sites}
    rows = Site.objects.filter(institution_name__in={institution for institution, _ in wanted})
    found = {(row.institution_name, row.institutional_department_name): row.pk for row in rows}
    return {name: found[name] for name in wanted & found.keys()}


def _require_patient_of(study: Study, parsed: ParsedInstance) -> None:
    identity = parsed.columns[Level.PATIENT]
    # Reports and screenshots often leave the issuer out, which then contradicts none.
    issuers = {identity["issuer_of_patient_id"], study.issuer_of_patient_id} - {""}
    if study.patient_id != identity["patient_id"] or len(issuers) > 1:
        raise ConflictError(InstanceConflict.Reason.PATIENT)


def _get_patient(parsed: ParsedInstance) -> Patient:
    columns = _with_name_groups(parsed.columns[Level.PATIENT])
    # An empty Patient ID identifies nobody: such a study has a patient of its own.
    if columns["patient_id"]:
        Patient.objects.bulk_create([Patient(**columns)], ignore_conflicts=True)
        return Patient.objects.get(
            patient_id=columns["patient_id"], issuer_of_patient_id=columns["issuer_of_patient_id"]
        )
    return Patient.objects.create(**columns)


def _get_series(study: Study, items: Iterable[ParsedInstance]) -> dict[str, Series]:
    """The series that the items name, by UID, made where they are new."""
    columns: dict[str, dict[str, Any]] = {}
    for parsed in items:
        columns.setdefault(parsed.series_instance_uid, parsed.columns[Level.SERIES])
    found = Series.objects.filter(series_instance_uid__in=columns)
    series = {row.series_instance_uid: row for row in found}
    if missing := sorted(columns.keys() - series.keys()):
        new = [Series(study=study, **columns[uid]) for uid in missing]
        Series.objects.bulk_create(new, ignore_conflicts=True)
        series = {row.series_instance_uid: row for row in found.all()}
    if any(row.study_id != study.pk for row in series.values()):
        raise ConflictError(InstanceConflict.Reason.SERIES)
    return series


def _count(study: Study, instances: Iterable[Instance]) -> None:
    """Move the aggregates; the study's row is locked, so nobody else moves them meanwhile."""
    numbers: Counter[Series] = Counter()
    sizes: Counter[Series] = Counter()
    for instance in instances:
        numbers[instance.series] += 1
        sizes[instance.series] += instance.stored_object.size_bytes
    for series, number in numbers.items():
        Series.objects.filter(pk=series.pk).update(
            number_of_series_related_instances=F("number_of_series_related_instances") + number,
            size_bytes=F("size_bytes") + sizes[series],
            updated_at=Now(),
        )
    new_series = sum(series.number_of_series_related_instances == 0 for series in numbers)
    modalities = {*study.modalities_in_study, *(series.modality for series in numbers)} - {""}
    Study.objects.filter(pk=study.pk).update(
        number_of_study_related_series=F("number_of_study_related_series") + new_series,
        number_of_study_related_instances=F("number_of_study_related_instances") + numbers.total(),
        size_bytes=F("size_bytes") + sizes.total(),
        modalities_in_study=Value(
            sorted(modalities), output_field=Study._meta.get_field("modalities_in_study")
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
    # Whoever keeps metadata of a series at this moment comes before or finds no series.
    list(study.series.select_for_update(no_key=True).values_list("pk", flat=True))
    SeriesMetadata.objects.filter(series__study=study).delete()
    with signals.changing([study.pk]):
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
