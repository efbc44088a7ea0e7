"""Magnetic resonance of the brain, the lumbar spine and the knee."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from studies.synthetic.anatomy.canvas import Canvas, Tissues
from studies.synthetic.anatomy.head import paint_head
from studies.synthetic.anatomy.knee import paint_knee
from studies.synthetic.anatomy.texture import noise
from studies.synthetic.anatomy.torso import paint_torso
from studies.synthetic.part10 import PhantomSeries, Picture
from studies.synthetic.stack import SliceStack, centered_stack


@dataclass(frozen=True)
class Sequence:
    """How tissues shine, and how the scanner was set (PS3.3 C.8.3.1)."""

    tissues: Tissues
    window: tuple[int, int]
    repetition_ms: int
    echo_ms: int
    inversion_ms: int = 0

    def attributes(self) -> Mapping[str, Any]:
        inversion = {"InversionTime": self.inversion_ms} if self.inversion_ms else {}
        return {
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
            "ScanningSequence": "IR" if self.inversion_ms else "SE",
            "SequenceVariant": "SK",
            "ScanOptions": "",
            "MRAcquisitionType": "2D",
            "RepetitionTime": self.repetition_ms,
            "EchoTime": self.echo_ms,
            "EchoTrainLength": 1,
            "MagneticFieldStrength": 1.5,
            "WindowCenter": self.window[0],
            "WindowWidth": self.window[1],
            **inversion,
        }


@dataclass(frozen=True)
class Scan:
    """One stack of one body in one sequence."""

    stack: SliceStack
    paint: Callable[[Canvas], None]
    sequence: Sequence

    def draw(self) -> Iterator[Picture]:
        for index in range(self.stack.count):
            canvas = self.stack.canvas(index, self.sequence.tissues)
            self.paint(canvas)
            rng = np.random.default_rng((index, self.stack.count, self.sequence.echo_ms))
            # The magnitude of complex noise: dark is never quite black (Rician).
            real = canvas.values + noise(rng, canvas.values.shape) * 14
            other = noise(rng, canvas.values.shape) * 14
            signal = np.sqrt(real * real + other * other)
            stored = np.clip(np.rint(signal), 0, 4095).astype(np.uint16)
            attributes = {**self.sequence.attributes(), **self.stack.attributes(index)}
            yield Picture(stored, attributes, bits_stored=12)


_DARK = dict.fromkeys(("air", "skull", "calcification", "tooth", "sinus"), 8)
HEAD_T1 = Sequence(
    {
        **_DARK, "skin": 420, "fat": 980, "muscle": 330, "marrow": 760, "csf": 110,
        "ventricle": 100, "grey": 420, "white": 600, "deep grey": 480, "brainstem": 560,
        "cerebellum": 460, "dura": 260, "vein": 180, "pineal": 380, "vitreous": 130, "lens": 300,
        "nerve": 480, "mucosa": 380, "tongue": 430, "cord": 540, "gland": 500, "lesion": 300,
    },
    (420, 840), 520, 12,
)  # fmt: skip
HEAD_T2 = Sequence(
    {
        **_DARK, "skin": 300, "fat": 620, "muscle": 180, "marrow": 430, "csf": 1050,
        "ventricle": 1080, "grey": 520, "white": 350, "deep grey": 420, "brainstem": 380,
        "cerebellum": 460, "dura": 120, "vein": 90, "pineal": 500, "vitreous": 1100, "lens": 120,
        "nerve": 380, "mucosa": 760, "tongue": 260, "cord": 380, "gland": 420, "lesion": 900,
    },
    (520, 1000), 4200, 96,
)  # fmt: skip
HEAD_FLAIR = Sequence(
    {
        **_DARK, "skin": 300, "fat": 560, "muscle": 200, "marrow": 380, "csf": 60,
        "ventricle": 55, "grey": 480, "white": 370, "deep grey": 420, "brainstem": 390,
        "cerebellum": 440, "dura": 150, "vein": 80, "pineal": 420, "vitreous": 70, "lens": 120,
        "nerve": 380, "mucosa": 600, "tongue": 260, "cord": 380, "gland": 420, "lesion": 900,
    },
    (360, 760), 9000, 110, 2500,
)  # fmt: skip

_TRUNK_DARK = dict.fromkeys(
    ("air", "table", "table shell", "lung", "airway", "cortical bone", "calcification", "gas",
     "blood", "venous blood"), 12,
)  # fmt: skip
TRUNK_T1 = Sequence(
    {
        **_TRUNK_DARK, "skin": 420, "fat": 760, "visceral fat": 700, "muscle": 320,
        "airway wall": 280, "lung vessel": 60, "myocardium": 330, "esophagus": 300,
        "cancellous bone": 620, "cartilage": 300, "disc": 330, "cord": 430, "liver": 430,
        "liver vessel": 90, "cyst": 120, "bile": 150, "spleen": 330, "kidney cortex": 400,
        "kidney medulla": 320, "urine": 110, "stomach wall": 320, "stomach content": 200,
        "bowel wall": 320, "bowel content": 240, "stool": 420, "pancreas": 460, "adrenal": 400,
        "nodule": 320,
    },
    (430, 860), 560, 11,
)  # fmt: skip
TRUNK_T2 = Sequence(
    {
        **_TRUNK_DARK, "skin": 300, "fat": 700, "visceral fat": 680, "muscle": 170,
        "airway wall": 260, "lung vessel": 60, "myocardium": 260, "esophagus": 260,
        "cancellous bone": 380, "cartilage": 260, "disc": 520, "cord": 1000, "liver": 220,
        "liver vessel": 60, "cyst": 1050, "bile": 1050, "spleen": 420, "kidney cortex": 480,
        "kidney medulla": 620, "urine": 1100, "stomach wall": 300, "stomach content": 800,
        "bowel wall": 320, "bowel content": 700, "stool": 300, "pancreas": 320, "adrenal": 340,
        "nodule": 520,
    },
    (440, 900), 3400, 102,
)  # fmt: skip
KNEE_PD = Sequence(
    {
        "air": 10, "skin": 300, "fat": 760, "muscle": 280, "marrow": 620, "cortical bone": 30,
        "cartilage": 480, "meniscus": 60, "ligament": 70, "fluid": 900, "tendon": 50,
    },
    (400, 800), 2400, 30,
)  # fmt: skip


def _brain(plane: str, count: int) -> SliceStack:
    middle = (0, -6, 10) if plane == "axial" else (0, -6, -5)
    return centered_stack(
        "mr head", plane, (256, 256), 0.94, middle=middle, slices=(count, -5.5 if plane == "axial" else -6, 5)
    )  # fmt: skip


def _spine() -> SliceStack:
    return centered_stack(
        "mr spine", "sagittal", (320, 320), 0.94, middle=(0, 60, -110), slices=(12, -4.4, 4)
    )


def _knee() -> SliceStack:
    return centered_stack(
        "mr knee", "sagittal", (320, 320), 0.5, middle=(0, 0, 0), slices=(16, -4.5, 4)
    )


def _series(name: str, part: str, description: str, scan: Scan) -> PhantomSeries:
    return PhantomSeries(name, "MR", part, description, scan.stack.count, scan.draw)


SERIES = (
    _series("mr-brain-t1-axial", "BRAIN", "T1 axial", Scan(_brain("axial", 24), paint_head, HEAD_T1)),
    _series("mr-brain-t2-axial", "BRAIN", "T2 axial", Scan(_brain("axial", 24), paint_head, HEAD_T2)),
    _series(
        "mr-brain-flair-axial", "BRAIN", "FLAIR axial", Scan(_brain("axial", 24), paint_head, HEAD_FLAIR)
    ),
    _series(
        "mr-brain-t1-sagittal", "BRAIN", "T1 sagittal", Scan(_brain("sagittal", 20), paint_head, HEAD_T1)
    ),
    _series("mr-lspine-t1-sagittal", "LSPINE", "T1 sagittal", Scan(_spine(), paint_torso, TRUNK_T1)),
    _series("mr-lspine-t2-sagittal", "LSPINE", "T2 sagittal", Scan(_spine(), paint_torso, TRUNK_T2)),
    _series("mr-knee-pd-sagittal", "KNEE", "PD sagittal", Scan(_knee(), paint_knee, KNEE_PD)),
)  # fmt: skip
