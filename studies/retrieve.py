"""The one way out: finds, authorises and streams what was stored, under the index's identity."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import JSONField, Model, QuerySet

from studies import content, storage
from studies.access import Viewer, condition, is_deidentified, visible_to
from studies.content import PIXEL_DATA, Frames, Ranged, has_bulk_pixel_data, web_transfer_syntax
from studies.dicom import pixels
from studies.dicom.attributes import Level, identity_attributes
from studies.dicom.json_model import UNREADABLE, JsonObject, dumps
from studies.dicom.overlay import (
    Identity,
    overlay_head,
    overlay_header,
    person_name_columns,
)
from studies.dicom.parse import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    deflate,
)
from studies.dicom.pixel_element import (
    write_encapsulated,
    write_native,
    write_native_frames,
)
from studies.errors import GoneError, NotAvailableError, NotFoundError
from studies.models import DeletedInstance, Instance, Series, StoredObject, Study
from studies.noting import IMAGES_READ, note_read

AS_STORED = "*"
# Of a study that is on its way out so many instances are in memory, and never more.
_INSTANCES_AT_ONCE = 100
# No image has more; PostgreSQL counts the elements of an array in 32 bits.
_MAX_FRAME_NUMBER = 2**31 - 2
# Extended offset tables and their lengths (PS3.3 C.7.6.3.1.8) are untrue of other codestreams.
_OFFSET_TABLES = {"7FE00001", "7FE00002"}
# What every way out needs of an instance but for its metadata, which may be megabytes.
_NOT_FOR_CONTENT = ["stored_object__header_json"]


# --- Finding -------------------------------------------------------------------------------------


def find_study(viewer: Viewer, study_uid: str) -> Study:
    """Raises NotFoundError if there is none that this person may know of, GoneError if deleted."""
    found = Study.objects.filter(study_instance_uid=study_uid)
    study: Study | None = visible_to(viewer, found).first()
    if study is None:
        raise absence(viewer, study_uid)
    note_read(viewer, study_uid)
    return study


def find_series(viewer: Viewer, study_uid: str, series_uid: str) -> Series:
    """Raises as `find_study`."""
    found = Series.objects.select_related("study").filter(
        study__study_instance_uid=study_uid, series_instance_uid=series_uid
    )
    series: Series | None = visible_to(viewer, found).first()
    if series is None:
        raise absence(viewer, study_uid, series_uid)
    note_read(viewer, study_uid)
    return series


def find_instances(
    viewer: Viewer, study_uid: str, series_uid: str | None = None, sop_uid: str | None = None
) -> QuerySet[Instance]:
    """All instances below what is named, in the order of series and instances; maybe none."""
    names = {
        "series__study__study_instance_uid": study_uid,
        "series__series_instance_uid": series_uid,
        "sop_instance_uid": sop_uid,
    }
    instances = Instance.objects.select_related("series__study", "stored_object").filter(
        **{name: uid for name, uid in names.items() if uid is not None}
    )
    return visible_to(viewer, instances).order_by("series_id", "instance_number", "id")


def find_instance(viewer: Viewer, study_uid: str, series_uid: str, sop_uid: str) -> Instance:
    """Raises as `find_study`."""
    found = find_instances(viewer, study_uid, series_uid, sop_uid)
    instance = found.defer(*_NOT_FOR_CONTENT).first()
    if instance is None:
        raise absence(viewer, study_uid, series_uid, sop_uid)
    note_read(viewer, study_uid, IMAGES_READ)
    return instance


def absence(
    viewer: Viewer, study_uid: str, series_uid: str | None = None, sop_uid: str | None = None
) -> NotFoundError | GoneError:
    """Why nothing of that name is found: it never was, is not for this person, or was deleted."""
    names = {
        "study_instance_uid": study_uid,
        "series_instance_uid": series_uid,
        "sop_instance_uid": sop_uid,
    }
    tombstones = DeletedInstance.objects.filter(
        **{name: uid for name, uid in names.items() if uid is not None}
    )
    if visible_to(viewer, tombstones).exists():
        return GoneError("It has been deleted from this archive.")
    return NotFoundError("There is no such study, series or instance, or not for you.")


@dataclass(frozen=True, slots=True)
class InstanceSet:
    """The instances below a study or a series; only a few at once are ever in memory.

    Attributes:
        keys: Of all of them, in the order of series and instances.
        transfer_syntaxes: In which they are stored.
        state: Other objects, or another identity laid over them, give another.
    """

    keys: Sequence[int]
    transfer_syntaxes: frozenset[str]
    state: str

    def __iter__(self) -> Iterator[Instance]:
        """One that is deleted meanwhile is left out."""
        rows = Instance.objects.select_related("series__study", "stored_object")
        return few_at_once(rows.defer(*_NOT_FOR_CONTENT), self.keys, _INSTANCES_AT_ONCE)


def few_at_once(rows: QuerySet[Instance], keys: Sequence[int], at_once: int) -> Iterator[Instance]:
    """The rows of these keys in their order, so many in memory; none for one that is gone."""
    for start in range(0, len(keys), at_once):
        some = keys[start : start + at_once]
        found = rows.in_bulk(some)
        yield from (found[key] for key in some if key in found)


def find_instance_set(
    viewer: Viewer, study_uid: str, series_uid: str | None = None, sop_uid: str | None = None
) -> InstanceSet:
    """Raises NotFoundError as `find_study`, also where there is no instance."""
    found = find_instances(viewer, study_uid, series_uid, sop_uid)
    rows = list(
        found.values_list(
            "pk", "stored_object__transfer_syntax_uid", "stored_object__sha256", "is_overlaid"
        )
    )
    if not rows:
        raise absence(viewer, study_uid, series_uid, sop_uid)
    note_read(viewer, study_uid, IMAGES_READ)
    overlaid = found.filter(is_overlaid=True) if any(row[-1] for row in rows) else found.none()
    state = repr((rows, list(overlaid.values_list(*_identity_columns()))))
    return InstanceSet(
        [row[0] for row in rows],
        frozenset(row[1] for row in rows),
        hashlib.sha256(state.encode()).hexdigest(),
    )


def _identity_columns() -> Iterator[str]:
    """What `identity_of` reads, as columns of a query for instances."""
    above = {Level.INSTANCE: "", Level.SERIES: "series__"}
    for attribute in identity_attributes():
        column = above.get(attribute.level, "series__study__") + attribute.column
        groups = ("", "_ideographic", "_phonetic") if attribute.vr == "PN" else ("",)
        yield from (column + group for group in groups)


def _columns_of(model: type[Model], *without: str) -> list[str]:
    fields = (field for field in model._meta.concrete_fields if not isinstance(field, JSONField))
    return [field.attname for field in fields if field.attname not in without]


# Rows that are read for a frame, with all that can neither be long nor is JSON.
_ROWS_OF_A_FRAME: dict[type[Model], tuple[str, list[str]]] = {
    Instance: ("instance", _columns_of(Instance)),
    StoredObject: ("stored", _columns_of(StoredObject, "header_json", "frame_starts")),
    Series: ("series", _columns_of(Series)),
    Study: ("study", _columns_of(Study)),
}
_COLUMNS_OF_A_FRAME = ", ".join(
    f"{row}.{column}" for row, columns in _ROWS_OF_A_FRAME.values() for column in columns
)
# A viewer asks for every frame: to compile the same in Django's terms each time takes several times
# as long as to answer it. Of a large object only the positions of the frames asked for are read.
_FIND_FRAMES = f"""
    SELECT cardinality(stored.frame_starts), stored.frame_starts[%s:%s], {_COLUMNS_OF_A_FRAME}
    FROM studies_instance instance
    JOIN studies_storedobject stored ON stored.id = instance.stored_object_id
    JOIN studies_series series ON series.id = instance.series_id
    JOIN studies_study study ON study.id = series.study_id
    WHERE instance.sop_instance_uid = %s AND series.series_instance_uid = %s
        AND study.study_instance_uid = %s
"""  # noqa: S608 - of our own words


def find_frames(
    viewer: Viewer, study_uid: str, series_uid: str, sop_uid: str, numbers: Sequence[int]
) -> Frames:
    """Frames by number, counted from 1.

    Raises:
        NotFoundError: As `find_study`, or if there is no frame of one of these numbers.
    """
    first, last = min(numbers), max(numbers)
    if first < 1 or last > _MAX_FRAME_NUMBER:
        raise NotFoundError("Frames are numbered from 1 to as many as there are.")
    if is_deidentified(viewer):
        find_instance(viewer, study_uid, series_uid, sop_uid)  # which knows what cannot be shown
    visible = condition(viewer)
    statement = f"{_FIND_FRAMES} AND {visible.text}" if visible.text else _FIND_FRAMES
    names = (first, last + 1, sop_uid, series_uid, study_uid)
    with connection.cursor() as cursor:
        cursor.execute(statement, (*names, *visible.values))
        row = cursor.fetchone()
    if row is None:
        raise absence(viewer, study_uid, series_uid, sop_uid)
    note_read(viewer, study_uid, IMAGES_READ)
    starts_count, starts, *columns = row
    instance = _instance_of_a_frame(columns)
    count = content.count_frames(instance, starts_count)
    if last > count:
        raise NotFoundError(f"The instance has {count} frames.")
    return Frames(instance, numbers, count, first, starts)


def _instance_of_a_frame(values: Sequence[Any]) -> Instance:
    """With its object and what is above it; what was not read is read when it is needed."""
    rows: dict[type[Model], Any] = {}
    start = 0
    for model, (_, columns) in _ROWS_OF_A_FRAME.items():
        end = start + len(columns)
        rows[model] = model.from_db(connection.alias, columns, values[start:end])
        start = end
    instance: Instance = rows[Instance]
    instance.series, instance.stored_object = rows[Series], rows[StoredObject]
    instance.series.study = rows[Study]
    return instance


# --- Identity ------------------------------------------------------------------------------------


def identity_of(instance: Instance) -> Identity:
    """What the index says of who and what an instance is."""
    identity = identity_above_instances(instance.series) | _identity(instance, Level.INSTANCE)
    if not instance.series.frame_of_reference_uid:
        del identity["FrameOfReferenceUID"]
    return identity


def identity_above_instances(series: Series) -> dict[str, Any]:
    """The same of patient, study and series; it is a part of every instance's identity."""
    return identity_of_study(series.study) | _identity(series, Level.SERIES)


def identity_of_study(study: Study) -> dict[str, Any]:
    """The part of it that all of a study share: patient and study."""
    return _identity(study, Level.PATIENT) | _identity(study, Level.STUDY)


def _identity(row: Model, level: Level) -> dict[str, Any]:
    return {
        attribute.keyword: person_name_columns(row, attribute.column)
        if attribute.vr == "PN"
        else getattr(row, attribute.column)
        for attribute in identity_attributes()
        if attribute.level is level
    }


# --- Metadata ------------------------------------------------------------------------------------


def header_of(instance: Instance) -> JsonObject:
    """The whole data set but for long values, under the index's identity."""
    header: JsonObject = json.loads(instance.stored_object.header_json)
    return overlay_header(header, identity_of(instance)) if instance.is_overlaid else header


def retrieve_metadata(instances: Iterable[Instance], *, base_url: str) -> Iterator[str]:
    """The header of each instance as JSON text, bulk data by reference (PS3.18 10.4.1.1.2).

    Args:
        instances: From `find_instances`.
        base_url: Of the DICOMweb service, without a slash at its end.
    """
    for instance in instances:
        stored = instance.stored_object
        header = header_of(instance)
        url = instance_url(base_url, instance)
        header["00081190"] = {"vr": "UR", "Value": [url]}
        header["00083002"] = {"vr": "UI", "Value": [web_transfer_syntax(stored)]}
        for tag, bulk in stored.bulk_values.items():
            header[tag] = {"vr": bulk["vr"], "BulkDataURI": f"{url}/bulkdata/{tag}"}
        if stored.pixel_data_offset is not None:
            header[PIXEL_DATA] = {"vr": stored.pixel_data_vr}
        if has_bulk_pixel_data(stored):
            header[PIXEL_DATA]["BulkDataURI"] = f"{url}/bulkdata/{PIXEL_DATA}"
        yield dumps(dict(sorted(header.items())))


def instance_url(base_url: str, instance: Instance) -> str:
    series = instance.series
    return (
        f"{base_url}/studies/{series.study.study_instance_uid}"
        f"/series/{series.series_instance_uid}/instances/{instance.sop_instance_uid}"
    )


# --- Whole instances ------------------------------------------------------------------------------


def retrieve_instance(instance: Instance, transfer_syntax: str = AS_STORED) -> Iterable[bytes]:
    """The Part 10 file in a transfer syntax, with the index's identity laid over it.

    Bit for bit as received, and `Ranged`, where neither asks for a change.

    Raises:
        NotAvailableError: While it is read, if it cannot be rewritten or its pixels not transcoded.
    """
    stored = instance.stored_object
    if transfer_syntax not in (AS_STORED, stored.transfer_syntax_uid):
        return _transcoded(instance, transfer_syntax)
    if instance.is_overlaid:
        return _overlaid(instance)
    return Ranged(stored.size_bytes, partial(storage.stream, stored.object_key))


def _overlaid(instance: Instance) -> Iterator[bytes]:
    """The head rewritten, the pixels and what follows them as they are stored."""
    stored = instance.stored_object
    syntax = stored.transfer_syntax_uid
    with content.flat(stored) as flat:
        short = overlaid_head(content.short_head(stored, flat), instance)
        head = content.with_long_values(short, stored, flat, syntax)
        rest = content.read_pieces(flat.read, content.head_end(stored, flat), flat.size)
        if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            yield from deflate(next(head), itertools.chain(head, rest))
        else:
            yield from itertools.chain(head, rest)


def overlaid_head(head: bytes, instance: Instance) -> bytes:
    """The head of an instance's object under the index's identity.

    Raises:
        NotAvailableError: If it cannot be rewritten.
    """
    try:
        syntax = instance.stored_object.transfer_syntax_uid
        return overlay_head(head, syntax, identity_of(instance))
    except UNREADABLE as error:
        # The library's own complaint may quote values; the class alone says enough.
        reason = f"The stored header cannot be rewritten ({type(error).__name__})."
        raise NotAvailableError(reason) from None


def _transcoded(instance: Instance, target: str) -> Iterator[bytes]:
    """Header and pixels in another transfer syntax; what followed the pixels is left out.

    That is padding, or signatures that would not fit any more.
    """
    stored = instance.stored_object
    with content.flat(stored) as flat:
        original = content.short_head(stored, flat)
        if instance.is_overlaid:
            original = overlaid_head(original, instance)
        source = stored.transfer_syntax_uid
        head = pixels.transcoded_head(original, source=source, target=target)
        yield from content.with_long_values(head, stored, flat, target, without=_OFFSET_TABLES)
    if stored.pixel_data_offset is not None:
        yield from _transcoded_pixels(instance, target)


def _transcoded_pixels(instance: Instance, target: str) -> Iterator[bytes]:
    stored = instance.stored_object
    if {stored.transfer_syntax_uid, target} <= NATIVE_TRANSFER_SYNTAXES:
        value = content.bulk_value(instance, PIXEL_DATA)
        return write_native(value, vr=stored.pixel_data_vr, length=value.size)
    found = content.all_frames(instance)
    if not found.count:
        raise NotAvailableError("The frames of the instance cannot be told apart.")
    frames = retrieve_frames(found, target)
    if target not in NATIVE_TRANSFER_SYNTAXES:
        return write_encapsulated(frames)
    vr = "OW" if (instance.bits_allocated or 0) > 8 else "OB"  # noqa: PLR2004 - PS3.5 8.2
    return write_native_frames(frames, vr=vr, count=found.count)


# --- Frames and bulk data ------------------------------------------------------------------------


def retrieve_frames(frames: Frames, transfer_syntax: str = AS_STORED) -> Iterator[bytes]:
    """Frames in a transfer syntax, or in `web_transfer_syntax`.

    Raises:
        NotAvailableError: At the first frame, if it cannot be transcoded.
    """
    stored = frames.instance.stored_object
    if transfer_syntax in (AS_STORED, web_transfer_syntax(stored)):
        return frames.read()
    return pixels.transcode_frames(
        content.read_head(stored),
        frames.read(),
        source=stored.transfer_syntax_uid,
        target=transfer_syntax,
    )


@dataclass(frozen=True, slots=True)
class BulkData:
    """One long value, or one frame of compressed pixels, and its address below the instance."""

    path: str
    content: Iterable[bytes]
    is_pixels: bool


def retrieve_bulk_data(
    instance: Instance, transfer_syntax: str = AS_STORED, *, pixels_only: bool = False
) -> Iterator[BulkData]:
    """Every long value of an instance: pixels, last, in a transfer syntax (PS3.18 10.4.1.1.5).

    Uncompressed pixels that are stored so are one value, others are frames.
    """
    stored = instance.stored_object
    for tag in sorted(stored.bulk_values):
        if tag in content.FLOAT_PIXEL_DATA or not pixels_only:
            value = content.bulk_value(instance, tag)
            yield BulkData(f"bulkdata/{tag}", value, is_pixels=False)
    if not has_bulk_pixel_data(stored):
        return
    if transfer_syntax in (AS_STORED, EXPLICIT_VR_LITTLE_ENDIAN) and not stored.frame_starts:
        value = content.bulk_value(instance, PIXEL_DATA)
        yield BulkData(f"bulkdata/{PIXEL_DATA}", value, is_pixels=True)
        return
    found = content.all_frames(instance)
    frames = retrieve_frames(found, transfer_syntax)
    for number, frame in zip(found.numbers, frames, strict=True):
        yield BulkData(f"frames/{number}", [frame], is_pixels=True)
