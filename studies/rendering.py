"""Images for people: thumbnails and rendered frames, drawn in child processes."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.db.models import Sum
from django.db.models.functions import Coalesce

from studies import content, retrieve, storage
from studies.access import Viewer
from studies.content import Frames
from studies.dicom import pixels
from studies.dicom.pixels import Rendering
from studies.errors import BusyError, NotAvailableError, NotFoundError
from studies.models import Instance, StoredObject
from studies.noting import IMAGES_READ, note_read

# --- Rendered frames ------------------------------------------------------------------------------

# What one request may ask for; of an animation all frames are in memory together.
_MAX_FRAMES = 500
_MAX_PIXELS = 256_000_000
# What one request may spend on what cannot be drawn.
_MAX_LOST_SECONDS = 60


def count_frames(viewer: Viewer, study_uid: str, series_uid: str | None = None) -> int:
    """Of all images of a study or a series, as these say themselves."""
    images = retrieve.find_instances(viewer, study_uid, series_uid).filter(rows__gt=0)
    total = images.aggregate(total=Sum(Coalesce("number_of_frames", 1)))["total"]
    return int(total or 0)


def require_few(count: int) -> None:
    """Raises NotAvailableError if so many frames are not drawn for one request."""
    if count > _MAX_FRAMES:
        raise NotAvailableError(
            f"These are {count} frames, of which no more than {_MAX_FRAMES} are rendered at once."
        )


def middle(frames: Frames) -> Frames:
    """The frame that stands for all of them.

    Raises:
        NotFoundError: If there is no image.
        NotAvailableError: If its frames cannot be told apart.
    """
    if frames.instance.stored_object.pixel_data_offset is None:
        raise NotFoundError("The instance has no image.")
    if not frames.count:
        raise NotAvailableError("The frames of the instance cannot be told apart.")
    return replace(frames, numbers=[(frames.count + 1) // 2])


def render(frames: Frames, rendering: Rendering) -> bytes:
    """One frame, or several as an animation, as an image of a consumer format (PS3.18 8.3.5).

    Raises:
        NotAvailableError: If this server cannot decode the pixels, or they are too many.
        BusyError: If it has no time to.
    """
    instance, count = frames.instance, len(frames.numbers)
    require_few(count)
    if count > 1 and count * (instance.rows or 0) * (instance.columns or 0) > _MAX_PIXELS:
        raise NotAvailableError(f"These {count} frames are too large to be rendered as one image.")
    return pixels.render(
        _head_to_draw(instance, rendering),
        frames.read(),
        transfer_syntax_uid=instance.stored_object.transfer_syntax_uid,
        rendering=replace(rendering, frames=tuple(frames.numbers)),
    )


def _head_to_draw(instance: Instance, rendering: Rendering) -> bytes:
    head = content.read_head(instance.stored_object)
    if instance.is_overlaid and rendering.annotation:
        return retrieve.overlaid_head(head, instance)
    return head


def render_each(
    instances: Iterable[Frames], rendering: Rendering
) -> Iterator[tuple[Instance, int, bytes]]:
    """Every frame with its instance and number, without those that cannot be drawn.

    Of an instance nothing is tried after the first of them.

    Raises:
        NotAvailableError: At the end, if nothing could be drawn.
        BusyError: If all time is lost with what cannot be drawn.
    """
    is_drawn, lost = False, 0.0
    for frames in instances:
        began = time.monotonic()
        try:
            for number, image in _images(frames, rendering):
                is_drawn = True
                yield frames.instance, number, image
                began = time.monotonic()
        except NotAvailableError:
            lost += time.monotonic() - began
        if lost > _MAX_LOST_SECONDS:
            raise BusyError("Too much of it cannot be drawn by this server.")
    if not is_drawn:
        raise NotAvailableError("There is no image that this server can draw.")


def _images(frames: Frames, rendering: Rendering) -> Iterator[tuple[int, bytes]]:
    """Each frame by its number, all of them in one process."""
    if not frames.numbers:
        return
    images = pixels.render_each(
        _head_to_draw(frames.instance, rendering),
        frames.read(),
        transfer_syntax_uid=frames.instance.stored_object.transfer_syntax_uid,
        rendering=replace(rendering, frames=tuple(frames.numbers)),
    )
    for image, number in zip(images, frames.numbers, strict=True):
        yield number, image


# --- Thumbnails -----------------------------------------------------------------------------------


def find_representative(viewer: Viewer, study_uid: str, series_uid: str | None = None) -> Instance:
    """The middle image of a study or a series.

    Raises:
        NotFoundError: As `retrieve.find_study`, or if there is no image.
    """
    if series_uid is None:
        count = retrieve.find_study(viewer, study_uid).number_of_study_related_instances
    else:
        series = retrieve.find_series(viewer, study_uid, series_uid)
        count = series.number_of_series_related_instances
    images = retrieve.find_instances(viewer, study_uid, series_uid).filter(rows__gt=0)
    images = images.defer("stored_object__header_json")
    at = max(0, (count - 1) // 2)
    image = images[at : at + 1].first() or images.first()
    if image is None:
        raise NotFoundError("There is no image.")
    note_read(viewer, study_uid, IMAGES_READ)
    return image


def thumbnail_key(image: Instance) -> str:
    """Where a JPEG of the middle frame is in the object store: made once per stored object.

    Raises:
        NotFoundError: If there is no image.
        NotAvailableError: If this server cannot decode its pixels.
        BusyError: If it has no time to.
    """
    stored = image.stored_object
    if stored.pixel_data_offset is None:
        raise NotFoundError("The instance has no image.")
    if stored.thumbnail_key is None:
        _make_thumbnail(image)
        stored.refresh_from_db(fields=["thumbnail_key"])
    if not stored.thumbnail_key:
        raise NotAvailableError("This server cannot decode the image; the viewer can.")
    return stored.thumbnail_key


def read_thumbnail(key: str) -> bytes:
    return storage.read(key, 0, storage.size(key))


def _make_thumbnail(image: Instance) -> None:
    """Keep a thumbnail of the middle frame, or the fact that there can be none."""
    stored = image.stored_object
    key = ""
    if drawn := _draw_middle_frame(image):
        key = storage.new_key("thumbnails")
        storage.put_bytes(key, drawn)
    unclaimed = StoredObject.objects.filter(pk=stored.pk, thumbnail_key=None)
    if not unclaimed.update(thumbnail_key=key) and key:
        storage.delete(key)  # somebody else was faster


def _draw_middle_frame(image: Instance) -> bytes | None:
    frames = content.all_frames(image)
    if not frames.count:
        return None
    (frame,) = middle(frames).read()
    head = content.read_head(image.stored_object)
    return pixels.render_thumbnail(head, frame, image.stored_object.transfer_syntax_uid)
