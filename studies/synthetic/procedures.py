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

    def draw_series(self, rng: random.Random) -> Iterator[SeriesPlan]:
        for step in self.steps:
            if rng.random() < step.probability:
                yield step.draw(rng)
