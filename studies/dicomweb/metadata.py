"""Metadata of studies, series and instances (PS3.18 10.4.1.1.2)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from studies import metadata, retrieve
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM_JSON, parse_accept, prefers_xml
from studies.dicomweb.models import as_array, as_xml_parts
from studies.dicomweb.payload import base_url, etag_of, unless_unchanged
from studies.models import Series


@require_safe
@answers_errors
def retrieve_series_metadata(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = retrieve.find_series(request.user, study, series)
    etag = etag_of(metadata.etag_of(found, base), as_xml, is_strong=False)

    def make() -> HttpResponseBase:
        if as_xml:
            return _xml(metadata.retrieve_headers([found], base_url=base))
        content = metadata.retrieve_series_metadata(found, base_url=base)
        if _takes_gzip(request):
            return HttpResponse(content, DICOM_JSON, headers={"Content-Encoding": "gzip"})
        return HttpResponse(metadata.inflated(content), DICOM_JSON)

    return _unless_unchanged(request, etag, make)


@require_safe
@gzip_page
@answers_errors
def retrieve_study_metadata(request: HttpRequest, study: str) -> HttpResponseBase:
    as_xml, base = prefers_xml(request), base_url(request)
    found = metadata.series_of_study(request.user, study)
    etag = etag_of([metadata.etag_of(one, base) for one in found], as_xml, is_strong=False)

    def make() -> HttpResponseBase:
        if as_xml:
            return _xml(metadata.retrieve_headers(found, base_url=base))
        return StreamingHttpResponse(_joined(found, base), content_type=DICOM_JSON)

    return _unless_unchanged(request, etag, make)


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
    etag = etag_of(headers, as_xml, is_strong=False)
    json = partial(HttpResponse, as_array(headers), DICOM_JSON)
    return _unless_unchanged(request, etag, partial(_xml, headers) if as_xml else json)


def _xml(headers: Iterable[str]) -> StreamingHttpResponse:
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
