"""QIDO-RS, Search Transaction (PS3.18 10.6)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from studies import query
from studies.dicom.attributes import Attribute, Level, at_level
from studies.dicom.json_model import dumps
from studies.dicom.overlay import attribute_to_json, person_name_columns
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import DICOM_JSON, require_json
from studies.errors import InvalidQueryError
from studies.models import Instance, Series

_NOT_KEYS = {"accept", "includefield", "limit", "offset"}
_UNSUPPORTED_OPTIONS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")


@require_safe
@answers_errors
def search_for_studies(request: HttpRequest) -> HttpResponse:
    return _search(request, Level.STUDY, {})


@require_safe
@answers_errors
def search_for_series(request: HttpRequest, study: str = "") -> HttpResponse:
    return _search(request, Level.SERIES, {"StudyInstanceUID": study})


@require_safe
@answers_errors
def search_for_instances(request: HttpRequest, study: str = "", series: str = "") -> HttpResponse:
    return _search(
        request, Level.INSTANCE, {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    )


def _search(request: HttpRequest, level: Level, parents: dict[str, str]) -> HttpResponse:
    require_json(request)
    keys = {
        name: str(value)
        for name, value in request.GET.items()
        if name not in (*_NOT_KEYS, *_UNSUPPORTED_OPTIONS)
    }
    limit = min(_number(request, "limit", query.MAX_RESULTS), query.MAX_RESULTS)
    offset = _number(request, "offset", 0)
    rows = query.search(request.user, level, keys | {k: v for k, v in parents.items() if v})
    found = list(rows[offset : offset + limit + 1])
    base = request.build_absolute_uri("/dicom-web")
    body = ",".join(dumps(row_to_json(row, base)) for row in found[:limit])
    response = HttpResponse(f"[{body}]", content_type=DICOM_JSON)
    _warn(request, response, rows.count() - offset - limit if len(found) > limit else 0)
    return response


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - more is no honest page
        raise InvalidQueryError(f"{name} is not a whole number")
    return int(text)


def _warn(request: HttpRequest, response: HttpResponse, remaining: int) -> None:
    """Warning header (PS3.18 8.3.4.4.1 and, for options, 8.3.4)."""
    base = request.build_absolute_uri("/dicom-web")
    warnings = [
        f'299 {base}: "The {option} query parameter is not supported."'
        for option in _UNSUPPORTED_OPTIONS
        if request.GET.get(option) == "true"
    ]
    if remaining > 0:
        warnings.append(
            f'299 {base}: "There are {remaining} additional results that can be requested"'
        )
    if warnings:
        response.headers["Warning"] = ", ".join(warnings)


def row_to_json(row: Any, base_url: str) -> dict[str, Any]:
    """A study, series or instance with what the rows above it say, in ascending order of tags."""
    series = row.series if isinstance(row, Instance) else row
    study = series.study if isinstance(series, Series) else series
    holders = {Level.PATIENT: study, Level.STUDY: study}
    url = f"{base_url}/studies/{study.study_instance_uid}"
    if isinstance(series, Series):
        holders[Level.SERIES] = series
        url += f"/series/{series.series_instance_uid}"
    if isinstance(row, Instance):
        holders[Level.INSTANCE] = row
        url += f"/instances/{row.sop_instance_uid}"
    model: dict[str, Any] = {}
    items: dict[str, dict[str, Any]] = {}
    for level, holder in holders.items():
        for attribute in at_level(level):
            value = attribute_to_json(attribute.keyword, _column(holder, attribute))
            target = items.setdefault(attribute.sequence, {}) if attribute.sequence else model
            target[attribute.tag] = value
    for tag, item in items.items():
        is_known = any("Value" in value for value in item.values())
        model[tag] = {"vr": "SQ", "Value": [item]} if is_known else {"vr": "SQ"}
    model["00081190"] = {"vr": "UR", "Value": [url]}
    model["00080056"] = {"vr": "CS", "Value": ["ONLINE"]}
    return dict(sorted(model.items()))


def _column(row: Any, attribute: Attribute) -> Any:
    if attribute.vr == "PN":
        return person_name_columns(row, attribute.column)
    return getattr(row, attribute.column)
