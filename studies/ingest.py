"""The one way in: every image of every door enters here, alone or as one of many.

Bytes are gathered within bounds, read, made durable in the object store, then indexed in one
transaction; only the commit is an acknowledgement. A crash before it leaves an object that no row
names, which is harmless.

Neighbours of one study are made durable side by side and indexed together: the disk and the
database are asked to confirm once for all of them. Each still has a result of its own.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error as DatabaseError
from django.db import transaction

from accounts.acts import Act, Action, note
from accounts.acts import Outcome as ActOutcome
from studies import index, signals, storage
from studies.dicom.multipart import Readable
from studies.dicom.parse import ParsedInstance, parse_instance
from studies.errors import (
    InstanceTooLargeError,
    InvalidInstanceError,
    MalformedBodyError,
    OtherStudyError,
    StorageError,
)
from studies.models import (
    Instance,
    InstanceConflict,
    QuarantinedInput,
    ReceivedObject,
    Source,
    StoredObject,
)

# Of a group: what waits lies on the disk, but headers are in memory and senders want an answer.
_GROUP_INSTANCES = 32
_GROUP_BYTES = 64 * 1024 * 1024
_GROUP_HEADER_CHARACTERS = 4 * 1024 * 1024
# A disk confirms several files in the time of one, a remote store still more.
_PUT_AT_ONCE = 8


class Outcome(StrEnum):
    STORED = "stored"
    ALREADY_STORED = "already stored"
    CONFLICT = "conflict"


_QUARANTINED = "quarantined"  # of what never became a result


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


@dataclass(frozen=True, slots=True)
class _Gathered:
    """An instance that has been read and waits to be stored: its spool file and its future row."""

    parsed: ParsedInstance
    stored_object: StoredObject
    file: IO[bytes]
    spool: ExitStack

    @property
    def uid(self) -> str:
        return self.parsed.sop_instance_uid

    def result(self, outcome: Outcome, detail: str = "") -> StoreResult:
        return StoreResult(
            outcome,
            sop_class_uid=self.parsed.sop_class_uid,
            sop_instance_uid=self.uid,
            series_instance_uid=self.parsed.series_instance_uid,
            study_instance_uid=self.parsed.study_instance_uid,
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class RefusedInput:
    """The stream of what its door refuses, so that it is refused and described like all else."""

    error: InvalidInstanceError

    def read(self, _size: int = -1, /) -> bytes:
        raise self.error


Failure = InvalidInstanceError | StorageError


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
    (result,) = store_instances(
        [stream], provenance=provenance, study_instance_uid=study_instance_uid
    )
    if isinstance(result, StoreResult):
        return result
    raise result


def store_instances(
    streams: Iterable[Readable], *, provenance: Provenance, study_instance_uid: str = ""
) -> Iterator[StoreResult | Failure]:
    """Take in many files, each as `store_instance` does; what that would raise is a result here.

    The results name their instances and come in no particular order. A stream is read to its end
    before the next is asked for.

    Raises:
        MalformedBodyError: If a stream raises it. What came whole before is stored, and its
            results have been given.
        StorageError: If the next stream cannot be had; likewise.
    """
    group: list[_Gathered] = []
    try:
        for stream in streams:
            try:
                gathered = _gather(stream, provenance, study_instance_uid)
            except (InvalidInstanceError, StorageError) as error:
                yield error
                continue
            except DatabaseError as error:  # which quarantine could not be written to
                yield _not_written(error)
                continue
            if group and not _belong_together(group, gathered):
                yield from _store_group(group)
            group.append(gathered)
    except (MalformedBodyError, StorageError):
        yield from _store_group(group)
        raise
    else:
        yield from _store_group(group)
    finally:
        _release(group)


def _belong_together(group: list[_Gathered], gathered: _Gathered) -> bool:
    """Whether there is room for one more in a group, which is of one study."""
    objects = [one.stored_object for one in (*group, gathered)]
    return (
        group[0].parsed.study_instance_uid == gathered.parsed.study_instance_uid
        and len(objects) <= _GROUP_INSTANCES
        and sum(o.size_bytes for o in objects) <= _GROUP_BYTES
        and sum(len(o.header_json) for o in objects) <= _GROUP_HEADER_CHARACTERS
    )


def _release(group: list[_Gathered]) -> None:
    for gathered in group:
        gathered.spool.close()
    group.clear()


def store_object(stream: Readable, *, provenance: Provenance) -> StoredObject:
    """Keep an object without an instance of its own, for instances that share it.

    The same bytes again give the same object. Raises as `store_instance` does.
    """
    gathered = _gather(stream, provenance)
    with gathered.spool:
        sha256 = gathered.stored_object.sha256
        if known := StoredObject.objects.filter(sha256=sha256).first():
            return known
        storage.put(gathered.stored_object.object_key, gathered.file)
        gathered.stored_object.save(force_insert=True)
        return gathered.stored_object


# --- Gathering -----------------------------------------------------------------------------------


def _gather(stream: Readable, provenance: Provenance, study_instance_uid: str = "") -> _Gathered:
    with ExitStack() as stack:
        file = stack.enter_context(storage.spooled())
        received = _receive(stream, file, provenance)
        parsed = _parse_or_quarantine(received)
        if study_instance_uid not in ("", parsed.study_instance_uid):
            error = OtherStudyError("the instance is of another study than it was sent to")
            raise error.of_instance(parsed.sop_class_uid, parsed.sop_instance_uid)
        fields = received.fields(storage.new_key("instances"))
        stored_object = index.make_stored_object(parsed, **fields)
        return _Gathered(parsed, stored_object, file, stack.pop_all())


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
        _count(provenance.source, _QUARANTINED)
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
        _count(received.provenance.source, _QUARANTINED)
        raise


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


# --- Storing -------------------------------------------------------------------------------------


def _store_group(group: list[_Gathered]) -> Iterator[StoreResult | Failure]:
    """Store what has been gathered of one study, and leave the group empty.

    One result for each, whatever fails: what others were told of stays told.
    """
    untold = len(group)
    try:
        for result in _store(group):
            untold -= 1
            yield result
    except StorageError as error:
        yield from [error] * untold
    except DatabaseError as error:
        yield from [_not_written(error)] * untold
    _release(group)


def _not_written(error: Exception) -> StorageError:
    return StorageError(f"the index could not be read or written ({type(error).__name__})")


def _store(group: Sequence[_Gathered]) -> Iterator[StoreResult | Failure]:
    uids = [gathered.uid for gathered in group]
    known = set(
        Instance.objects.filter(sop_instance_uid__in=uids).values_list(
            "sop_instance_uid", flat=True
        )
    )
    new: dict[str, _Gathered] = {}
    again = []
    for gathered in group:
        if gathered.uid in known or gathered.uid in new:
            again.append(gathered)
        else:
            new[gathered.uid] = gathered
    yield from _put_and_index(list(new.values()))
    # Spare the object store what the archive already holds.
    same = [one for one in again if _held(one) and _difference(one) is None]
    if same:
        _tell("instances sent again", same, Outcome.ALREADY_STORED, is_change=False)
    yield from (one.result(Outcome.ALREADY_STORED) for one in same)
    for gathered in again:
        if gathered not in same:
            yield from _put_and_index([gathered])


def _put_and_index(group: Sequence[_Gathered]) -> Iterator[StoreResult | Failure]:
    durable = []
    with ThreadPoolExecutor(_PUT_AT_ONCE) as pool:
        puts = [pool.submit(storage.put, one.stored_object.object_key, one.file) for one in group]
    for gathered, put in zip(group, puts, strict=True):
        error = put.exception()
        if isinstance(error, StorageError):
            yield error
            continue
        put.result()
        durable.append(gathered)
    yield from _index(durable)


def _index(group: Sequence[_Gathered]) -> Iterator[StoreResult | Failure]:
    """Make the rows in one transaction; where one of several stands in the way, one by one."""
    if not group:
        return
    try:
        with transaction.atomic():
            instances = index.index_instances([(one.parsed, one.stored_object) for one in group])
            for instance, one in zip(instances, group, strict=True):
                signals.instance_stored.send(sender=Instance, instance=instance, parsed=one.parsed)
            _tell("instances stored", group, Outcome.STORED)
    # A row that we had just seen may be deleted by somebody before it is locked.
    except (*_IN_THE_WAY, DatabaseError, ObjectDoesNotExist) as error:
        if len(group) > 1:
            for gathered in group:
                yield from _index([gathered])
        elif isinstance(error, _IN_THE_WAY):
            yield _judge(group[0], error)
        else:
            yield _not_written(error)
    else:
        yield from (gathered.result(Outcome.STORED) for gathered in group)


_IN_THE_WAY = (index.ConflictError, index.KnownInstanceError)


def _judge(
    gathered: _Gathered, error: index.ConflictError | index.KnownInstanceError
) -> StoreResult:
    if isinstance(error, index.ConflictError):
        return _keep_conflict(gathered, error.reason)
    if reason := _difference(gathered):
        return _keep_conflict(gathered, reason)
    # Somebody else stored the same between our look and our lock.
    storage.delete(gathered.stored_object.object_key)
    _tell("instances sent again", [gathered], Outcome.ALREADY_STORED, is_change=False)
    return gathered.result(Outcome.ALREADY_STORED)


def _held(gathered: _Gathered) -> Instance | None:
    rows = Instance.objects.select_related("stored_object", "series__study")
    return rows.defer("stored_object__header_json").filter(sop_instance_uid=gathered.uid).first()


def _difference(gathered: _Gathered) -> InstanceConflict.Reason | None:
    """How a known instance contradicts the new object; None if it is the same object."""
    reasons = InstanceConflict.Reason
    held = _held(gathered)
    if held is None:
        return reasons.DELETED  # since we were told that it is known
    if held.stored_object.sha256 == gathered.stored_object.sha256:
        return None
    parents = (held.series.series_instance_uid, held.series.study.study_instance_uid)
    named = (gathered.parsed.series_instance_uid, gathered.parsed.study_instance_uid)
    return reasons.CONTENT if parents == named else reasons.STUDY


def _keep_conflict(gathered: _Gathered, reason: InstanceConflict.Reason) -> StoreResult:
    """Keep the second object apart for a steward; the same one again is kept once."""
    stored_object = gathered.stored_object
    conflict = InstanceConflict(
        reason=reason,
        sop_instance_uid=gathered.uid,
        study_instance_uid=gathered.parsed.study_instance_uid,
        object_key=stored_object.object_key,
        sha256=stored_object.sha256,
        size_bytes=stored_object.size_bytes,
        source=stored_object.source,
        source_detail=stored_object.source_detail,
    )
    with transaction.atomic():
        _keep_once(InstanceConflict, conflict)
        _tell("instance kept apart", [gathered], Outcome.CONFLICT)
    return gathered.result(Outcome.CONFLICT, str(reason.label))


def _tell(
    what: str, group: Sequence[_Gathered], outcome: Outcome, *, is_change: bool = True
) -> None:
    """Tell of instances of one study; a group of them is one act."""
    received = group[0].stored_object
    _count(received.source, outcome, len(group))
    note(
        Act(
            action=Action.UPLOAD,
            what=what,
            outcome=ActOutcome.FAILED if outcome is Outcome.CONFLICT else ActOutcome.SUCCESS,
            study_uids=[group[0].parsed.study_instance_uid],
            object_uids=[gathered.uid for gathered in group],
            detail={"source": received.source, "from": received.source_detail},
            is_change=is_change,
        )
    )


def _count(source: str, outcome: str, number: int = 1) -> None:
    signals.objects_received.send(
        sender=ReceivedObject, source=source, outcome=outcome, number=number
    )
