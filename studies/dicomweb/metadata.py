"""Metadata of studies, series and instances (PS3.18 10.4.1.1.2)."""

import gzip
import hashlib
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from studies import metadata, retrieve
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM_JSON, require_json
from studies.models import Series


@require_safe
@answers_errors
def retrieve_series_metadata(request: HttpRequest, study: str, series: str) -> HttpResponseBase:
    require_json(request)
    found, base = retrieve.find_series(request.user, study, series), base_url(request)
    etag = metadata.etag_of(found, base)
    if unchanged := _unchanged(request, etag):
        return unchanged
    content = metadata.retrieve_series_metadata(found, base_url=base)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response = HttpResponse(content, DICOM_JSON, headers={"Content-Encoding": "gzip"})
    else:
        response = HttpResponse(gzip.decompress(content), DICOM_JSON)
    return _with_etag(response, etag)


@require_safe
@gzip_page
@answers_errors
def retrieve_study_metadata(request: HttpRequest, study: str) -> HttpResponseBase:
    require_json(request)
    found, base = metadata.series_of_study(request.user, study), base_url(request)
    etags = "".join(metadata.etag_of(series, base) for series in found)
    etag = hashlib.sha256(etags.encode()).hexdigest()[:32]
    if unchanged := _unchanged(request, etag):
        return unchanged
    return _with_etag(StreamingHttpResponse(_joined(found, base), content_type=DICOM_JSON), etag)


def _joined(series: list[Series], base: str) -> Iterator[bytes]:
    """One array out of the arrays of the series."""
    for number, one in enumerate(series):
        content = gzip.decompress(metadata.retrieve_series_metadata(one, base_url=base))
        yield (b"," if number else b"[") + content[1:-1]
    yield b"]"


@require_safe
@gzip_page
@answers_errors
def retrieve_instance_metadata(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    require_json(request)
    found = retrieve.find_instances(request.user, study, series, instance)
    body = ",".join(retrieve.retrieve_metadata(found, base_url=base_url(request)))
    if not body:
        raise retrieve.absence(request.user, study, series, instance)
    etag = hashlib.sha256(body.encode()).hexdigest()[:32]
    response = HttpResponse(f"[{body}]", content_type=DICOM_JSON)
    return _unchanged(request, etag) or _with_etag(response, etag)


def base_url(request: HttpRequest) -> str:
    """Address of the service as this client calls it."""
    return request.build_absolute_uri("/dicom-web")


def _unchanged(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    """304 where the client has it already; weak, since compression makes other bytes of it."""
    answer = get_conditional_response(request, etag=f'W/"{etag}"')
    return _with_etag(answer, etag) if answer else None


def _with_etag(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response.headers["ETag"] = f'W/"{etag}"'
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    return response
