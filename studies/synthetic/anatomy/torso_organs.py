"""What lies in the trunk between the lungs and below the diaphragm."""

import itertools

import numpy as np

from .canvas import Canvas, FloatArray, Point
from .vessels import branch

_LIVER_VESSELS = branch(31, (-30, 0, -40), (-0.8, -0.2, 0.5), 5.5, reach=9)


def paint_mediastinum(canvas: Canvas) -> None:
    """Heart, great vessels and airways; contrast in the blood."""
    _paint_heart(canvas)
    tube(canvas, "blood", [(-14, -22, 62), (-17, -26, 98), (-14, -22, 126)], 15)
    tube(canvas, "blood", [(-14, -22, 126), (-3, -2, 140), (14, 22, 138), (22, 40, 122)], 13)
    tube(canvas, "blood", [(22, 40, 124), (22, 46, 40), (8, 30, -60), (5, 22, -195)], 10.5)
    tube(canvas, "calcification", [(27, 33, 133), (26, 34, 130)], 2.5)
    for start, end in (((-12, -18, 140), (-24, -6, 225)), ((10, 10, 144), (20, 4, 225))):
        tube(canvas, "blood", [start, end], 5)
    tube(canvas, "venous blood", [(-30, -10, 62), (-30, -16, 150), (-34, -10, 215)], 8)
    tube(canvas, "venous blood", [(-24, 14, 28), (-22, 16, -195)], 11)
    tube(canvas, "blood", [(12, -34, 66), (14, -24, 92)], 14)
    tube(canvas, "blood", [(14, -24, 92), (38, 12, 88)], 10)
    tube(canvas, "blood", [(12, -20, 90), (-34, -2, 80)], 9.5)
    tube(canvas, "esophagus", [(6, 34, 210), (4, 34, 60), (14, 22, 10)], 6)
    airway: tuple[tuple[list[Point], float], ...] = (
        ([(-1, 18, 240), (-1, 14, 160), (2, 10, 108)], 8.5),
        ([(2, 10, 108), (-26, 8, 82), (-52, 14, 50)], 6),
        ([(2, 10, 108), (36, 14, 80), (58, 18, 46)], 5.5),
    )
    for tissue, grow in (("airway wall", 1.5), ("airway", 0.0)):
        for path, radius in airway:
            tube(canvas, tissue, path, radius + grow)


def tube(canvas: Canvas, tissue: str, path: list[Point], radius: float) -> None:
    """A vessel of even width along straight pieces."""
    points = np.array(path)
    pieces = []
    for first, second in itertools.pairwise(points):
        count = int(np.sqrt(((second - first) ** 2).sum()) / (0.35 * radius)) + 2
        pieces.append(first + np.linspace(0, 1, count)[:, None] * (second - first))
    centers = np.concatenate(pieces)
    canvas.balls(
        tissue, np.column_stack([centers, np.full(len(centers), radius)]).astype(np.float32)
    )


def _paint_heart(canvas: Canvas) -> None:
    canvas.ellipsoid("visceral fat", (16, -30, 36), (66, 52, 50), yaw=24)
    canvas.ellipsoid("venous blood", (-26, -18, 38), (25, 29, 33))
    canvas.ellipsoid("myocardium", (14, -50, 30), (45, 26, 36), yaw=18)
    canvas.ellipsoid("venous blood", (11, -50, 30), (40, 21, 31), yaw=18)
    canvas.ellipsoid("blood", (8, 8, 56), (32, 21, 24))
    canvas.ellipsoid("myocardium", (44, -24, 30), (41, 33, 38), yaw=32)
    canvas.ellipsoid("blood", (42, -24, 32), (29, 20, 27), yaw=32)
    canvas.ellipsoid("myocardium", (52, -32, 24), (6, 5, 8))
    canvas.ellipsoid("calcification", (24, -50, 62), (6, 1.6, 1.6), yaw=20)


def paint_abdomen(canvas: Canvas, cage: FloatArray, dome: FloatArray) -> None:
    """Organs below the diaphragm, kept inside the abdominal wall."""
    if float(canvas.z.min()) > 40:
        return
    _paint_bowel(canvas)
    _paint_retroperitoneum(canvas)
    _paint_upper_organs(canvas, np.minimum(cage - 3, dome - 3 - canvas.z))


def _paint_upper_organs(canvas: Canvas, room: FloatArray) -> None:
    outside = Canvas(canvas.x, canvas.y, canvas.z, canvas.tissues, canvas.edge)
    outside.values = canvas.values.copy()
    canvas.ellipsoid("stomach wall", (52, -34, -34), (52, 40, 56), yaw=12, pitch=12)
    canvas.ellipsoid("stomach content", (52, -34, -34), (47, 35, 51), yaw=12, pitch=12)
    canvas.ellipsoid("gas", (48, -57, -22), (30, 13, 36))
    canvas.ellipsoid("spleen", (102, 34, -30), (32, 46, 48), yaw=-24)
    canvas.ellipsoid("liver", (-66, -2, -34), (76, 94, 84), pitch=8)
    canvas.ellipsoid("liver", (2, -54, -12), (74, 36, 40), yaw=-10)
    canvas.balls("liver vessel", _LIVER_VESSELS)
    canvas.ellipsoid("liver vessel", (-28, -8, -52), (26, 7, 7), yaw=-20)
    canvas.ellipsoid("cyst", (-104, -20, -22), (13, 13, 13))
    canvas.ellipsoid("bile", (-48, -58, -84), (17, 20, 28))
    keep = np.clip(room / np.float32(canvas.edge) + np.float32(0.5), 0, 1)
    canvas.values = outside.values + keep * (canvas.values - outside.values)


def _paint_retroperitoneum(canvas: Canvas) -> None:
    for side in (-1, 1):
        low = -8 if side < 0 else 0
        center = (side * 62.0, 44.0, -104.0 + low)
        canvas.ellipsoid("kidney cortex", center, (27, 25, 52), yaw=side * 28)
        for height in (-30, -10, 10, 30):
            medulla = (center[0] + side * 7, center[1] + 2, center[2] + height)
            canvas.ellipsoid("kidney medulla", medulla, (8, 13, 7), yaw=side * 28)
        sinus = (center[0] - side * 13, center[1] - 6, center[2])
        canvas.ellipsoid("visceral fat", sinus, (14, 10, 26), yaw=side * 28)
        canvas.ellipsoid("urine", sinus, (7, 5, 13))
        canvas.ellipsoid("adrenal", (side * 34, 26, -46), (3, 12, 14), yaw=side * 30)
        canvas.ellipsoid("muscle", (side * 40, 52, -185), (20, 22, 95))
        canvas.ellipsoid("muscle", (side * 36, 84, -120), (32, 19, 130))
        tube(canvas, "blood", [(side * 8, 22, -104), (side * 42, 36, -104)], 3)
    tube(canvas, "pancreas", [(-34, -4, -96), (-10, -14, -82), (30, -8, -70), (72, 12, -56)], 11)
    tube(canvas, "liver vessel", [(-24, -6, -62), (20, 2, -76), (74, 22, -52)], 4.5)


def _paint_bowel(canvas: Canvas) -> None:
    rng = np.random.default_rng(41)
    for _ in range(46):
        center = (rng.uniform(-72, 72), rng.uniform(-66, 8), rng.uniform(-200, -95))
        radii = (rng.uniform(11, 20), rng.uniform(10, 14), rng.uniform(10, 16))
        turn = rng.uniform(-60, 60)
        inner = (radii[0] - 3, radii[1] - 3, radii[2] - 3)
        canvas.ellipsoid("bowel wall", center, radii, yaw=turn)
        canvas.ellipsoid("bowel content", center, inner, yaw=turn)
        if rng.random() < 0.25:
            canvas.ellipsoid("gas", (center[0], center[1] - 4, center[2]), (inner[0] * 0.7, 4, 6))
    for side in (-1, 1):
        for height in range(-200, -60, 16):
            center = (side * (100 - 0.1 * abs(height + 130)), 4.0, float(height))
            canvas.ellipsoid("bowel wall", center, (21, 20, 15))
            canvas.ellipsoid("stool", center, (18, 17, 12))
            canvas.ellipsoid("gas", (center[0], center[1] - 8, center[2]), (12, 6, 9))
