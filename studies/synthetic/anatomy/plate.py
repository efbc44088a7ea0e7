"""A flat picture to which bodies in the way of a beam add their thickness.

Positions are millimetres from the middle, x to the right and y down; a *path* is an array of rows
``x, y, radius``.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .canvas import FloatArray, axis, rotate
from .texture import enlarge

Window = tuple[slice, slice]
Path = npt.NDArray[np.float64]
Points = Sequence[Sequence[float]]

_COARSE = 5  # pixels between samples of an outline's distance, which is nearly linear
_FAR = np.float32(9)

# Strokes in a box 2 wide and 3 high.
_LETTERS: dict[str, tuple[Points, ...]] = {
    "R": (((0, 3), (0, 0), (1.3, 0), (2, 0.7), (1.3, 1.5), (0, 1.5)), ((1, 1.5), (2, 3))),
    "L": (((0, 0), (0, 3), (1.8, 3)),),
    "C": (((2, 0.6), (1.4, 0), (0.6, 0), (0, 0.7), (0, 2.3), (0.6, 3), (1.4, 3), (2, 2.4)),),
    "M": (((0, 3), (0, 0), (1, 1.6), (2, 0), (2, 3)),),
    "O": (((0.6, 0), (1.4, 0), (2, 0.7), (2, 2.3), (1.4, 3), (0.6, 3), (0, 2.3), (0, 0.7), (0.6, 0)),),
    "A": (((0, 3), (1, 0), (2, 3)), ((0.4, 2), (1.6, 2))),
    "P": (((0, 3), (0, 0), (1.3, 0), (2, 0.7), (1.3, 1.5), (0, 1.5)),),
}  # fmt: skip


def curve(points: Points, count: int = 32, *, closed: bool = False) -> Path:
    """Smooth path through points of any number of columns (Catmull and Rom's spline)."""
    knots = np.asarray(points, np.float64)
    if closed:
        knots = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    spans = len(knots) - 3
    at = np.linspace(0, spans, count, endpoint=not closed)
    low = np.minimum(at.astype(int), spans - 1)
    t = (at - low)[:, None]
    a, b, c, d = (knots[low + k] for k in range(4))
    path: Path = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3
    )
    return path


def mirrored(points: Points) -> Path:
    """The same points on the other side of the middle line."""
    path = np.array(points, np.float64)
    path[:, 0] *= -1
    return path


def rounded(distance: FloatArray, depth: float) -> FloatArray:
    """0 outside, 1 from ``depth`` mm inside; between, the flank of a circle."""
    t = np.clip(distance / np.float32(depth), 0, 1)
    flank: FloatArray = np.sqrt(t * (2 - t))
    return flank


class Plate:
    """Sums of thickness, from ``values``; unit as the painter likes."""

    def __init__(self, rows: int, columns: int, spacing_mm: float) -> None:
        self.spacing_mm = spacing_mm
        self.x = axis(-spacing_mm * (columns - 1) / 2, spacing_mm, columns)
        self.y = axis(-spacing_mm * (rows - 1) / 2, spacing_mm, rows)
        self.values: FloatArray = np.zeros((rows, columns), np.float32)

    def blank(self) -> "Plate":
        """An empty plate of the same size."""
        rows, columns = self.values.shape
        return Plate(rows, columns, self.spacing_mm)

    def window(self, low: Sequence[float], high: Sequence[float]) -> Window:
        """Rows and columns between two corners in mm, perhaps none."""
        columns = np.searchsorted(self.x, (low[0], high[0]))
        rows = np.searchsorted(self.y, (low[1], high[1]))
        return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))

    def ellipse(
        self, center: Sequence[float], radii: Sequence[float], amount: float, *, turn: float = 0
    ) -> None:
        """Add an ellipsoid ``amount`` thick in its middle, turned by degrees."""
        reach = max(radii) if turn else 0.0
        span = [max(r, reach) for r in radii]
        rows, columns = self.window(
            [c - s for c, s in zip(center, span, strict=True)],
            [c + s for c, s in zip(center, span, strict=True)],
        )
        x = self.x[None, columns] - np.float32(center[0])
        y = self.y[rows, None] - np.float32(center[1])
        x, y = rotate(x, y, turn)
        q = (x / np.float32(radii[0])) ** 2 + (y / np.float32(radii[1])) ** 2
        self.values[rows, columns] += np.float32(amount) * np.sqrt(np.maximum(1 - q, 0))

    def nearness(self, path: Path) -> tuple[Window, FloatArray]:
        """Square of the distance to a path in units of its radius: 0 on it, 1 at its rim."""
        reach = path[:, 2].max() + self.spacing_mm
        whole = self.window(path[:, :2].min(0) - reach, path[:, :2].max(0) + reach)
        top, left = whole[0].start, whole[1].start
        near = np.full((whole[0].stop - top, whole[1].stop - left), _FAR)
        for start, end in itertools.pairwise(path):
            low = np.minimum(start, end)[:2] - max(start[2], end[2])
            high = np.maximum(start, end)[:2] + max(start[2], end[2])
            rows, columns = self.window(low, high)
            if rows.start == rows.stop or columns.start == columns.stop:
                continue
            q = _capsule(self.x[None, columns], self.y[rows, None], start, end)
            part = near[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
            np.minimum(part, q, out=part)
        return whole, near

    def tube(self, path: Path, amount: float, *, marrow: float = 0, hollow: float = 0.75) -> None:
        """Add a round rod, ``amount`` in its middle; a bone has marrow to a part of its radius."""
        window, near = self.nearness(path)
        thickness = np.sqrt(np.maximum(1 - near, 0))
        if marrow:
            inner = np.maximum(1 - near / np.float32(marrow**2), 0)
            thickness -= np.float32(hollow * marrow) * np.sqrt(inner)
        self.values[window] += np.float32(amount) * thickness

    def shape(self, outline: Points, margin: float = 0) -> tuple[Window, FloatArray]:
        """Distance in mm to a closed outline through the points, positive inside."""
        path = curve(outline, max(64, 8 * len(outline)), closed=True)[:, :2]
        window = self.window(path.min(0) - margin - 1, path.max(0) + margin + 1)
        rows, columns = window
        shape = rows.stop - rows.start, columns.stop - columns.start
        x, y = (
            np.linspace(part[0], part[-1], max(2, -(-len(part) // _COARSE))).astype(np.float32)
            for part in (self.x[columns], self.y[rows])
        )
        return window, enlarge(_signed_distance(x[None, :], y[:, None], path), shape)

    def blob(self, outline: Points, depth: float, amount: float) -> None:
        """Add a body of this outline whose rim is ``depth`` mm round."""
        window, distance = self.shape(outline)
        self.values[window] += np.float32(amount) * rounded(distance, depth)

    def write(self, text: str, corner: Sequence[float], size_mm: float, amount: float) -> None:
        """Add lead letters from the upper left corner."""
        x, y = corner
        for letter in text:
            for stroke in _LETTERS[letter]:
                path = np.array(
                    [(x + u * size_mm / 3, y + v * size_mm / 3, size_mm / 14) for u, v in stroke]
                )
                window, near = self.nearness(path)
                self.values[window] += np.float32(amount) * (near < 1)
            x += size_mm


def _capsule(x: FloatArray, y: FloatArray, start: Path, end: Path) -> FloatArray:
    dx, dy, dr = (np.float32(part) for part in end - start)
    u, v = x - np.float32(start[0]), y - np.float32(start[1])
    length = dx * dx + dy * dy
    t = np.clip((u * dx + v * dy) / (length if length else np.float32(1)), 0, 1)
    near: FloatArray = ((u - t * dx) ** 2 + (v - t * dy) ** 2) / (
        np.float32(start[2]) + t * dr
    ) ** 2
    return near


def _signed_distance(x: FloatArray, y: FloatArray, path: Path) -> FloatArray:
    square = np.full((y.shape[0], x.shape[1]), np.float32(np.inf))
    inside = np.zeros(square.shape, bool)
    corners = path.astype(np.float32)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
        dx, dy = x1 - x0, y1 - y0
        u, v = x - x0, y - y0
        t = np.clip((u * dx + v * dy) / max(dx * dx + dy * dy, np.float32(1e-6)), 0, 1)
        np.minimum(square, (u - t * dx) ** 2 + (v - t * dy) ** 2, out=square)
        if dy:
            inside ^= ((y0 > y) != (y1 > y)) & (u < v * (dx / dy))
    distance: FloatArray = np.where(inside, np.float32(1), np.float32(-1)) * np.sqrt(square)
    return distance
