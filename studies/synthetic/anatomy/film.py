"""Plain films of chest and hand: thickness in the beam, 0 for air and about 1 for a trunk."""

import itertools
import math

import numpy as np

from .canvas import FloatArray
from .plate import Path, Plate, Points, curve, mirrored, rounded
from .texture import cloud, noise

CHEST_SPACING_MM = 0.3
CHEST_SHAPE = (1440, 1200)
HAND_SPACING_MM = 0.15
HAND_SHAPE = (1600, 1200)

_RIB_WIDTHS = (44, 76, 100, 116, 127, 134, 139, 142, 143, 140, 128)
_RIB_DEPTHS = (34, 52, 68, 80, 88, 94, 97, 98, 97, 94, 86)
_RIB_DROPS = (26, 46, 62, 74, 82, 88, 92, 94, 92, 84, 62)
_RIB_PITCH = 23.5
_FIRST_RIB = -166.0


def expose(plate: Plate, rng: np.random.Generator, grain: float) -> FloatArray:
    """The plate's values with mottle, stronger where much was in the way."""
    values = plate.values
    mottle = noise(rng, values.shape)
    # A detector spreads light to its neighbours; white noise would look like snow.
    mottle[1:] += np.float32(0.6) * mottle[:-1]
    mottle[:, 1:] += np.float32(0.6) * mottle[:, :-1]
    exposed: FloatArray = values + mottle * np.float32(grain) * (np.float32(0.3) + values)
    return exposed


# --- chest -------------------------------------------------------------------------------------


def chest_frontal(*, portable: bool = False) -> FloatArray:
    """A chest from the front, its left side on the right of the picture.

    A portable film is taken from the front of a patient in bed: wide heart, high diaphragm,
    shoulder blades over the lungs, wires on the skin.
    """
    rng = np.random.default_rng(31 if portable else 30)
    plate = Plate(*CHEST_SHAPE, CHEST_SPACING_MM)
    _trunk(plate, rng)
    air = _lungs(plate, rise=22 if portable else 0)
    plate.values -= np.float32(0.66 if portable else 0.76) * air
    plate.values += _lung_vessels(plate, rng) * air
    _mediastinum(plate, heart=1.22 if portable else 1)
    _spine_from_the_front(plate)
    _ribs_from_the_front(plate)
    _shoulders(plate, blades_over_lungs=portable)
    _airway(plate)
    np.maximum(plate.values, 0, out=plate.values)
    if portable:
        _lines_and_leads(plate)
    plate.write("AP" if portable else "R", (-160, -195), 13, 1.2)
    return expose(plate, rng, 0.022 if portable else 0.012)


def _trunk(plate: Plate, rng: np.random.Generator) -> None:
    half = (
        (0, -240, 0), (42, -240, 0), (46, -205, 0), (70, -186, 0), (130, -176, 0), (185, -165, 0),
        (215, -120, 0), (190, -60, 0), (164, 0, 0), (160, 120, 0), (164, 240, 0), (0, 240, 0),
    )  # fmt: skip
    outline = [*half, *mirrored(half[::-1])]
    window, distance = plate.shape(outline)
    plate.values[window] += np.float32(0.92) * rounded(distance, 42)
    # Belly: thicker and below the lungs.
    slope = np.clip((plate.y[:, None] - 30) / 160, 0, 1)
    plate.values += np.float32(0.10) * slope * (plate.values > 0.3)
    plate.values += np.float32(0.012) * cloud(rng, plate.values.shape, 70) * plate.values
    for side in (-1, 1):  # breasts or pectoral muscle
        plate.ellipse((side * 84, 40), (62, 52), 0.07)


def _lungs(plate: Plate, rise: float) -> FloatArray:
    """Share of air in the beam, 0 to 1."""
    floor = -rise
    right = (
        (-38, -163), (-66, -152), (-98, -112), (-121, -52), (-134, 10), (-140, 70), (-143, 124 + floor),
        (-136, 116 + floor), (-118, 86 + floor), (-88, 70 + floor), (-55, 74 + floor),
        (-24, 92 + floor), (-12, 90 + floor), (-14, 30), (-15, -40), (-17, -110), (-22, -150),
    )  # fmt: skip
    left = (
        (38, -163), (66, -152), (98, -112), (121, -52), (134, 10), (141, 75), (144, 134 + floor),
        (137, 124 + floor), (120, 98 + floor), (92, 84 + floor), (60, 88 + floor), (30, 104 + floor),
        (16, 100 + floor), (14, 30), (15, -40), (17, -110), (22, -150),
    )  # fmt: skip
    air = plate.blank()
    for outline in (right, left):
        window, distance = plate.shape(outline)
        part = np.float32(0.35) * np.clip(distance / np.float32(1.5), 0, 1)
        part += np.float32(0.65) * rounded(distance, 46)
        air.values[window] = np.maximum(air.values[window], part)
    return air.values


def _lung_vessels(plate: Plate, rng: np.random.Generator) -> FloatArray:
    layer = plate.blank()
    for side, hilum in ((-1, (-30.0, -22.0)), (1, (32.0, -32.0))):
        for degrees in (-78, -52, -28, -5, 18, 40, 58, 76):
            heading = degrees + rng.uniform(-8, 8)
            _branch(layer, rng, hilum, (heading, side, rng.uniform(2.6, 3.6)), 5)
        layer.ellipse((hilum[0] + side * 2, hilum[1]), (11, 22), 0.2, turn=side * 12)
        layer.ellipse((hilum[0] + side * 9, hilum[1] + 12), (8, 26), 0.16, turn=-side * 20)
    return layer.values


def _branch(
    layer: Plate,
    rng: np.random.Generator,
    start: tuple[float, float],
    course: tuple[float, int, float],
    generations: int,
) -> None:
    """Draw a vessel and the two that it divides into; course: heading, side, radius."""
    heading, side, radius = course
    length = 9 + 7.5 * radius * rng.uniform(0.8, 1.3)
    path = [(*start, radius)]
    for step in range(1, 5):
        heading += rng.uniform(-7, 7)
        x, y, _ = path[-1]
        angle = math.radians(heading)
        path.append((
            x + side * math.cos(angle) * length / 4, y + math.sin(angle) * length / 4,
            radius * (1 - 0.06 * step),
        ))  # fmt: skip
    layer.tube(np.array(path), 0.055 * radius + 0.02)
    if generations:
        end = (path[-1][0], path[-1][1])
        spread = rng.uniform(16, 30)
        for turn, share in ((spread * 0.5, 0.8), (-spread, 0.62)):
            _branch(layer, rng, end, (heading + turn, side, radius * share), generations - 1)


def _mediastinum(plate: Plate, heart: float) -> None:
    wide, floor = heart, 98 - (heart - 1) * 60
    silhouette = (
        (-20, -18), (-34 * wide, 15), (-40 * wide, 50), (-32 * wide, floor - 8), (-6, floor),
        (45 * wide, floor + 4), (76 * wide, floor - 4), (83 * wide, floor - 22),
        (74 * wide, 40), (56 * wide, 8), (42, -18), (36, -40), (10, -55),
    )  # fmt: skip
    plate.blob(silhouette, 36, 0.44)
    vessels = (
        (-17, -150), (-22, -110), (-25, -70), (-24, -20), (0, 10), (38, -20), (41, -42), (34, -52),
        (42, -66), (40, -84), (26, -94), (19, -120), (17, -150),
    )  # fmt: skip
    plate.blob(vessels, 20, 0.26)
    plate.tube(curve([(30, -78, 13), (31, -20, 12), (22, 60, 11), (14, 130, 10)]), 0.10)


def _spine_from_the_front(plate: Plate) -> None:
    for level in range(17):
        y = -205 + level * 24.5
        half = 13 + level * 0.45
        body = (
            (-half, y - 9), (0, y - 8), (half, y - 9), (half - 2.2, y), (half, y + 9), (0, y + 8),
            (-half, y + 9), (-half + 2.2, y),
        )  # fmt: skip
        plate.blob(body, 3.5, 0.15)
        for side in (-1, 1):
            plate.ellipse((side * (half - 5), y - 3), (3.4, 5), 0.07)
            plate.tube(np.array([(side * half, y - 4, 4), (side * (half + 14), y - 7, 3)]), 0.05)
        plate.ellipse((0, y + 9), (2.6, 8), 0.10)


def rib(number: int, front_degrees: float = 145) -> Path:
    """Rows of x (away from the middle), y (down) and depth (to the back), from the spine on."""
    turn = np.radians(np.linspace(7, front_degrees, 34))
    return np.stack(
        [
            _RIB_WIDTHS[number] * np.sin(turn) ** 0.85 + 6,
            _FIRST_RIB + number * _RIB_PITCH
            + _RIB_DROPS[number] * (1 - np.cos(turn)) / 2
            - 7 * np.sin(2 * turn).clip(0),
            _RIB_DEPTHS[number] * np.cos(turn),
        ],
        axis=1,
    )  # fmt: skip


def _ribs_from_the_front(plate: Plate) -> None:
    for number in range(11):
        front = 118 if number == 10 else 142
        path = rib(number, front)
        for side in (-1, 1):
            width = np.interp(np.arange(len(path)), (0, 6, 20, 33), (4.2, 4.8, 5.2, 6.2))
            tube = np.stack([side * path[:, 0], path[:, 1], width], axis=1)
            # The half towards the back lies square to the beam and is denser than the front.
            plate.tube(tube[:19], 0.20, marrow=0.82, hollow=0.62)
            plate.tube(tube[18:], 0.14, marrow=0.84, hollow=0.62)


def _shoulders(plate: Plate, *, blades_over_lungs: bool) -> None:
    shift = -22 if blades_over_lungs else 6
    for side in (-1, 1):
        collar = curve([
            (side * 13, -124, 8), (side * 32, -128, 6), (side * 70, -140, 5), (side * 105, -153, 5),
            (side * 140, -157, 7),
        ])  # fmt: skip
        plate.tube(collar, 0.25, marrow=0.75, hollow=0.6)
        blade = [
            (side * (x + shift), y)
            for x, y in (
                (100, -150), (112, -162), (150, -150), (152, -120), (138, -95), (128, -40), (116, 0),
                (108, -4), (102, -50), (96, -110),
            )
        ]  # fmt: skip
        plate.blob(blade, 4, 0.09)
        rim = curve([(side * (x + shift), y, 3) for x, y in ((150, -118), (136, -80), (114, -2))])
        plate.tube(rim, 0.13)
        plate.ellipse((side * 168, -134), (23, 25), 0.34)
        plate.tube(np.array([(side * 172, -118, 13), (side * 184, -40, 11.0)]), 0.3, marrow=0.66)


def _airway(plate: Plate) -> None:
    trachea = curve([(0, -240, 8), (1, -150, 8), (-2, -76, 8)])
    plate.tube(trachea, -0.20)
    plate.tube(curve([(-3, -78, 6.5), (-18, -56, 6), (-30, -40, 4.5)]), -0.16)
    plate.tube(curve([(-1, -78, 6), (20, -58, 5.5), (38, -46, 4)]), -0.16)
    plate.ellipse((72, 122), (26, 14), -0.26, turn=-12)  # gas in the stomach


def _lines_and_leads(plate: Plate) -> None:
    """Central line from the right jugular vein, electrodes and their wires."""
    line = curve(
        [(-34, -225, 1.0), (-28, -170, 1.0), (-22, -120, 1.0), (-24, -60, 1.0), (-25, -28, 1.0)]
    )
    plate.tube(line, 0.4)
    wires = (
        ((-92, -96), (-60, -150), (-30, -200), (-60, -240)),
        ((98, -92), (70, -140), (60, -190), (40, -240)),
        ((96, 92), (122, 10), (110, -90), (80, -180), (60, -240)),
    )
    for wire in wires:
        plate.tube(curve([(x, y, 0.9) for x, y in wire], 48), 0.32)
        x, y = wire[0]
        plate.ellipse((x, y), (7, 7), 0.16)
        plate.ellipse((x, y), (3, 3), 0.7)


def chest_lateral() -> FloatArray:
    """A chest from its left side, facing the left edge of the picture."""
    rng = np.random.default_rng(33)
    plate = Plate(*CHEST_SHAPE, CHEST_SPACING_MM)
    outline: Points = (
        (-52, -240), (-58, -190), (-84, -150), (-112, -90), (-130, -20), (-134, 60), (-128, 240),
        (100, 240), (118, 150), (128, 60), (134, -40), (122, -120), (92, -170), (60, -205), (52, -240),
    )  # fmt: skip
    window, distance = plate.shape(outline)
    plate.values[window] += np.float32(0.94) * rounded(distance, 48)
    plate.values += np.float32(0.012) * cloud(rng, plate.values.shape, 60) * plate.values
    plate.blob(
        ((-120, -240), (-60, -240), (70, -240), (120, -225), (90, -175), (20, -160), (-70, -170)),
        30,
        0.3,
    )
    air = _lungs_from_the_side(plate)
    plate.values -= np.float32(0.74) * air
    vessels = plate.blank()
    for side, heading in (
        (-1, -70),
        (-1, -30),
        (-1, 15),
        (-1, 50),
        (1, -65),
        (1, -30),
        (1, 5),
        (1, 40),
        (1, 65),
    ):
        _branch(vessels, rng, (14.0, -22.0), (heading, side, rng.uniform(2.2, 3.2)), 5)
    plate.values += vessels.values * air
    _heart_from_the_side(plate)
    _bones_from_the_side(plate)
    plate.tube(curve([(-6, -240, 8), (2, -150, 8), (16, -52, 7.5)]), -0.2)
    plate.ellipse((14, -40), (6, 7), -0.14)
    np.maximum(plate.values, 0, out=plate.values)
    plate.write("L", (-160, -195), 13, 1.2)
    return expose(plate, rng, 0.013)


def _lungs_from_the_side(plate: Plate) -> FloatArray:
    front: Points = (
        (0, -162), (-40, -140), (-76, -100), (-98, -40), (-108, 20), (-110, 66), (-96, 60), (-60, 42),
        (-20, 46),
    )  # fmt: skip
    back: Points = (
        (96, 146),
        (104, 140),
        (110, 60),
        (112, -20),
        (102, -90),
        (76, -140),
        (40, -162),
    )
    air = plate.blank()
    for dome in (((30, 70), (64, 104)), ((34, 84), (66, 114))):
        window, distance = plate.shape([*front, *dome, *back])
        air.values[window] += np.float32(0.2) * np.clip(distance / np.float32(1.5), 0, 1)
        air.values[window] += np.float32(0.3) * rounded(distance, 44)
    return air.values


def _heart_from_the_side(plate: Plate) -> None:
    heart: Points = (
        (-96, 60), (-92, 20), (-72, -16), (-40, -40), (-4, -38), (22, -10), (32, 24), (24, 58), (-10, 62),
        (-60, 64),
    )  # fmt: skip
    plate.blob(heart, 34, 0.40)
    arch = curve(
        [
            (-30, -30, 15),
            (-34, -72, 14),
            (-6, -98, 13),
            (30, -92, 12),
            (52, -60, 12),
            (62, 20, 11),
            (62, 110, 10),
        ],
        48,
    )
    plate.tube(arch, 0.15)
    plate.ellipse((14, -24), (19, 15), 0.24, turn=20)
    plate.tube(curve([(14, -20, 8), (26, 4, 6), (34, 26, 3)]), 0.14)


def _bones_from_the_side(plate: Plate) -> None:
    middle = curve([(46, -205), (62, -150), (80, -80), (86, 0), (80, 80), (64, 150), (54, 215)], 18)
    for (x, y), (dx, dy) in zip(middle, np.gradient(middle, axis=0), strict=True):
        size = 1 + 0.0012 * (y + 200)
        along = np.array([dx, dy]) / math.hypot(dx, dy)
        across = np.array([along[1], -along[0]])
        corners = [
            (x + u * size * across[0] + v * along[0], y + u * size * across[1] + v * along[1])
            for u, v in ((-15, -9), (0, -8), (15, -9), (13, 0), (15, 9), (0, 8), (-15, 9), (-13, 0))
        ]
        plate.blob(corners, 3, 0.22)
        plate.tube(np.array([(x + 16, y + 2, 4.5), (x + 46, y + 20, 3.2)]), 0.09)
        plate.ellipse((x + 22, y), (5, 8), 0.10)
    for number in range(1, 11):
        path = rib(number, 150)
        for shift, amount in ((-3, 0.10), (4, 0.08)):
            width = np.full(len(path), 4.6)
            side = np.stack([path[:, 2] * 1.02 + 10 + shift, path[:, 1] + shift, width], axis=1)
            plate.tube(side, amount, marrow=0.82, hollow=0.6)
    breastbone = curve([(-64, -128, 7), (-90, -88, 6), (-108, -30, 5.5), (-116, 22, 5)])
    plate.tube(breastbone, 0.24, marrow=0.72, hollow=0.5)
    for shift in (0, 14):
        plate.tube(
            curve([(60 + shift, -165, 4), (86 + shift, -110, 4), (100 + shift, -40, 3)]), 0.12
        )
    plate.ellipse((8, -182), (24, 24), 0.2)


# --- hand --------------------------------------------------------------------------------------

# Of each finger: ends of metacarpal and phalanges in mm, from the wrist to the tip, and the
# half width of the metacarpal's shaft.
_FINGERS: tuple[tuple[tuple[tuple[float, float], ...], float], ...] = (
    (((-27, 42), (-47, 9), (-62, -20), (-70, -43)), 4.4),
    (((-14, 36), (-23, -26), (-29, -66), (-31, -90), (-32, -107)), 4.3),
    (((-2, 34), (-1, -28), (-1, -72), (-1, -99), (-1, -117)), 4.3),
    (((9, 35), (18, -20), (25, -59), (29, -84), (31, -101)), 3.8),
    (((18, 39), (34, -9), (46, -39), (52, -56), (56, -72)), 3.7),
)
_WRIST: tuple[Points, ...] = (
    ((-26, 52), (-18, 48), (-14, 56), (-18, 66), (-25, 63)),  # scaphoid
    ((-11, 57), (-3, 54), (4, 58), (1, 67), (-9, 68)),  # lunate
    ((6, 56), (13, 53), (17, 60), (10, 66), (5, 63)),  # triquetrum
    ((13, 58), (18, 58), (18, 65), (13, 64)),  # pisiform
    ((-31, 44), (-22, 42), (-20, 49), (-27, 52)),  # trapezium
    ((-19, 41), (-12, 40), (-11, 48), (-17, 50)),  # trapezoid
    ((-9, 38), (2, 37), (4, 48), (0, 55), (-8, 54)),  # capitate
    ((5, 38), (17, 40), (15, 50), (7, 55), (5, 48)),  # hamate
)


def hand() -> FloatArray:
    """A right hand and wrist, palm on the plate, fingers up."""
    rng = np.random.default_rng(34)
    plate = Plate(*HAND_SHAPE, HAND_SPACING_MM)
    _hand_flesh(plate)
    bones = plate.blank()
    for joints, half_width in _FINGERS:
        for number, (near, far) in enumerate(itertools.pairwise(joints)):
            tip = number == len(joints) - 2
            _long_bone(bones, near, far, half_width * (1, 0.86, 0.74, 0.62)[number], tip=tip)
    for outline in _WRIST:
        _short_bone(bones, outline)
    _forearm(bones)
    for x, y in ((-41, 13), (-36, 11), (26, -12)):
        bones.ellipse((x, y), (2.1, 2.6), 0.18)
    lattice = noise(rng, bones.values.shape)
    lattice = lattice + np.roll(lattice, 2, 0) + np.roll(lattice, 4, 0) + np.roll(lattice, 2, 1)
    plate.values += bones.values * (1 + np.float32(0.035) * lattice)
    plate.values += np.float32(0.01) * cloud(rng, plate.values.shape, 30) * (plate.values > 0.05)
    np.maximum(plate.values, 0, out=plate.values)
    plate.write("R", (58, 92), 11, 1.1)
    return expose(plate, rng, 0.012)


def _hand_flesh(plate: Plate) -> None:
    flesh = plate.values
    for joints, half_width in _FINGERS:
        (x0, y0), (x1, y1) = joints[-2:]
        tip = (x1 + (x1 - x0) * 0.12, y1 + (y1 - y0) * 0.12)
        wide = half_width + 4.2
        path = curve(
            [(*point, wide + 1.0 - 0.45 * n) for n, point in enumerate((*joints[1:-1], tip))]
        )
        window, near = plate.nearness(path)
        part = np.float32(0.24) * np.sqrt(np.maximum(1 - near, 0))
        np.maximum(flesh[window], part, out=flesh[window])
    palm: Points = (
        (-31, -30), (-1, -36), (26, -26), (42, -10), (38, 25), (29, 60), (29, 90), (31, 140),
        (-36, 140), (-33, 90), (-35, 62), (-46, 34), (-57, 8), (-44, 2), (-37, -8),
    )  # fmt: skip
    window, distance = plate.shape(palm)
    np.maximum(flesh[window], np.float32(0.34) * rounded(distance, 16), out=flesh[window])


def _long_bone(
    bones: Plate, near: tuple[float, float], far: tuple[float, float], half: float, *, tip: bool
) -> None:
    a, b = np.array(near), np.array(far)
    length = float(np.hypot(*(b - a)))
    along = (b - a) / length
    a, b = a + along * (half * 1.5), b - along * (half * (0.5 if tip else 1.35))
    profile = (1.5, 1.55, 1.05, 0.86, 0.9, 1.25, 1.35)
    if tip:
        profile = (1.5, 1.45, 0.9, 0.66, 0.66, 0.85, 0.8)
    at = (0, 0.06, 0.22, 0.45, 0.68, 0.9, 1)
    points = [(*(a + (b - a) * t), half * p) for t, p in zip(at, profile, strict=True)]
    path = curve(points, 24)
    bones.tube(path, 0.40, marrow=0.68, hollow=0.7)
    bones.tube(path, 0.10)
    for end in (points[1], points[-2]):
        bones.ellipse(end[:2], (end[2] * 0.9, end[2] * 0.8), 0.07)


def _short_bone(bones: Plate, outline: Points) -> None:
    window, distance = bones.shape(outline)
    bones.values[window] += np.float32(0.36) * rounded(distance, 4)
    bones.values[window] -= np.float32(0.12) * rounded(distance - 1.1, 3)


def _forearm(bones: Plate) -> None:
    radius = curve([(-8, 73, 11), (-9, 76, 14), (-10, 82, 13), (-11, 96, 9), (-11, 145, 7.6)], 30)
    bones.tube(radius, 0.44, marrow=0.76, hollow=0.6)
    bones.tube(curve([(-22, 66, 3.2), (-21, 76, 5)]), 0.12)
    ulna = curve([(16, 78, 6), (16.5, 82, 7.6), (17, 92, 6.2), (18, 145, 5.8)], 24)
    bones.tube(ulna, 0.40, marrow=0.72, hollow=0.6)
    bones.tube(np.array([(21, 73, 1.8), (20, 82, 3)]), 0.15)
