"""What the viewer shows first of a study: its page asks for that before any script runs."""

from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Sum, Window
from django.db.models.functions import Coalesce, Greatest

from studies import retrieve
from studies.access import Viewer, visible_to
from studies.dicom import pixels
from studies.models import Instance, Series, Study

# Of the longer side; a preview of more would come later than it pays.
_PREVIEW_PIXELS = 1024
# Overlays of other images are no picture of their own.
_SEGMENTATION = "SEG"
# Most of its images have 12 bits, which the server's library does not decode.
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"


@dataclass(frozen=True, slots=True)
class FirstImage:
    """The middle frame of a series.

    Attributes:
        frame: Of the instance, counted from 1.
    """

    instance: Instance
    frame: int

    @property
    def series_instance_uid(self) -> str:
        return self.instance.series.series_instance_uid

    @property
    def frame_url(self) -> str:
        """Without the host, which the browser knows."""
        return f"{retrieve.instance_url('/dicom-web', self.instance)}/frames/{self.frame}"

    @property
    def has_preview(self) -> bool:
        """Whether this server is likely to draw it."""
        stored = self.instance.stored_object
        syntax = stored.transfer_syntax_uid
        has_failed = stored.thumbnail_key == ""
        return (
            stored.pixel_data_offset is not None
            and not has_failed
            and syntax != _JPEG_EXTENDED
            and pixels.can_render(syntax)
        )

    @property
    def preview_viewport(self) -> str:
        """As a query parameter (PS3.18 8.3.5.1.3); empty where the image is small enough."""
        longer = max(self.instance.rows or 0, self.instance.columns or 0)
        is_large = longer > _PREVIEW_PIXELS
        return f"&viewport={_PREVIEW_PIXELS},{_PREVIEW_PIXELS}" if is_large else ""


def find_first_image(viewer: Viewer, study: Study, series_uid: str = "") -> FirstImage | None:
    """The first image of a study, or of that series of it; None where there is none."""
    series = _first_series(viewer, study, series_uid)
    if series is None:
        return None
    order = [F("instance_number").asc(nulls_last=True), F("id").asc()]
    frames = Greatest(Coalesce("number_of_frames", 1), 1)
    images = (
        retrieve.find_instances(viewer, study.study_instance_uid, series.series_instance_uid)
        .filter(rows__gt=0)
        .defer("stored_object__header_json", "stored_object__frame_starts")
        .annotate(count=frames, end=Window(Sum(frames), order_by=order), total=Window(Sum(frames)))
    )
    image = images.filter(end__gt=(F("total") - 1) / 2).order_by("end").first()
    if image is None:
        return None  # deleted between the two queries
    return FirstImage(image, (image.total - 1) // 2 - (image.end - image.count) + 1)


def _first_series(viewer: Viewer, study: Study, series_uid: str) -> Series | None:
    """By series number, as the viewer lists them; none that has no images."""
    has_images = Exists(Instance.objects.filter(series=OuterRef("pk"), rows__gt=0))
    series = visible_to(viewer, study.series.filter(has_images).exclude(modality=_SEGMENTATION))
    if series_uid:
        series = series.filter(series_instance_uid=series_uid)
    number = F("series_number").asc(nulls_last=True)
    return series.order_by(number, "series_instance_uid").first()
