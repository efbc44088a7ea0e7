"""Metadata of studies, series and instances (PS3.18 10.4.1.1.2)."""

from collections.abc import Callable, Iterable
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from studies import gzip_parts, metadata, retrieve
from studies.access import is_deidentified
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM_JSON, parse_accept, prefers_xml
from studies.dicomweb.models import as_array, as_xml_parts
from studies.dicomweb.payload import base_url, etag_of, started, unless_unchanged
from studies.models import Series
from studies.noting import note_read


@require_safe
@answers_errors
def retrieve_series_metadata(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = retrieve.find_series(request.user, study, series)
    form = (as_xml, is_deidentified(request.user))
    etag = etag_of(metadata.etag_of(found, base), form, is_strong=False)
    return _unless_unchanged(request, etag, lambda: _answer(request, [found], as_xml=as_xml))


@require_safe
@answers_errors
def retrieve_study_metadata(request: HttpRequest, study: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = metadata.series_of_study(request.user, study)
    etag = etag_of([metadata.etag_of(one, base) for one in found], as_xml, is_strong=False)
    return _unless_unchanged(request, etag, lambda: _answer(request, found, as_xml=as_xml))


def _answer(request: HttpRequest, series: list[Series], *, as_xml: bool) -> HttpResponseBase:
    """All instances of these series, without compressing again what is kept compressed."""
    base = base_url(request)
    if is_deidentified(request.user):
        return _without_identity(request, series)
    if as_xml:
        return _xml(request, metadata.retrieve_headers(series, base_url=base))
    parts: Iterable[gzip_parts.Part] = []
    if request.method != "HEAD":
        # What fails on the first series still fails as an error.
        parts = started(metadata.retrieve_parts(series, base_url=base))
    if not _takes_gzip(request):
        return StreamingHttpResponse(gzip_parts.inflated_array(parts), content_type=DICOM_JSON)
    headers = {"Content-Encoding": "gzip"}
    if len(series) == 1:  # of many, never more than a few are in memory, and the length is unknown
        return HttpResponse(b"".join(gzip_parts.array(parts)), DICOM_JSON, headers=headers)
    content = gzip_parts.array(parts)
    return StreamingHttpResponse(content, content_type=DICOM_JSON, headers=headers)


@gzip_page
def _without_identity(request: HttpRequest, series: list[Series]) -> StreamingHttpResponse:
    """In JSON, whatever is asked for: nothing else is made for whoever comes by a link."""
    base = base_url(request)
    shown = metadata.retrieve_without_identity(request.user, series, base_url=base)
    return StreamingHttpResponse(as_array(shown), content_type=DICOM_JSON)


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
    note_read(request.user, study)
    etag = etag_of(headers, as_xml, is_strong=False)
    json = partial(HttpResponse, as_array(headers), DICOM_JSON)
    xml = partial(_xml, request, headers)
    return _unless_unchanged(request, etag, xml if as_xml else json)


@gzip_page
def _xml(_: HttpRequest, headers: Iterable[str]) -> StreamingHttpResponse:
    content_type, body = as_xml_parts(headers)
    return StreamingHttpResponse(body, content_type=content_type)


def _takes_gzip(request: HttpRequest) -> bool:
    wishes = parse_accept(request.headers.get("Accept-Encoding", ""))
    return any(wish.type in ("gzip", "*") for wish in wishes)


def _unless_unchanged(
    request: HttpRequest, etag: str, make: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """The ETag is weak, since compression makes other bytes of it."""
    response = unless_unchanged(request, etag, make)
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    return response
