"""A head with its brain. The origin lies in the middle of the brain.

Sectional only: what the painter draws depends on a point's place alone, so all planes agree.
"""

import numpy as np

from .canvas import Canvas, FloatArray, ellipsoid, interpolate
from .texture import waves
from .torso_organs import tube

HEAD_HOUNSFIELD = {
    "air": -1000, "skin": 30, "fat": -90, "muscle": 55, "skull": 1150, "marrow": 550, "csf": 6,
    "ventricle": 5, "grey": 38, "white": 28, "deep grey": 40, "brainstem": 31, "cerebellum": 36,
    "dura": 52, "vein": 58, "calcification": 420, "pineal": 190, "vitreous": 8, "lens": 75,
    "nerve": 40, "mucosa": 35, "sinus": -980, "tooth": 2200, "tongue": 58, "cord": 34, "gland": 45,
    "lesion": 24,
}  # fmt: skip

_furrows = waves(51, 21)
_folia = waves(52, 7)
_cells = waves(53, 6)


def paint_head(canvas: Canvas) -> None:
    """Everything, from the skin inwards."""
    room = cranial_distance(canvas.x, canvas.y, canvas.z)
    _paint_soft_tissue(canvas)
    _paint_skull(canvas, room)
    _paint_face(canvas)
    canvas.paint(room, "csf")
    _paint_cerebrum(canvas, room)
    _paint_depths(canvas)
    _paint_below_tentorium(canvas, room)
    _paint_midline(canvas, room)


def vault_distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Distance to the egg of the brain case; wider at the back."""
    wide = 67 + y * np.float32(0.08) - np.clip(np.abs(y) - 60, 0, 30) * np.float32(0.05)
    tall = np.where(z > 8, np.float32(76), np.float32(112))
    q = (x / wide) ** 2 + (y / np.float32(87)) ** 2 + ((z - 8) / tall) ** 2
    distance: FloatArray = (1 - np.sqrt(q)) * np.float32(72)
    return distance


def cranial_distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Distance to the inside of the skull; the base falls in three steps to the back."""
    base = interpolate(y, (-90, -38, -28, 8, 22, 60, 85), (-16, -22, -46, -46, -72, -72, -40))
    middle = np.clip(1 - np.abs(x) / np.float32(26), 0, 1)  # sella and clivus
    base = base + middle * interpolate(y, (-36, -28, 6, 16), (0, 24, 20, 0))
    return np.minimum(vault_distance(x, y, z), (z - base) * np.float32(0.8)).astype(np.float32)


def _paint_soft_tissue(canvas: Canvas) -> None:
    x, y, z = canvas.x, canvas.y, canvas.z
    scalp = vault_distance(x, y, z) + 13
    high = (z + 64) * np.float32(0.8) + 0 * x + 0 * y
    face = ellipsoid(x, y + 28, z + 62, (64, 72, 82))
    neck = np.minimum(
        (1 - np.sqrt((x / np.float32(58)) ** 2 + ((y - 24) / np.float32(56)) ** 2)) * 56,
        -40 - z,
    )
    whole = np.maximum(np.maximum(np.minimum(scalp, high), face), neck)
    canvas.ellipsoid("skin", (0, -103, -52), (13, 15, 20), pitch=-22)
    canvas.pair("skin", (80, 18, -34), (5, 16, 30), yaw=-20)
    canvas.paint(whole, "skin")
    canvas.paint(whole - 2.5, "fat")
    canvas.paint(np.minimum(whole - 8, -20 - z), "muscle")
    canvas.pair("muscle", (66, -26, -22), (7, 28, 38))  # temporal muscle
    canvas.pair("fat", (44, -72, -66), (16, 14, 20))
    canvas.pair("gland", (62, 4, -74), (12, 18, 24))


def _paint_skull(canvas: Canvas, room: FloatArray) -> None:
    x, y, z = canvas.x, canvas.y, canvas.z
    shell = np.minimum(room + 6, vault_distance(x, y, z) + 6.5)
    canvas.paint(shell, "skull")
    diploe = np.minimum(1.6 - np.abs(vault_distance(x, y, z) + 3.3), room + 4.6)
    canvas.paint(np.minimum(diploe, z + 14), "marrow")
    canvas.pair("skull", (38, 6, -46), (30, 11, 11), yaw=32)
    canvas.pair("skull", (58, 24, -60), (13, 17, 22))
    cells = np.maximum(
        ellipsoid(x - 58, y - 24, z + 60, (10, 14, 19)),
        ellipsoid(x + 58, y - 24, z + 60, (10, 14, 19)),
    )
    if (cells > 0).any():
        canvas.paint(np.minimum(cells, _cells(x, y, z) * 1.6 + 0.6), "sinus")
    canvas.pair("sinus", (64, 4, -50), (13, 3.5, 3.5))  # ear canals
    canvas.ellipsoid("csf", (0, 36, -76), (15, 17, 14))  # great foramen


def _paint_face(canvas: Canvas) -> None:
    _paint_orbits(canvas)
    canvas.ellipsoid("skull", (0, -56, -58), (42, 30, 30))
    canvas.ellipsoid("mucosa", (0, -62, -60), (16, 30, 24))
    canvas.pair("sinus", (5, -64, -62), (3, 27, 21))
    canvas.pair("mucosa", (6, -58, -68), (3.4, 22, 5))
    canvas.pair("skull", (33, -52, -61), (17, 18, 19))
    canvas.pair("sinus", (32, -51, -60), (15, 16, 17))
    for depth in (-72, -61, -50, -39):
        canvas.pair("skull", (7, depth, -36), (7, 6.4, 12))
        canvas.pair("sinus", (7, depth, -36), (5.6, 5.2, 10.5))
    canvas.ellipsoid("skull", (0, -17, -36), (20, 16, 15))
    canvas.pair("sinus", (8, -18, -37), (7.5, 13, 10))
    canvas.pair("sinus", (9, -83, -8), (9, 3.6, 9))
    canvas.pair("skull", (58, -46, -54), (5, 26, 5), yaw=16)
    canvas.ellipsoid("sinus", (0, -20, -74), (13, 14, 18))
    tube(canvas, "sinus", [(0, -16, -80), (0, -8, -140)], 8)
    canvas.ellipsoid("tongue", (0, -48, -104), (24, 36, 18))
    canvas.ellipsoid("skull", (0, -60, -88), (30, 32, 4))
    canvas.pair("skull", (48, -24, -84), (5, 15, 34))
    tube(canvas, "skull", [(-46, -30, -116), (-28, -74, -124), (0, -88, -124), (28, -74, -124),
                           (46, -30, -116)], 7)  # fmt: skip
    for grow, tissue in ((4.0, "tooth"),):
        for angle in range(-6, 7):
            across, back = angle * 4.6, -84 + angle * angle * 0.95
            canvas.ellipsoid(tissue, (across, back, -96), (2, grow, 8))
            canvas.ellipsoid(tissue, (across, back, -112), (2, grow, 7))
    _paint_neck(canvas)


def _paint_orbits(canvas: Canvas) -> None:
    canvas.pair("skull", (32, -60, -33), (24, 29, 22), yaw=-14)
    canvas.pair("fat", (32, -63, -33), (20.5, 28, 18.5), yaw=-14)
    for side in (-1, 1):
        for dx, dz in ((10, 0), (-10, 0), (0, 10), (0, -10)):
            start = (side * (33 + dx), -68.0, -33.0 + dz)
            end = (side * 14.0, -36.0, -30.0)
            tube(canvas, "muscle", [start, end], 2.4)
        tube(canvas, "nerve", [(side * 32, -64, -33), (side * 9, -30, -27)], 2.3)
    canvas.pair("dura", (33, -75, -33), (13, 13, 13))
    canvas.pair("vitreous", (33, -75, -33), (11.8, 11.8, 11.8))
    canvas.pair("lens", (33, -84, -33), (5, 2.6, 5))


def _paint_neck(canvas: Canvas) -> None:
    """Cord and vertebrae below the great foramen."""
    for grow, tissue in ((0.0, "skull"), (-2.0, "marrow")):
        for height in (-106, -124, -142):
            back = 8 + (-90 - height) * 0.02
            canvas.ellipsoid(tissue, (0, back + 6, height), (15 + grow, 10 + grow, 9 + grow))
            canvas.ellipsoid(tissue, (0, 62, height - 4), (5 + grow, 15 + grow, 6 + grow))
        canvas.ellipsoid(tissue, (0, 10, -84), (8 + grow, 7 + grow, 16 + grow))
        canvas.pair(tissue, (24, 20, -84), (14 + grow, 12 + grow, 8 + grow))
    tube(canvas, "csf", [(0, 32, -74), (0, 34, -150)], 9)
    tube(canvas, "cord", [(0, 32, -60), (0, 34, -150)], 5)


def _paint_cerebrum(canvas: Canvas, room: FloatArray) -> None:
    """Two hemispheres with furrows; grey 3 mm deep along every surface."""
    x, y, z = canvas.x, canvas.y, canvas.z
    tent = -4 - np.abs(x) * np.float32(0.36) - (y - 15) * np.float32(0.2)
    above = np.where(y > 14, (z - tent) * np.float32(0.8), y * 0 + 14 + 0 * x + 0 * z)
    joined = ellipsoid(x, y - 4, z - 6, (60, 42, 28))
    parted = np.maximum(np.abs(x) - 1.4, joined)
    surface = np.minimum(np.minimum(room - 2.2, above), parted).astype(np.float32)
    depth = np.minimum(np.minimum(room, above), np.maximum(np.abs(x), joined))
    furrow = 1.1 - np.abs(_furrows(x, y, z)) * np.float32(5) - np.clip(depth - 11, 0, 60) * 0.45
    canvas.paint(np.minimum(surface, -furrow), "grey")
    canvas.paint(np.minimum(surface - 3, -3.2 - furrow), "white")


def _paint_depths(canvas: Canvas) -> None:
    """Insula, basal ganglia, thalami, ventricles."""
    canvas.pair("grey", (38, -6, 2), (5, 25, 16), yaw=8)
    canvas.pair("csf", (43, -7, 1), (2.6, 23, 13), yaw=8)
    canvas.pair("csf", (52, -10, -2), (11, 3, 14))
    canvas.pair("deep grey", (25, -5, 5), (6, 20, 13), yaw=10)
    canvas.pair("brainstem", (19.5, -2, 3), (4.5, 11, 8), yaw=18)
    canvas.pair("deep grey", (13, -22, 15), (6, 13, 11), yaw=-8)
    canvas.pair("deep grey", (10.5, 14, 8), (9.5, 17, 11), yaw=-22)
    canvas.pair("ventricle", (7.5, -24, 15), (4, 17, 8), yaw=-14)
    canvas.pair("ventricle", (10, 6, 24), (6, 28, 6), yaw=-10)
    canvas.pair("ventricle", (23, 36, 12), (6.5, 17, 9), yaw=-18)
    canvas.pair("ventricle", (34, 8, -18), (3, 18, 3.5), yaw=-8)
    canvas.ellipsoid("ventricle", (0, 5, 3), (2.2, 15, 10))
    canvas.pair("calcification", (21, 34, 8), (2.6, 4.5, 3))
    canvas.ellipsoid("csf", (0, -12, -24), (15, 12, 9))  # suprasellar cistern
    canvas.ellipsoid("gland", (0, -14, -27), (6, 5, 3.5))


def _paint_below_tentorium(canvas: Canvas, room: FloatArray) -> None:
    x, y, z = canvas.x, canvas.y, canvas.z
    lobes = ellipsoid(np.abs(x) - 22, y - 48, z + 44, (30, 27, 25))
    vermis = ellipsoid(x, y - 46, z + 38, (14, 25, 26))
    body = np.minimum(np.maximum(lobes, vermis), room - 2).astype(np.float32)
    if (body > 0).any():
        canvas.paint(body, "cerebellum")
        leaf = _folia(x * np.float32(0.35), y, z)
        canvas.paint(np.minimum(body, 0.5 - np.abs(leaf) * 2.4), "csf")
        canvas.paint(np.minimum(body - 7, leaf * 2.5 + 1 + (body - 12) * 0.4), "white")
    canvas.ellipsoid("csf", (0, 22, -8), (15, 8, 8))  # quadrigeminal cistern
    tube(canvas, "brainstem", [(0, 12, -6), (0, 13, -30), (0, 26, -58), (0, 32, -76)], 8.5)
    canvas.pair("brainstem", (11, 3, -14), (6, 9, 9), yaw=-30)
    canvas.ellipsoid("brainstem", (0, 9, -33), (16, 12, 15))
    canvas.pair("brainstem", (20, 22, -38), (15, 8, 8), yaw=-30)
    canvas.ellipsoid("ventricle", (0, 28, -40), (7, 4.5, 10))


def _paint_midline(canvas: Canvas, room: FloatArray) -> None:
    """Corpus callosum, falx, tentorium and veins."""
    x, y, z = canvas.x, canvas.y, canvas.z
    arch = ellipsoid(0 * x, y - 5, z - 4, (1, 42, 27)) * 27
    under = ellipsoid(0 * x, y - 6, z + 1, (1, 34, 24)) * 24
    callosum = np.minimum(np.minimum(arch, -under), np.minimum(z - 3, 13 - np.abs(x)))
    canvas.paint(callosum, "white")
    sheet = np.minimum(0.8 - np.abs(x), np.minimum(room, -arch - 5))
    canvas.paint(np.minimum(sheet, z + 6 + 0 * y), "dura")
    canvas.ellipsoid("calcification", (0, -58, 44), (1.8, 5, 8))
    canvas.ellipsoid("calcification", (0.5, -20, 66), (1.4, 7, 3))
    canvas.ellipsoid("pineal", (0, 25, 3), (2.5, 3, 2.5))
    path = [(0.0, float(87 * c), float(8 + 74 * s)) for c, s in _ARC]
    tube(canvas, "vein", path, 3.6)


_ANGLES = np.linspace(0.35, 2.9, 12)
_ARC = list(zip(np.cos(_ANGLES).round(9).tolist(), np.sin(_ANGLES).round(9).tolist(), strict=True))
