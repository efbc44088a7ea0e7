"""Branching vessels as chains of balls."""

import numpy as np
import numpy.typing as npt

from .canvas import FloatArray, Point

THINNEST_MM = 0.6


def branch(
    seed: int, start: Point, direction: Point, radius: float, *, reach: float = 6.0
) -> FloatArray:
    """A tree growing from ``start``: rows of x, y, z, radius in mm.

    Every segment is about ``reach`` times the root of its radius long, then forks in two.
    """
    rng = np.random.default_rng(seed)
    balls: list[npt.NDArray[np.float64]] = []
    growing = [(np.array(start, float), np.array(direction, float), radius)]
    while growing:
        at, heading, radius = growing.pop()
        if radius < THINNEST_MM:
            continue
        at = _grow(rng, balls, at, heading, radius, reach * radius**0.5)
        for share in (0.84, 0.72):
            turned = heading + rng.uniform(-0.85, 0.85, 3)
            growing.append((at, turned / np.sqrt((turned**2).sum()), radius * share))
    return np.concatenate(balls).astype(np.float32)


def _grow(
    rng: np.random.Generator,
    balls: list[npt.NDArray[np.float64]],
    at: npt.NDArray[np.float64],
    heading: npt.NDArray[np.float64],
    radius: float,
    length: float,
) -> npt.NDArray[np.float64]:
    """Append one slightly bent segment; return its end."""
    count = max(2, int(length / (0.7 * radius)))
    bend = rng.uniform(-0.25, 0.25, 3)
    steps = np.linspace(0, 1, count)[:, None]
    path = at + length * (steps * heading + steps**2 * bend)
    balls.append(np.column_stack([path, np.linspace(radius, radius * 0.88, count)]))
    end: npt.NDArray[np.float64] = path[-1]
    return end
