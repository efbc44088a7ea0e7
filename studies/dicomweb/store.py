"""STOW-RS, Store Transaction (PS3.18 10.5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from studies import access, ingest
from studies.dicom.attributes import is_uid
from studies.dicom.json_model import dumps
from studies.dicom.multipart import Part, Readable, read_parts
from studies.dicom.xml_model import dataset_to_xml
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML, prefers_xml
from studies.dicomweb.payload import base_url
from studies.dicomweb.store_metadata import MAX_INSTANCES, composed_instances
from studies.errors import (
    ArchiveError,
    InstanceTooLargeError,
    InvalidInstanceError,
    MalformedBodyError,
    NotPermittedError,
    OtherStudyError,
    StorageError,
    UnsupportedMediaTypeError,
    UnsupportedTransferSyntaxError,
)
from studies.ingest import Outcome, Provenance, RefusedInput, StoreResult
from studies.models import Source

# Failure Reason (0008,1197), PS3.18 I.2.2.
PROCESSING_FAILURE = 0x0110
OUT_OF_RESOURCES = 0xA700
TOO_LARGE = 0xA701  # of the same group, which a repetition will not mend
OTHER_STUDY = 0xA901  # of the group "does not match", which the standard leaves to us
CANNOT_UNDERSTAND = 0xC000
UNSUPPORTED_TRANSFER_SYNTAX = 0xC122
# What each is used for; the conformance statement lists them.
FAILURE_REASONS = {
    PROCESSING_FAILURE: "It contradicts what the archive holds under its UID; kept for a steward.",
    OUT_OF_RESOURCES: "The archive could not keep it; the same may succeed later.",
    TOO_LARGE: "It is larger than this archive takes.",
    OTHER_STUDY: "It belongs to another study than the address names.",
    CANNOT_UNDERSTAND: "It cannot be understood as an instance.",
    UNSUPPORTED_TRANSFER_SYNTAX: "Its pixel data came apart, in an encoding that is not taken so.",
}

_TAKEN = (DICOM, DICOM_JSON, DICOM_XML)  # as the root of multipart/related
# Proxies take but few kilobytes of headers.
_MAX_WARNINGS = 5


@answers_errors
def store_instances(request: HttpRequest, study: str = "") -> HttpResponse:
    if not access.may_store(request.user):
        raise NotPermittedError("Your role does not allow you to store.")
    in_xml = prefers_xml(request, in_parts=False)
    report = _Report(base_url=base_url(request), may_know_all=access.sees_every_study(request.user))
    try:
        for result in ingest.store_instances(
            _streams(request), provenance=_provenance(request), study_instance_uid=study
        ):
            report.add(result)
    except MalformedBodyError as error:
        # What was stored before stays stored, and the sender must learn of it.
        report.is_malformed = True
        report.fail(CANNOT_UNDERSTAND, error)
    except StorageError as error:
        report.fail(OUT_OF_RESOURCES, error)
    return _answer(report, in_xml=in_xml)


def _provenance(request: HttpRequest) -> Provenance:
    user, address = request.user.get_username(), request.META.get("REMOTE_ADDR", "")
    return Provenance(Source.STOW, f"{user} from {address}")


def _streams(request: HttpRequest) -> Iterable[Readable]:
    """The instances of the request, judged by its headers before any of its body is read."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        # A few bytes could inflate to any number.
        raise UnsupportedMediaTypeError("Send the request without Content-Encoding.")
    if request.content_type == DICOM:
        return [_Alone(_body(request), _announced_bytes(request))]
    parameters = request.content_params or {}
    root = parameters.get("type", DICOM).lower()
    if request.content_type != "multipart/related" or root not in _TAKEN:
        raise UnsupportedMediaTypeError(
            f"Send {DICOM}, or multipart/related of the type {', '.join(_TAKEN)}."
        )
    parts = _bounded(read_parts(_body(request), parameters.get("boundary", "")))
    return _dicom_parts(parts) if root == DICOM else composed_instances(parts)


def _body(request: HttpRequest) -> Readable:
    """The body as a stream. Django's own stops at Content-Length, which a chunked body lacks."""
    if request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH"):
        return cast("Readable", request.META["wsgi.input"])
    return cast("Readable", request)


def _announced_bytes(request: HttpRequest) -> int:
    """The Content-Length; 0 without one, as Django reads it."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


@dataclass(slots=True)
class _Alone:
    """A body that is one instance. One that breaks off may look whole, but for its length."""

    stream: Readable
    bytes_left: int

    def read(self, size: int, /) -> bytes:
        try:
            chunk = self.stream.read(size)
        except Exception as error:  # whatever the server in front of us raises
            raise MalformedBodyError("the body could not be read to its end") from error
        self.bytes_left -= len(chunk)
        if not chunk and self.bytes_left > 0:
            raise MalformedBodyError("the body is shorter than its Content-Length")
        return chunk


def _bounded(parts: Iterator[Part]) -> Iterator[Part]:
    number = 0
    for number, part in enumerate(parts, start=1):
        if number > MAX_INSTANCES:
            raise MalformedBodyError(f"the body has more than {MAX_INSTANCES} parts")
        yield part
    if number == 0:
        raise MalformedBodyError("the body has no parts")


def _dicom_parts(parts: Iterator[Part]) -> Iterator[Readable]:
    for part in parts:
        if part.media_type in ("", DICOM):
            yield part
        else:
            yield RefusedInput(InvalidInstanceError(f"a part is not of the type {DICOM}"))


@dataclass
class _Report:
    """What became of each instance, as the Store Instances Response Module tells it (I.2)."""

    base_url: str
    may_know_all: bool
    referenced: list[StoreResult] = field(default_factory=list)
    failed: list[tuple[int, str, str]] = field(default_factory=list)
    other_failures: list[int] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    is_malformed: bool = False

    def add(self, result: StoreResult | ingest.Failure) -> None:
        if isinstance(result, StorageError):
            self.fail(OUT_OF_RESOURCES, result)
        elif isinstance(result, InvalidInstanceError):
            self.fail(_reason(result), result, (result.sop_class_uid, result.sop_instance_uid))
        elif result.outcome is Outcome.CONFLICT:
            uids = (result.sop_class_uid, result.sop_instance_uid)
            # What it contradicts may be of a study that is not for the sender.
            why = result.detail if self.may_know_all else FAILURE_REASONS[PROCESSING_FAILURE]
            self.fail(PROCESSING_FAILURE, why, uids)
        else:
            self.referenced.append(result)

    def fail(
        self, reason: int, error: ArchiveError | str, uids: tuple[str, str] = ("", "")
    ) -> None:
        """Count a failure; one whose instance is not known by its UIDs is of the others."""
        if all(map(is_uid, uids)):
            self.failed.append((reason, *uids))
        else:
            self.other_failures.append(reason)
        if str(error) not in self.sentences and len(self.sentences) < _MAX_WARNINGS:
            self.sentences.append(str(error))

    @property
    def reasons(self) -> set[int]:
        return {reason for reason, _, _ in self.failed} | set(self.other_failures)

    @property
    def status(self) -> int:
        """PS3.18 10.5.3.1."""
        if self.referenced:
            return 202 if self.reasons else 200
        if self.is_malformed:
            return 400
        alike = {OUT_OF_RESOURCES: 503, TOO_LARGE: 413}
        return alike.get(next(iter(self.reasons)), 409) if len(self.reasons) == 1 else 409


def _reason(error: InvalidInstanceError) -> int:
    reasons = {
        OtherStudyError: OTHER_STUDY,
        InstanceTooLargeError: TOO_LARGE,
        UnsupportedTransferSyntaxError: UNSUPPORTED_TRANSFER_SYNTAX,
    }
    return reasons.get(type(error), CANNOT_UNDERSTAND)


def _answer(report: _Report, *, in_xml: bool) -> HttpResponse:
    module = _response_module(report)
    content, media_type = (
        (dataset_to_xml(module), DICOM_XML) if in_xml else (dumps(module), DICOM_JSON)
    )
    response = HttpResponse(content, content_type=media_type, status=report.status)
    if report.sentences:
        # Text has no place in the module itself, and a header takes but plain characters.
        said = (s.encode("ascii", "replace").decode().replace('"', "'") for s in report.sentences)
        response.headers["Warning"] = ", ".join(f'299 {report.base_url}: "{s}"' for s in said)
    return response


def _response_module(report: _Report) -> dict[str, Any]:
    studies = {result.study_instance_uid for result in report.referenced}
    url = f"{report.base_url}/studies/{studies.pop()}" if len(studies) == 1 else ""
    sequences = {
        "00081198": [
            _reference(*uids) | {"00081197": _value("US", reason)}
            for reason, *uids in report.failed
        ],
        "00081199": [_referenced(result, report.base_url) for result in report.referenced],
        "0008119A": [{"00081197": _value("US", reason)} for reason in report.other_failures],
    }
    items = {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}
    return {"00081190": _value("UR", url)} | items


def _referenced(result: StoreResult, base_url: str) -> dict[str, Any]:
    url = (
        f"{base_url}/studies/{result.study_instance_uid}/series/{result.series_instance_uid}"
        f"/instances/{result.sop_instance_uid}"
    )
    reference = _reference(result.sop_class_uid, result.sop_instance_uid)
    return reference | {"00081190": _value("UR", url)}


def _reference(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {"00081150": _value("UI", sop_class_uid), "00081155": _value("UI", sop_instance_uid)}


def _value(vr: str, value: str | int) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value != "" else {"vr": vr}
