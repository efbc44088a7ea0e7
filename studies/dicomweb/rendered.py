"""Rendered and thumbnail resources of WADO-RS (PS3.18 10.4.1.1.3 and 10.4.1.1.4)."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from studies import content, documents, rendering, retrieve
from studies.content import Frames
from studies.dicom.pixels import MAX_PIXELS, THUMBNAIL_SIZE, Rendering, Viewport, Window
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import (
    JPEG,
    MOVING_MEDIA_TYPE,
    RENDERED_MEDIA_TYPES,
    accepted,
    offer_images,
)
from studies.dicomweb.payload import (
    REVALIDATE,
    Part,
    base_url,
    etag_of,
    multipart,
    single_part,
    unless_unchanged,
)
from studies.dicomweb.views import frame_numbers
from studies.documents import NOTHING_ACTIVE, PDF, Document
from studies.errors import InvalidQueryError
from studies.models import Instance

MAX_VIEWPORT = 8192
_ANNOTATIONS = frozenset({"patient", "technique"})
_MAX_WORDS = 16
_WORD = re.compile(r"[A-Za-z][\w-]{0,31}", re.ASCII)
_DIGITS = re.compile(r"\d{1,12}", re.ASCII)
# Those of DICOM (PS3.3 C.12.1.1.2), by the names of IANA.
_CHARSETS = {
    "*", "utf-8", "us-ascii", "iso-8859-1", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5",
    "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-15", "iso-2022-jp",
    "iso-2022-kr", "shift_jis", "euc-kr", "gb18030", "gbk", "gb2312", "tis-620",
}  # fmt: skip
_ICC_PROFILES = ("no", "yes", "srgb")
_FUNCTIONS = {"linear", "linear-exact", "sigmoid"}  # PS3.18 8.3.5.1.4
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE | re.ASCII)


# --- Rendered -------------------------------------------------------------------------------------


@require_safe
@answers_errors
def retrieve_rendered_frames(
    request: HttpRequest, study: str, series: str, instance: str, frames: str
) -> HttpResponseBase:
    numbers = frame_numbers(frames)
    found = retrieve.find_frames(request.user, study, series, instance, numbers)
    return _rendered(request, found, alone=len(numbers) == 1)


@require_safe
@answers_errors
def retrieve_rendered_instance(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    """All frames where the media type moves, else the one that stands for them.

    A PDF and a video come as they are.
    """
    found = retrieve.find_instance(request.user, study, series, instance)
    if document := documents.rendered_document(found):
        return _document(request, found, document)
    return _rendered(request, content.all_frames(found), alone=True)


def _document(request: HttpRequest, found: Instance, document: Document) -> HttpResponseBase:
    """What a browser shows by itself, in a frame of this portal's own pages and nowhere else."""
    media_type = document.media_type
    offer_images(accepted(request), [media_type], alone=True, in_parts=False)
    etag = etag_of(found.stored_object.sha256, media_type)
    response = unless_unchanged(
        request, etag, lambda: single_part(request, media_type, document.content, etag=etag)
    )
    extension = {PDF: "pdf", "video/mp4": "mp4"}.get(media_type, "mpg")
    name = f'inline; filename="{found.sop_instance_uid}.{extension}"'
    response.headers["Content-Disposition"] = name
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Content-Security-Policy"] = NOTHING_ACTIVE
    return response


def _rendered(request: HttpRequest, frames: Frames, *, alone: bool) -> HttpResponseBase:
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=alone)
    wanted = parse_rendering(request.GET, offer.media_type)
    if offer.single_part:
        response = rendered_image(request, frames, wanted)
    else:
        rendering.require_few(len(frames.numbers))
        content_name = (frames.instance.stored_object.sha256, frames.numbers)
        response = _rendered_parts(request, [frames], wanted, content_name)
    _tell_what_is_ignored(request, response)
    return response


@require_safe
@answers_errors
def retrieve_rendered_instances(
    request: HttpRequest, study: str, series: str | None = None
) -> HttpResponseBase:
    """Every frame of a study or a series, in parts."""
    found = retrieve.find_instance_set(request.user, study, series)
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=False)
    wanted = parse_rendering(request.GET, offer.media_type)
    rendering.require_few(rendering.count_frames(request.user, study, series))
    response = _rendered_parts(request, map(content.all_frames, found), wanted, found.keys)
    _tell_what_is_ignored(request, response)
    return response


def rendered_image(request: HttpRequest, frames: Frames, wanted: Rendering) -> HttpResponseBase:
    """One image: of the only frame, of all that move, or of the one that stands for them."""
    if len(frames.numbers) != 1 and wanted.media_type != MOVING_MEDIA_TYPE:
        frames = rendering.middle(frames)
    instance = frames.instance
    is_named = bool(wanted.annotation) and instance.is_overlaid
    identity = retrieve.identity_of(instance) if is_named else None
    etag = etag_of(instance.stored_object.sha256, identity, wanted, frames.numbers)
    response = unless_unchanged(
        request,
        etag,
        lambda: _image(request, frames, wanted),
    )
    patch_vary_headers(response, ["Accept"])
    return response


def _image(request: HttpRequest, frames: Frames, wanted: Rendering) -> HttpResponseBase:
    if request.method == "HEAD":
        return StreamingHttpResponse((), content_type=wanted.media_type)
    return HttpResponse(rendering.render(frames, wanted), content_type=wanted.media_type)


def _rendered_parts(
    request: HttpRequest, instances: Iterable[Frames], wanted: Rendering, content_name: object
) -> HttpResponseBase:
    """Every frame in a part; `content_name` is another where the pixels are others."""
    base = base_url(request)
    parts = (
        Part(
            wanted.media_type,
            [image],
            f"{retrieve.instance_url(base, instance)}/frames/{number}/rendered",
        )
        for instance, number, image in rendering.render_each(instances, wanted)
    )
    if wanted.annotation:  # the names of all these patients are not compared
        response = multipart(request, wanted.media_type, parts)
        response.headers["Cache-Control"] = REVALIDATE
        return response
    etag = etag_of(content_name, wanted, is_strong=False)
    return unless_unchanged(request, etag, lambda: multipart(request, wanted.media_type, parts))


def _tell_what_is_ignored(request: HttpRequest, response: HttpResponseBase) -> None:
    """The warning of PS3.18 8.3.5.1.1."""
    _, ignored = parse_annotation(request.GET.get("annotation"))
    if ignored:
        base = base_url(request)
        said = f"The following annotations are not supported: {', '.join(ignored)}"
        response.headers["Warning"] = f'299 {base}: "{said}"'


# --- Thumbnails -----------------------------------------------------------------------------------


@require_safe
@answers_errors
def retrieve_thumbnail(
    request: HttpRequest, study: str, series: str | None = None, instance: str | None = None
) -> HttpResponseBase:
    """One small image of a study, a series or an instance; nothing is ever burned into it."""
    if series and instance:
        found = retrieve.find_instance(request.user, study, series, instance)
    else:
        found = rendering.find_representative(request.user, study, series)
    return _thumbnail(request, content.all_frames(found))


@require_safe
@answers_errors
def retrieve_frame_thumbnail(
    request: HttpRequest, study: str, series: str, instance: str, frames: str
) -> HttpResponseBase:
    """Of the first of the frames."""
    numbers = frame_numbers(frames)[:1]
    return _thumbnail(request, retrieve.find_frames(request.user, study, series, instance, numbers))


def _thumbnail(request: HttpRequest, frames: Frames) -> HttpResponseBase:
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=True, in_parts=False)
    viewport = parse_viewport(request.GET.get("viewport"))
    if viewport and viewport.source:
        raise InvalidQueryError("The viewport of a thumbnail is its width and its height.")
    are_all = len(frames.numbers) == frames.count
    if offer.media_type == JPEG and viewport is None and are_all:
        return _kept_thumbnail(request, rendering.thumbnail_key(frames.instance))
    size = Viewport(THUMBNAIL_SIZE, THUMBNAIL_SIZE, enlarge=False)
    # Words drawn by devices into overlay planes may name the patient.
    wanted = Rendering(offer.media_type, viewport=viewport or size, overlays=False)
    return rendered_image(request, rendering.middle(frames) if are_all else frames, wanted)


def _kept_thumbnail(request: HttpRequest, key: str) -> HttpResponseBase:
    response = unless_unchanged(
        request,
        f'"{key[-16:]}"',
        lambda: HttpResponse(rendering.read_thumbnail(key), content_type=JPEG),
    )
    patch_vary_headers(response, ["Accept"])
    return response


# --- Parameters -----------------------------------------------------------------------------------


def parse_rendering(query: Mapping[str, str], media_type: str) -> Rendering:
    """The query parameters of rendered resources (PS3.18 8.3.5.1).

    Raises:
        InvalidQueryError: If one of them cannot be understood, or asks for what there is not.
    """
    icc_profile = query.get("iccprofile", "no")
    if icc_profile not in _ICC_PROFILES:
        raise InvalidQueryError(f"iccprofile is one of {', '.join(_ICC_PROFILES)} here.")
    if icc_profile != "no" and media_type == MOVING_MEDIA_TYPE:
        raise InvalidQueryError(f"{media_type} holds no colour profile.")
    _check_charsets(query.get("charset"))
    annotation, _ = parse_annotation(query.get("annotation"))
    return Rendering(
        media_type,
        window=_window(query.get("window")),
        viewport=parse_viewport(query.get("viewport")),
        quality=parse_quality(query.get("quality"), "quality"),
        annotation=annotation,
        icc_profile=icc_profile,
    )


def _check_charsets(text: str | None) -> None:
    """`charset` (8.3.3.2) has no say in an image, but shall name what there is."""
    names = [] if text is None else [entry.partition(";")[0].strip() for entry in text.split(",")]
    if not {name.lower() for name in names} <= _CHARSETS:
        raise InvalidQueryError("charset names a character set that is not known here.")


def parse_annotation(text: str | None) -> tuple[frozenset[str], list[str]]:
    """Which of patient and technique are to be burned in, and the words that mean nothing here.

    PS3.18 8.3.5.1.1.
    """
    words = [] if text is None else text.split(",")
    if len(words) > _MAX_WORDS or not all(map(_WORD.fullmatch, words)):
        raise InvalidQueryError("annotation is patient, technique or both.")
    return _ANNOTATIONS.intersection(words), [word for word in words if word not in _ANNOTATIONS]


def parse_quality(text: str | None, name: str) -> int | None:
    """A whole number from 1 to 100 (8.3.5.1.2)."""
    return None if text is None else parse_count(text, name, 100)


def parse_count(text: str, name: str, most: int) -> int:
    """A whole number from 1 to `most`."""
    number = int(text) if _DIGITS.fullmatch(text) else 0
    if not 1 <= number <= most:
        raise InvalidQueryError(f"{name} is a whole number from 1 to {most}.")
    return number


def parse_viewport(text: str | None) -> Viewport | None:
    """`width,height[,x,y,width,height]` (8.3.5.1.3): what to fit into, and of which region.

    Of the region any may be left empty, and the last ones left out.
    """
    if text is None:
        return None
    values = [parse_number(part, "viewport") if part else None for part in text.split(",")]
    width, height, *region = values if len(values) > 1 else (None, None)
    if width is None or height is None:
        raise InvalidQueryError("viewport is at least its width and height.")
    return make_viewport(width, height, region)


def make_viewport(width: float, height: float, region: Sequence[float | None] = ()) -> Viewport:
    """Raises InvalidQueryError if it is no size that can be drawn, or no region of an image."""
    if not (1 <= width <= MAX_VIEWPORT and 1 <= height <= MAX_VIEWPORT):
        raise InvalidQueryError(f"A viewport is from 1 to {MAX_VIEWPORT} pixels wide and high.")
    if width * height > MAX_PIXELS:
        raise InvalidQueryError(f"A viewport has no more than {MAX_PIXELS} pixels.")
    if not region:
        return Viewport(int(width), int(height))
    if len(region) > 4 or 0 in region[2:]:  # noqa: PLR2004 - x, y, width, height
        raise InvalidQueryError("A region is its x, y, width and height, which are not 0.")
    x, y, wide, high = (*region, None, None, None)[:4]
    return Viewport(int(width), int(height), (x, y, wide, high))


def _window(text: str | None) -> Window | None:
    """`center,width,function`, all three (8.3.5.1.4)."""
    if text is None:
        return None
    center, width, function, *more = [*text.split(","), "", ""]
    if more != ["", ""]:
        raise InvalidQueryError("window is its center, its width and its function.")
    numbers = [parse_number(number, "window") for number in (center, width)]
    return make_window(numbers[0], numbers[1], function.lower())


def make_window(center: float, width: float, function: str) -> Window:
    """Raises InvalidQueryError if there is no such window (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    if function not in _FUNCTIONS:
        raise InvalidQueryError("window is its center, width and linear, linear-exact or sigmoid.")
    if width < 1 if function == "linear" else width <= 0:
        raise InvalidQueryError("A window is wider than 0, and at least 1 where it is linear.")
    return Window(center, width, function)


def parse_number(text: str, name: str) -> float:
    """A decimal number (PS3.5 6.2, DS); Python would take more for one."""
    if not _NUMBER.match(text.strip()) or not math.isfinite(float(text)):
        raise InvalidQueryError(f"{name} holds something that is not a number.")
    return float(text)
