"""Mammograms: compressed breast, 0 for air and about 1 for dense tissue."""

import numpy as np

from .canvas import FloatArray
from .texture import cloud, noise

SHAPE = (1400, 1100)
SPACING_MM = 0.17


def breast(seed: int, *, oblique: bool) -> FloatArray:
    """A left breast: its chest wall at the left edge of the picture.

    Args:
        seed: Another breast has other glands.
        oblique: Mediolateral oblique, with the pectoral muscle; else craniocaudal.
    """
    rng = np.random.default_rng(seed)
    rows, columns = SHAPE
    y = (np.arange(rows, dtype=np.float32)[:, None] - rows * 0.52) / np.float32(rows)
    x = np.arange(columns, dtype=np.float32)[None, :] / np.float32(columns)
    sag = 0.1 * np.clip(y, -0.5, 0.5) if oblique else np.float32(0)
    outline = 1 - (x / (0.8 + sag)) ** 2 - (y / 0.43) ** 2
    thickness = np.clip(outline * 3.2, 0, 1) ** np.float32(0.6)
    image = thickness * np.float32(0.3)
    image += np.float32(0.1) * (thickness > 0) * (thickness < 0.35)  # skin, seen on edge
    image += _glands(rng, x, y, outline) * thickness
    image += np.float32(0.28) * np.exp(-(((x - 0.795) / 0.02) ** 2) - (y / 0.018) ** 2)  # nipple
    if oblique:
        muscle = np.clip((0.34 - x - (y + 0.52) * 0.42) * 14, 0, 1) * (thickness > 0)
        image += muscle * (np.float32(0.34) + cloud(rng, SHAPE, 60) * np.float32(0.02))
    _calcify(rng, image)
    mottle = noise(rng, SHAPE) * np.float32(0.008)
    exposed: FloatArray = np.maximum(image + mottle * (np.float32(0.4) + image), 0)
    return exposed


def _glands(
    rng: np.random.Generator, x: FloatArray, y: FloatArray, outline: FloatArray
) -> FloatArray:
    """A cone of dense strands that points to the nipple."""
    cone = np.clip(1.15 - np.abs(y) / (0.34 - 0.33 * x), 0, 1) * np.clip((outline - 0.1) * 3, 0, 1)
    coarse, fine, veil = (cloud(rng, SHAPE, grain) for grain in (110, 38, 14))
    strands = np.clip(0.45 + coarse * 0.33 + fine * 0.24 + veil * 0.08, 0, 1.4)
    glands: FloatArray = (cone * strands * np.float32(0.55)).astype(np.float32)
    return glands


def _calcify(rng: np.random.Generator, image: FloatArray) -> None:
    """A small cluster of bright grains."""
    for row, column in rng.integers(-45, 45, (14, 2)) + np.array((620, 430)):
        image[row - 1 : row + 2, column - 1 : column + 2] += np.float32(0.3)
