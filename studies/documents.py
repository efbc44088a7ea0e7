"""What an instance holds instead of an image: a report, a file of another format, a video."""

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from studies import content, retrieve, storage
from studies.access import Viewer, visible_to
from studies.content import Ranged
from studies.dicom.json_values import text_of
from studies.dicom.readable_header import readable_rows
from studies.dicom.structured_report import Reference, is_report, read_report
from studies.errors import NotAvailableError, NotFoundError
from studies.models import Instance, StoredObject

PDF = "application/pdf"
# Content security policy of a document: no script of it runs, nothing is fetched, no other site
# frames it. Browsers' viewers bring a style and an object of their own.
NOTHING_ACTIVE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; "
    "object-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_ENCAPSULATED_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
_ENCAPSULATED_DOCUMENT = "00420011"
# MPEG-2, H.264 and H.265, of each also those that may be in several fragments (PS3.5 A.4.5 on).
VIDEO_TRANSFER_SYNTAXES = {
    f"1.2.840.10008.1.2.4.{number}"
    for number in (
        "100", "100.1", "101", "101.1", "102", "102.1", "103", "103.1", "104", "104.1",
        "105", "105.1", "106", "106.1", "107", "108",
    )
}  # fmt: skip
# A player asks for many ranges, and for each the fragments are found anew.
_MAX_FRAGMENTS = 1000
_MAX_DIGITS = 10  # of an unsigned 32-bit number (VR UL)
_ITEM = (0xFFFE, 0xE000)


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes in a format that browsers know, of which any range can be had."""

    media_type: str
    content: Ranged


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance that something refers to is in this archive."""

    study_instance_uid: str
    series_instance_uid: str
    label: str


# --- To be read -----------------------------------------------------------------------------------


def readable(viewer: Viewer, instance: Instance, *, base_url: str) -> dict[str, Any]:
    """What a page shows of an instance: its report, else its header as a table."""
    (header_json,) = retrieve.retrieve_metadata([instance], base_url=base_url)
    header = json.loads(header_json)
    if is_report(header):
        report = read_report(header)
        return {"report": report, "places": places_of(viewer, report.references())}
    rows, is_cut = readable_rows(header)
    return {"rows": rows, "is_cut": is_cut}


def places_of(viewer: Viewer, references: list[Reference]) -> dict[str, Place]:
    """Those instances that are here, and that this person may know of, by their UIDs."""
    uids = [reference.sop_instance_uid for reference in references]
    found = visible_to(viewer, Instance.objects.filter(sop_instance_uid__in=uids)).values_list(
        "sop_instance_uid", "instance_number", "series__modality", "series__series_number",
        "series__series_instance_uid", "series__study__study_instance_uid",
    )  # fmt: skip
    return {
        uid: Place(study, series, _label(modality, series_number, number))
        for uid, number, modality, series_number, series, study in found
    }


def _label(modality: str, series_number: int | None, number: int | None) -> str:
    series = f"{modality or 'Series'}{'' if series_number is None else f' {series_number}'}"
    return series if number is None else f"{series}, number {number}"


# --- Files of other formats -----------------------------------------------------------------------


def rendered_document(instance: Instance) -> Document | None:
    """A PDF or a video as it is (PS3.18 8.7.4); None of what is an image or something else.

    Raises:
        NotAvailableError: If it is not what it claims to be.
    """
    if instance.stored_object.transfer_syntax_uid in VIDEO_TRANSFER_SYNTAXES:
        return _video(instance.stored_object)
    if instance.sop_class_uid != _ENCAPSULATED_PDF_STORAGE:
        return None
    file = encapsulated_file(instance)
    if _beginning(file) != b"%PDF-":
        raise NotAvailableError("What the instance holds is no PDF, though it says so.")
    return Document(PDF, file)


def _beginning(file: Ranged) -> bytes:
    return b"".join(file.stream(0, min(5, file.size)))


def encapsulated_file(instance: Instance) -> Ranged:
    """The file of another format that the instance holds (PS3.3 C.24.2).

    Raises:
        NotFoundError: If it holds none.
    """
    stored = instance.stored_object
    header = json.loads(stored.header_json)
    if _ENCAPSULATED_DOCUMENT in stored.bulk_values:
        file = content.bulk_value(instance, _ENCAPSULATED_DOCUMENT)
    else:
        inline = header.get(_ENCAPSULATED_DOCUMENT, {}).get("InlineBinary")
        if not inline:
            raise NotFoundError("The instance holds no document.")
        file = _in_memory(base64.b64decode(inline))
    # A byte that pads it to an even length is none of its own.
    said = text_of(header, "00420015")
    length = int(said) if said.isdecimal() and len(said) <= _MAX_DIGITS else file.size
    return Ranged(length, file.stream) if 0 < file.size - length <= 1 else file


def _in_memory(file: bytes) -> Ranged:
    return Ranged(len(file), lambda start, end: iter([file[start:end]]))


# --- Video ----------------------------------------------------------------------------------------


def _video(stored: StoredObject) -> Document:
    fragments = list(_fragments(stored))
    if not fragments:
        raise NotAvailableError("The video has no content.")
    file = Ranged(sum(length for _, length in fragments), partial(_join, stored, fragments))
    return Document(_media_type(b"".join(file.stream(0, min(12, file.size)))), file)


def _media_type(beginning: bytes) -> str:
    """Of the container; only MP4 (ISO/IEC 14496-12) is played by browsers."""
    if beginning[4:8] == b"ftyp":
        return "video/mp4"
    return "video/mp2t" if beginning[:1] == b"\x47" else "video/mpeg"


def _fragments(stored: StoredObject) -> Iterator[tuple[int, int]]:
    """Position and length of each, without the offset table, which comes first (PS3.5 A.4)."""
    position = stored.pixel_data_offset or 0
    end = position + (stored.pixel_data_length or 0)
    count = 0
    while position + 8 <= end:
        header = storage.read(stored.object_key, position, position + 8)
        group, element, length = struct.unpack("<HHL", header)
        if (group, element) != _ITEM:
            return
        if count > _MAX_FRAGMENTS:
            raise NotAvailableError(f"The video is in more than {_MAX_FRAGMENTS} pieces.")
        if count:
            yield position + 8, min(length, end - position - 8)
        count += 1
        position += 8 + length


def _join(
    stored: StoredObject, fragments: list[tuple[int, int]], start: int, end: int
) -> Iterator[bytes]:
    """The bytes from `start` to `end` of all fragments, one behind the other."""
    at = 0
    for position, length in fragments:
        first, last = max(start - at, 0), min(end - at, length)
        if first < last:
            yield from storage.stream(stored.object_key, position + first, position + last)
        at += length
