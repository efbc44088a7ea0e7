"""Noise, band-limited texture, smoothing and enlarging; all reproducible bit for bit."""

from collections.abc import Callable

import numpy as np

from .canvas import FloatArray

SUM_OF_FOUR_BYTES_MEAN = 510.0
SUM_OF_FOUR_BYTES_DEVIATION = 147.8


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Nearly normal, mean 0, deviation 1.

    Four uniform bytes are added, because a normal generator calls the machine's logarithm.
    """
    words = rng.integers(0, 2**32, size=shape, dtype=np.uint32)
    total = np.zeros(shape, np.float32)
    for shift in (0, 8, 16, 24):
        total += (words >> np.uint32(shift)) & np.uint32(255)
    return (total - np.float32(SUM_OF_FOUR_BYTES_MEAN)) / np.float32(SUM_OF_FOUR_BYTES_DEVIATION)


def smooth(image: FloatArray, width: int, axes: tuple[int, ...] = (0, 1)) -> FloatArray:
    """Three passes of a box ``width`` wide: nearly a Gaussian of deviation width / 2."""
    for along in axes:
        for _ in range(3):
            image = _box(image, width, along)
    return image


def _box(image: FloatArray, width: int, along: int) -> FloatArray:
    padding = [(0, 0)] * image.ndim
    padding[along] = (width // 2 + 1, (width - 1) // 2)
    total = np.cumsum(np.pad(image, padding, mode="edge"), axis=along, dtype=np.float64)
    upper = np.take(total, range(width, total.shape[along]), axis=along)
    lower = np.take(total, range(total.shape[along] - width), axis=along)
    return ((upper - lower) / width).astype(np.float32)


def enlarge(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Bilinear resampling to ``shape``, corner to corner."""
    for along, count in enumerate(shape):
        at = np.linspace(0, image.shape[along] - 1, count)
        low = np.minimum(at.astype(int), image.shape[along] - 2)
        part = (at - low).astype(np.float32)
        part = part[:, None] if along == 0 else part[None, :]
        image = np.take(image, low, along) * (1 - part) + np.take(image, low + 1, along) * part
    return image


def cloud(rng: np.random.Generator, shape: tuple[int, int], grain: int) -> FloatArray:
    """Smooth random texture with features about ``grain`` pixels wide, deviation near 1."""
    coarse = noise(rng, (shape[0] // grain + 3, shape[1] // grain + 3))
    return enlarge(smooth(coarse, 2) * np.float32(2.2), shape)


def waves(seed: int, wavelength: float, count: int = 40) -> Callable[..., FloatArray]:
    """A random field in space: plane waves of one length (mm) in all directions, deviation 1.

    Its zero level winds like the furrows of a brain. The same seed gives the same field on any
    cut, so planes in different directions agree.
    """
    rng = np.random.default_rng(seed)
    direction = rng.uniform(-1, 1, (count, 3))
    direction /= np.sqrt((direction**2).sum(axis=1, keepdims=True))
    number = direction * (2 * np.pi / wavelength) * rng.uniform(0.8, 1.25, (count, 1))
    phase = rng.uniform(0, 2 * np.pi, count)

    def field(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """Value on a cut whose coordinates vary by row, by column or not at all."""
        rows, columns = phase[None, :].copy(), np.zeros((1, count))
        for part, k in zip((x, y, z), number.T, strict=True):
            if part.shape[1] > 1:
                columns = columns + part.T.astype(np.float64) * k
            else:
                rows = rows + part.astype(np.float64) * k
        # cos(a + b) splits into products, so a whole cut costs two matrix products.
        total = np.cos(rows) @ np.cos(columns).T - np.sin(rows) @ np.sin(columns).T
        return (total * np.sqrt(2 / count)).astype(np.float32)

    return field
