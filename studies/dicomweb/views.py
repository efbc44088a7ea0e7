"""WADO-RS, Retrieve Transaction (PS3.18 10.4)."""

import itertools
import re
from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.acts import Act, Action, note
from studies import content, retrieve
from studies.content import PIXEL_DATA, Frames, Ranged
from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN
from studies.dicomweb import archive
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import (
    DICOM,
    OCTET_STREAM,
    MediaRange,
    Offer,
    accepted,
    offer_bulk_value,
    offer_frames,
    offer_instances,
)
from studies.dicomweb.payload import (
    Part,
    base_url,
    etag_of,
    multipart,
    single_part,
    unless_unchanged,
)
from studies.errors import InvalidQueryError, NotFoundError
from studies.models import Instance

_OCTETS = f"{OCTET_STREAM}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"


@require_safe
@answers_errors
def retrieve_instances(
    request: HttpRequest, study: str, series: str | None = None
) -> HttpResponseBase:
    """All instances of a study or a series, in parts (PS3.18 10.4.1.1.1)."""
    if archive.is_wanted(request):
        return archive.retrieve_archive(request, study, series, None)
    found = retrieve.find_instance_set(request.user, study, series)
    offer = offer_instances(accepted(request), found.transfer_syntaxes, alone=False)
    if offer.media_type == OCTET_STREAM:  # which means that (Table 10.4.4-1, note 2)
        return _bulk_data(request, found)
    _note_retrieval(study, *filter(None, [series]))
    etag = etag_of(found.state, offer, is_strong=False)
    return unless_unchanged(
        request,
        etag,
        lambda: multipart(request, DICOM, _instance_parts(request, offer, found)),
    )


@require_safe
@answers_errors
def retrieve_instance(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    if archive.is_wanted(request):
        return archive.retrieve_archive(request, study, series, instance)
    found = retrieve.find_instance(request.user, study, series, instance)
    return instance_payload(request, found, accepted(request))


def instance_payload(
    request: HttpRequest, found: Instance, wishes: list[MediaRange]
) -> HttpResponseBase:
    """One instance as these wishes want it."""
    stored = found.stored_object
    offer = offer_instances(wishes, [stored.transfer_syntax_uid], alone=True)
    if offer.media_type == OCTET_STREAM:
        return _bulk_data(request, _set_of(found))
    _note_retrieval(found.series.study.study_instance_uid, found.sop_instance_uid)
    identity = retrieve.identity_of(found) if found.is_overlaid else None
    etag = etag_of(stored.sha256, identity, offer, is_strong=offer.single_part)

    def make() -> HttpResponseBase:
        (part,) = _instance_parts(request, offer, [found])
        if not offer.single_part:
            return multipart(request, DICOM, [part])
        response = single_part(request, DICOM, part.content, etag=etag)
        name = f'attachment; filename="{found.sop_instance_uid}.dcm"'
        response.headers["Content-Disposition"] = name
        return response

    return unless_unchanged(request, etag, make)


def _note_retrieval(study: str, *objects: str) -> None:
    act = Act(
        action=Action.EXPORT, what="instances retrieved", study_uids=[study], object_uids=objects
    )
    note(act)


def _instance_parts(
    request: HttpRequest, offer: Offer, instances: Iterable[Instance]
) -> Iterator[Part]:
    base = base_url(request)
    for instance in instances:
        syntax = offer.transfer_syntaxes[instance.stored_object.transfer_syntax_uid]
        file = retrieve.retrieve_instance(instance, syntax)
        yield Part(offer.content_type(syntax), file, retrieve.instance_url(base, instance))


def _set_of(instance: Instance) -> retrieve.InstanceSet:
    stored = instance.stored_object
    syntaxes = frozenset({stored.transfer_syntax_uid})
    return retrieve.InstanceSet([instance.pk], syntaxes, stored.sha256)


# --- Frames ---------------------------------------------------------------------------------------


@require_safe
@answers_errors
def retrieve_frames(
    request: HttpRequest, study: str, series: str, instance: str, frames: str
) -> HttpResponseBase:
    numbers = frame_numbers(frames)
    found = retrieve.find_frames(request.user, study, series, instance, numbers)
    return _frames(request, found)


def _frames(request: HttpRequest, found: Frames) -> HttpResponseBase:
    stored = found.instance.stored_object
    own = content.web_transfer_syntax(stored)
    offer = offer_frames(accepted(request), [own], alone=len(found.numbers) == 1)
    syntax = offer.transfer_syntaxes[own]
    etag = etag_of(stored.sha256, offer, found.numbers, is_strong=offer.single_part)

    def make() -> HttpResponseBase:
        frames = retrieve.retrieve_frames(found, syntax)
        content_type = offer.content_type(syntax)
        if offer.single_part:
            frame = frames if request.method == "HEAD" else _in_memory(frames)
            return single_part(request, content_type, frame, etag=etag)
        url = retrieve.instance_url(base_url(request), found.instance)
        parts = (
            Part(content_type, _in_memory([frame]), f"{url}/frames/{number}")
            for number, frame in zip(found.numbers, frames, strict=True)
        )
        # Of one the length is told, which spares its server to send it in chunks.
        is_one = len(found.numbers) == 1 and request.method != "HEAD"
        return multipart(request, offer.media_type, list(parts) if is_one else parts)

    return unless_unchanged(request, etag, make)


def _in_memory(frames: Iterable[bytes]) -> Ranged:
    """One frame, so that any range of it can be had."""
    frame = b"".join(frames)
    return Ranged(len(frame), lambda start, end: iter([frame[start:end]]))


def frame_numbers(text: str) -> list[int]:
    """A list as `1,2,5`, numbers from 1, none twice (PS3.18 10.4.1.1.6).

    Raises:
        InvalidQueryError: If it is none.
    """
    if not re.fullmatch(r"\d{1,20}(,\d{1,20})*", text, re.ASCII):
        raise InvalidQueryError("Frames are a list of numbers such as 1,2,5.")
    numbers = [int(number) for number in text.split(",")]
    if len(set(numbers)) < len(numbers):
        raise InvalidQueryError("A list of frames names each of them once.")
    return numbers


# --- Bulk data ------------------------------------------------------------------------------------


@require_safe
@answers_errors
def retrieve_bulk_data(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """All long values below a resource, in parts (PS3.18 10.4.1.1.5)."""
    return _bulk_data(request, _find_set(request, study, series, instance))


@require_safe
@answers_errors
def retrieve_pixel_data(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """All pixels below a resource, in parts; of an instance also alone (PS3.18 10.4.1.1.6)."""
    if series is None or instance is None:
        return _bulk_data(request, _find_set(request, study, series, None), pixels_only=True)
    found = retrieve.find_instance(request.user, study, series, instance)
    held = (tag for tag in content.FLOAT_PIXEL_DATA if tag in found.stored_object.bulk_values)
    return _bulk_value(request, found, next(held, PIXEL_DATA))


def _find_set(
    request: HttpRequest, study: str, series: str | None, instance: str | None
) -> retrieve.InstanceSet:
    if series is None or instance is None:
        return retrieve.find_instance_set(request.user, study, series)
    return _set_of(retrieve.find_instance(request.user, study, series, instance))


def _bulk_data(
    request: HttpRequest, instances: retrieve.InstanceSet, *, pixels_only: bool = False
) -> HttpResponseBase:
    syntaxes = {content.on_the_web(syntax) for syntax in instances.transfer_syntaxes}
    offer = offer_frames(accepted(request), syntaxes, alone=False)
    etag = etag_of(instances.state, offer, pixels_only, is_strong=False)

    def make() -> HttpResponseBase:
        parts = _bulk_parts(request, offer, instances, pixels_only=pixels_only)
        first = next(parts, None)
        if first is None:
            raise NotFoundError("There is no bulk data.")
        return multipart(request, offer.media_type, itertools.chain([first], parts))

    return unless_unchanged(request, etag, make)


def _bulk_parts(
    request: HttpRequest, offer: Offer, instances: Iterable[Instance], *, pixels_only: bool
) -> Iterator[Part]:
    base = base_url(request)
    for instance in instances:
        syntax = offer.transfer_syntaxes[content.web_transfer_syntax(instance.stored_object)]
        url = retrieve.instance_url(base, instance)
        for value in retrieve.retrieve_bulk_data(instance, syntax, pixels_only=pixels_only):
            content_type = offer.content_type(syntax) if value.is_pixels else _OCTETS
            yield Part(content_type, value.content, f"{url}/{value.path}")


@require_safe
@answers_errors
def retrieve_bulk_value(
    request: HttpRequest, study: str, series: str, instance: str, tag: str
) -> HttpResponseBase:
    """One long value, by the address that the metadata gives it."""
    found = retrieve.find_instance(request.user, study, series, instance)
    return _bulk_value(request, found, tag.upper())


def _bulk_value(request: HttpRequest, found: Instance, tag: str) -> HttpResponseBase:
    stored = found.stored_object
    if tag == PIXEL_DATA and stored.frame_starts:
        return _frames(request, content.all_frames(found))
    offer, value = offer_bulk_value(accepted(request)), content.bulk_value(found, tag)
    etag = etag_of(stored.sha256, offer, tag, is_strong=offer.single_part)

    def make() -> HttpResponseBase:
        if offer.single_part:
            return single_part(request, _OCTETS, value, etag=etag)
        url = retrieve.instance_url(base_url(request), found)
        return multipart(request, OCTET_STREAM, [Part(_OCTETS, value, f"{url}/bulkdata/{tag}")])

    return unless_unchanged(request, etag, make)
