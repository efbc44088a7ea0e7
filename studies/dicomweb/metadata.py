"""Metadata of studies, series and instances (PS3.18 10.4.1.1.2)."""

import hashlib
from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from studies import metadata, retrieve
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM_JSON, parse_accept, prefers_xml
from studies.dicomweb.models import as_array, as_xml_parts
from studies.dicomweb.payload import base_url
from studies.models import Series


@require_safe
@answers_errors
def retrieve_series_metadata(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = retrieve.find_series(request.user, study, series)
    etag = _digest(metadata.etag_of(found, base), as_xml=as_xml)
    if unchanged := _unchanged(request, etag):
        return unchanged
    if as_xml:
        return _with_etag(_xml(metadata.retrieve_headers([found], base_url=base)), etag)
    content = metadata.retrieve_series_metadata(found, base_url=base)
    if _takes_gzip(request):
        response = HttpResponse(content, DICOM_JSON, headers={"Content-Encoding": "gzip"})
    else:
        response = HttpResponse(metadata.inflated(content), DICOM_JSON)
    return _with_etag(response, etag)


@require_safe
@gzip_page
@answers_errors
def retrieve_study_metadata(request: HttpRequest, study: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = metadata.series_of_study(request.user, study)
    etag = _digest(*(metadata.etag_of(series, base) for series in found), as_xml=as_xml)
    if unchanged := _unchanged(request, etag):
        return unchanged
    if as_xml:
        return _with_etag(_xml(metadata.retrieve_headers(found, base_url=base)), etag)
    return _with_etag(StreamingHttpResponse(_joined(found, base), content_type=DICOM_JSON), etag)


def _joined(series: list[Series], base: str) -> Iterator[bytes]:
    """One array out of the arrays of the series, whose brackets become commas."""
    held = b""
    for one in series:
        content = metadata.retrieve_series_metadata(one, base_url=base)
        for number, piece in enumerate(metadata.inflated(content)):
            # The bracket at the end of one series and that at the beginning of the next.
            joined = b"," + piece[1:] if held == b"]" and number == 0 else held + piece
            yield joined[:-1]
            held = joined[-1:]
    yield held


@require_safe
@gzip_page
@answers_errors
def retrieve_instance_metadata(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    as_xml = prefers_xml(request)
    found = retrieve.find_instances(request.user, study, series, instance)
    headers = list(retrieve.retrieve_metadata(found, base_url=base_url(request)))
    if not headers:
        raise retrieve.absence(request.user, study, series, instance)
    etag = _digest(*headers, as_xml=as_xml)
    if unchanged := _unchanged(request, etag):
        return unchanged
    if as_xml:
        return _with_etag(_xml(headers), etag)
    return _with_etag(HttpResponse(as_array(headers), content_type=DICOM_JSON), etag)


def _xml(headers: Iterable[str]) -> StreamingHttpResponse:
    content_type, body = as_xml_parts(headers)
    return StreamingHttpResponse(body, content_type=content_type)


def _digest(*texts: str, as_xml: bool) -> str:
    """A name for all of this in one of its forms."""
    return hashlib.sha256(f"{''.join(texts)}{as_xml}".encode()).hexdigest()[:32]


def _takes_gzip(request: HttpRequest) -> bool:
    wishes = parse_accept(request.headers.get("Accept-Encoding", ""))
    return any(wish.type in ("gzip", "*") for wish in wishes)


def _unchanged(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    """304 where the client has it already; weak, since compression makes other bytes of it."""
    answer = get_conditional_response(request, etag=f'W/"{etag}"')
    return _with_etag(answer, etag) if answer else None


def _with_etag(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response.headers["ETag"] = f'W/"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    return response
