"""What is done to whom: procedures, their share of the work and the series that they give.

The series name phantoms of the catalogue, so that every study has pictures that fit it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from studies.synthetic.phantoms import CATALOGUE

_PHANTOMS = {phantom.name: phantom for phantom in CATALOGUE}


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """A series of `count` instances of a phantom, from its instance number `first` (0-based)."""

    phantom: str
    description: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """A series that a procedure gives, with its probability; fewest instances, or all if 0."""

    phantom: str
    description: str = ""
    probability: float = 1.0
    fewest: int = 0

    def draw(self, rng: random.Random) -> SeriesPlan:
        phantom = _PHANTOMS[self.phantom]
        whole = phantom.number_of_instances
        count = rng.randint(self.fewest, whole) if self.fewest else whole
        description = self.description or phantom.description
        return SeriesPlan(self.phantom, description, rng.randint(0, whole - count), count)


@dataclass(frozen=True, slots=True)
class Procedure:
    modality: str
    body_part: str
    descriptions: tuple[str, ...]
    share: float
    steps: tuple[Step, ...]
    sex: str = ""
    youngest: int = 0  # years

    def draw_series(self, rng: random.Random) -> Iterator[SeriesPlan]:
        for step in self.steps:
            if rng.random() < step.probability:
                yield step.draw(rng)


_CHEST_VIEWS = (Step("dx-chest-pa"), Step("dx-chest-lateral", probability=0.6))

# Shares are about those of a general hospital: half of all work is plain films.
PROCEDURES = (
    Procedure(
        "CT", "HEAD",
        ("CT head without contrast", "CT head, acute", "CT brain follow-up"), 7.5,
        (Step("ct-head-scout"), Step("ct-head-axial", fewest=24)),
    ),
    Procedure(
        "CT", "CHEST",
        ("CT chest with contrast", "CT thorax", "CT pulmonary angiography"), 4.5,
        (
            Step("ct-torso-scout"),
            Step("ct-torso-axial", "Axial 5.0 soft tissue", fewest=30),
            Step("ct-torso-coronal", "Coronal 3.0", probability=0.5, fewest=24),
        ),
    ),
    Procedure(
        "CT", "ABDOMEN",
        ("CT abdomen and pelvis with contrast", "CT abdomen", "CT kidneys, ureters, bladder"), 4.5,
        (
            Step("ct-torso-scout"),
            Step("ct-torso-axial", "Axial 5.0 portal venous", fewest=30),
            Step("ct-torso-coronal", "Coronal 3.0", probability=0.5, fewest=24),
        ),
    ),
    Procedure(
        "MR", "BRAIN",
        ("MR brain", "MR brain with contrast", "MR head, multiple sclerosis follow-up"), 5.5,
        (
            Step("mr-brain-t1-sagittal", probability=0.8),
            Step("mr-brain-t1-axial"),
            Step("mr-brain-t2-axial"),
            Step("mr-brain-flair-axial"),
            Step("mr-brain-t1-axial", "T1 axial with contrast", probability=0.3),
        ),
    ),
    Procedure(
        "MR", "LSPINE",
        ("MR lumbar spine", "MR spine, low back pain"), 3.5,
        (Step("mr-lspine-t1-sagittal"), Step("mr-lspine-t2-sagittal")),
    ),
    Procedure("MR", "KNEE", ("MR knee left", "MR knee right"), 2.5, (Step("mr-knee-pd-sagittal"),)),
    Procedure(
        "DX", "CHEST", ("Chest PA and lateral", "Chest X-ray", "Chest, pre-operative"), 22,
        _CHEST_VIEWS,
    ),
    Procedure("DX", "HAND", ("Hand AP", "Hand, trauma"), 9, (Step("dx-hand-ap"),)),
    Procedure(
        "CR", "CHEST", ("Chest AP portable", "Chest bedside", "Chest, line position"), 12,
        (Step("cr-chest-ap"),),
    ),
    Procedure(
        "US", "ABDOMEN", ("US abdomen complete", "US liver and gallbladder", "US kidneys"), 11,
        (Step("us-abdomen"),),
    ),
    Procedure(
        "US", "HEART", ("Echocardiography", "Transthoracic echo"), 6,
        (
            Step("us-heart-cine", "Apical four chamber"),
            Step("us-heart-cine", "Colour Doppler", probability=0.7),
            Step("us-heart-cine", "Subcostal", probability=0.3),
        ),
    ),
    Procedure(
        "MG", "BREAST", ("Screening mammography", "Diagnostic mammography"), 9,
        (Step("mg-rcc"), Step("mg-lcc"), Step("mg-rmlo"), Step("mg-lmlo")),
        sex="F", youngest=30,
    ),
    Procedure("NM", "WHOLEBODY", ("Bone scan", "Bone scintigraphy whole body"), 1.5,
              (Step("nm-bone-whole-body"),), youngest=12),
    Procedure(
        "PT", "WHOLEBODY", ("PET/CT whole body FDG", "PET/CT staging"), 0.7,
        (Step("ct-torso-scout"), Step("ct-torso-axial", "CT AC 5.0"), Step("pt-body-axial")),
        youngest=16,
    ),
    Procedure(
        "XA", "HEART", ("Coronary angiography", "Left heart catheterisation"), 1.8,
        (
            Step("xa-coronary", "LCA RAO"),
            Step("xa-coronary", "LCA LAO"),
            Step("xa-coronary", "LCA cranial", probability=0.8),
            Step("xa-coronary", "LCA caudal", probability=0.5),
            Step("xa-coronary", "LCA spider", probability=0.3),
            Step("xa-coronary", "RCA LAO", probability=0.8),
            Step("xa-coronary", "RCA RAO", probability=0.5),
            Step("xa-coronary", "RCA cranial", probability=0.3),
        ),
        youngest=25,
    ),
)  # fmt: skip
