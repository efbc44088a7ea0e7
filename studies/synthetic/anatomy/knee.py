"""A right knee, slightly bent. The origin lies in the middle of the joint space."""

import numpy as np

from .canvas import Canvas, FloatArray, interpolate


def paint_knee(canvas: Canvas) -> None:
    """Everything, from the skin inwards."""
    x, y, z = canvas.x, canvas.y, canvas.z
    _paint_flesh(canvas, x, y, z)
    _paint_thigh_bone(canvas, x, y, z)
    _paint_shin_bone(canvas, x, y, z)
    _paint_kneecap(canvas)
    _paint_joint(canvas)


def _column(x: FloatArray, y: FloatArray, half: FloatArray, shift: FloatArray) -> FloatArray:
    """Distance to a column along z of elliptical cross-section, wider across than deep."""
    q = (x / (half * np.float32(1.1))) ** 2 + ((y - shift) / half) ** 2
    distance: FloatArray = (1 - np.sqrt(q)) * half
    return distance


def _paint_flesh(canvas: Canvas, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    half = interpolate(z, (-80, -30, 0, 30, 80), (50, 54, 57, 60, 66))
    shift = interpolate(z, (-80, 0, 80), (10, 2, 4))
    whole = _column(x, y, half, shift)
    canvas.paint(whole, "skin")
    canvas.paint(whole - 2, "fat")
    behind = np.minimum(whole - 9, y - interpolate(z, (-80, 0, 80), (4, 22, 8)))
    canvas.paint(behind, "muscle")
    thigh = np.minimum(np.minimum(whole - 8, z - 42), -y - 12)
    canvas.paint(thigh, "muscle")


def _paint_bone(canvas: Canvas, distance: FloatArray) -> None:
    canvas.paint(distance, "cortical bone")
    canvas.paint(distance - np.float32(2.2), "marrow")


def _paint_thigh_bone(canvas: Canvas, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    half = interpolate(z, (24, 45, 80), (26, 17, 14))
    shaft = np.minimum(_column(x, y, half, interpolate(z, (0, 80), (0, -6))), z - 18)
    condyles = np.maximum(
        _ball(x, y, z, (-22, 6, 21), (21, 31, 20)), _ball(x, y, z, (22, 6, 21), (21, 29, 20))
    )
    canvas.paint(condyles + np.float32(3), "cartilage")
    _paint_bone(canvas, np.maximum(shaft, condyles))


def _paint_shin_bone(canvas: Canvas, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    half = interpolate(z, (-80, -45, -22, -6), (13, 15, 28, 32))
    plateau = np.minimum(_column(x, y, half, interpolate(z, (-80, -6), (2, 6))), np.float32(-6) - z)
    canvas.paint(np.minimum(plateau + np.float32(3), np.float32(-3) - z), "cartilage")
    _paint_bone(canvas, plateau)
    fibula = np.minimum(_column(x + 38, y - 26, np.full_like(z, 8), z * 0), np.float32(-18) - z)
    _paint_bone(canvas, fibula)


def _paint_kneecap(canvas: Canvas) -> None:
    canvas.ellipsoid("cartilage", (0, -41, 26), (22, 10, 22))
    canvas.ellipsoid("cortical bone", (0, -43, 26), (21, 9, 21))
    canvas.ellipsoid("marrow", (0, -43, 26), (19, 7, 19))
    for z in range(-36, 6, 3):  # the tendon below it, as a chain of balls
        canvas.ellipsoid("tendon", (0, -44 + (5 - z) * 0.12, z), (11, 3, 4))
    for z in range(48, 80, 3):
        canvas.ellipsoid("tendon", (0, -42 + (z - 48) * 0.1, z), (12, 3, 4))
    canvas.ellipsoid("fluid", (0, -29, 44), (18, 3, 12))


def _paint_joint(canvas: Canvas) -> None:
    for side in (-22, 22):
        for front, width in ((-19, 9), (27, 10)):
            canvas.ellipsoid("meniscus", (side, front, -1), (16, width, 4))
        canvas.ellipsoid("fluid", (side, 4, -1), (14, 12, 1.2))
    for step in range(14):  # cruciate ligaments cross in the notch
        part = step / 13
        canvas.ellipsoid("ligament", (3, 18 - 30 * part, 16 - 22 * part), (4, 3, 3))
        canvas.ellipsoid("ligament", (-3, -6 + 34 * part, 14 - 22 * part), (4, 3.5, 3.5))


def _ball(
    x: FloatArray, y: FloatArray, z: FloatArray, center: tuple[float, float, float],
    radii: tuple[float, float, float],
) -> FloatArray:  # fmt: skip
    a, b, c = radii
    q = ((x - center[0]) / a) ** 2 + ((y - center[1]) / b) ** 2 + ((z - center[2]) / c) ** 2
    distance: FloatArray = ((1 - np.sqrt(q)) * min(radii)).astype(np.float32)
    return distance
