"""Images to files: the region and size, words and format that are wanted (PS3.18 8.3.5)."""

import io
import math
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from PIL import Image, ImageCms, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from studies.dicom.json_model import person_name
from studies.dicom.names import readable
from studies.dicom.pixels import MAX_PIXELS
from studies.errors import NotAvailableError

_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF"}
_QUALITY = 90
# Of PNG, 1 to 9: more would take twice as long for a file a sixth smaller.
_COMPRESS_LEVEL = 3
# Of an animation whose object does not say how fast it runs.
_FRAME_MILLISECONDS = 100
# What is burned in; identity comes from the head, which has the index's.
_ANNOTATION = {
    "patient": ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    "technique": (
        "Modality", "StudyDate", "SeriesDescription", "SeriesNumber", "InstanceNumber", "KVP",
        "ExposureTime", "RepetitionTime", "EchoTime", "SliceThickness",
    ),
}  # fmt: skip
_MAX_LINE = 64

# --- Size ----------------------------------------------------------------------------------------


def fit(image: Image.Image, aspect: float, viewport: dict[str, Any] | None) -> Image.Image:
    """Cut out what is wanted and scale it, with square pixels, into the viewport.

    Args:
        image: In pixels of the object.
        aspect: Height of a pixel, in widths.
        viewport: The fields of `pixels.Viewport`, or None for the size that the image has.

    Raises:
        NotAvailableError: If the region lies outside the image.
    """
    if viewport and viewport["source"]:
        image = _cut_out(image, *_region(image, *viewport["source"]))
    width, height = image.width * max(1, 1 / aspect), image.height * max(1, aspect)
    scale = min(1, math.sqrt(max(MAX_PIXELS, image.width * image.height) / (width * height)))
    if viewport:
        fitting = min(viewport["width"] / width, viewport["height"] / height)
        scale = fitting if viewport["enlarge"] else min(scale, fitting)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)


def _region(
    image: Image.Image,
    left: float | None,
    top: float | None,
    width: float | None,
    height: float | None,
) -> tuple[float, float, float, float]:
    """From the upper left corner to the lower right one, where nothing is said (8.3.5.1.3)."""
    left, top = left or 0, top or 0
    return (
        left,
        top,
        image.width - left if width is None else width,
        image.height - top if height is None else height,
    )


def _cut_out(
    image: Image.Image, left: float, top: float, width: float, height: float
) -> Image.Image:
    box = (
        max(0, round(left)),
        max(0, round(top)),
        min(image.width, round(left + abs(width))),
        min(image.height, round(top + abs(height))),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        raise NotAvailableError("The region lies outside the image.")
    region = image.crop(box)
    if width < 0:
        region = region.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if height < 0:
        region = region.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return region


def pixel_aspect(dataset: Dataset) -> float:
    """Height of a pixel, in widths; 1 where nothing says so, or nothing that can be."""
    for keyword in (
        "PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    ):  # fmt: skip
        value = dataset.get(keyword)
        if isinstance(value, list | MultiValue) and len(value) == 2:
            vertical, horizontal = value
            if all(isinstance(v, int | float) and v > 0 for v in value):
                ratio = float(vertical / horizontal)
                return ratio if 0.1 <= ratio <= 10 else 1.0
    return 1.0


# --- Words ---------------------------------------------------------------------------------------


def annotate(image: Image.Image, dataset: Dataset, wanted: list[str]) -> None:
    """Burn in who and how (PS3.18 8.3.5.1.1), white with a dark edge, at the upper left."""
    words = [word for kind in wanted for word in _ANNOTATION[kind]]
    lines = [line for word in words if (line := _line(dataset, word))]
    if not lines:
        return
    size = max(10, min(image.size) // 32)
    font = _font(size)
    ImageDraw.Draw(image).multiline_text(
        (size // 2, size // 2),
        "\n".join(_drawable(line, font) for line in lines),
        fill="white",
        font=font,
        stroke_width=max(1, size // 12),
        stroke_fill="black",
    )


def _line(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    if value in (None, ""):
        return ""
    if keyword == "PatientName":
        name = person_name(value)
        return readable(name.alphabetic or name.ideographic or name.phonetic)[:_MAX_LINE]
    text = str(value)[:_MAX_LINE]
    return text if keyword.startswith("Patient") else f"{keyword}: {text}"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    with as_file(files("fontpkg_noto_sans") / "files/NotoSans[wdth,wght].ttf") as path:
        return ImageFont.truetype(path, size)


def _drawable(line: str, font: ImageFont.FreeTypeFont) -> str:
    """With a question mark for each letter of a script that the font does not have."""
    missing = bytes(font.getmask("\uffff"))
    return "".join("?" if bytes(font.getmask(c)) == missing else c for c in line if c.isprintable())


# --- Files ---------------------------------------------------------------------------------------


def to_file(images: list[Image.Image], dataset: Dataset, wishes: dict[str, Any]) -> bytes:
    """Raises NotAvailableError for a format that is not made here, or holds but one image."""
    format_ = _FORMATS.get(wishes["media_type"])
    if format_ is None or (len(images) > 1 and format_ != "GIF"):
        raise NotAvailableError(
            f"{len(images)} frames cannot be rendered as {wishes['media_type']}."
        )
    first, profile = _in_colour_space(images[0], dataset, wishes["icc_profile"])
    options: dict[str, Any] = {"icc_profile": profile}
    if format_ == "JPEG":
        options |= {"quality": wishes["quality"] or _QUALITY}
    elif format_ == "PNG":
        options |= {"compress_level": _COMPRESS_LEVEL}
    elif format_ == "GIF":
        duration = _frame_milliseconds(dataset)
        options = {"save_all": True, "append_images": images[1:], "duration": duration, "loop": 0}
    output = io.BytesIO()
    first.save(output, format_, **options)
    return output.getvalue()


def _in_colour_space(
    image: Image.Image, dataset: Dataset, wish: str
) -> tuple[Image.Image, bytes | None]:
    """The image, and the profile that belongs into its file (PS3.18 8.3.5.1.5)."""
    paths = dataset.get("OpticalPathSequence") or [Dataset()]
    profile: bytes | None = dataset.get("ICCProfile") or paths[0].get("ICCProfile")
    is_colour = image.mode == "RGB"
    if wish == "no" or (wish == "yes" and not is_colour):
        return image, None
    if wish == "yes":
        return image, profile
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if not is_colour:  # a file of greys must not hold a profile of colours
        image = image.convert("RGB")
    elif profile:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        image = ImageCms.profileToProfile(image, own, srgb) or image
    return image, srgb.tobytes()


def _frame_milliseconds(dataset: Dataset) -> int:
    """How long each frame is shown (PS3.3 C.7.6.5)."""
    rate = dataset.get("RecommendedDisplayFrameRate") or dataset.get("CineRate")
    time = 1000 / rate if rate else dataset.get("FrameTime") or _FRAME_MILLISECONDS
    return int(min(max(time, 20), 10_000))  # browsers take less than 20 for 100
