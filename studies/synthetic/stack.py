"""Parallel slices through a body: where each lies, and the header that says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studies.synthetic.anatomy.canvas import Canvas, FloatArray, Point, Tissues, axis
from studies.synthetic.part10 import derived_uid

# Direction cosines of a row, then of a column (PS3.3 C.7.6.2.1.1), in LPS.
ORIENTATIONS = {
    "axial": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "coronal": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
    "sagittal": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
}
NORMALS = {"axial": 2, "coronal": 1, "sagittal": 0}


@dataclass(frozen=True)
class SliceStack:
    """Evenly spaced slices of one body.

    Attributes:
        body: Names the frame of reference; series of one body share it.
        first: Centre of the first pixel of the first slice, in mm.
        step: From slice to slice along x, y or z, in mm; its sign is the direction.
    """

    body: str
    plane: str
    shape: tuple[int, int]
    pixel: float
    first: Point
    step: float
    count: int
    thickness: float

    def corner(self, index: int) -> Point:
        """Centre of the first pixel of a slice, in mm."""
        x, y, z = self.first
        move = self.step * index
        if self.plane == "axial":
            return x, y, z + move
        return (x, y + move, z) if self.plane == "coronal" else (x + move, y, z)

    def canvas(self, index: int, tissues: Tissues) -> Canvas:
        """An empty cut whose edges are as soft as its pixels."""
        x, y, z = self.corner(index)
        rows, columns = self.shape
        across = axis(y if self.plane == "sagittal" else x, self.pixel, columns)
        if self.plane == "axial":
            return Canvas.axial(across, self._down(y), z, tissues, self.pixel * 1.3)
        down = axis(z, -self.pixel, rows)
        if self.plane == "coronal":
            return Canvas.coronal(across, y, down, tissues, self.pixel * 1.3)
        return Canvas.sagittal(x, across, down, tissues, self.pixel * 1.3)

    def _down(self, start: float) -> FloatArray:
        return axis(start, self.pixel, self.shape[0])

    def attributes(self, index: int) -> Mapping[str, Any]:
        """Frame of Reference and Image Plane modules (PS3.3 C.7.4.1 and C.7.6.2)."""
        corner = [round(part, 4) for part in self.corner(index)]
        return {
            "FrameOfReferenceUID": derived_uid(f"frame of reference of {self.body}"),
            "PositionReferenceIndicator": "",
            "PatientPosition": "HFS",
            "ImageOrientationPatient": list(ORIENTATIONS[self.plane]),
            "ImagePositionPatient": corner,
            "PixelSpacing": [self.pixel, self.pixel],
            "SliceThickness": self.thickness,
            "SpacingBetweenSlices": abs(self.step),
            "SliceLocation": corner[NORMALS[self.plane]],
        }


def centered_stack(
    body: str,
    plane: str,
    shape: tuple[int, int],
    pixel: float,
    *,
    middle: Point,
    slices: tuple[int, float, float],
) -> SliceStack:
    """A stack about ``middle``.

    Args:
        body: As of the stack.
        plane: Key of ORIENTATIONS.
        shape: Rows and columns.
        pixel: Width of a pixel, in mm.
        middle: Of the whole stack, in mm.
        slices: How many, the step between them and their thickness, in mm.
    """
    count, step, thickness = slices
    rows, columns = shape
    half = (step * (count - 1) / 2, pixel * (columns - 1) / 2, pixel * (rows - 1) / 2)
    through, across, down = half
    x, y, z = middle
    first = {
        "axial": (x - across, y - down, z - through),
        "coronal": (x - across, y - through, z + down),
        "sagittal": (x - through, y - across, z + down),
    }[plane]
    return SliceStack(body, plane, shape, pixel, first, step, count, thickness)
