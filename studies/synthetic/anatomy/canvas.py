"""A flat cut through a body, painted tissue by tissue from the outside in.

Coordinates are millimetres in the patient's system: x to the left, y to the back, z to the head
(PS3.3 C.7.6.2.1.1). A *distance* is positive inside a shape and in millimetres near its edge, so
``minimum`` intersects two shapes and ``maximum`` unites them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Point = tuple[float, float, float]
Tissues = Mapping[str, float]


def axis(first: float, step: float, count: int) -> FloatArray:
    """Positions in mm of ``count`` samples."""
    return (first + step * np.arange(count)).astype(np.float32)


def interpolate(at: FloatArray, knots: Iterable[float], values: Iterable[float]) -> FloatArray:
    """Piecewise linear profile, float32."""
    return np.interp(at, list(knots), list(values)).astype(np.float32)


def ellipsoid(x: FloatArray, y: FloatArray, z: FloatArray, radii: Point) -> FloatArray:
    """Distance to an ellipsoid about the origin."""
    a, b, c = radii
    q = (x / np.float32(a)) ** 2 + (y / np.float32(b)) ** 2 + (z / np.float32(c)) ** 2
    distance: FloatArray = (1 - np.sqrt(q)) * np.float32(min(radii))
    return distance


def rotate(u: FloatArray, v: FloatArray, degrees: float) -> tuple[FloatArray, FloatArray]:
    """Turn the pair of coordinates; positive turns u towards v."""
    if not degrees:
        return u, v
    c, s = np.float32(math.cos(math.radians(degrees))), np.float32(math.sin(math.radians(degrees)))
    return u * c + v * s, v * c - u * s


@dataclass
class Canvas:
    """One cut: coordinate arrays that broadcast to the picture, and the picture itself."""

    x: FloatArray
    y: FloatArray
    z: FloatArray
    tissues: Tissues
    edge: float  # width in mm over which one tissue fades into the next

    def __post_init__(self) -> None:
        shape = np.broadcast_shapes(self.x.shape, self.y.shape, self.z.shape)
        self.values: FloatArray = np.full(shape, self.tissues["air"], np.float32)

    @classmethod
    def axial(
        cls, x: FloatArray, y: FloatArray, z: float, tissues: Tissues, edge: float
    ) -> "Canvas":
        """Rows run to the back, columns to the left."""
        return cls(x[None, :], y[:, None], axis(z, 0, 1)[:, None], tissues, edge)

    @classmethod
    def coronal(
        cls, x: FloatArray, y: float, z: FloatArray, tissues: Tissues, edge: float
    ) -> "Canvas":
        """Rows follow ``z``, columns run to the left."""
        return cls(x[None, :], axis(y, 0, 1)[:, None], z[:, None], tissues, edge)

    @classmethod
    def sagittal(
        cls, x: float, y: FloatArray, z: FloatArray, tissues: Tissues, edge: float
    ) -> "Canvas":
        """Rows follow ``z``, columns run to the back."""
        return cls(axis(x, 0, 1)[:, None], y[None, :], z[:, None], tissues, edge)

    def paint(self, distance: FloatArray, tissue: str) -> None:
        """Fill a shape, with a soft edge."""
        _blend(self.values, distance, self.tissues[tissue], self.edge)

    def ellipsoid(
        self, tissue: str, center: Point, radii: Point, *, yaw: float = 0, pitch: float = 0
    ) -> None:
        """Fill an ellipsoid turned about z (yaw) or about x (pitch), in degrees."""
        reach = max(radii) if yaw or pitch else 0.0
        window = self._window(center, tuple(max(r, reach) for r in radii))
        if window is None:
            return
        x, y, z = (
            part - np.float32(middle)
            for part, middle in zip(self._coordinates(window), center, strict=True)
        )
        x, y = rotate(x, y, yaw)
        y, z = rotate(y, z, pitch)
        _blend(self.values[window], ellipsoid(x, y, z, radii), self.tissues[tissue], self.edge)

    def pair(
        self, tissue: str, center: Point, radii: Point, *, yaw: float = 0, pitch: float = 0
    ) -> None:
        """Fill an ellipsoid and its mirror image on the other side of the body."""
        x, y, z = center
        self.ellipsoid(tissue, center, radii, yaw=yaw, pitch=pitch)
        self.ellipsoid(tissue, (-x, y, z), radii, yaw=-yaw, pitch=pitch)

    def balls(self, tissue: str, balls: FloatArray) -> None:
        """Fill balls given as rows of x, y, z, radius: vessels are chains of them."""
        near = np.ones(len(balls), bool)
        for column, part in enumerate((self.x, self.y, self.z)):
            middle, radius = balls[:, column], balls[:, 3]
            near &= (middle + radius > part.min()) & (middle - radius < part.max())
        for x, y, z, radius in balls[near].tolist():
            self.ellipsoid(tissue, (x, y, z), (radius, radius, radius))

    def _window(self, center: Point, radii: tuple[float, ...]) -> tuple[slice, slice] | None:
        """Rows and columns that a shape may touch; None if it lies off the cut."""
        window = [slice(None), slice(None)]
        parts = (self.x, self.y, self.z)
        for part, middle, radius in zip(parts, center, radii, strict=True):
            touched = np.flatnonzero(
                np.abs(part.ravel() - np.float32(middle)) <= radius + self.edge
            )
            if not len(touched):
                return None
            for dimension in range(2):
                if part.shape[dimension] > 1:
                    window[dimension] = slice(int(touched[0]), int(touched[-1]) + 1)
        return window[0], window[1]

    def _coordinates(self, window: tuple[slice, slice]) -> tuple[FloatArray, ...]:
        rows, columns = window
        return tuple(
            part[rows if part.shape[0] > 1 else slice(None), :][
                :, columns if part.shape[1] > 1 else slice(None)
            ]
            for part in (self.x, self.y, self.z)
        )


def _blend(values: FloatArray, distance: FloatArray, value: float, edge: float) -> None:
    coverage = np.clip(distance / np.float32(edge) + np.float32(0.5), 0, 1)
    values += coverage * (np.float32(value) - values)
