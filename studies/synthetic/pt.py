"""Positron emission tomography with a glucose tracer: the torso, lit by what its tissues take up."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from studies.synthetic.anatomy.texture import noise, smooth
from studies.synthetic.anatomy.torso import HOUNSFIELD, paint_torso
from studies.synthetic.part10 import PhantomSeries, Picture
from studies.synthetic.stack import centered_stack

if TYPE_CHECKING:
    from studies.synthetic.anatomy.canvas import Canvas

# Becquerel per millilitre after an hour; what is not named takes up as muscle does.
UPTAKE = dict.fromkeys(HOUNSFIELD, 900.0) | {
    "air": 0, "table": 0, "table shell": 0, "lung": 500, "gas": 100, "airway": 100, "fat": 350,
    "visceral fat": 400, "blood": 1900, "venous blood": 1900, "myocardium": 14000, "liver": 3600,
    "liver vessel": 2500, "spleen": 3000, "kidney cortex": 7000, "kidney medulla": 16000,
    "urine": 38000, "cancellous bone": 1500, "cortical bone": 700, "bowel wall": 2600,
    "stomach wall": 2800, "nodule": 22000, "cord": 2200,
}  # fmt: skip
SLOPE = 1.5

_STACK = centered_stack(
    "torso", "axial", (128, 128), 4.0, middle=(0, 0, 12), slices=(40, -8.0, 8.0)
)


def _draw() -> Iterator[Picture]:
    for index in range(_STACK.count):
        canvas: Canvas = _STACK.canvas(index, UPTAKE)
        paint_torso(canvas)
        rng = np.random.default_rng((91, index))
        blurred = smooth(canvas.values, 2)
        counted = blurred + noise(rng, blurred.shape) * np.sqrt(np.maximum(blurred, 0)) * 5
        stored = np.clip(np.rint(counted / SLOPE), 0, 32767).astype(np.uint16)
        yield Picture(stored, {**_ATTRIBUTES, **_STACK.attributes(index)}, bits_stored=16)


_ATTRIBUTES = {
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "RescaleIntercept": 0,
    "RescaleSlope": SLOPE,
    "Units": "BQML",
    "CountsSource": "EMISSION",
    "SeriesType": ["STATIC", "IMAGE"],
    "CorrectedImage": ["ATTN", "DECY", "SCAT"],
    "DecayCorrection": "ADMIN",
    "CollimatorType": "NONE",
    "NumberOfSlices": _STACK.count,
    "ImageIndex": 1,
    "FrameReferenceTime": 0,
    "ActualFrameDuration": 180000,
    "DecayFactor": 1,
    "AcquisitionDate": "",
    "AcquisitionTime": "",
    "SeriesDate": "",
    "SeriesTime": "",
    "WindowCenter": 6000,
    "WindowWidth": 12000,
}

SERIES = (PhantomSeries("pt-body-axial", "PT", "WHOLEBODY", "PET AC axial", _STACK.count, _draw),)
