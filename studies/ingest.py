"""The one way in: every image of every door enters through `store_instance`.

Bytes are gathered within bounds, read, made durable in the object store, then indexed in one
transaction; only the commit is an acknowledgement. A crash before it leaves an object that no row
names, which is harmless.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from django.conf import settings
from django.db import transaction

from studies import index, signals, storage
from studies.dicom.multipart import Readable
from studies.dicom.parse import ParsedInstance, parse_instance
from studies.errors import InstanceTooLargeError, InvalidInstanceError, OtherStudyError
from studies.models import (
    Instance,
    InstanceConflict,
    QuarantinedInput,
    ReceivedObject,
    Source,
    StoredObject,
)


class Outcome(StrEnum):
    STORED = "stored"
    ALREADY_STORED = "already stored"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Provenance:
    """By which door an object came, and from whom in the door's own terms."""

    source: Source
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of one object, as it names itself; `detail` says why it is a conflict."""

    outcome: Outcome
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Received:
    file: IO[bytes]
    sha256: str
    size_bytes: int
    provenance: Provenance

    def fields(self, object_key: str | None) -> dict[str, object]:
        """As the fields of ReceivedObject."""
        return {
            "object_key": object_key,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "source": self.provenance.source,
            "source_detail": self.provenance.detail[:500],
        }


def store_instance(
    stream: Readable, *, provenance: Provenance, study_instance_uid: str = ""
) -> StoreResult:
    """Take in one Part 10 file; on return it is durable, or kept apart as a conflict.

    Args:
        stream: Read once, from where it stands; the caller closes it.
        provenance: Kept with the object.
        study_instance_uid: If given, no instance of another study is taken.

    Raises:
        InvalidInstanceError: If it is no instance we can hold, or if the stream itself raises it;
            it is in quarantine then.
        OtherStudyError: If it is of another study; nothing was kept.
        StorageError: If the object store failed; nothing was kept, the sender may try again.
    """
    with storage.spooled() as file:
        received = _receive(stream, file, provenance)
        parsed = _parse_or_quarantine(received)
        _require_study(parsed, study_instance_uid)
        return _store(parsed, received)


def store_object(stream: Readable, *, provenance: Provenance) -> StoredObject:
    """Keep an object without an instance of its own, for instances that share it.

    The same bytes again give the same object. Raises as `store_instance` does.
    """
    with storage.spooled() as file:
        received = _receive(stream, file, provenance)
        if known := StoredObject.objects.filter(sha256=received.sha256).first():
            return known
        parsed = _parse_or_quarantine(received)
        stored_object = _put(parsed, received)
        stored_object.save(force_insert=True)
        return stored_object


def _receive(stream: Readable, file: IO[bytes], provenance: Provenance) -> _Received:
    """Gather the input. What cannot be gathered whole is described in quarantine, not kept."""
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := stream.read(storage.CHUNK_BYTES):
            size += len(chunk)
            digest.update(chunk)
            if size > settings.PACS_MAX_INSTANCE_BYTES:
                raise InstanceTooLargeError(
                    f"the file is larger than {settings.PACS_MAX_INSTANCE_BYTES} bytes"
                )
            file.write(chunk)
    except InvalidInstanceError as error:
        received = _Received(file, digest.hexdigest(), size, provenance)
        _describe(received, str(error))
        raise
    file.flush()
    return _Received(file, digest.hexdigest(), size, provenance)


def _describe(received: _Received, reason: str) -> None:
    """Say in quarantine what came and why it was not kept; the same again is said once."""
    fields = received.fields(None) | {"reason": reason[:500]}
    if not QuarantinedInput.objects.filter(**fields).exists():
        QuarantinedInput.objects.create(**fields)


def _parse_or_quarantine(received: _Received) -> ParsedInstance:
    try:
        return parse_instance(received.file, max_bytes=settings.PACS_MAX_INSTANCE_BYTES)
    except InvalidInstanceError as error:
        _quarantine(received, str(error))
        raise


def _require_study(parsed: ParsedInstance, study_instance_uid: str) -> None:
    if study_instance_uid and parsed.study_instance_uid != study_instance_uid:
        error = OtherStudyError("the instance is of another study than the one it was sent to")
        raise error.of_instance(parsed.sop_class_uid, parsed.sop_instance_uid)


def _quarantine(received: _Received, reason: str) -> None:
    """Keep refused input with its reason; the same input again is kept once."""
    # What was only described may have had the same beginning.
    kept = QuarantinedInput.objects.filter(object_key__isnull=False)
    if kept.filter(sha256=received.sha256).exists():
        return
    key = storage.new_key("quarantine")
    storage.put(key, received.file)
    row = QuarantinedInput(reason=reason[:500], **received.fields(key))
    _keep_once(QuarantinedInput, row)


def _keep_once(model: type[ReceivedObject], row: ReceivedObject) -> None:
    """Insert the row, or drop its object where an equal row is already there."""
    model._default_manager.bulk_create([row], ignore_conflicts=True)
    if not model._default_manager.filter(object_key=row.object_key).exists():
        storage.delete(str(row.object_key))


def _put(parsed: ParsedInstance, received: _Received) -> StoredObject:
    key = storage.new_key("instances")
    storage.put(key, received.file)
    return index.make_stored_object(parsed, **received.fields(key))


def _store(parsed: ParsedInstance, received: _Received) -> StoreResult:
    if known := _compare_with_known(parsed, received):
        return known
    stored_object = _put(parsed, received)
    try:
        with transaction.atomic():
            instance = index.index_instance(parsed, stored_object)
            signals.instance_stored.send(sender=Instance, instance=instance, parsed=parsed)
    except index.ConflictError as error:
        return _keep_conflict(parsed, stored_object, error.reason)
    except index.KnownInstanceError:
        if reason := _difference(parsed, received):
            return _keep_conflict(parsed, stored_object, reason)
        # Somebody else stored the same between our look and our lock.
        storage.delete(stored_object.object_key)
        return _result(Outcome.ALREADY_STORED, parsed)
    return _result(Outcome.STORED, parsed)


def _result(outcome: Outcome, parsed: ParsedInstance, detail: str = "") -> StoreResult:
    return StoreResult(
        outcome,
        sop_class_uid=parsed.sop_class_uid,
        sop_instance_uid=parsed.sop_instance_uid,
        series_instance_uid=parsed.series_instance_uid,
        study_instance_uid=parsed.study_instance_uid,
        detail=detail,
    )


def _compare_with_known(parsed: ParsedInstance, received: _Received) -> StoreResult | None:
    """Spare the object store what the archive already holds; None for a new UID or a conflict."""
    exists = Instance.objects.filter(sop_instance_uid=parsed.sop_instance_uid).exists()
    if exists and _difference(parsed, received) is None:
        return _result(Outcome.ALREADY_STORED, parsed)
    return None


def _difference(parsed: ParsedInstance, received: _Received) -> InstanceConflict.Reason | None:
    """How a known instance contradicts the new object; None if it is the same object."""
    held = Instance.objects.select_related("stored_object", "series__study").get(
        sop_instance_uid=parsed.sop_instance_uid
    )
    if held.stored_object.sha256 == received.sha256:
        return None
    parents = (held.series.series_instance_uid, held.series.study.study_instance_uid)
    named = (
        parsed.series_instance_uid,
        parsed.study_instance_uid,
    )
    reasons = InstanceConflict.Reason
    return reasons.CONTENT if parents == named else reasons.STUDY


def _keep_conflict(
    parsed: ParsedInstance, stored_object: StoredObject, reason: InstanceConflict.Reason
) -> StoreResult:
    """Keep the second object apart for a steward; the same one again is kept once."""
    conflict = InstanceConflict(
        reason=reason,
        sop_instance_uid=parsed.sop_instance_uid,
        study_instance_uid=parsed.study_instance_uid,
        object_key=stored_object.object_key,
        sha256=stored_object.sha256,
        size_bytes=stored_object.size_bytes,
        source=stored_object.source,
        source_detail=stored_object.source_detail,
    )
    _keep_once(InstanceConflict, conflict)
    return _result(Outcome.CONFLICT, parsed, str(reason.label))
