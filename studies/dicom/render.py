"""Frames as people see them, to be run in a child process (`sandbox`): PS3.4 N.2, PS3.18 8.3.5."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, convert_color_space

from studies.dicom.codecs import Array, decode, decoded_interpretation
from studies.dicom.json_model import UNREADABLE
from studies.dicom.parse import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN
from studies.dicom.pictures import annotate, fit, pixel_aspect, to_file
from studies.dicom.transcode import read_head, transcoded_head
from studies.errors import NotAvailableError

Elements = dict[str, DataElement | RawDataElement]
FloatArray = npt.NDArray[np.float64]

# Where nothing says what to show: all values but the outliers.
_SHOWN_PERCENTILES = (0.5, 99.5)
# X-ray angiography and fluoroscopy, whose Modality LUT leads back to the intensity of the beam, for
# measuring and not for the screen (PS3.3 C.8.7.1.1.2).
_BEAM_INTENSITY = {"1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2"}
# What an enhanced object may say of each frame, and where. Nothing else is taken from there: not a
# patient's name, for instance, which only the index knows.
_GROUPS = ("PixelMeasuresSequence", "PixelValueTransformationSequence", "FrameVOILUTSequence")
_OF_FRAMES = (
    "PixelSpacing", "SliceThickness", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence",
)  # fmt: skip


def renderer(head: bytes, syntax: str, wishes: dict[str, Any]) -> Callable[[bytes], bytes]:
    """What draws one frame after the other; an empty one asks for the picture of those before.

    Args:
        head: Of a Part 10 file, up to its pixel data.
        syntax: Transfer syntax of the object.
        wishes: The fields of `pixels.Rendering`.
    """
    if syntax == EXPLICIT_VR_BIG_ENDIAN:  # the library would take tables for little endian
        head = transcoded_head(head, source=syntax, target=EXPLICIT_VR_LITTLE_ENDIAN)
        syntax = EXPLICIT_VR_LITTLE_ENDIAN
    dataset = read_head(head, syntax)
    own = _said_by([dataset])
    numbers = iter(wishes["frames"] or itertools.count(1))
    images: list[Image.Image] = []

    def draw(frame: bytes) -> bytes:
        if not frame:
            picture = to_file(images, dataset, wishes)
            images.clear()
            return picture
        number = next(numbers)
        _describe_frame(dataset, own, number)
        array = decode(frame, dataset, syntax)
        image = to_display(array, dataset, decoded_interpretation(dataset, syntax), wishes)
        if wishes["overlays"]:
            _draw_overlays(image, dataset, number)
        image = fit(image, pixel_aspect(dataset), wishes["viewport"])
        annotate(image, dataset, wishes["annotation"])
        images.append(image)
        return b""

    return draw


def _describe_frame(dataset: Dataset, own: Elements, number: int) -> None:
    """Let the data set say what an enhanced object says of this frame (PS3.3 C.7.6.16).

    Args:
        dataset: Which may still say what was said of another frame.
        own: What it says of all frames.
        number: Of the frame, from 1.
    """
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    said = dict(own)
    for groups in (*shared[:1], *frames[number - 1 : number]):
        said |= _said_by(item for name in _GROUPS for item in (groups.get(name) or [])[:1])
    for keyword in _OF_FRAMES:
        dataset.pop(keyword, None)
        if keyword in said:
            dataset[keyword] = said[keyword]


def _said_by(items: Iterable[Dataset]) -> Elements:
    return {word: item.get_item(word) for item in items for word in _OF_FRAMES if word in item}


# --- Values to grey and colour -------------------------------------------------------------------


def to_display(
    array: Array, dataset: Dataset, interpretation: str, wishes: dict[str, Any]
) -> Image.Image:
    """The image as its header, or the reader, asks it to be shown; 8 bits a channel."""
    if interpretation == "PALETTE COLOR":
        colours = apply_color_lut(array, dataset)[..., :3]
        return Image.fromarray(_to_octets(colours, 8 * colours.dtype.itemsize))
    if array.ndim == 3:
        octets = _to_octets(array, int(dataset.BitsStored))
        if interpretation == "YBR_FULL":
            octets = convert_color_space(octets, "YBR_FULL", "RGB")
        return Image.fromarray(octets)
    grey = to_grey(array, dataset, wishes["window"])
    return Image.fromarray(np.rint(grey * 255).astype(np.uint8))


def _to_octets(array: Array, bits: int) -> npt.NDArray[np.uint8]:
    return (array >> max(0, bits - 8)).astype(np.uint8)


def to_grey(array: Array, dataset: Dataset, window: dict[str, Any] | None) -> FloatArray:
    """Modality LUT, VOI LUT and presentation LUT (PS3.4 N.2.1): from 0, black, to 1."""
    values = _modality_values(array, dataset)
    padding = _padding(array, dataset)
    if window:
        grey = windowed(values, **window)
    elif dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        grey = np.clip(looked_up(values, table) / (2.0 ** int(table.LUTDescriptor[2]) - 1), 0, 1)
    elif own := _own_window(dataset):
        grey = windowed(values, **own)
    else:
        seen = values if padding.all() else values[~padding]
        low, high = np.percentile(seen, _SHOWN_PERCENTILES)
        grey = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    if _is_inverted(dataset):
        grey = 1 - grey
    grey[padding] = 0
    return grey


def _modality_values(array: Array, dataset: Dataset) -> FloatArray:
    """What the stored values mean (PS3.3 C.11.1)."""
    tables = dataset.get("ModalityLUTSequence")
    if tables and dataset.get("SOPClassUID") not in _BEAM_INTENSITY:
        return looked_up(array, tables[0])
    slope, intercept = (_first(dataset.get(word)) for word in ("RescaleSlope", "RescaleIntercept"))
    if isinstance(slope, float) and isinstance(intercept, float):
        return array * slope + intercept
    return array.astype(np.float64)


def looked_up(values: npt.NDArray[Any], table: Dataset) -> FloatArray:
    """The entries for values, those outside taken for the first or the last (PS3.3 C.11.1.1).

    pydicom's own gives wrong ones for entries of 8 bits where there are more than 256 of them.

    Args:
        values: After the steps before this table.
        table: An item with LUT Descriptor and LUT Data, little endian.

    Raises:
        NotAvailableError: If it has fewer entries than it says.
    """
    count, first = int(table.LUTDescriptor[0]) or 2**16, int(table.LUTDescriptor[1])
    data = table.LUTData
    if isinstance(data, bytes):  # words, or bytes where there is but one for each entry
        data = np.frombuffer(data, "<u2" if len(data) >= 2 * count else "u1")
    entries = np.atleast_1d(data)[:count]
    if len(entries) < count:
        raise NotAvailableError("A lookup table has fewer entries than it says.")
    places = np.clip(np.rint(values).astype(np.int64) - first, 0, count - 1)
    return np.asarray(entries[places], dtype=np.float64)


def windowed(values: FloatArray, center: float, width: float, function: str) -> FloatArray:
    """From 0 to 1 by one of the three functions of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "sigmoid":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "linear":
        center, width = center - 0.5, width - 1
    low = center - width / 2
    if width <= 0:  # a linear one that is 1 wide is a threshold
        return (values > low).astype(np.float64)
    return np.clip((values - low) / width, 0, 1)


def _own_window(dataset: Dataset) -> dict[str, Any] | None:
    """The first window of the object, unless it is one that cannot be: devices write 0 for none."""
    center, width = (_first(dataset.get(word)) for word in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").lower().replace("_", "-")
    if not isinstance(center, float) or not isinstance(width, float):
        return None
    if width <= 0 or (function == "linear" and width < 1):
        return None
    return {"center": center, "width": width, "function": function}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list | MultiValue) and value else value


def _is_inverted(dataset: Dataset) -> bool:
    """Whether the least value is the brightest (PS3.3 C.7.6.3.1.2, C.11.6.1.2)."""
    shape = dataset.get("PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE"):
        return bool(shape == "INVERSE")
    return bool(dataset.PhotometricInterpretation == "MONOCHROME1")


def _padding(array: Array, dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Where there is no image but background (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(array.shape, dtype=bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    limit = limit if isinstance(limit, int) else value
    return (array >= min(value, limit)) & (array <= max(value, limit))


# --- Overlays ------------------------------------------------------------------------------------


def _draw_overlays(image: Image.Image, dataset: Dataset, number: int) -> None:
    """Graphics of the overlay planes in white (PS3.3 C.9.2); regions of interest are no graphics.

    What is not as it should be is left out: it must not hide the image below.
    """
    for group in range(0x6000, 0x6020, 2):
        if _text_of(dataset, group, 0x0040) != "G" or (group, 0x3000) not in dataset:
            continue
        try:
            plane = _overlay_plane(dataset, group, number)
            row, column = dataset[group, 0x0050].value
        except UNREADABLE:
            continue
        mask = Image.fromarray(plane.astype(np.uint8) * 255)
        white = 255 if image.mode == "L" else (255, 255, 255)
        image.paste(white, (int(column) - 1, int(row) - 1), mask)


def _overlay_plane(dataset: Dataset, group: int, number: int) -> Array:
    planes: Array = dataset.overlay_array(group)
    if planes.ndim == 2:
        return planes
    origin = int(dataset[group, 0x0051].value) if (group, 0x0051) in dataset else 1
    if number < origin:
        raise LookupError
    plane: Array = planes[number - origin]
    return plane


def _text_of(dataset: Dataset, group: int, element: int) -> str:
    return str(dataset[group, element].value) if (group, element) in dataset else ""
