"""A bone scan: counts of a whole body from the front and from the back."""

import numpy as np

from .canvas import FloatArray
from .texture import noise, smooth

SHAPE = (1024, 256)
MM_PER_PIXEL = 1.9


def whole_body(*, posterior: bool) -> FloatArray:
    """Counts per pixel; the patient's right is on the left of the picture from the front."""
    rng = np.random.default_rng(72 if posterior else 71)
    counts = np.zeros(SHAPE, np.float32)
    _flesh(counts)
    _trunk(counts, posterior=posterior)
    for side in (-1, 1):
        _limbs(counts, side)
        _oval(counts, 392 if posterior else 400, 128 + side * 27, 19, 10, 13 if posterior else 4)
    _oval(counts, 512, 128, 13, 17, 20 if posterior else 30)  # bladder
    _oval(counts, 300, 141 if posterior else 115, 6, 6, 34)  # a lesion of a vertebra
    _oval(counts, 610, 88 if not posterior else 168, 9, 6, 24)  # and of a femur
    blurred = smooth(counts, 4)
    noisy: FloatArray = np.maximum(
        blurred + noise(rng, SHAPE) * np.sqrt(np.maximum(blurred, 0)) * np.float32(0.9), 0
    )
    return noisy


def _oval(
    counts: FloatArray, row: float, column: float, height: float, width: float, amount: float
) -> None:
    y = np.arange(SHAPE[0], dtype=np.float32)[:, None] - np.float32(row)
    x = np.arange(SHAPE[1], dtype=np.float32)[None, :] - np.float32(column)
    q = (y / np.float32(height)) ** 2 + (x / np.float32(width)) ** 2
    counts += np.float32(amount) * np.sqrt(np.maximum(1 - q, 0))


def _bone(
    counts: FloatArray, start: tuple[float, float], end: tuple[float, float], width: float,
    amount: float,
) -> None:  # fmt: skip
    steps = max(2, int(np.hypot(end[0] - start[0], end[1] - start[1]) / (width * 0.7)))
    for part in np.linspace(0, 1, steps):
        row, column = (s + (e - s) * part for s, e in zip(start, end, strict=True))
        _oval(counts, row, column, width, width, amount)


def _flesh(counts: FloatArray) -> None:
    _oval(counts, 92, 128, 62, 42, 3)
    _oval(counts, 330, 128, 230, 74, 4)
    for side in (-1, 1):
        _bone(counts, (520, 128 + side * 34), (960, 128 + side * 26), 24, 1.1)
        _bone(counts, (190, 128 + side * 80), (560, 128 + side * 100), 15, 1)


def _trunk(counts: FloatArray, *, posterior: bool) -> None:
    _oval(counts, 70, 128, 46, 34, 11)
    _oval(counts, 112, 128, 18, 22, 9)
    for number in range(24):
        _oval(counts, 150 + number * 12.6, 128, 5.4, 5 + number * 0.25, 15 if posterior else 8)
    if not posterior:
        _bone(counts, (184, 128), (300, 128), 6, 9)
    for number in range(10):
        reach = 34 + 22 * np.sin((number + 1.5) / 11 * np.pi)
        for side in (-1, 1):
            for part in np.linspace(0.12, 1, 14):
                drop = (18 if posterior else -14) * part**2 + 8 * part
                _oval(counts, 192 + number * 15 + drop, 128 + side * reach * part, 3, 3.4, 3.4)
    for side in (-1, 1):
        _oval(counts, 462, 128 + side * 34, 30, 22, 9)
        _oval(counts, 470, 128 + side * 15, 24, 6, 13 if posterior else 5)


def _limbs(counts: FloatArray, side: int) -> None:
    def at(row: float, column: float) -> tuple[float, float]:
        return row, 128 + side * column

    _bone(counts, at(176, 12), at(170, 62), 4, 5)  # collar bone
    _oval(counts, *at(182, 70), 11, 10, 14)
    _bone(counts, at(190, 74), at(342, 90), 6, 3.6)
    _oval(counts, *at(348, 91), 8, 7, 8)
    _bone(counts, at(356, 92), at(480, 103), 5, 3)
    _oval(counts, *at(500, 105), 16, 8, 6)
    _oval(counts, *at(516, 46), 12, 11, 13)
    _bone(counts, at(528, 44), at(716, 31), 8, 4)
    _oval(counts, *at(730, 31), 15, 13, 12)
    _bone(counts, at(746, 30), at(918, 25), 7, 4)
    _oval(counts, *at(932, 25), 10, 8, 9)
    _oval(counts, *at(958, 29), 22, 9, 6)
