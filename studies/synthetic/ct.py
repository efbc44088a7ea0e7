"""Computed tomography of the torso and the head."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from studies.synthetic.anatomy.canvas import Canvas, FloatArray, Tissues
from studies.synthetic.anatomy.head import HEAD_HOUNSFIELD, paint_head
from studies.synthetic.anatomy.texture import enlarge, noise, smooth
from studies.synthetic.anatomy.torso import HOUNSFIELD, paint_torso
from studies.synthetic.part10 import PhantomSeries, Picture
from studies.synthetic.stack import SliceStack, centered_stack

SOFT_TISSUE_AND_LUNG = {
    "WindowCenter": [40, -600],
    "WindowWidth": [400, 1500],
    "WindowCenterWidthExplanation": ["SOFT TISSUE", "LUNG"],
}
BRAIN_AND_BONE = {
    "WindowCenter": [35, 600],
    "WindowWidth": [80, 2800],
    "WindowCenterWidthExplanation": ["BRAIN", "BONE"],
}
STORED_OFFSET = 1024  # keeps air positive, so that unsigned samples do

Paint = Callable[[Canvas], None]


@dataclass(frozen=True)
class Scan:
    """What a series of CT slices shows and how it was taken."""

    stack: SliceStack
    tissues: Tissues
    paint: Paint
    grain: float  # deviation of the noise in soft tissue, in HU
    attributes: Mapping[str, Any]

    def draw(self) -> Iterator[Picture]:
        for index in range(self.stack.count):
            values = self.values(index)
            rng = np.random.default_rng((index, self.stack.count, self.stack.shape[0]))
            values += smooth_noise(rng, values.shape) * np.float32(self.grain)
            yield picture(values, {**self.attributes, **self.stack.attributes(index)})

    def values(self, index: int) -> FloatArray:
        canvas = self.stack.canvas(index, self.tissues)
        self.paint(canvas)
        return canvas.values


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Blotchy as reconstruction leaves it; deviation near 1."""
    raw = noise(rng, shape)
    raw[:, 1:] += raw[:, :-1]
    raw[1:] += raw[:-1]
    return raw * np.float32(0.5)


def picture(values: FloatArray, attributes: Mapping[str, Any]) -> Picture:
    """Hounsfield units as stored values (PS3.3 C.8.2.1)."""
    stored = np.clip(np.rint(values) + STORED_OFFSET, 0, 4095).astype(np.uint16)
    rescale = {"RescaleIntercept": -STORED_OFFSET, "RescaleSlope": 1, "RescaleType": "HU"}
    return Picture(stored, {**rescale, **attributes}, bits_stored=12)


def technique(kind: str, kernel: str, current: int, window: Mapping[str, Any]) -> dict[str, Any]:
    """CT Image module (PS3.3 C.8.2.1) beyond its geometry."""
    return {
        "ImageType": ["ORIGINAL" if kind != "MPR" else "DERIVED", *_IMAGE_TYPES[kind]],
        "AcquisitionNumber": 1,
        "KVP": 120,
        "XRayTubeCurrent": current,
        "ExposureTime": 500,
        "ConvolutionKernel": kernel,
        "GantryDetectorTilt": 0,
        "RotationDirection": "CW",
        "DataCollectionDiameter": 500,
        **window,
    }


_IMAGE_TYPES = {
    "AXIAL": ("PRIMARY", "AXIAL"),
    "LOCALIZER": ("PRIMARY", "LOCALIZER"),
    "MPR": ("SECONDARY", "MPR"),
}


@dataclass(frozen=True)
class Scout:
    """A projection through the whole body, as taken to plan a scan.

    Attributes:
        stack: Slices to add up; coarse ones will do.
        shape: Rows and columns of the picture, which covers what a slice covers.
    """

    stack: SliceStack
    tissues: Tissues
    paint: Paint
    shape: tuple[int, int]
    attributes: Mapping[str, Any]

    def draw(self) -> Iterator[Picture]:
        total = np.zeros(self.stack.shape, np.float32)
        for index in range(self.stack.count):
            canvas = self.stack.canvas(index, self.tissues)
            self.paint(canvas)
            total += np.maximum(canvas.values + 1000, 0)
        total *= np.float32(abs(self.stack.step) / 1000)  # mm of water
        image = sharpen(enlarge(total, self.shape))
        rng = np.random.default_rng(self.shape)
        image = image * 4 - 500 + noise(rng, self.shape) * 6
        yield picture(image, {**self.attributes, **self._geometry()})

    def _geometry(self) -> Mapping[str, Any]:
        """Of the middle slice, with the pixels of the picture (corner to corner)."""
        geometry = dict(self.stack.attributes(self.stack.count // 2))
        pixel = self.stack.pixel * (self.stack.shape[0] - 1) / (self.shape[0] - 1)
        geometry["PixelSpacing"] = [round(pixel, 5)] * 2
        geometry["SliceThickness"] = geometry.pop("SpacingBetweenSlices")
        return geometry


def sharpen(image: FloatArray) -> FloatArray:
    """Edges enhanced, as scouts are shown."""
    return image + (image - smooth(image, 9)) * np.float32(1.2)


def _series(
    name: str, body_part: str, description: str, count: int, scan: Scan | Scout
) -> PhantomSeries:
    return PhantomSeries(name, "CT", body_part, description, count, scan.draw)


_TORSO_AXIAL = Scan(
    centered_stack(
        "torso", "axial", (512, 512), 0.78, middle=(0, 0, 12), slices=(56, -7, 5)
    ),
    HOUNSFIELD, paint_torso, 13, technique("AXIAL", "B31f", 220, SOFT_TISSUE_AND_LUNG),
)  # fmt: skip
_TORSO_CORONAL = Scan(
    centered_stack(
        "torso", "coronal", (288, 300), 1.35, middle=(0, -4, 12), slices=(40, 4, 3)
    ),
    HOUNSFIELD, paint_torso, 9, technique("MPR", "B31f", 220, SOFT_TISSUE_AND_LUNG),
)  # fmt: skip
_TORSO_SCOUT = Scout(
    centered_stack(
        "torso", "coronal", (280, 280), 1.4, middle=(0, 0, 12), slices=(40, 6, 6)
    ),
    HOUNSFIELD, paint_torso, (512, 512),
    technique("LOCALIZER", "T20f", 36, {"WindowCenter": 400, "WindowWidth": 1200}),
)  # fmt: skip
_HEAD_AXIAL = Scan(
    centered_stack(
        "head", "axial", (512, 512), 0.45, middle=(0, -6, 10), slices=(32, -5, 5)
    ),
    HEAD_HOUNSFIELD, paint_head, 3.2, technique("AXIAL", "H31s", 320, BRAIN_AND_BONE),
)  # fmt: skip
_HEAD_SCOUT = Scout(
    centered_stack(
        "head", "sagittal", (256, 256), 1, middle=(0, -6, -15), slices=(40, 4, 4)
    ),
    HEAD_HOUNSFIELD, paint_head, (512, 512),
    technique("LOCALIZER", "T20f", 36, {"WindowCenter": 400, "WindowWidth": 1400}),
)  # fmt: skip

SERIES = (
    _series("ct-torso-scout", "CHEST", "Scout", 1, _TORSO_SCOUT),
    _series("ct-torso-axial", "CHEST", "Axial 5.0", 56, _TORSO_AXIAL),
    _series("ct-torso-coronal", "CHEST", "Coronal 3.0", 40, _TORSO_CORONAL),
    _series("ct-head-scout", "HEAD", "Scout", 1, _HEAD_SCOUT),
    _series("ct-head-axial", "HEAD", "Axial 5.0 brain", 32, _HEAD_AXIAL),
)
