"""Stacks of slices with known places and values, for tests of what the viewer makes of them."""

from pathlib import Path
from typing import Any

import numpy as np

from pacs_portal.tests.browser_kit import settle
from studies.tests.builders import make_file

AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]
FRAME_OF_REFERENCE = "2.25.99"
INTERCEPT = -1000
SIDE = 33  # pixels: odd, so that the middle of the image is that of a pixel
PIXEL_MM = 2


def value_at(column: int, row: int, index: int) -> int:
    """Of slice `index`, in Hounsfield units; every voxel has its own."""
    return column + SIDE * row + SIDE * SIDE * index + INTERCEPT


def write_stack(
    directory: Path, study: str, number: int, positions: list, **attributes: Any
) -> str:
    """A series of axial slices, the first of which is at the first position; its UID."""
    series = f"{study}.{number}"
    for index, position in enumerate(positions):
        pixels = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) + SIDE * SIDE * index
        content = {
            "StudyInstanceUID": study, "SeriesInstanceUID": series, "SeriesNumber": number,
            "SOPInstanceUID": f"{series}.{index}", "InstanceNumber": index + 1,
            "SeriesDescription": f"Stack {number}", "PatientID": study,
            "FrameOfReferenceUID": FRAME_OF_REFERENCE, "ImageOrientationPatient": AXIAL,
            "ImagePositionPatient": position, "PixelSpacing": [PIXEL_MM, PIXEL_MM],
            "RescaleIntercept": INTERCEPT, "RescaleSlope": 1, "RescaleType": "HU",
            "WindowCenter": 8000, "WindowWidth": 20000, "Rows": SIDE, "Columns": SIDE,
            "PixelData": pixels.astype("<u2").tobytes(),
        } | attributes  # fmt: skip
        (directory / f"{content['SOPInstanceUID']}.dcm").write_bytes(make_file(**content))
    return series


def upwards(count: int, *, step: float = 4, start: float = 0) -> list[list[float]]:
    """Positions of slices towards the head."""
    return [[0, 0, start + step * index] for index in range(count)]


def show(page: Any, series: str) -> None:
    """Choose a series in the rail."""
    page.click(f'#series button[data-series-instance-uid="{series}"]')
    page.wait_for_selector(f'.pane[data-series-instance-uid="{series}"][data-state=shown]')
    settle(page)
