"""Images for people: thumbnails and rendered frames, drawn in child processes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from studies import content, retrieve, storage
from studies.access import Viewer
from studies.content import Frames
from studies.dicom import pixels
from studies.dicom.pixels import Rendering
from studies.errors import NotAvailableError, NotFoundError
from studies.models import Instance, StoredObject

# --- Rendered frames ------------------------------------------------------------------------------


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
        NotAvailableError: If this server cannot decode the pixels.
        BusyError: If it has no time to.
    """
    instance = frames.instance
    head = content.read_head(instance.stored_object)
    if instance.is_overlaid and rendering.annotation:
        head = retrieve.overlaid_head(head, instance)
    syntax = instance.stored_object.transfer_syntax_uid
    rendering = replace(rendering, frames=tuple(frames.numbers))
    return pixels.render(head, frames.read(), transfer_syntax_uid=syntax, rendering=rendering)


def render_each(
    instances: Iterable[Frames], rendering: Rendering
) -> Iterator[tuple[Instance, int, bytes]]:
    """Every frame with its instance and number; what cannot be drawn is left out.

    Raises:
        NotAvailableError: At the end, if nothing could be drawn.
    """
    is_drawn = False
    for frames in instances:
        for number in frames.numbers:
            try:
                image = render(replace(frames, numbers=[number]), rendering)
            except NotAvailableError:
                continue
            is_drawn = True
            yield frames.instance, number, image
    if not is_drawn:
        raise NotAvailableError("There is no image that this server can draw.")


# --- Thumbnails -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG, and a name of its content that changes when it does."""

    content: bytes
    etag: str


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
    return image


def retrieve_thumbnail(image: Instance) -> Thumbnail:
    """The middle frame, made once per stored object and kept in the object store.

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
    size = storage.size(stored.thumbnail_key)
    return Thumbnail(storage.read(stored.thumbnail_key, 0, size), stored.thumbnail_key[-16:])


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
