"""Rendered and thumbnail resources of WADO-RS (PS3.18 10.4.1.1.3 and 10.4.1.1.4)."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from studies import content, rendering, retrieve
from studies.content import Frames
from studies.dicom.pixels import THUMBNAIL_SIZE, Rendering, Viewport, Window
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
    UNCHANGING,
    Part,
    etag_of,
    multipart,
    unless_unchanged,
)
from studies.dicomweb.views import frame_numbers
from studies.errors import InvalidQueryError

MAX_VIEWPORT = 8192
_ANNOTATIONS = {"patient", "technique"}
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
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=len(numbers) == 1)
    wanted = parse_rendering(request.GET, offer.media_type)
    if offer.single_part:
        return rendered_image(request, found, wanted)
    return _rendered_parts(request, [found], wanted)


@require_safe
@answers_errors
def retrieve_rendered_instance(
    request: HttpRequest, study: str, series: str, instance: str
) -> HttpResponseBase:
    """All frames where the media type moves, else the one that stands for them."""
    found = retrieve.find_instance(request.user, study, series, instance)
    frames = content.all_frames(found)
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=True)
    wanted = parse_rendering(request.GET, offer.media_type)
    if offer.single_part:
        return rendered_image(request, frames, wanted)
    return _rendered_parts(request, [frames], wanted)


@require_safe
@answers_errors
def retrieve_rendered_instances(
    request: HttpRequest, study: str, series: str | None = None
) -> HttpResponseBase:
    """Every frame of a study or a series, in parts."""
    found = retrieve.find_instance_set(request.user, study, series)
    offer = offer_images(accepted(request), RENDERED_MEDIA_TYPES, alone=False)
    wanted = parse_rendering(request.GET, offer.media_type)
    return _rendered_parts(request, map(content.all_frames, found), wanted)


def rendered_image(request: HttpRequest, frames: Frames, wanted: Rendering) -> HttpResponseBase:
    """One image: of the only frame, of all that move, or of the one that stands for them."""
    if len(frames.numbers) != 1 and wanted.media_type != MOVING_MEDIA_TYPE:
        frames = rendering.middle(frames)
    instance = frames.instance
    is_named = bool(wanted.annotation) and instance.is_overlaid
    identity = retrieve.identity_of(instance) if is_named else None
    etag = etag_of(instance.stored_object.sha256, identity, wanted, list(frames.numbers))
    return unless_unchanged(
        request,
        etag,
        REVALIDATE if wanted.annotation else UNCHANGING,
        lambda: _image(request, frames, wanted),
    )


def _image(request: HttpRequest, frames: Frames, wanted: Rendering) -> HttpResponseBase:
    if request.method == "HEAD":
        return StreamingHttpResponse((), content_type=wanted.media_type)
    response = HttpResponse(rendering.render(frames, wanted), content_type=wanted.media_type)
    patch_vary_headers(response, ["Accept"])
    return response


def _rendered_parts(
    request: HttpRequest, instances: Iterable[Frames], wanted: Rendering
) -> HttpResponseBase:
    base = request.build_absolute_uri("/dicom-web")
    parts = (
        Part(
            wanted.media_type,
            [image],
            f"{retrieve.instance_url(base, instance)}/frames/{number}/rendered",
        )
        for instance, number, image in rendering.render_each(instances, wanted)
    )
    response = multipart(request, wanted.media_type, parts)
    response.headers["Cache-Control"] = REVALIDATE
    return response


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
    viewport = parse_viewport(request.GET.get("viewport", ""))
    are_all = len(frames.numbers) == frames.count
    if offer.media_type == JPEG and viewport is None and are_all:
        kept = rendering.retrieve_thumbnail(frames.instance)
        response = HttpResponse(kept.content, content_type=JPEG)
        return unless_unchanged(request, f'"{kept.etag}"', REVALIDATE, lambda: response)
    size = Viewport(THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    # Words drawn by devices into overlay planes may name the patient.
    wanted = Rendering(offer.media_type, viewport=viewport or size, overlays=False)
    return rendered_image(request, rendering.middle(frames) if are_all else frames, wanted)


# --- Parameters -----------------------------------------------------------------------------------


def parse_rendering(query: Mapping[str, str], media_type: str) -> Rendering:
    """The query parameters of rendered resources (PS3.18 8.3.5.1).

    Raises:
        InvalidQueryError: If one of them cannot be understood, or asks for what there is not.
    """
    icc_profile = query.get("iccprofile", "no")
    if icc_profile not in _ICC_PROFILES:
        raise InvalidQueryError(f"iccprofile is one of {', '.join(_ICC_PROFILES)} here.")
    return Rendering(
        media_type,
        window=_window(query.get("window", "")),
        viewport=parse_viewport(query.get("viewport", "")),
        quality=parse_quality(query.get("quality", ""), "quality"),
        annotation=parse_annotation(query.get("annotation", "")),
        icc_profile=icc_profile,
    )


def parse_annotation(text: str) -> frozenset[str]:
    """Which of patient and technique are to be burned in (8.3.5.1.1)."""
    wanted = frozenset(text.split(",")) - {""}
    if not wanted <= _ANNOTATIONS:
        raise InvalidQueryError("annotation is patient, technique or both.")
    return wanted


def parse_quality(text: str, name: str) -> int | None:
    """A whole number from 1 to 100 (8.3.5.1.2)."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100):  # noqa: PLR2004
        raise InvalidQueryError(f"{name} is a whole number from 1 to 100.")
    return int(text)


def parse_viewport(text: str) -> Viewport | None:
    """`width,height[,x,y,width,height]` (8.3.5.1.3): what to fit into, and of which region."""
    if not text:
        return None
    numbers = [parse_number(part, "viewport") for part in text.split(",")]
    if len(numbers) < 2:  # noqa: PLR2004
        raise InvalidQueryError("viewport is at least its width and height.")
    return make_viewport(numbers[0], numbers[1], numbers[2:])


def make_viewport(width: float, height: float, region: Sequence[float] = ()) -> Viewport:
    """Raises InvalidQueryError if it is no size that can be drawn, or no region of an image."""
    if not (1 <= width <= MAX_VIEWPORT and 1 <= height <= MAX_VIEWPORT):
        raise InvalidQueryError(f"A viewport is from 1 to {MAX_VIEWPORT} pixels wide and high.")
    if not region:
        return Viewport(int(width), int(height))
    if len(region) != 4 or not (region[2] and region[3]):  # noqa: PLR2004 - x, y, width, height
        raise InvalidQueryError("A region is its x, y, width and height, which are not 0.")
    x, y, wide, high = region
    return Viewport(int(width), int(height), (x, y, wide, high))


def _window(text: str) -> Window | None:
    """`center,width,function`, all three (8.3.5.1.4)."""
    if not text:
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
