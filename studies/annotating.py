"""Measurements and key images: kept in the archive as documents of whoever made them.

A save is a new instance in a series of its author; it names the documents whose content it takes
over, and those are current no longer. Two saves that knew nothing of each other are both current
until their author saves again. To save nothing withdraws what was saved, unless there is something
current that was not seen.
"""

import datetime
import io
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar

from django.contrib.auth.models import AbstractUser
from django.db.models import Max
from django.utils import timezone

from studies import deletion, ingest, retrieve
from studies.access import Viewer, may_annotate
from studies.dicom.content_items import author_of
from studies.dicom.documents import Document, Reference, predecessors_of
from studies.dicom.json_model import JsonObject, clean
from studies.dicom.key_objects import (
    KEY_OBJECT_SELECTION,
    KeyImage,
    KeyObjects,
    read_key_objects,
    write_key_objects,
)
from studies.dicom.measurement_report import (
    FORMS,
    SOP_CLASSES,
    UNITS_OF,
    Measurement,
    MeasurementReport,
    is_measurement_report,
    read_measurement_report,
    write_measurement_report,
)
from studies.dicom.names import readable
from studies.errors import (
    EditConflictError,
    InvalidInstanceError,
    MalformedBodyError,
    NotPermittedError,
)
from studies.ingest import Outcome, Provenance
from studies.models import Instance, Source, Study

MAX_ITEMS = 1000  # measurements or key images of one document
MAX_POINTS = 5000
# Of a study; older ones are not looked at. Each save makes one.
_MAX_DOCUMENTS = 1000
_DOCUMENTS_AT_ONCE = 10
_ELSEWHERE = ""
# Of the UIDs of authors' series (PS3.5 B.2).
_NAMESPACE = uuid.UUID("6d0f1b1e-4f0a-4b66-9c3b-6d6e9a1c52f4")
# What separates the parts of a name, several names and several values.
_NO_SEPARATORS = str.maketrans("^=\\", "   ")

Held = TypeVar("Held")


class Work(StrEnum):
    """What a reader keeps; each is a series of its own."""

    MEASUREMENTS = "measurements"
    KEY_IMAGES = "key images"


@dataclass(frozen=True, slots=True)
class Saved(Generic[Held]):
    """A current document: whose, since when, and what it holds.

    Attributes:
        saved_at: When the archive had it.
        series: Of each image that this person may see, by SOP Instance UID; of all documents.
    """

    sop_instance_uid: str
    author: str
    is_own: bool
    saved_at: datetime.datetime
    held: Held
    series: Mapping[str, str] = field(default_factory=dict)


# --- Reading -------------------------------------------------------------------------------------


def current_measurements(viewer: Viewer, study_uid: str) -> list[Saved[MeasurementReport]]:
    """The current reports of a study, newest first. Raises as `retrieve.find_study`."""
    saved = [
        _saved(viewer, instance, header, read_measurement_report(header))
        for instance, header in _current(viewer, study_uid, SOP_CLASSES)
        if is_measurement_report(header)
    ]
    images = {one.sop_instance_uid for each in saved for one in each.held.measurements}
    series = _series_of(viewer, study_uid, images)
    return [replace(each, series=series) for each in saved]


def current_key_images(viewer: Viewer, study_uid: str) -> list[Saved[KeyObjects]]:
    """The current key object selections of a study, newest first. Raises as `find_study`."""
    saved = [
        _saved(viewer, instance, header, read_key_objects(header))
        for instance, header in _current(viewer, study_uid, {KEY_OBJECT_SELECTION})
    ]
    images = {one.sop_instance_uid for each in saved for one in each.held.images}
    series = _series_of(viewer, study_uid, images)
    return [replace(each, series=series) for each in saved]


def _current(
    viewer: Viewer, study_uid: str, sop_classes: Collection[str]
) -> Iterator[tuple[Instance, JsonObject]]:
    """Documents of these classes that no other takes the place of, newest first.

    They may have come in any order, so which those are is known only when all are read.
    """
    retrieve.find_study(viewer, study_uid)
    found = retrieve.find_instances(viewer, study_uid).filter(sop_class_uid__in=sop_classes)
    keys = list(found.order_by("-pk").values_list("pk", flat=True)[:_MAX_DOCUMENTS])
    rows = Instance.objects.select_related("series__study", "stored_object")
    current = _not_replaced(retrieve.few_at_once(rows, keys, _DOCUMENTS_AT_ONCE))
    for instance in retrieve.few_at_once(rows, current, _DOCUMENTS_AT_ONCE):
        yield instance, retrieve.header_of(instance)


def _not_replaced(documents: Iterable[Instance]) -> list[int]:
    """Keys of those whose place no other takes, in their order.

    A document of the viewer is replaced only by one of the same series, which is its author's: what
    somebody sends over DICOMweb hides nobody's measurements.
    """
    places: dict[int, tuple[str, str]] = {}
    replaced: set[tuple[str, str]] = set()
    for instance in documents:
        uid, realm = instance.sop_instance_uid, _realm(instance)
        places[instance.pk] = (realm, uid)
        named = predecessors_of(retrieve.header_of(instance)) - {uid}
        # Any document may replace one from elsewhere.
        replaced |= {(place, name) for name in named for place in {realm, _ELSEWHERE}}
    return [key for key, place in places.items() if place not in replaced]


def _realm(instance: Instance) -> str:
    """Where else it may be replaced from: the author's series, or all that is from elsewhere."""
    is_ours = instance.stored_object.source == Source.VIEWER
    return instance.series.series_instance_uid if is_ours else _ELSEWHERE


def _saved(viewer: Viewer, instance: Instance, header: JsonObject, held: Held) -> Saved[Held]:
    own = {_series_uid(viewer, instance.series.study.study_instance_uid, work) for work in Work}
    return Saved(
        sop_instance_uid=instance.sop_instance_uid,
        author=readable(author_of(header)),
        is_own=_realm(instance) in own,
        saved_at=instance.stored_object.received_at,
        held=held,
    )


def _series_of(viewer: Viewer, study_uid: str, images: Collection[str]) -> dict[str, str]:
    shown = retrieve.find_instances(viewer, study_uid).filter(sop_instance_uid__in=images)
    return dict(shown.values_list("sop_instance_uid", "series__series_instance_uid"))


# --- Saving --------------------------------------------------------------------------------------


def save_measurements(
    author: AbstractUser,
    study_uid: str,
    measurements: Sequence[Measurement],
    predecessors: Collection[str] = (),
) -> str:
    """Keep these as all of the author's measurements of the study.

    Args:
        author: Whose series it goes to.
        study_uid: Of which all images are.
        measurements: None withdraws what the author has saved.
        predecessors: The author's own documents that these were taken over from.

    Returns:
        The SOP Instance UID of the new document; empty if there is none.

    Raises:
        NotFoundError: As `retrieve.find_study`.
        NotPermittedError: If the author may not annotate.
        MalformedBodyError: If one is not as its kind must be, or not of an image of the study.
        EditConflictError: If there is none, and a current document of the author is not named.
        StorageError: If it could not be kept.
    """
    study = _study_to_annotate(author, study_uid)
    _require(len(measurements) <= MAX_ITEMS, f"More than {MAX_ITEMS} measurements.")
    images = _images(author, study_uid, {one.sop_instance_uid for one in measurements})
    uids = {one.tracking_uid for one in measurements}
    _require(len(uids) == len(measurements), "Two measurements have one tracking UID.")
    for number, one in enumerate(measurements, start=1):
        fault = _fault(one, images[one.sop_instance_uid])
        _require(not fault, f"Measurement {number} ({one.kind}): {fault}.")
    series = _OwnSeries(author, study, Work.MEASUREMENTS)
    if not measurements:
        return series.withdraw(predecessors)
    references = {uid: _reference(row) for uid, row in images.items()}
    return series.add(
        predecessors, lambda document: write_measurement_report(document, measurements, references)
    )


def save_key_images(
    author: AbstractUser,
    study_uid: str,
    chosen: Sequence[KeyImage],
    note: str = "",
    predecessors: Collection[str] = (),
) -> str:
    """Keep these as all of the author's key images of the study. As `save_measurements`."""
    study = _study_to_annotate(author, study_uid)
    _require(len(chosen) <= MAX_ITEMS, f"More than {MAX_ITEMS} key images.")
    images = _images(author, study_uid, {one.sop_instance_uid for one in chosen})
    _require(len(set(chosen)) == len(chosen), "An image is named twice.")
    for one in chosen:
        frames = images[one.sop_instance_uid].number_of_frames or 1
        _require(one.frame is None or 1 <= one.frame <= frames, "There is no such frame.")
    series = _OwnSeries(author, study, Work.KEY_IMAGES)
    if not chosen:
        return series.withdraw(predecessors)
    references = {uid: _reference(row) for uid, row in images.items()}
    return series.add(
        predecessors,
        lambda document: write_key_objects(document, clean(note), chosen, references),
    )


def _study_to_annotate(author: AbstractUser, study_uid: str) -> Study:
    study = retrieve.find_study(author, study_uid)
    if not may_annotate(author):
        raise NotPermittedError("Your role does not allow you to save measurements or key images.")
    return study


def _require(condition: bool, sentence: str) -> None:  # noqa: FBT001 - as an assertion
    if not condition:
        raise MalformedBodyError(sentence)


def _images(viewer: Viewer, study_uid: str, uids: Collection[str]) -> dict[str, Instance]:
    found = retrieve.find_instances(viewer, study_uid).filter(
        sop_instance_uid__in=uids, rows__gt=0, columns__gt=0
    )
    images = {row.sop_instance_uid: row for row in found.defer("stored_object__header_json")}
    _require(images.keys() == set(uids), "An image that is named is not of this study.")
    return images


def _fault(one: Measurement, image: Instance) -> str:
    """What is wrong with a measurement of an image; empty if nothing is."""
    form, count = FORMS[one.kind], len(one.points)
    quantities = [value.quantity for value in one.values]
    allowed = {*form.lines, *form.optional}
    least_of_an_area = 3
    faults = {
        "its number of points is wrong": count != form.points
        if form.points
        else not least_of_an_area <= count <= MAX_POINTS,
        "a point lies outside of the image": not all(
            0 <= column <= (image.columns or 0) and 0 <= row <= (image.rows or 0)
            for column, row in one.points
        ),
        "there is no such frame": not 1 <= one.frame <= (image.number_of_frames or 1),
        "a value that it needs is missing": not set(form.lines) <= set(quantities),
        "it has a value that it cannot have, or one twice": len(set(quantities)) < len(quantities)
        or not set(quantities) <= allowed,
        "a value is in a unit that it cannot have": any(
            value.unit not in UNITS_OF.get(value.quantity, ()) for value in one.values
        ),
    }
    return next((fault for fault, is_so in faults.items() if is_so), "")


def _reference(row: Instance) -> Reference:
    series_uid, frames = row.series.series_instance_uid, row.number_of_frames or 1
    return Reference(row.sop_class_uid, row.sop_instance_uid, series_uid, frames)


class _OwnSeries:
    """What one person has kept of one kind about one study."""

    def __init__(self, author: AbstractUser, study: Study, work: Work) -> None:
        self.author, self.study, self.work = author, study, work
        self.study_uid = study.study_instance_uid
        self.uid = _series_uid(author, self.study_uid, work)
        # Somebody else may have sent something that claims to be of this series.
        self._found = retrieve.find_instances(author, self.study_uid, self.uid).filter(
            stored_object__source=Source.VIEWER
        )
        self.earlier = list(self._found.defer("stored_object__header_json"))

    def add(self, predecessors: Collection[str], write: Callable[[Document], bytes]) -> str:
        """Store what `write` makes of a new document of this series."""
        taken_over = [row for row in self.earlier if row.sop_instance_uid in predecessors]
        found = len(taken_over) == len(set(predecessors))
        _require(found, "A predecessor is no document of your own.")
        zone = _zone_of(self.study)
        document = Document(
            identity=retrieve.identity_of_study(self.study),
            sop_instance_uid=f"2.25.{uuid.uuid4().int}",
            series_instance_uid=self.uid,
            series_number=self._number(),
            instance_number=len(self.earlier) + 1,
            author=_person_name(self.author),
            login=self.author.get_username(),
            written_at=timezone.localtime(timezone=zone),
            names_time_zone=zone is not None,
            predecessors=[_reference(row) for row in taken_over],
        )
        result = ingest.store_instance(
            io.BytesIO(write(document)),
            provenance=Provenance(Source.VIEWER, self.author.get_username()),
            study_instance_uid=self.study_uid,
        )
        if result.outcome is not Outcome.STORED:
            raise InvalidInstanceError(f"It was not kept: {result.detail or result.outcome}.")
        return document.sop_instance_uid

    def withdraw(self, predecessors: Collection[str]) -> str:
        """There is no document without content (TID 1500, TID 2010)."""
        if not self.earlier:
            return ""
        keys = [row.pk for row in self.earlier]
        rows = Instance.objects.select_related("series__study", "stored_object")
        current = _not_replaced(retrieve.few_at_once(rows, keys, _DOCUMENTS_AT_ONCE))
        seen = {row.pk for row in self.earlier if row.sop_instance_uid in predecessors}
        if not seen.issuperset(current):
            raise EditConflictError(
                f"You have saved other {self.work} elsewhere; load the study again."
            )
        # These and no others: what is saved at this moment stays, and is current.
        uids = [row.sop_instance_uid for row in self.earlier]
        reason = f"Their author has left no {self.work}."
        deletion.withdraw(self.author, self.study_uid, self.uid, uids, reason=reason)
        return ""

    def _number(self) -> int:
        """A new series comes behind all others."""
        if self.earlier and self.earlier[0].series.series_number:
            return self.earlier[0].series.series_number
        last = self.study.series.aggregate(last=Max("series_number"))["last"] or 0
        return min(last + 1, 2**31 - 1)


def _series_uid(author: Viewer, study_uid: str, work: Work) -> str:
    """The same each time, so that two saves at once go to one series."""
    name = f"{work} of {study_uid} by user {author.pk}"
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def _person_name(user: AbstractUser) -> str:
    """As DICOM writes names (PS3.5 6.2.1); who has given none goes by their login."""
    parts = [clean(part).translate(_NO_SEPARATORS) for part in (user.last_name, user.first_name)]
    return "^".join(parts).rstrip("^") if any(parts) else user.get_username()


def _zone_of(study: Study) -> datetime.tzinfo | None:
    """The time zone that the study names; None where it names none."""
    try:
        return datetime.datetime.strptime(study.timezone_offset_from_utc, "%z").tzinfo
    except ValueError:
        return None
