"""A coronary run: arteries darken as contrast medium flows into them and wash out again."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .canvas import FloatArray
from .texture import cloud, noise, smooth

SHAPE = (512, 512)


@dataclass(frozen=True, slots=True)
class Bead:
    """A short piece of an artery: where, how wide, and how far along the flow (0 to 1)."""

    row: float
    column: float
    radius: float
    along: float


def run(frames: int) -> Iterator[FloatArray]:
    """Brightness from 0 to 255; the heart beats twice in the run."""
    background = _background()
    beads = list(_tree())
    for frame in range(frames):
        beat = math.sin(4 * math.pi * frame / frames)
        opacity = _opacity(beads, frame / (frames - 1), beat)
        rng = np.random.default_rng((81, frame))
        shown = background - opacity * 105 + noise(rng, SHAPE) * 5
        yield np.clip(shown, 0, 255).astype(np.float32)


def _background() -> FloatArray:
    """Lung, heart shadow, spine, ribs and the catheter, all soft."""
    rng = np.random.default_rng(80)
    y = np.arange(512, dtype=np.float32)[:, None]
    x = np.arange(512, dtype=np.float32)[None, :]
    image = np.full(SHAPE, 196, np.float32) + cloud(rng, SHAPE, 70) * 7
    heart = 1 - np.sqrt(((y - 290) / 210) ** 2 + ((x - 270) / 185) ** 2)
    image -= np.clip(heart * 3, 0, 1) * 42
    image -= np.clip(1 - np.abs(x - 395 + y * 0.12) / 52, 0, 1) * 30
    for number in range(7):
        rib = np.abs(y - (number * 88 - 60 + 0.0009 * (x - 120) ** 2))
        image -= np.clip(1 - rib / 17, 0, 1) * 11
    catheter = np.abs(x - (232 + 26 * np.sin(y / 62))) + np.maximum(y - 128, 0) * 4
    image -= np.clip(1 - catheter / 4.5, 0, 1) * 52
    return smooth(image, 3)


def _tree() -> Iterator[Bead]:
    yield from _artery(128, 226, 78, 8.6, 330, 0.0, 0, np.random.default_rng(82))


def _artery(  # noqa: PLR0913, PLR0917 - the state of one growing tip
    row: float, column: float, degrees: float, radius: float, length: float, along: float,
    depth: int, rng: np.random.Generator,
) -> Iterator[Bead]:  # fmt: skip
    """A winding tube that gives off branches and tapers."""
    bend, steps = 0.0, int(length / 2)
    for step in range(steps):
        bend = 0.94 * bend + float(rng.uniform(-0.9, 0.9))
        degrees += bend * 0.55
        row += 2 * math.sin(math.radians(degrees))
        column += 2 * math.cos(math.radians(degrees))
        along += 2 / 620
        width = radius * (1 - 0.62 * step / steps)
        # A stenosis in the first third of the main vessel.
        narrowed = width * (0.42 if depth == 0 and 34 < step < 42 else 1)
        yield Bead(row, column, narrowed, along)
        if depth < 3 and step > 6 and step % (26 - 4 * depth) == 12:
            side = 1 if (step // 13) % 2 else -1
            yield from _artery(
                row, column, degrees + side * float(rng.uniform(32, 58)), width * 0.72,
                length * 0.52, along, depth + 1, rng,
            )  # fmt: skip


def _opacity(beads: list[Bead], time: float, beat: float) -> FloatArray:
    """How much contrast medium lies in the way of each pixel."""
    opacity = np.zeros(SHAPE, np.float32)
    for bead in beads:
        filled = min(1.0, max(0.0, (time * 2.1 - bead.along) * 7)) * (
            1 - min(1.0, max(0.0, (time - 0.62 - bead.along * 0.3) * 4))
        )
        if filled <= 0:
            continue
        row = bead.row + beat * 5 * (bead.row - 128) / 260
        column = bead.column + beat * 4 * (bead.column - 256) / 200
        _blot(opacity, row, column, bead.radius, filled)
    return opacity


def _blot(opacity: FloatArray, row: float, column: float, radius: float, amount: float) -> None:
    top, left = int(row - radius) - 1, int(column - radius) - 1
    size = int(2 * radius) + 4
    if top < 0 or left < 0 or top + size > SHAPE[0] or left + size > SHAPE[1]:
        return
    y = np.arange(top, top + size, dtype=np.float32)[:, None] - np.float32(row)
    x = np.arange(left, left + size, dtype=np.float32)[None, :] - np.float32(column)
    chord = np.sqrt(np.maximum(1 - (y**2 + x**2) / np.float32(radius) ** 2, 0)) * np.float32(amount)
    window = opacity[top : top + size, left : left + size]
    np.maximum(window, chord * np.float32(min(1.0, 0.45 + radius / 12)), out=window)
