"""A trunk from the lower neck to the pelvis: wall, bones and lungs. z = 0 lies near the diaphragm."""

import numpy as np

from .canvas import Canvas, FloatArray, interpolate
from .texture import waves
from .torso_organs import paint_abdomen, paint_mediastinum
from .vessels import branch

HOUNSFIELD = {
    "air": -1000, "table": -620, "table shell": -180, "skin": 10, "fat": -105, "muscle": 58,
    "visceral fat": -98, "lung": -850, "airway": -990, "airway wall": -150, "lung vessel": 70,
    "blood": 165, "venous blood": 150, "myocardium": 105, "esophagus": 35, "cortical bone": 820,
    "cancellous bone": 240, "cartilage": 105, "disc": 88, "cord": 38, "calcification": 620,
    "liver": 108, "liver vessel": 165, "cyst": 8, "bile": 6, "spleen": 118, "kidney cortex": 195,
    "kidney medulla": 145, "urine": 12, "stomach wall": 75, "stomach content": 28, "gas": -930,
    "bowel wall": 82, "bowel content": 25, "stool": -60, "pancreas": 92, "adrenal": 70, "nodule": 42,
}  # fmt: skip

VERTEBRA_SPACING = 31.0
RIB_SPACING = 25.0

_muscle_planes = waves(11, 26)
_lung_mottle = waves(12, 14)


def paint_torso(canvas: Canvas) -> None:
    """Everything, from the table to the nodule in the right lung."""
    _paint_table(canvas)
    _paint_wall(canvas)
    _paint_lungs(canvas)
    paint_mediastinum(canvas)
    paint_abdomen(canvas, cage_distance(canvas.x, canvas.y, canvas.z), dome(canvas.x, canvas.y))
    _paint_ribs(canvas)
    _paint_girdle(canvas)
    _paint_spine(canvas)


def body_distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Distance to the skin."""
    half_width = interpolate(
        z, (-190, -110, 0, 100, 165, 195, 240), (168, 157, 163, 174, 184, 172, 92)
    )
    half_depth = interpolate(
        z, (-190, -110, 0, 100, 165, 200, 240), (112, 108, 113, 117, 107, 88, 68)
    )
    u, v = (x / half_width) ** 2, (y / half_depth) ** 2
    return _squarish(u, v) * half_depth


def cage_distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Distance to the inside of the ribs, and below them of the abdominal wall."""
    knots = (-190, -60, 0, 80, 150, 195, 222)
    half_width = interpolate(z, knots, (128, 124, 132, 131, 112, 74, 40))
    half_depth = interpolate(z, knots, (84, 84, 91, 94, 78, 54, 30))
    u, v = (x / half_width) ** 2, ((y - interpolate(z, (100, 222), (0, 14))) / half_depth) ** 2
    return _squarish(u, v) * half_depth


def _squarish(u: FloatArray, v: FloatArray) -> FloatArray:
    """1 in the middle and 0 on the rim of a shape between an ellipse and a rectangle."""
    rim: FloatArray = 1 - np.sqrt(np.sqrt(u**2 + v**2 + np.float32(1.2) * u * v))
    return rim


def dome(x: FloatArray, y: FloatArray) -> FloatArray:
    """Height of the diaphragm, in mm; the right side stands higher."""
    depth = ((y + 14) / np.float32(88)) ** 2
    right = 30 - ((x + 66) / np.float32(70)) ** 2 * 42 - depth * 62
    left = 16 - ((x - 68) / np.float32(66)) ** 2 * 42 - depth * 62
    height: FloatArray = np.maximum(right, left).astype(np.float32)
    return height


def lung_distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Distance to both lungs, the heart not yet taken out."""
    half = interpolate(z, (0, 60, 130, 200), (34, 30, 27, 24))
    half = half * (1 - np.float32(0.62) * (np.clip(np.abs(y + 6), 0, 90) / 90) ** 2)
    beside = np.abs(x - 3) - half
    within = np.minimum(cage_distance(x, y, z) - 3, beside)
    return np.minimum(within, (z - dome(x, y)) * np.float32(0.7)).astype(np.float32)


def _paint_table(canvas: Canvas) -> None:
    depth = canvas.y - (125 - (canvas.x / np.float32(210)) ** 2 * 22)
    width = 205 - np.abs(canvas.x) + 0 * canvas.z
    canvas.paint(np.minimum(10 - np.abs(depth - 10), width), "table shell")
    canvas.paint(np.minimum(8 - np.abs(depth - 10), width - 2), "table")


def _paint_wall(canvas: Canvas) -> None:
    x, y, z = canvas.x, canvas.y, canvas.z
    skin = body_distance(x, y, z)
    canvas.paint(skin, "skin")
    canvas.paint(skin - 2, "fat")
    fat = interpolate(z, (-190, -90, 20, 120, 240), (22, 17, 12, 10, 9))
    muscle = np.minimum(skin - fat * (1 - y / np.float32(400)), 30 + 0 * x)
    planes = np.abs(_muscle_planes(x, y, z))
    canvas.paint(np.minimum(muscle, (planes - np.float32(0.1)) * 9), "muscle")
    canvas.paint(cage_distance(x, y, z) + 1, "muscle")
    canvas.paint(cage_distance(x, y, z) - 2, "visceral fat")


def _paint_lungs(canvas: Canvas) -> None:
    x, y, z = canvas.x, canvas.y, canvas.z
    lungs = lung_distance(x, y, z)
    if not (lungs > -canvas.edge).any():
        return
    canvas.paint(lungs, "lung")
    slope = np.float32(canvas.tissues["lung"] * -0.0006)
    canvas.values += (lungs > 1) * (y * slope + _lung_mottle(x, y, z) * (12 * slope))
    canvas.balls("lung vessel", _LUNG_VESSELS)
    canvas.ellipsoid("nodule", (-88, 32, 104), (8, 8, 8))


def _paint_ribs(canvas: Canvas) -> None:
    """Twelve pairs running down to the front; the first ten end in cartilage."""
    x, y, z = canvas.x, canvas.y, canvas.z
    shell = 4 - np.abs(cage_distance(x, y, z) + 3)
    if not (shell > -canvas.edge).any():
        return
    drop = interpolate(y, (-100, -20, 60, 100), (74, 48, 6, 0))
    phase = (z + drop - 12) / np.float32(RIB_SPACING)
    index = np.round(phase)
    band = 6 - np.abs(phase - index) * np.float32(RIB_SPACING)
    rib = np.minimum(shell, band)
    rib = np.where((index >= -3) & (index <= 8), rib, np.float32(-50))
    floating = (index < -1) & (y < 20)
    rib = np.minimum(rib, np.where(floating, np.float32(-50), np.abs(x) - 14))
    canvas.paint(rib, "cortical bone")
    canvas.paint(rib - 2, "cancellous bone")
    canvas.paint(np.where(y < -66 + 0 * x + 0 * z, rib, np.float32(-50)), "cartilage")


def _paint_girdle(canvas: Canvas) -> None:
    """Sternum, scapulae, clavicles, humeral heads and iliac crests."""
    for grow, tissue in ((0.0, "cortical bone"), (-2.0, "cancellous bone")):
        canvas.ellipsoid(tissue, (0, -94, 105), (19 + grow, 6 + grow, 64 + grow), pitch=-10)
        canvas.pair(tissue, (72, -48, 196), (54 + grow, 6 + grow, 7 + grow), yaw=28)
        canvas.pair(tissue, (158, 6, 208), (24 + grow, 23 + grow, 24 + grow))
        canvas.pair(tissue, (98, -12, -206), (12 + grow, 52 + grow, 42 + grow), yaw=-28)
    canvas.pair("cortical bone", (112, 76, 140), (36, 5, 62), yaw=-38)
    canvas.pair("cancellous bone", (112, 76, 140), (33, 2, 58), yaw=-38)
    canvas.pair("cortical bone", (124, 88, 170), (38, 6, 6), yaw=-30)


def _paint_spine(canvas: Canvas) -> None:
    x, z = canvas.x, canvas.z
    front = interpolate(z, (-190, -90, 20, 110, 190, 240), (52, 47, 60, 70, 58, 44))
    y = canvas.y - front
    phase = z / np.float32(VERTEBRA_SPACING)
    level = (phase - np.floor(phase) - np.float32(0.5)) * np.float32(VERTEBRA_SPACING)
    size = interpolate(z, (-190, 0, 200), (1.12, 1.0, 0.8))
    body = (1 - np.sqrt((x / (23 * size)) ** 2 + (y / (17 * size)) ** 2)) * 17
    canvas.paint(body + 0 * z, "disc")
    height = np.float32(12.2) - np.abs(level) + 0 * x + 0 * y
    canvas.paint(np.minimum(body, height), "cortical bone")
    canvas.paint(np.minimum(body - 2, height - 2), "cancellous bone")
    arch = np.minimum(5 - np.abs(14 - np.sqrt(x**2 + (y - 27) ** 2)), 9 - np.abs(level - 3))
    spinous = np.minimum(np.minimum(4 - np.abs(x), 17 - np.abs(y - 50)), 8 - np.abs(level + 5))
    transverse = np.minimum(
        np.minimum(36 * size - np.abs(x), 5 - np.abs(y - 24)), 5 - np.abs(level - 4)
    )
    posterior = np.maximum(np.maximum(arch, spinous), transverse)
    canvas.paint(posterior, "cortical bone")
    canvas.paint(posterior - 2, "cancellous bone")
    canal = np.float32(10) - np.sqrt(x**2 + (y - 27) ** 2) + 0 * z
    canvas.paint(canal, "visceral fat")
    canvas.paint(canal - 2, "cord")


def _lung_vessels() -> FloatArray:
    trees = [branch(21, (-26, 2, 76), (-1, 0, 0), 6.5), branch(22, (34, 2, 82), (1, 0, 0), 6.5)]
    balls = np.concatenate(trees)
    inside = lung_distance(balls[:, :1], balls[:, 1:2], balls[:, 2:3])[:, 0] > 2
    return balls[inside]


_LUNG_VESSELS = _lung_vessels()
