"""Ultrasound: what a fan-shaped beam brings back, 0 to 255."""

import math
from collections.abc import Iterator

import numpy as np

from .canvas import FloatArray
from .texture import cloud, noise, smooth

SHAPE = (480, 640)
MM_PER_PIXEL = 0.35
_APEX = (18.0, 320.0)
_DEPTH = 440.0
_HALF_ANGLE = 0.68


def _grid() -> tuple[FloatArray, FloatArray]:
    rows, columns = SHAPE
    return (
        np.arange(rows, dtype=np.float32)[:, None],
        np.arange(columns, dtype=np.float32)[None, :],
    )


def _fan() -> tuple[FloatArray, FloatArray]:
    """Distance from the probe and whether the beam reaches there."""
    y, x = _grid()
    reach = np.hypot(y - _APEX[0], x - _APEX[1])
    angle = np.abs(np.arctan2(x - _APEX[1], y - _APEX[0]))
    inside = (angle < _HALF_ANGLE) & (reach < _DEPTH) & (reach > 26)
    return reach, inside.astype(np.float32)


def _speckle(rng: np.random.Generator) -> FloatArray:
    """Interference of many scatterers: the length of a random vector, mean near 1."""
    real, other = (smooth(noise(rng, SHAPE), 3) * 3 for _ in range(2))
    length: FloatArray = np.sqrt(real**2 + other**2)
    return length / length.mean()


def _ellipse(
    center: tuple[float, float], radii: tuple[float, float], turn: float = 0
) -> FloatArray:
    """1 in the middle, 0 on the rim, below 0 outside."""
    y, x = _grid()
    dy, dx = y - center[0], x - center[1]
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    u, v = dx * c + dy * s, dy * c - dx * s
    return (1 - np.sqrt((v / radii[0]) ** 2 + (u / radii[1]) ** 2)).astype(np.float32)


def _finish(echo: FloatArray, rng: np.random.Generator) -> FloatArray:
    reach, inside = _fan()
    fade = np.exp(-reach / np.float32(620))
    shown: FloatArray = np.clip(echo * _speckle(rng) * fade * inside, 0, 255)
    return shown


def liver() -> FloatArray:
    """Liver with its veins, and the diaphragm as a bright curve."""
    rng = np.random.default_rng(61)
    echo = 92 + cloud(rng, SHAPE, 24) * 7
    for center, radii, turn in (
        ((210, 250), (11, 95), 24), ((270, 380), (10, 80), -38), ((320, 300), (13, 60), 70),
        ((160, 370), (7, 55), 12),
    ):  # fmt: skip
        vein = _ellipse(center, radii, turn)
        echo = np.where(vein > 0, 10, np.where(vein > -0.25, echo + 26, echo))
    dome = _ellipse((150, 320), (270, 330))
    echo = np.where(np.abs(dome) < 0.018, 250, np.where(dome < 0, 34, echo))
    return _finish(echo.astype(np.float32), rng)


def kidney() -> FloatArray:
    """A kidney beside the liver: dark cortex and pyramids around a bright sinus."""
    rng = np.random.default_rng(62)
    echo = 88 + cloud(rng, SHAPE, 24) * 6
    whole = _ellipse((270, 330), (78, 150), 8)
    echo = np.where(whole > -0.04, 150, echo)
    echo = np.where(whole > 0, 62, echo)
    for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
        center = (270 + 48 * np.sin(angle), 330 + 100 * np.cos(angle))
        echo = np.where(_ellipse(center, (15, 19)) > 0, 26, echo)
    echo = np.where(_ellipse((270, 330), (30, 84), 8) > 0, 178, echo)
    return _finish(echo.astype(np.float32), rng)


def gallbladder() -> FloatArray:
    """A gallbladder with a stone and the shadow behind it."""
    rng = np.random.default_rng(63)
    echo = 96 + cloud(rng, SHAPE, 24) * 7
    wall = _ellipse((220, 310), (58, 112), -28)
    echo = np.where(wall > -0.05, 165, echo)
    echo = np.where(wall > 0, 6, echo)
    y, x = _grid()
    # The shadow widens along the beam behind the stone.
    beam = (x - _APEX[1]) / np.maximum(y - _APEX[0], 1)
    stone = _ellipse((262, 300), (13, 20))
    echo = np.where((np.abs(beam - (300 - 320) / 244) < 0.075) & (y > 262), 8, echo)
    echo = np.where(stone > 0, 245, echo)
    behind = (wall < 0) & (y > 290) & (np.abs(beam - 0.12) < 0.12)
    echo = np.where(behind, echo + 46, echo)
    return _finish(echo.astype(np.float32), rng)


def beating_heart(frames: int) -> Iterator[FloatArray]:
    """Apical four chamber view over one beat, `(rows, columns, 3)`, with colour of flow."""
    rng = np.random.default_rng(64)
    texture = cloud(rng, SHAPE, 20)
    for frame in range(frames):
        phase = 2 * np.pi * frame / frames
        squeeze = 1 - 0.17 * (0.5 - 0.5 * math.cos(phase))
        filling = 1 + 0.12 * (0.5 - 0.5 * math.cos(phase))
        grey = _finish(
            _four_chambers(texture, squeeze, filling), np.random.default_rng((64, frame))
        )
        yield _with_flow(grey, phase)


def _four_chambers(texture: FloatArray, squeeze: float, filling: float) -> FloatArray:
    echo = 46 + texture * 6
    muscle = _ellipse((225, 318), (190, 150), 4)
    echo = np.where(muscle > 0, 118 + texture * 12, echo)
    chambers = (
        ((180, 368), (92 * squeeze, 46 * squeeze), -6), ((186, 270), (80 * squeeze, 34 * squeeze), 8),
        ((326, 366), (48 * filling, 48 * filling), 0), ((326, 268), (44 * filling, 44 * filling), 0),
    )  # fmt: skip
    for center, radii, turn in chambers:
        echo = np.where(_ellipse(center, radii, turn) > 0, 9, echo)
    for center, turn in (((270, 344), 24), ((270, 392), -24), ((272, 250), 20), ((272, 290), -20)):
        tip = turn * (1.7 - squeeze)
        echo = np.where(_ellipse(center, (4, 26), tip) > 0, 205, echo)
    return echo.astype(np.float32)


def _with_flow(grey: FloatArray, phase: float) -> FloatArray:
    picture = np.repeat(grey[..., None], 3, axis=-1)
    filling = float(np.sin(phase)) > 0
    center = (232.0, 366.0) if filling else (318.0, 366.0)
    strength = abs(float(np.sin(phase)))
    jet = _ellipse(center, (54 * strength + 1, 17), 0)
    colour = np.array((232, 70, 26) if filling else (30, 88, 235), np.float32)
    shade = np.clip(jet * 1.8, 0, 1)[..., None]
    picture = np.where(jet[..., None] > 0, picture * (1 - shade) + colour * shade, picture)
    flowing: FloatArray = picture.astype(np.float32)
    return flowing
