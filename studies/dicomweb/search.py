"""QIDO-RS, Search Transaction (PS3.18 10.6)."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from studies import metadata, query
from studies.access import is_deidentified
from studies.dicom.attributes import Level, tag_path
from studies.dicom.json_model import dumps
from studies.dicom.overlay import attribute_to_json
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.matches import Selection, select, writer_of
from studies.dicomweb.media_types import DICOM_JSON, prefers_xml
from studies.dicomweb.models import as_array, as_xml_parts
from studies.dicomweb.payload import base_url
from studies.errors import InvalidQueryError
from studies.matching import Options

OPTIONS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_NOT_KEYS = {"accept", "includefield", "limit", "offset", *OPTIONS}


@require_safe
@gzip_page
@answers_errors
def search_for_studies(request: HttpRequest) -> HttpResponse:
    return _search(request, Level.STUDY)


@require_safe
@gzip_page
@answers_errors
def search_for_series(request: HttpRequest, study: str = "") -> HttpResponse:
    if is_deidentified(request.user):
        return _series_without_identity(request, study)
    return _search(request, Level.SERIES, study)


@require_safe
@gzip_page
@answers_errors
def search_for_instances(request: HttpRequest, study: str = "", series: str = "") -> HttpResponse:
    return _search(request, Level.INSTANCE, study, series)


def _search(request: HttpRequest, level: Level, *path: str) -> HttpResponse:
    parents = [uid for uid in path if uid]
    as_xml, base = prefers_xml(request), base_url(request)
    keys, options = _keys(request.GET), _options(request.GET)
    limit, offset = _page(request.GET)
    rows = query.search(request.user, level, keys, parents=parents, options=options)
    selection = _selection(request.GET, level, keys, len(parents))
    writer = writer_of(selection, base)
    if writer.header is not None:
        limit = min(limit, query.MAX_HEADERS)
    matches = query.read_matches(rows, writer.columns, offset=offset, limit=limit)
    if writer.header is not None:
        matches = query.with_headers(matches, writer.header)
    texts = map(writer.write, matches.rows)
    content_type, body = as_xml_parts(texts) if as_xml else (DICOM_JSON, as_array(texts))
    response = HttpResponse(b"".join(body), content_type=content_type)
    _tell_total(response, matches, offset, base)
    patch_vary_headers(response, ["Accept"])
    return response


def _series_without_identity(request: HttpRequest, study: str) -> HttpResponse:
    """Without keys and fields of the client's own: by trials they would tell what is left out."""
    series = metadata.series_of_study(request.user, study)
    texts = (
        dumps(
            {
                "00080060": attribute_to_json("Modality", row.modality),
                "0020000E": attribute_to_json("SeriesInstanceUID", row.series_instance_uid),
                "00200011": attribute_to_json("SeriesNumber", row.series_number),
                "00201209": attribute_to_json(
                    "NumberOfSeriesRelatedInstances", row.number_of_series_related_instances
                ),
            }
        )
        for row in series
    )
    return HttpResponse(b"".join(as_array(texts)), content_type=DICOM_JSON)


# --- Parameters (PS3.18 8.3.4) -------------------------------------------------------------------


def _keys(parameters: QueryDict) -> dict[str, str]:
    """The keys, each given once (8.3.4.1)."""
    for name, values in parameters.lists():
        if len(values) > 1 and name != "includefield":
            raise InvalidQueryError(f"{name[:64]} is given twice")
    return {name: str(value) for name, value in parameters.items() if name not in _NOT_KEYS}


def _options(parameters: QueryDict) -> Options:
    for name in OPTIONS:
        if parameters.get(name, "false") not in ("true", "false", ""):
            raise InvalidQueryError(f"{name} is neither true nor false")
    return Options(*(parameters.get(name) == "true" for name in OPTIONS))


def _page(parameters: QueryDict) -> tuple[int, int]:
    """Rows of the page, as asked for, and rows before it."""
    limit, offset = _number(parameters, "limit", query.MAX_RESULTS), _number(parameters, "offset")
    if offset > query.MAX_OFFSET:
        raise InvalidQueryError(
            f"offset is more than {query.MAX_OFFSET}; narrow the search to get to such matches"
        )
    return limit, offset


def _number(parameters: QueryDict, name: str, default: int = 0) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:  # noqa: PLR2004 - no honest page
        raise InvalidQueryError(f"{name} is not a whole number")
    return int(text)


def _selection(parameters: QueryDict, level: Level, keys: Iterable[str], parents: int) -> Selection:
    """What to return: the default, what includefield names and what is matched (10.6.3.3)."""
    fields = [
        field.strip() for value in parameters.getlist("includefield") for field in value.split(",")
    ]
    fields = [field for field in fields if field]
    if "all" in fields:
        if len(fields) > 1:
            raise InvalidQueryError("includefield has to be either all or a list of attributes")
        return select(level, parents=parents, everything=True)
    for field in fields:
        if not tag_path(field):
            raise InvalidQueryError(f"{field[:64]} in includefield is not an attribute")
    return select(level, parents=parents, asked=frozenset(map(tag_path, (*fields, *keys))))


# --- Answer --------------------------------------------------------------------------------------


def _tell_total(response: HttpResponse, matches: query.Matches, offset: int, base: str) -> None:
    """How many matches there are, and the warning that some remain (PS3.18 8.3.4.4.1)."""
    response.headers["X-Total-Count"] = str(matches.total)
    response.headers["X-Total-Count-Relation"] = "eq" if matches.is_exact else "gte"
    remaining = max(0, matches.total - offset - len(matches.rows))
    if remaining or not matches.is_exact:
        number = str(remaining) if matches.is_exact else f"more than {remaining}"
        response.headers["Warning"] = (
            f'299 {base}: "There are {number} additional results that can be requested"'
        )
