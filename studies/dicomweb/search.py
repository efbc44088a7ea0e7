"""QIDO-RS, Search Transaction (PS3.18 10.6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from studies import query
from studies.dicom.attributes import Level, tag_path
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.matches import Selection, select, writer_of
from studies.dicomweb.media_types import DICOM_JSON, prefers_xml
from studies.dicomweb.metadata import base_url
from studies.dicomweb.models import as_array, as_xml_parts
from studies.errors import InvalidQueryError
from studies.matching import Options

_OPTIONS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_NOT_KEYS = {"accept", "includefield", "limit", "offset", *_OPTIONS}
# Matches are counted up to here; a page that fills costs the database their counting as well.
COUNT_LIMIT = 1000


@require_safe
@answers_errors
def search_for_studies(request: HttpRequest) -> HttpResponse:
    return _search(request, Level.STUDY)


@require_safe
@answers_errors
def search_for_series(request: HttpRequest, /, **parents: str) -> HttpResponse:
    return _search(request, Level.SERIES, *parents.values())


@require_safe
@answers_errors
def search_for_instances(request: HttpRequest, /, **parents: str) -> HttpResponse:
    return _search(request, Level.INSTANCE, *parents.values())


@dataclass(frozen=True, slots=True)
class _Page:
    """Some matches, each as JSON text, and how many there are; at least, if not `is_exact`."""

    texts: list[str]
    total: int
    is_exact: bool


def _search(request: HttpRequest, level: Level, *parents: str) -> HttpResponse:
    as_xml, base = prefers_xml(request), base_url(request)
    keys, options = _keys(request.GET), _options(request.GET)
    limit, offset = _number(request.GET, "limit", query.MAX_RESULTS), _number(request.GET, "offset")
    rows = query.search(request.user, level, keys, parents=parents, options=options)
    selection = _selection(request.GET, level, keys, len(parents))
    page = _page(rows, selection, base, offset, min(limit, query.MAX_RESULTS))
    content_type, body = as_xml_parts(page.texts) if as_xml else (DICOM_JSON, as_array(page.texts))
    response = HttpResponse(b"".join(body), content_type=content_type)
    _tell_total(response, page, page.total - offset - len(page.texts), base)
    patch_vary_headers(response, ["Accept"])
    return response


# --- Parameters (PS3.18 8.3.4) -------------------------------------------------------------------


def _keys(parameters: QueryDict) -> dict[str, str]:
    """The keys, each given once (8.3.4.1)."""
    for name, values in parameters.lists():
        if len(values) > 1 and name != "includefield":
            raise InvalidQueryError(f"{name[:64]} is given twice")
    return {name: str(value) for name, value in parameters.items() if name not in _NOT_KEYS}


def _options(parameters: QueryDict) -> Options:
    for name in _OPTIONS:
        if parameters.get(name, "false") not in ("true", "false", ""):
            raise InvalidQueryError(f"{name} is neither true nor false")
    return Options(*(parameters.get(name) == "true" for name in _OPTIONS))


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
    return select(level, parents=parents, asked=map(tag_path, (*fields, *keys)))


# --- Answer --------------------------------------------------------------------------------------


def _page(rows: QuerySet[Any], selection: Selection, base: str, offset: int, limit: int) -> _Page:
    """One statement; a second one counts where there are more matches than the page holds."""
    writer = writer_of(selection, base)
    found = list(rows.values_list(*writer.columns)[offset : offset + limit + 1])
    texts = [writer.write(row) for row in found[:limit]]
    seen = offset + len(found)
    if len(found) <= limit and (found or not offset):
        return _Page(texts, seen, is_exact=True)
    total = query.count(rows, COUNT_LIMIT)
    if total <= COUNT_LIMIT:
        return _Page(texts, total, is_exact=True)
    return _Page(texts, max(COUNT_LIMIT, seen), is_exact=False)


def _tell_total(response: HttpResponse, page: _Page, remaining: int, base: str) -> None:
    """How many matches there are, and the warning that some remain (PS3.18 8.3.4.4.1)."""
    response.headers["X-Total-Count"] = str(page.total)
    response.headers["X-Total-Count-Relation"] = "eq" if page.is_exact else "gte"
    if remaining > 0 or not page.is_exact:
        more_than = "" if page.is_exact else "more than "
        response.headers["Warning"] = (
            f'299 {base}: "There are {more_than}{remaining} additional results'
            ' that can be requested"'
        )
