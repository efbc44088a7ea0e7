"""The one way out: finds, authorises and streams what was stored, under the index's identity."""

import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.db.models import Model, QuerySet

from studies import storage
from studies.access import Viewer, visible_to
from studies.dicom import pixels
from studies.dicom.attributes import Level, identity_attributes
from studies.dicom.byte_order import WORD_BYTES, swap_words
from studies.dicom.frames import join_fragments
from studies.dicom.json_model import UNREADABLE, dumps
from studies.dicom.overlay import (
    Identity,
    overlay_head,
    overlay_header,
    person_name_columns,
)
from studies.dicom.parse import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    deflate,
    inflate,
    read_meta,
)
from studies.errors import GoneError, NotAvailableError, NotFoundError
from studies.models import DeletedInstance, Instance, Series, StoredObject, Study

PIXEL_DATA = "7FE00010"

RangedReader = Callable[[int, int], bytes]

# --- Finding -------------------------------------------------------------------------------------


def find_study(viewer: Viewer, study_uid: str) -> Study:
    """Raises NotFoundError if there is none that this person may know of, GoneError if deleted."""
    found = Study.objects.filter(study_instance_uid=study_uid)
    study: Study | None = visible_to(viewer, found).first()
    if study is None:
        raise absence(viewer, study_uid)
    return study


def find_series(viewer: Viewer, study_uid: str, series_uid: str) -> Series:
    """Raises as `find_study`."""
    found = Series.objects.select_related("study").filter(
        study__study_instance_uid=study_uid, series_instance_uid=series_uid
    )
    series: Series | None = visible_to(viewer, found).first()
    if series is None:
        raise absence(viewer, study_uid, series_uid)
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
    instance = found.defer("stored_object__header_json").first()
    if instance is None:
        raise absence(viewer, study_uid, series_uid, sop_uid)
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


# --- Identity ------------------------------------------------------------------------------------


def identity_of(instance: Instance) -> Identity:
    """What the index says of who and what an instance is."""
    identity = identity_above_instances(instance.series) | _identity(instance, Level.INSTANCE)
    if not instance.series.frame_of_reference_uid:
        del identity["FrameOfReferenceUID"]
    return identity


def identity_above_instances(series: Series) -> dict[str, Any]:
    """The same of patient, study and series; it is a part of every instance's identity."""
    rows = {Level.PATIENT: series.study, Level.STUDY: series.study, Level.SERIES: series}
    return {
        key: value for level, row in rows.items() for key, value in _identity(row, level).items()
    }


def _identity(row: Model, level: Level) -> dict[str, Any]:
    return {
        attribute.keyword: person_name_columns(row, attribute.column)
        if attribute.vr == "PN"
        else getattr(row, attribute.column)
        for attribute in identity_attributes()
        if attribute.level is level
    }


# --- Metadata ------------------------------------------------------------------------------------


def retrieve_metadata(instances: Iterable[Instance], *, base_url: str) -> Iterator[str]:
    """The header of each instance as JSON text, bulk data by reference (PS3.18 10.4.1.1.2).

    Args:
        instances: From `find_instances`.
        base_url: Of the DICOMweb service, without a slash at its end.
    """
    for instance in instances:
        stored = instance.stored_object
        header = json.loads(stored.header_json)
        if instance.is_overlaid:
            header = overlay_header(header, identity_of(instance))
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


def web_transfer_syntax(stored: StoredObject) -> str:
    """In which the pixels come over the web; uncompressed ones in explicit little endian.

    Implicit VR and big endian have no place there (PS3.18 8.7.3.5.2).
    """
    if stored.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES:
        return EXPLICIT_VR_LITTLE_ENDIAN
    return stored.transfer_syntax_uid


# --- Whole instances -----------------------------------------------------------------------------


def retrieve_instance(instance: Instance) -> Iterator[bytes]:
    """The Part 10 file: bit for bit as received, or with the index's identity laid over it."""
    stored = instance.stored_object
    if not instance.is_overlaid:
        return storage.stream(stored.object_key, 0, stored.size_bytes)
    return _overlaid(instance)


def _overlaid(instance: Instance) -> Iterator[bytes]:
    """The head rewritten, the pixels and what follows them as they are stored."""
    stored = instance.stored_object
    with _flat(stored) as flat:
        has_pixels = stored.pixel_data_offset is not None
        start = _pixel_element_start(stored) if has_pixels else flat.size
        head = _overlaid_head(flat.read(0, start), instance)
        rest = _pieces(flat.read, start, flat.size)
        if stored.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            yield from deflate(head, rest)
        else:
            yield head
            yield from rest


def _overlaid_head(head: bytes, instance: Instance) -> bytes:
    try:
        syntax = instance.stored_object.transfer_syntax_uid
        return overlay_head(head, syntax, identity_of(instance))
    except UNREADABLE as error:
        # The library's own complaint may quote values; the class alone says enough.
        reason = f"The stored header cannot be rewritten ({type(error).__name__})."
        raise NotAvailableError(reason) from None


def _pieces(read: RangedReader, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, storage.CHUNK_BYTES):
        yield read(position, min(end, position + storage.CHUNK_BYTES))


def _pixel_element_start(stored: StoredObject) -> int:
    if stored.pixel_data_offset is None:
        raise NotFoundError("The instance has no pixel data.")
    implicit = stored.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    return stored.pixel_data_offset - (8 if implicit else 12)


# --- Frames and bulk data ------------------------------------------------------------------------


def number_of_frames(stored: StoredObject) -> int:
    """Frames that can be read one by one; 0 where there are none."""
    if stored.frame_starts:
        return len(stored.frame_starts) - 1
    if stored.frame_length and stored.pixel_data_length:
        return stored.pixel_data_length // stored.frame_length
    return 0


def retrieve_frames(instance: Instance, numbers: Iterable[int]) -> Iterator[bytes]:
    """Frames by number, counted from 1, each by one ranged read, in `web_transfer_syntax`.

    Raises:
        NotFoundError: If there is no frame of one of these numbers; before the first is read.
    """
    stored, wanted = instance.stored_object, list(numbers)
    available = min(number_of_frames(stored), instance.number_of_frames or 1)
    if not wanted or not all(1 <= number <= available for number in wanted):
        raise NotFoundError(f"The instance has {available} frames.")
    return _frames(instance, wanted)


def _frames(instance: Instance, numbers: list[int]) -> Iterator[bytes]:
    stored = instance.stored_object
    with _flat(stored) as flat:
        for number in numbers:
            if stored.frame_starts:
                yield join_fragments(flat.read(*stored.frame_starts[number - 1 : number + 1]))
            else:
                yield _native_frame(instance, number, flat.read)


def _native_frame(instance: Instance, number: int, read: RangedReader) -> bytes:
    """One uncompressed frame, its words in little endian whatever they are stored in."""
    stored = instance.stored_object
    offset = stored.pixel_data_offset or 0
    start, end = (number - 1) * stored.frame_length, number * stored.frame_length
    # A frame of odd length may share a word with its neighbour.
    word = _pixel_word(instance)
    first, last = start - start % word, end + -end % word
    words = swap_words(read(offset + first, offset + last), word)
    return words[start - first : end - first]


def _pixel_word(instance: Instance) -> int:
    """Bytes of the words to be swapped in uncompressed pixels, 1 where they need not be."""
    stored = instance.stored_object
    if stored.transfer_syntax_uid != EXPLICIT_VR_BIG_ENDIAN:
        return 1
    # OW is swapped in its words even where a pixel is one byte (PS3.5 7.3).
    bytes_of_pixel = (instance.bits_allocated or 8) // 8
    return max(bytes_of_pixel, 2 if stored.pixel_data_vr == "OW" else 1)


def has_bulk_pixel_data(stored: StoredObject) -> bool:
    """Whether the pixel data can be had: native as one value, compressed frame by frame."""
    native = stored.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES
    return stored.pixel_data_offset is not None and (native or bool(stored.frame_starts))


def retrieve_bulk_value(instance: Instance, tag: str) -> Iterator[bytes]:
    """One long binary value, native pixel data among them, in little endian.

    Raises:
        NotFoundError: If the instance has no such value.
    """
    stored = instance.stored_object
    big_endian = stored.transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN
    if tag == PIXEL_DATA and has_bulk_pixel_data(stored):
        start, length = stored.pixel_data_offset or 0, stored.pixel_data_length or 0
        return _bulk(stored, start, start + length, _pixel_word(instance))
    bulk = stored.bulk_values.get(tag)
    if bulk is None:
        raise NotFoundError("The instance has no such bulk data.")
    word = WORD_BYTES.get(bulk["vr"], 1) if big_endian else 1
    return _bulk(stored, bulk["offset"], bulk["offset"] + bulk["length"], word)


def _bulk(stored: StoredObject, start: int, end: int, word: int) -> Iterator[bytes]:
    with _flat(stored) as flat:
        for piece in _pieces(flat.read, start, end):
            yield swap_words(piece, word)


@dataclass(frozen=True, slots=True)
class _Flat:
    """A ranged reader, and how many bytes there are to read."""

    read: RangedReader
    size: int


@contextmanager
def _flat(stored: StoredObject) -> Iterator[_Flat]:
    """The object in the positions of the index: inflated first where that is needed."""
    if stored.transfer_syntax_uid != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        yield _Flat(partial(storage.read, stored.object_key), stored.size_bytes)
        return
    with tempfile.TemporaryFile() as file:
        _inflate_to(file, stored)
        yield _Flat(partial(_read_file, file), file.seek(0, io.SEEK_END))


def _inflate_to(file: IO[bytes], stored: StoredObject) -> None:
    content = storage.read(stored.object_key, 0, stored.size_bytes)
    _, start = read_meta(content)
    inflate(content, start, file, max_bytes=settings.PACS_MAX_INSTANCE_BYTES)


def _read_file(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


# --- Thumbnails ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG, and a name of its content that changes when it does."""

    content: bytes
    etag: str


def retrieve_thumbnail(viewer: Viewer, study_uid: str, series_uid: str) -> Thumbnail:
    """The middle image of a series, made once per stored object and kept in the object store.

    Raises:
        NotFoundError: As `find_study`, or if the series has no image.
        NotAvailableError: If this server cannot decode its pixels.
        BusyError: If it has no time to.
    """
    series = find_series(viewer, study_uid, series_uid)
    images = series.instances.filter(rows__gt=0).select_related("stored_object")
    middle = max(0, (series.number_of_series_related_instances - 1) // 2)
    image = images.order_by("instance_number", "id")[middle : middle + 1].first() or images.first()
    if image is None:
        raise NotFoundError("The series has no image.")
    stored = image.stored_object
    if stored.thumbnail_key is None:
        _make_thumbnail(image)
        stored.refresh_from_db(fields=["thumbnail_key"])
    if not stored.thumbnail_key:
        raise NotAvailableError("This server cannot decode the image; the viewer can.")
    size = storage.size(stored.thumbnail_key)
    return Thumbnail(storage.read(stored.thumbnail_key, 0, size), stored.thumbnail_key[-16:])


def _make_thumbnail(image: Instance) -> None:
    """Keep a thumbnail of the middle frame, or the fact that there can be none."""
    stored = image.stored_object
    key = ""
    if content := _render_middle_frame(image):
        key = storage.new_key("thumbnails")
        storage.put_bytes(key, content)
    unclaimed = StoredObject.objects.filter(pk=stored.pk, thumbnail_key=None)
    if not unclaimed.update(thumbnail_key=key) and key:
        storage.delete(key)  # somebody else was faster


def _render_middle_frame(image: Instance) -> bytes | None:
    stored = image.stored_object
    frames = number_of_frames(stored)
    if not frames:
        return None
    with _flat(stored) as flat:
        head = flat.read(0, _pixel_element_start(stored))
    frame = next(_frames(image, [(frames + 1) // 2]))
    return pixels.render_thumbnail(head, frame, stored.transfer_syntax_uid)
