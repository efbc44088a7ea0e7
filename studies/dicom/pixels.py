"""Pixels in another form than they are stored in; child processes do the work, see `sandbox`."""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from studies.dicom import sandbox
from studies.dicom.codecs import can_decode, can_encode
from studies.dicom.transcode import is_as_stored, transcoded_head
from studies.errors import NotAvailableError

__all__ = [
    "Rendering", "Viewport", "Window", "can_render", "can_transcode", "render", "render_each",
    "render_thumbnail", "transcode_frames", "transcoded_head",
]  # fmt: skip

THUMBNAIL_SIZE = 256
# No image is made larger than this; one that is larger stays what it is.
MAX_PIXELS = 4096 * 4096

Region = tuple[float | None, float | None, float | None, float | None]


# --- Transcoding ---------------------------------------------------------------------------------


def can_transcode(source: str, target: str) -> bool:
    """Whether frames stored in one transfer syntax can be had in another here, without loss."""
    return is_as_stored(source, target) or (can_decode(source) and can_encode(target))


def transcode_frames(
    head: bytes, frames: Iterable[bytes], *, source: str, target: str
) -> Iterator[bytes]:
    """One frame after the other in another transfer syntax, a few in memory at a time.

    Args:
        head: The Part 10 file up to its pixel data, inflated where it was deflated.
        frames: Little endian where native, one codestream each where compressed.
        source: Transfer syntax of the object.
        target: Of the result: explicit VR little endian, or one that loses nothing.

    Raises:
        NotAvailableError: At the first frame that cannot be decoded or does not fit.
        BusyError: If there was no time for it.
    """
    if is_as_stored(source, target):
        yield from frames
        return
    if not can_transcode(source, target):
        raise NotAvailableError(f"{source} cannot be transcoded to {target} on this server.")
    with sandbox.child("transcode", head, source=source, target=target) as child:
        for frame in frames:
            yield child.ask(frame)


# --- Rendering -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """Grey levels to show (PS3.18 8.3.5.1.4), in the unit after the modality LUT.

    Attributes:
        function: "linear", "linear-exact" or "sigmoid" (PS3.3 C.11.2.1).
    """

    center: float
    width: float
    function: str = "linear"


@dataclass(frozen=True, slots=True)
class Viewport:
    """How large, and which part (PS3.18 8.3.5.1.3), in pixels.

    Attributes:
        source: Left, top, width and height of the region of the image; None for all of it. Each
            may be None: from the upper left corner, up to the lower right one. A width or height
            below zero flips it.
        enlarge: Whether an image that is smaller is made larger.
    """

    width: int
    height: int
    source: Region | None = None
    enlarge: bool = True


@dataclass(frozen=True, slots=True)
class Rendering:
    """How an image is to be shown (PS3.18 8.3.5).

    Attributes:
        media_type: "image/jpeg", "image/png" or "image/gif".
        quality: Of a lossy format, 1 to 100.
        annotation: Of "patient" and "technique", to be burned in.
        overlays: Whether to draw the graphics of overlay planes, which may name the patient.
        icc_profile: "no", "yes" for the object's own, or "srgb" (PS3.18 8.3.5.1.5).
        frames: Numbers of the frames, from 1: an enhanced object describes each on its own. The
            first ones where it is empty.
    """

    media_type: str
    window: Window | None = None
    viewport: Viewport | None = None
    quality: int | None = None
    annotation: frozenset[str] = frozenset()
    overlays: bool = True
    icc_profile: str = "no"
    frames: tuple[int, ...] = ()


def can_render(transfer_syntax_uid: str) -> bool:
    """Whether there is a decoder for it on this server; an image may still be broken."""
    return can_decode(transfer_syntax_uid)


def render(
    head: bytes, frames: Iterable[bytes], *, transfer_syntax_uid: str, rendering: Rendering
) -> bytes:
    """Frames as a picture of a consumer format: several as an animation.

    Args:
        head: The Part 10 file up to its pixel data, inflated where it was deflated.
        frames: As in `transcode_frames`; several only for GIF and MP4.
        transfer_syntax_uid: Of the object.
        rendering: What is wanted of it.

    Raises:
        NotAvailableError: If the pixels cannot be decoded here within the limits.
        BusyError: If there was no time for it, which says nothing of the pixels.
    """
    with _renderer(head, transfer_syntax_uid, rendering) as child:
        for frame in frames:
            child.ask(frame)
        return child.ask(b"")


def render_each(
    head: bytes, frames: Iterable[bytes], *, transfer_syntax_uid: str, rendering: Rendering
) -> Iterator[bytes]:
    """A picture of each frame, one after the other; the rest as `render`."""
    with _renderer(head, transfer_syntax_uid, rendering) as child:
        for frame in frames:
            child.ask(frame)
            yield child.ask(b"")


@contextmanager
def _renderer(head: bytes, syntax: str, rendering: Rendering) -> Iterator[sandbox.Child]:
    if not can_render(syntax):
        raise NotAvailableError(f"This server has no decoder for {syntax}.")
    wishes = dataclasses.asdict(rendering) | {"annotation": sorted(rendering.annotation)}
    with sandbox.child("render", head, syntax=syntax, wishes=wishes) as child:
        yield child


def render_thumbnail(head: bytes, frame: bytes, transfer_syntax_uid: str) -> bytes | None:
    """A JPEG of one frame, or None if the frame cannot be decoded within the limits.

    Args:
        head: The Part 10 file up to its pixel data, inflated where it was deflated.
        frame: The frame, little endian where native, as one codestream where compressed.
        transfer_syntax_uid: Of the object.

    Raises:
        NotAvailableError: If this server has no decoder, which says nothing of the frame.
        BusyError: If there was no time for it, which says nothing of the frame.
    """
    if not can_render(transfer_syntax_uid):
        raise NotAvailableError(f"This server has no decoder for {transfer_syntax_uid}.")
    size = Viewport(THUMBNAIL_SIZE, THUMBNAIL_SIZE, enlarge=False)
    rendering = Rendering("image/jpeg", viewport=size, quality=82, overlays=False)
    for _ in range(2):  # a child may also die of what is no fault of the frame's
        with suppress(NotAvailableError):
            return render(
                head, [frame], transfer_syntax_uid=transfer_syntax_uid, rendering=rendering
            )
    return None
