"""A series in three planes, and what happens without a graphics card."""

import io
import shutil

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.conftest import CHROMIUM
from pacs_portal.tests.running_portal import wait_for
from pacs_portal.tests.test_browser import ask, open_images
from pacs_portal.tests.volumes import SIDE, show, upwards, value_at, write_stack
from studies.tests.builders import make_encapsulated

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

AXIAL, CORONAL, SAGITTAL = "[data-plane=axial]", "[data-plane=coronal]", "[data-plane=sagittal]"
PLANES = [AXIAL, CORONAL, SAGITTAL]


@pytest.fixture
def ct(portal):
    """UIDs of a seeded CT study and of its longest series."""
    return ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid FROM studies_series e "
        "JOIN studies_study s ON s.id = e.study_id WHERE e.modality = 'CT' "
        "AND s.patient_id LIKE '%-%' ORDER BY e.number_of_series_related_instances DESC, e.id",
    )


def grey(page, selector) -> np.ndarray:
    shown = page.locator(f"{selector} canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shown)).convert("L")).astype(int)


def planes(page) -> list[np.ndarray]:
    settle(page)
    return [grey(page, plane) for plane in PLANES]


def change(before, after) -> list[float]:
    return [float(np.abs(a - b).mean()) for a, b in zip(before, after, strict=True)]


def place_of(page, plane) -> str:
    return page.inner_text(f"{plane} [data-overlay=image]").splitlines()[-1]


def millimetres(page, plane) -> float:
    return float(place_of(page, plane).removeprefix("Location ").removesuffix(" mm"))


def open_planes(page):
    page.keyboard.press("m")
    page.wait_for_selector("#mpr[data-state=shown]", timeout=60_000)
    settle(page)


def test_a_seeded_ct_is_shown_in_three_planes_and_left_as_it_was(page, ct, complaints):
    open_images(page, *ct)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("+")
    settle(page)
    image, index = grey(page, ".pane"), page.get_attribute("#viewport", "data-image-index")

    open_planes(page)
    slices = planes(page)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    faults = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    page.keyboard.press("Shift+X")
    slabs = planes(page)
    told = page.inner_text(f"{AXIAL} [data-overlay=image]")
    page.keyboard.press("2")
    windows = [page.inner_text(f"{plane} [data-overlay=window]") for plane in PLANES]
    page.keyboard.press("Escape")
    again = planes(page)
    page.keyboard.press("m")
    settle(page)

    assert all(plane.std() > 20 for plane in slices)
    assert not np.array_equal(slices[1], slices[2])
    assert faults.violations_count == 0, faults.generate_report()
    assert "MIP 10 mm" in told
    assert all(
        slab.mean() > slice_.mean() * 1.1 for slab, slice_ in zip(slabs, slices, strict=True)
    )
    assert windows == ["W 1500  L -600"] * 3
    assert max(change(slices, again)) < 0.5
    assert page.locator("#mpr").is_hidden()
    assert page.get_attribute("#viewport", "data-image-index") == index
    assert np.array_equal(grey(page, ".pane"), image)
    assert complaints == []


@pytest.fixture
def cube(portal, tmp_path):
    """UID of a study with one series, stored from head to feet, of 33 × 33 × 16 voxels of 2 × 2 × 4 mm."""
    write_stack(tmp_path, "2.25.701", 1, upwards(16)[::-1])
    portal.store(tmp_path)
    return "2.25.701"


class Plane:
    """Where on the page the places of the cube are in one plane."""

    # The axes that point to the right and down, with their signs.
    AXES = {AXIAL: ((0, 1), (1, 1)), CORONAL: ((0, 1), (2, -1)), SAGITTAL: ((1, 1), (2, -1))}

    def __init__(self, page, name, point):
        scale = page.locator(f"{name} .scale")
        width = float(scale.evaluate("bar => bar.style.width.replace('px', '')"))
        self.pixels_per_mm = width / float(scale.get_attribute("data-length-mm"))
        box = page.locator(f"{name} .picture").bounding_box()
        lines = page.locator(f"{name} .crosshairs .line").evaluate_all(
            "lines => lines.map((line) => ['x1', 'y1'].map((name) => +line.getAttribute(name)))"
        )
        self.middle = np.mean(lines, axis=0) + np.array((box["x"], box["y"]))
        self.axes = self.AXES[name]
        self.point = point

    def projected(self, place) -> tuple[int, ...]:
        """The nearest place in this plane."""
        axes = dict(self.axes)
        return tuple(place[axis] if axis in axes else self.point[axis] for axis in range(3))

    def at(self, place) -> tuple[float, float]:
        """Of a place in mm."""
        steps = [(place[axis] - self.point[axis]) * sign for axis, sign in self.axes]
        return tuple(self.middle + np.array(steps) * self.pixels_per_mm)


def test_crosshairs_and_values_are_where_the_header_says(page, cube, complaints):
    open_images(page, cube)
    open_planes(page)
    point = (32, 32, 32)  # the middle of the eighth image from the head
    around = {name: Plane(page, name, point) for name in PLANES}

    values = {}
    for name, plane in around.items():
        for place in [(20, 12, 8), (44, 40, 52)]:
            seen = plane.projected(place)
            page.mouse.move(*plane.at(seen))
            values[seen] = page.inner_text(f"{name} [data-overlay=value]")
    page.mouse.click(*around[AXIAL].at((12, 44, 32)))
    wait_for(lambda: millimetres(page, CORONAL) != point[1])  # it might become a double click
    settle(page)
    after_click = [millimetres(page, plane) for plane in PLANES]
    page.mouse.wheel(0, 100)
    settle(page)
    after_wheel = [millimetres(page, plane) for plane in PLANES]

    expected = {(x, y, z): f"{value_at(x // 2, y // 2, 15 - z // 4)} HU" for x, y, z in values}
    assert len(values) == 6
    assert values == expected
    assert after_click == pytest.approx([32, 44, 12], abs=0.4)  # mm; the mouse has whole pixels
    assert after_wheel == [28, *after_click[1:]]
    assert complaints == []


def test_a_ring_of_the_crosshairs_turns_the_other_planes(page, cube):
    open_images(page, cube)
    open_planes(page)
    box = page.locator(f"{AXIAL} .picture").bounding_box()
    ring = page.locator(f"{AXIAL} .crosshairs circle").first
    x, y = (
        float(ring.get_attribute(name)) + box[corner] for name, corner in (("cx", "x"), ("cy", "y"))
    )
    before = planes(page)

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 60, steps=5)
    page.mouse.up()

    after = planes(page)
    assert [place_of(page, plane) for plane in PLANES] == [
        "Location 32.0 mm", "Coronal, oblique", "Sagittal, oblique",
    ]  # fmt: skip
    moved = change(before, after)
    assert moved[1] > 1
    assert moved[2] > 1


@pytest.fixture
def no_volumes(portal, tmp_path):
    """UID of a study, and by series why it has no three planes."""
    study = "2.25.702"
    gap = upwards(8)
    gap.pop(4)
    tilted = [[0, index, 4 * index] for index in range(8)]
    rgb = {
        "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": bytes(3 * SIDE * SIDE + 1),
        "RescaleIntercept": None, "RescaleSlope": None, "WindowCenter": None, "WindowWidth": None,
    }  # fmt: skip
    reasons = {
        write_stack(tmp_path, study, 1, upwards(3)): "fewer than 5 images",
        write_stack(tmp_path, study, 2, gap): "not evenly spaced",
        write_stack(
            tmp_path, study, 3, [*upwards(4), *upwards(4)]
        ): "several images at the same place",
        write_stack(tmp_path, study, 4, tilted): "tilted gantry",
        write_stack(tmp_path, study, 5, upwards(8), **rgb): "in colour",
        write_stack(
            tmp_path, study, 6, upwards(8), ImageOrientationPatient=None
        ): "does not say where the images lie",
    }
    portal.store(tmp_path)
    return study, reasons


def test_a_series_that_makes_no_volume_says_why(page, no_volumes, complaints):
    study, reasons = no_volumes
    open_images(page, study)

    told = {}
    for series in reasons:
        show(page, series)
        told[series] = page.get_attribute("[data-action=mpr]", "title")
    page.keyboard.press("m")
    notice = page.inner_text("#notice")

    assert len(told) == 6
    assert all(reason in told[series] for series, reason in reasons.items()), told
    assert "cannot be shown in three planes" in notice
    assert "does not say where" in notice
    assert page.locator("#mpr").is_hidden()
    assert complaints == []


def test_a_volume_with_an_image_that_cannot_be_decoded_is_refused(page, portal, tmp_path):
    study = "2.25.703"
    series = write_stack(tmp_path, study, 1, upwards(7))
    broken = make_encapsulated(
        [b"no codestream"], StudyInstanceUID=study, SeriesInstanceUID=series, SeriesNumber=1,
        SOPInstanceUID=f"{series}.7", InstanceNumber=8, PatientID=study,
        FrameOfReferenceUID="2.25.99", ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        ImagePositionPatient=[0, 0, 28], PixelSpacing=[2, 2], Rows=SIDE, Columns=SIDE,
    )  # fmt: skip
    (tmp_path / "broken.dcm").write_bytes(broken)
    portal.store(tmp_path)
    open_images(page, study)

    page.keyboard.press("m")
    page.wait_for_selector("#notice:visible", timeout=60_000)

    assert "cannot be decoded" in page.inner_text("#notice")
    assert page.locator("#mpr").is_hidden()
    assert page.get_attribute("#viewport", "data-state") == "shown"


def test_without_webgl_images_are_drawn_and_three_planes_are_refused(
    browser, portal, radiologist, ct
):
    slow = browser.browser_type.launch(
        executable_path=shutil.which("chromium"), args=[*CHROMIUM, "--disable-3d-apis"]
    )
    with slow.new_context(base_url=portal.url, storage_state=radiologist) as context:
        page = context.new_page()
        open_images(page, *ct)
        notice = page.inner_text("#notice")
        page.click("#notice button")
        first = grey(page, ".pane")

        page.keyboard.press("2")
        page.keyboard.press("ArrowDown")
        settle(page)
        second, told = grey(page, ".pane"), page.inner_text(".pane [data-overlay=window]")
        page.keyboard.press("m")

        assert "on the processor" in notice
        assert first.std() > 20
        assert second.mean() > first.mean() * 1.3  # a wider window, and the text still says so
        assert "W 1500  L -600" in told
        assert "has no WebGL" in page.inner_text("#notice")
        assert page.get_attribute("[data-action=mpr]", "aria-disabled") == "true"
    slow.close()
