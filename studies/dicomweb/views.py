"""WADO-RS, Retrieve Transaction (PS3.18 10.4)."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

from studies import retrieve
from studies.dicom.multipart import new_boundary, write_parts
from studies.dicom.parse import EXPLICIT_VR_LITTLE_ENDIAN
from studies.dicomweb import archive
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import (
    OCTET_STREAM,
    Offer,
    offer_frames,
    offer_instances,
)
from studies.errors import InvalidQueryError
from studies.models import Instance

# Pixels of an instance never change, identity may: a browser keeps only the former unasked.
_UNCHANGING = "private, max-age=86400, immutable"
_REVALIDATE = "private, no-cache"


@require_safe
@answers_errors
def retrieve_instances(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    if archive.is_wanted(request):
        return archive.retrieve_archive(request, study, series, instance)
    found = list(
        retrieve.find_instances(request.user, study, series, instance).defer(
            "stored_object__header_json"
        )
    )
    if not found:
        raise retrieve.absence(request.user, study, series, instance)
    syntaxes = {row.stored_object.transfer_syntax_uid for row in found}
    offer = offer_instances(request, syntaxes, alone=instance is not None)
    parts = ((_dicom_type(row), retrieve.retrieve_instance(row)) for row in found)
    response = _payload(offer, "application/dicom", parts)
    if offer.single_part:
        response.headers["Content-Disposition"] = f'attachment; filename="{instance}.dcm"'
    response.headers["Cache-Control"] = _REVALIDATE
    return response


def _dicom_type(row: Instance) -> str:
    return f"application/dicom; transfer-syntax={row.stored_object.transfer_syntax_uid}"


@require_safe
@answers_errors
def retrieve_frames(
    request: HttpRequest, study: str, series: str, instance: str, frames: str
) -> HttpResponseBase:
    numbers = _frame_numbers(frames)
    found = retrieve.find_instance(request.user, study, series, instance)
    syntax = retrieve.web_transfer_syntax(found.stored_object)
    offer = offer_frames(request, syntax, alone=len(numbers) == 1)
    content = retrieve.retrieve_frames(found, numbers)
    part_type = offer.content_type.split(";")[0]
    response = _payload(offer, part_type, ((offer.content_type, [frame]) for frame in content))
    response.headers["Cache-Control"] = _UNCHANGING
    return _conditional(request, response, _etag(found, offer, frames))


def _etag(found: Instance, offer: Offer, what: str) -> str:
    """ETag of a part of an object in one form: another form is another representation."""
    form = hashlib.sha256(f"{offer} {what}".encode()).hexdigest()
    return f"{found.stored_object.sha256[:24]}-{form[:16]}"


def _frame_numbers(text: str) -> list[int]:
    """A list as `1,2,5`, numbers from 1 (PS3.18 10.4.1.1.6)."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError as error:
        raise InvalidQueryError("Frames are a list of numbers such as 1,2,5.") from error


@require_safe
@answers_errors
def retrieve_bulk_data(
    request: HttpRequest, study: str, series: str, instance: str, tag: str
) -> HttpResponseBase:
    found = retrieve.find_instance(request.user, study, series, instance)
    if tag == retrieve.PIXEL_DATA and found.stored_object.frame_starts:
        count = retrieve.number_of_frames(found.stored_object)
        frames = ",".join(str(number) for number in range(1, count + 1))
        return retrieve_frames(request, study, series, instance, frames)
    # Whatever the pixels are compressed with, all else is as it is, in little endian.
    offer = offer_frames(request, EXPLICIT_VR_LITTLE_ENDIAN, alone=True)
    value = retrieve.retrieve_bulk_value(found, tag)
    response = _payload(offer, OCTET_STREAM, [(offer.content_type, value)])
    response.headers["Cache-Control"] = _UNCHANGING
    return _conditional(request, response, _etag(found, offer, tag))


@require_safe
@answers_errors
def retrieve_series_thumbnail(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    thumbnail = retrieve.retrieve_thumbnail(request.user, study, series)
    response = HttpResponse(thumbnail.content, content_type="image/jpeg")
    return _conditional(request, response, thumbnail.etag)


def _payload(
    offer: Offer, part_type: str, parts: Iterable[tuple[str, Iterable[bytes]]]
) -> StreamingHttpResponse:
    """The parts as one body; what fails on the first bytes still fails as an error."""
    if offer.single_part:
        pieces = itertools.chain.from_iterable(content for _, content in parts)
        response = StreamingHttpResponse(_started(pieces), content_type=offer.content_type)
    else:
        boundary = new_boundary()
        response = StreamingHttpResponse(
            _started(write_parts(boundary, parts), pieces=2),
            content_type=f'multipart/related; type="{part_type}"; boundary={boundary}',
        )
    patch_vary_headers(response, ["Accept"])
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _started(content: Iterable[bytes], *, pieces: int = 1) -> Iterator[bytes]:
    iterator = iter(content)
    first = list(itertools.islice(iterator, pieces))
    return itertools.chain(first, iterator)


def _conditional(request: HttpRequest, response: HttpResponseBase, etag: str) -> HttpResponseBase:
    """304 where the client already has it."""
    response.headers["ETag"] = f'"{etag}"'
    response.headers.setdefault("Cache-Control", _REVALIDATE)
    return get_conditional_response(request, etag=f'"{etag}"', response=response) or response  # type: ignore[arg-type]
