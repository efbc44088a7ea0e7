"""WADO-URI, one instance by the parameters of an address (PS3.18 9)."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.views.decorators.http import require_safe

from studies import content, retrieve
from studies.content import Frames
from studies.dicom.attributes import is_uid
from studies.dicom.pixels import MAX_PIXELS, Rendering, Viewport, Window
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import (
    DICOM,
    RENDERED_MEDIA_TYPES,
    MediaRange,
    offer_images,
    parse_accept,
)
from studies.dicomweb.rendered import (
    MAX_VIEWPORT,
    make_viewport,
    make_window,
    parse_annotation,
    parse_count,
    parse_number,
    parse_quality,
    rendered_image,
)
from studies.dicomweb.views import instance_payload
from studies.errors import InvalidQueryError, NotAvailableError

_OF_IMAGES = (
    "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality",
    "annotation",
)  # fmt: skip
PARAMETERS = (
    "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax",
    *_OF_IMAGES,
)  # fmt: skip


@require_safe
@answers_errors
def retrieve_by_uri(request: HttpRequest) -> HttpResponseBase:
    query = request.GET
    if query.get("requestType") != "WADO":
        raise InvalidQueryError("requestType is WADO (PS3.18 9.1.2.1.1).")
    study, series, instance = (_uid(query, name) for name in ("studyUID", "seriesUID", "objectUID"))
    _refuse_what_is_not_offered(query)
    found = retrieve.find_instance(request.user, study, series, instance)
    frames = content.all_frames(found)
    wishes = parse_accept(query.get("contentType") or request.headers.get("Accept") or "*/*")
    types = [*(RENDERED_MEDIA_TYPES if frames.count else ()), DICOM]
    offer = offer_images(wishes, types, alone=True, in_parts=False)
    if offer.media_type == DICOM:
        return instance_payload(request, found, [_dicom_wish(query)])
    return _image(request, frames, offer.media_type)


def _uid(query: QueryDict, name: str) -> str:
    value = query.get(name, "")
    if not is_uid(value):
        raise InvalidQueryError(f"{name} is missing or not a UID.")
    return value


def _refuse_what_is_not_offered(query: QueryDict) -> None:
    anonymize = query.get("anonymize")
    if anonymize not in (None, "yes"):
        raise InvalidQueryError("anonymize is yes or absent.")
    if anonymize:
        raise NotAvailableError("Instances are not available without their identity.")
    if query.get("presentationUID") or query.get("presentationSeriesUID"):
        raise NotAvailableError("Presentation states are not applied to images.")


def _dicom_wish(query: QueryDict) -> MediaRange:
    """application/dicom, in which no parameter of images has a meaning (PS3.18 9.4)."""
    if senseless := [name for name in _OF_IMAGES if query.get(name)]:
        raise InvalidQueryError(f"{senseless[0]} is not for {DICOM}.")
    syntax = query.get("transferSyntax", "")
    return MediaRange(DICOM, {"transfer-syntax": syntax} if syntax else {})


def _image(request: HttpRequest, frames: Frames, media_type: str) -> HttpResponseBase:
    query = request.GET
    if query.get("transferSyntax"):
        raise InvalidQueryError(f"transferSyntax is for {DICOM} only.")
    annotation, unknown = parse_annotation(query.get("annotation") or None)
    if unknown:
        raise InvalidQueryError("annotation is patient, technique or both.")
    wanted = Rendering(
        media_type,
        window=_window(query),
        viewport=_viewport(query, frames),
        quality=parse_quality(query.get("imageQuality") or None, "imageQuality"),
        annotation=annotation,
    )
    if number := query.get("frameNumber"):
        # One that is there, else it is the request that is wrong (PS3.18 9.5.2).
        frames = replace(frames, numbers=[parse_count(number, "frameNumber", frames.count)])
    return rendered_image(request, frames, wanted)


def _window(query: QueryDict) -> Window | None:
    center, width = query.get("windowCenter"), query.get("windowWidth")
    if not center and not width:
        return None
    if not center or not width:
        raise InvalidQueryError("windowCenter and windowWidth come together.")
    return make_window(
        parse_number(center, "windowCenter"), parse_number(width, "windowWidth"), "linear"
    )


def _viewport(query: QueryDict, frames: Frames) -> Viewport | None:
    """Rows and columns to fit into, and a region in parts of the image's sides."""
    rows, columns, region = (query.get(name, "") for name in ("rows", "columns", "region"))
    if not (rows or columns or region):
        return None
    source = _region(region, frames) if region else None
    if source and not (rows or columns):  # as many pixels as the region has
        return Viewport(max(1, round(source[2])), max(1, round(source[3])), source)
    named = {"rows": rows, "columns": columns}
    sides = {name: parse_number(text, name) for name, text in named.items() if text}
    # Where there is but one to fit into, the other is as large as it may be.
    other = min(MAX_VIEWPORT, MAX_PIXELS / max(1, *sides.values()))
    return make_viewport(sides.get("columns", other), sides.get("rows", other), source or ())


def _region(text: str, frames: Frames) -> tuple[float, float, float, float]:
    """`xmin,ymin,xmax,ymax`, each from 0 to 1, in pixels: x, y, width and height."""
    numbers = [parse_number(part, "region") for part in text.split(",")]
    if len(numbers) != 4 or not all(0 <= number <= 1 for number in numbers):  # noqa: PLR2004
        raise InvalidQueryError("region is xmin, ymin, xmax and ymax, each from 0 to 1.")
    left, top, right, bottom = numbers
    if right <= left or bottom <= top:
        raise InvalidQueryError("A region has its minimum before its maximum.")
    wide, high = frames.instance.columns or 0, frames.instance.rows or 0
    return left * wide, top * high, (right - left) * wide, (bottom - top) * high
