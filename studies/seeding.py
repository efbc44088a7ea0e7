"""Demonstration data: fictitious studies, written with COPY, that share a few phantom objects.

The phantoms enter through the one way in; every seeded instance points at one of them and
retrieval lays its own identity over it.
"""

import datetime
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.acts import Act, Action, note
from accounts.roles import Role
from studies import signals, storage
from studies.dicom.names import PersonName
from studies.index import name_fields, recount, remove_empty, sites_of
from studies.ingest import Provenance, store_object
from studies.models import (
    DeletedInstance,
    Instance,
    Patient,
    Series,
    Source,
    StoredObject,
    Study,
    StudyScope,
)
from studies.synthetic.phantoms import CATALOGUE, PhantomSeries
from studies.synthetic.procedures import SeriesPlan
from studies.synthetic.records import BATCH_SIZE, SITES, PatientRecord, StudyRecord, batch

Progress = Callable[[int], None]

_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_FRAME_OF_REFERENCE = "0"


@dataclass(slots=True)
class Written:
    """Rows written, in numbers."""

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0

    def add(self, other: "Written") -> None:
        for field in ("patients", "studies", "series", "instances"):
            setattr(self, field, getattr(self, field) + getattr(other, field))


# --- Phantoms ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PhantomObject:
    """A stored phantom as a seeded instance needs it: columns that are the object's own."""

    pk: int
    sop_class_uid: str
    size_bytes: int
    tail: str


Phantoms = dict[str, list[PhantomObject]]


def store_phantoms(progress: Progress) -> Phantoms:
    """The stored objects of every phantom series, made where they are missing."""
    phantoms = {}
    for series in CATALOGUE:
        stored = _stored(series)
        if len(stored) != series.number_of_instances:
            stored = [
                store_object(
                    io.BytesIO(content),
                    provenance=Provenance(Source.SEED, f"phantom {series.name} {number:04d}"),
                )
                for number, content in enumerate(series.instances(), 1)
            ]
        phantoms[series.name] = [_phantom_object(row) for row in stored]
        progress(1)
    return phantoms


def _stored(series: PhantomSeries) -> list[StoredObject]:
    return list(
        StoredObject.objects.filter(
            source=Source.SEED, source_detail__startswith=f"phantom {series.name} "
        ).order_by("source_detail")
    )


def _phantom_object(stored: StoredObject) -> PhantomObject:
    header = json.loads(stored.header_json)
    own = [
        _first(header, tag) for tag in ("00280008", "00280010", "00280011", "00280100")
    ]  # number of frames, rows, columns, bits allocated
    return PhantomObject(
        stored.pk, str(_first(header, "00080016")), stored.size_bytes, "\t".join(map(_text, own))
    )


def _first(header: dict[str, Any], tag: str) -> Any:
    return next(iter(header.get(tag, {}).get("Value", [])), None)


# --- Studies -------------------------------------------------------------------------------------


def seed_studies(
    number: int, *, random_seed: int, until: datetime.date, phantoms: Phantoms, progress: Progress
) -> Written:
    """Write the first `number` studies of this random seed; those already there are left alone.

    One transaction a batch: whatever stops it, the next run goes on where it ended.
    """
    written = Written()
    for index in range(-(-number // BATCH_SIZE)):
        records = batch(random_seed, index, until)[: number - index * BATCH_SIZE]
        missing = _without_known(records)
        if missing:
            with transaction.atomic():
                written.add(_write(missing, phantoms))
                _note(Action.UPLOAD, "fictitious studies written", len(missing))
        progress(len(records))
    with connection.cursor() as cursor:
        for model in (Patient, Study, Series, Instance):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
    return written


def _note(action: Action, what: str, number: int) -> None:
    note(Act(action=action, what=what, detail={"number": str(number)}, is_change=True))


def _without_known(records: list[StudyRecord]) -> list[StudyRecord]:
    known = set(
        Study.objects.filter(study_instance_uid__in=_uids(records)).values_list(
            "study_instance_uid", flat=True
        )
    )
    return [record for record in records if record.study_instance_uid not in known]


def _write(records: list[StudyRecord], phantoms: Phantoms) -> Written:
    patients, new_patients = _patients(records)
    sites = sites_of({_site_of(record) for record in records})
    study_ids = dict(zip(_uids(records), _new_ids(Study, len(records)), strict=True))
    total_series = sum(len(record.series) for record in records)
    series_ids = _new_ids(Series, total_series)
    planned = [
        _PlannedSeries(record, number, plan, study_ids[record.study_instance_uid], pk)
        for (record, number, plan), pk in zip(_series(records), series_ids, strict=True)
    ]
    _copy(Patient, _PATIENT_COLUMNS, (_patient_line(row) for row in new_patients))
    with signals.changing(study_ids.values()):
        _copy(
            Study,
            _STUDY_COLUMNS,
            (
                _study_line(
                    r,
                    study_ids[r.study_instance_uid],
                    patients[_key(r.patient)],
                    sites[_site_of(r)],
                    phantoms,
                )
                for r in records
            ),
        )
        _copy(Series, _SERIES_COLUMNS, (_series_line(p, phantoms) for p in planned))
        _copy(Instance, _INSTANCE_COLUMNS, (_instance_lines(p, phantoms) for p in planned))
    return Written(
        patients=len(new_patients),
        studies=len(records),
        series=total_series,
        instances=sum(p.plan.count for p in planned),
    )


def _site_of(record: StudyRecord) -> tuple[str, str]:
    return record.site.name, ""


def _uids(records: list[StudyRecord]) -> list[str]:
    return [record.study_instance_uid for record in records]


@dataclass(frozen=True, slots=True)
class _PatientRow:
    """A patient's key and the values of _PATIENT_IDENTITY."""

    pk: int
    identity: list[object]


def _key(patient: PatientRecord) -> tuple[str, str]:
    return patient.patient_id, patient.issuer


def _patients(
    records: list[StudyRecord],
) -> tuple[dict[tuple[str, str], _PatientRow], list[_PatientRow]]:
    """The patients of these studies as the archive knows them, and those that it does not yet."""
    wanted = {_key(record.patient): record.patient for record in records}
    known = {
        (patient.patient_id, patient.issuer_of_patient_id): _PatientRow(
            patient.pk, [getattr(patient, column) for column in _PATIENT_IDENTITY]
        )
        for patient in Patient.objects.filter(patient_id__in=[key[0] for key in wanted])
    }
    missing = [key for key in wanted if key not in known]
    new = {
        key: _PatientRow(pk, _identity_values(wanted[key]))
        for key, pk in zip(missing, _new_ids(Patient, len(missing)), strict=True)
    }
    return known | new, list(new.values())


def _new_ids(model: type[models.Model], number: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, number],
        )
        return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class _PlannedSeries:
    record: StudyRecord
    number: int
    plan: SeriesPlan
    study_pk: int
    pk: int

    @property
    def uid(self) -> str:
        return f"{self.record.study_instance_uid}.{self.number}"


def _series(records: list[StudyRecord]) -> Iterator[tuple[StudyRecord, int, SeriesPlan]]:
    for record in records:
        for number, plan in enumerate(record.series, 1):
            yield record, number, plan


# --- Lines of COPY -------------------------------------------------------------------------------

_PATIENT_IDENTITY = (
    "patient_id", "issuer_of_patient_id", "patient_name", "patient_name_ideographic",
    "patient_name_phonetic", "patient_name_folded", "patient_birth_date", "patient_sex",
)  # fmt: skip
_PATIENT_COLUMNS = ("id", *_PATIENT_IDENTITY, "created_at")
_STUDY_COLUMNS = (
    "id", "patient_record_id", *_PATIENT_IDENTITY, "study_instance_uid", "study_date", "study_time",
    "accession_number", "study_id", "study_description", "referring_physician_name",
    "referring_physician_name_ideographic", "referring_physician_name_phonetic",
    "referring_physician_name_folded", "institution_name", "modalities_in_study",
    "number_of_study_related_series", "number_of_study_related_instances", "size_bytes",
    "received_at", "updated_at", "timezone_offset_from_utc", "site_id",
)  # fmt: skip
_SERIES_COLUMNS = (
    "id", "study_id", "series_instance_uid", "modality", "series_number", "series_description",
    "body_part_examined", "institution_name", "frame_of_reference_uid",
    "performed_procedure_step_start_date", "performed_procedure_step_start_time",
    "number_of_series_related_instances", "size_bytes", "received_at", "updated_at",
    "request_attributes",
)  # fmt: skip
_INSTANCE_COLUMNS = (
    "series_id", "stored_object_id", "is_overlaid", "sop_instance_uid", "sop_class_uid",
    "instance_number", "number_of_frames", "rows", "columns", "bits_allocated",
)  # fmt: skip


def _copy(model: type[models.Model], columns: Iterable[str], lines: Iterable[str]) -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    statement = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN'
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for line in lines:
            copy.write(line)


def _text(value: object) -> str:
    r"""A value in COPY's text format; NULL is `\N`."""
    return "\\N" if value is None else str(value).translate(_COPY_ESCAPES)


def _line(*values: object) -> str:
    return "\t".join(map(_text, values)) + "\n"


def _identity_values(patient: PatientRecord) -> list[object]:
    return [
        patient.patient_id, patient.issuer, *_name_values(patient.name), patient.birth_date,
        patient.sex,
    ]  # fmt: skip


def _name_values(name: PersonName) -> list[str]:
    return list(name_fields("name", name).values())


def _patient_line(row: _PatientRow) -> str:
    return _line(row.pk, *row.identity, timezone.now())


def _study_line(
    record: StudyRecord, pk: int, row: _PatientRow, site_pk: int, phantoms: Phantoms
) -> str:
    modalities = sorted({_phantom(plan).modality for plan in record.series})
    received = _received_at(record)
    return _line(
        pk, row.pk, *row.identity, record.study_instance_uid, record.date,
        record.time, record.accession_number, record.study_id, record.study_description,
        *_name_values(record.referring_physician), record.site.name,
        "{" + ",".join(modalities) + "}", len(record.series),
        sum(plan.count for plan in record.series),
        sum(_size(plan, phantoms) for plan in record.series), received, received, "", site_pk,
    )  # fmt: skip


def _series_line(planned: _PlannedSeries, phantoms: Phantoms) -> str:
    record, plan = planned.record, planned.plan
    phantom = _phantom(plan)
    received = _received_at(record)
    return _line(
        planned.pk, planned.study_pk, planned.uid, phantom.modality, planned.number,
        plan.description, phantom.body_part_examined, record.site.name,
        f"{record.study_instance_uid}.{_FRAME_OF_REFERENCE}", record.date, record.time, plan.count,
        _size(plan, phantoms), received, received, "[]",
    )  # fmt: skip


def _instance_lines(planned: _PlannedSeries, phantoms: Phantoms) -> str:
    """All lines of one series at once: there are a million of them, a call each would show."""
    plan, uid, pk = planned.plan, planned.uid, planned.pk
    shown = phantoms[plan.phantom][plan.first : plan.first + plan.count]
    return "".join(
        [
            f"{pk}\t{o.pk}\tt\t{uid}.{n}\t{o.sop_class_uid}\t{n}\t{o.tail}\n"
            for n, o in enumerate(shown, 1)
        ]
    )


_CATALOGUE = {phantom.name: phantom for phantom in CATALOGUE}


def _phantom(plan: SeriesPlan) -> PhantomSeries:
    return _CATALOGUE[plan.phantom]


def _size(plan: SeriesPlan, phantoms: Phantoms) -> int:
    shown = phantoms[plan.phantom][plan.first : plan.first + plan.count]
    return sum(phantom.size_bytes for phantom in shown)


def _received_at(record: StudyRecord) -> datetime.datetime:
    """Twenty minutes after the images were taken."""
    taken = datetime.datetime.combine(record.date, record.time, datetime.UTC)
    return taken + datetime.timedelta(minutes=20)


# --- Who may see them ----------------------------------------------------------------------------

# What the role of clinicians sees of the demonstration: the rest shows what a restriction is, and
# what an emergency opens.
_SEEN_BY_CLINICIANS = (SITES[0], SITES[2])


def give_scopes() -> None:
    """Let clinicians see some of the fictitious hospitals."""
    clinicians = Group.objects.get(name=Role.CLINICIAN)
    StudyScope.objects.bulk_create(
        [StudyScope(group=clinicians, institution_name=site.name) for site in _SEEN_BY_CLINICIANS],
        ignore_conflicts=True,
    )


# --- Taking it away again ------------------------------------------------------------------------


def remove_seeded() -> int:
    """Remove all seeded instances, what they leave empty and the phantoms.

    Returns:
        How many instances were removed.
    """
    phantoms = StoredObject.objects.filter(source=Source.SEED)
    with transaction.atomic():
        seeded = Instance.objects.filter(stored_object__in=phantoms)
        studies = Study.objects.filter(Exists(seeded.filter(series__study=OuterRef("pk"))))
        affected = list(studies.select_for_update().order_by("pk").values_list("pk", flat=True))
        with signals.changing(affected):
            removed = seeded._raw_delete(using=connection.alias)
            remove_empty()
            recount(affected)
        DeletedInstance.objects.filter(stored_object__in=phantoms).delete()
        names = [site.name for site in SITES]
        StudyScope.objects.filter(group__name=Role.CLINICIAN, institution_name__in=names).delete()
        keys = list(phantoms.values_list("object_key", "thumbnail_key"))
        phantoms.delete()
        _note(Action.DELETE, "fictitious instances removed", removed)
    for key in (key for pair in keys for key in pair if key):
        storage.delete(key)
    return removed
