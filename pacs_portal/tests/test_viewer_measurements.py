"""Measurements and key images in the viewer: drawn by mouse, kept, back again."""

import re

import numpy as np
import pydicom
import pytest
import requests

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.running_portal import wait_for
from studies.tests.builders import SAMPLES, make_dataset, to_file

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CT = SAMPLES / "test_files" / "CT_small.dcm"
PANEL = "#panel-measurements"


@pytest.fixture
def image() -> pydicom.Dataset:
    return pydicom.dcmread(CT)


@pytest.fixture
def viewer(page, image, nothing_kept):
    """The viewer with a CT of 128 × 128 pixels, of which this reader has kept nothing."""
    open_viewer(page, image)
    return page


@pytest.fixture
def nothing_kept(portal, make_token, image):
    """What the test before has kept of the image is withdrawn."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {make_token('radiologist')}"
        for kind, member in {"measurements": "measurements", "key-images": "images"}.items():
            address = f"{portal.url}/api/studies/{image.StudyInstanceUID}/{kind}/"
            documents = session.get(address).json()["documents"]
            predecessors = [document["sop_instance_uid"] for document in documents]
            if predecessors:
                answer = session.post(address, json={"predecessors": predecessors, member: []})
                assert answer.status_code == 201


def open_viewer(page, image):
    with page.expect_response(re.compile("/key-images/$")):
        page.goto(f"/studies/{image.StudyInstanceUID}/view/")
        page.wait_for_selector("#viewport[data-state=shown]")
    page.wait_for_selector("#toolbar:enabled")
    settle(page)
    page.keyboard.press("=")  # the zoom of the last time is back as well


def on_screen(page, column, row):
    """Where a point of the 128 × 128 pixels lies: the picture fills the height of its pane."""
    box = page.locator(".picture").first.bounding_box()
    scale = min(box["width"], box["height"]) / 128
    left = box["x"] + (box["width"] - 128 * scale) / 2
    top = box["y"] + (box["height"] - 128 * scale) / 2
    return left + column * scale, top + row * scale


def drag(page, *points):
    page.mouse.move(*on_screen(page, *points[0]), steps=3)
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_screen(page, *point), steps=6)
    page.mouse.up()
    page.wait_for_timeout(600)  # a click may be the first half of a double click until then


def items(page):
    return page.locator(f"{PANEL} li")


def open_list(page):
    if not page.is_visible(PANEL):
        page.click("[data-argument=measurements]")
        page.focus(".picture")  # keys beside the images leave them alone


def wait_for_items(page, count):
    wait_for(lambda: page.locator(f"{PANEL} li").count() == count)


def kept(page, image, kind="measurements"):
    return page.evaluate(
        f"fetch('/api/studies/{image.StudyInstanceUID}/{kind}/').then((answer) => answer.json())"
    )["documents"]


def save(page):
    page.click("#save-work")
    page.wait_for_selector(f"{PANEL}[data-saved=true]", state="attached")


DRAWN = {
    "length": ("d", [(20, 20), (50, 60)]),
    "bidirectional": ("u", [(70, 20), (100, 30)]),
    "rectangle": ("b", [(10, 70), (40, 90)]),
    "ellipse": ("e", [(60, 100), (75, 110)]),
    "freehand": ("o", [(90, 70), (115, 72), (112, 95), (95, 98), (91, 72)]),
    "probe": ("p", [(64.5, 64.5)]),
}


def draw_one_of_each(page):
    for key, points in DRAWN.values():
        page.keyboard.press(key)
        drag(page, *points)
    page.keyboard.press("a")
    drag(page, (20, 30), (35, 45))
    drag(page, (50, 30))
    page.keyboard.press("Shift+A")
    drag(page, (5, 100), (25, 105))
    drag(page, (5, 122), (25, 112))
    page.keyboard.press("l")
    drag(page, (110, 10), (120, 20))
    page.fill("#ask input", "Look here")
    page.keyboard.press("Enter")


def test_each_tool_draws_and_what_it_drew_is_kept_listed_and_drawn_again(viewer, image, complaints):
    open_list(viewer)
    draw_one_of_each(viewer)
    wait_for_items(viewer, 9)
    drawn = viewer.locator("svg.svg-layer text").all_text_contents()

    save(viewer)
    open_viewer(viewer, image)
    open_list(viewer)
    wait_for_items(viewer, 9)

    (document,) = kept(viewer, image)
    assert {one["kind"] for one in document["measurements"]} == {*DRAWN, "angle", "cobb", "arrow"}
    found = {one["kind"]: one for one in document["measurements"]}
    assert found["arrow"]["label"] == "Look here"
    wait_for(lambda: viewer.locator("svg.svg-layer text").count() == 9)
    again = viewer.locator("svg.svg-layer text").all_text_contents()
    assert sorted(again) == sorted(drawn)
    assert_values_are_those_of_pydicom_and_numpy(found, image)
    assert complaints == []


def assert_values_are_those_of_pydicom_and_numpy(found, image):
    values = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    spacing = [float(length) for length in image.PixelSpacing]
    assert value_of(found["probe"], "value") == values[64, 64]
    (a, b) = np.array(found["length"]["points"]) * spacing[::-1]
    assert value_of(found["length"], "length") == pytest.approx(np.hypot(*(a - b)))
    a, vertex, c = np.array(found["angle"]["points"])
    assert value_of(found["angle"], "angle") == pytest.approx(degrees(a - vertex, c - vertex))
    a, b, c, d = np.array(found["cobb"]["points"])
    assert value_of(found["cobb"], "cobb_angle") == pytest.approx(degrees(b - a, d - c))
    for kind in ("rectangle", "ellipse", "freehand"):
        inside = values[mask(kind, found[kind]["points"])]
        assert inside.size > 50, kind
        assert value_of(found[kind], "mean") == pytest.approx(inside.mean()), kind
        assert value_of(found[kind], "standard_deviation") == pytest.approx(inside.std()), kind
        assert value_of(found[kind], "minimum") == inside.min(), kind
        assert value_of(found[kind], "maximum") == inside.max(), kind
    units = {v["unit"] for one in found.values() for v in one["values"]}
    assert units == {"HU", "mm", "mm2", "deg"}


def degrees(a, b) -> float:
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


def value_of(measurement, quantity):
    (found,) = [v["value"] for v in measurement["values"] if v["quantity"] == quantity]
    return found


def mask(kind, points) -> np.ndarray:
    """The pixels whose centre lies inside."""
    row, column = np.mgrid[0:128, 0:128] + 0.5
    points = np.array(points)
    if kind == "ellipse":
        center = points.mean(axis=0)
        halves = [(points[1] - points[0]) / 2, (points[3] - points[2]) / 2]
        offset = np.stack([column - center[0], row - center[1]], axis=-1)
        return sum((offset @ half / (half @ half)) ** 2 for half in halves) <= 1
    inside = np.zeros((128, 128), bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if ay != by:
            crosses = ((ay > row) != (by > row)) & (
                column < (bx - ax) * (row - ay) / (by - ay) + ax
            )
            inside ^= crosses
    return inside


REGION = {  # of ultrasound: 0.5 mm to a pixel
    "RegionLocationMinX0": 0, "RegionLocationMinY0": 0, "RegionLocationMaxX1": 127,
    "RegionLocationMaxY1": 127, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.05,
}  # fmt: skip
CALIBRATIONS = {
    "of the patient": ({"PixelSpacing": [0.5, 0.5]}, 0.5, "mm", False),
    "of the detector": ({"ImagerPixelSpacing": [0.25, 0.25]}, 0.25, "mm", True),
    "not corrected": (
        {"ImagerPixelSpacing": [0.25, 0.25], "PixelSpacing": [0.25, 0.25]}, 0.25, "mm", True,
    ),
    "of a region": ({"SequenceOfUltrasoundRegions": [REGION]}, 0.5, "mm", False),
    "of nothing": ({}, 1, "px", False),
}  # fmt: skip


def test_a_length_says_what_it_is_a_length_of(page, portal, complaints, tmp_path):
    for number, (attributes, *_) in enumerate(CALIBRATIONS.values()):
        (tmp_path / f"{number}.dcm").write_bytes(calibrated(f"2.25.47200{number}", attributes))
    portal.store(tmp_path)
    for number, (attributes, size, unit, at_detector) in enumerate(CALIBRATIONS.values()):
        study = f"2.25.47200{number}"
        page.goto(f"/studies/{study}/view/")
        page.wait_for_selector("#viewport[data-state=shown]")
        page.wait_for_selector("#toolbar:enabled")
        page.keyboard.press("d")
        drag(page, (20, 20), (50, 60))
        page.wait_for_selector("#save-work:enabled")
        said = page.locator("svg.svg-layer text").first.text_content()

        save(page)

        found = page.evaluate(
            f"fetch('/api/studies/{study}/measurements/').then((answer) => answer.json())"
        )
        (drawn,) = found["documents"][0]["measurements"]
        (a, b) = np.array(drawn["points"]) * size
        assert value_of(drawn, "length") == pytest.approx(np.hypot(*(a - b))), attributes
        assert drawn["values"][0]["unit"] == unit, attributes
        assert (drawn["at_detector"], "at detector" in said) == (at_detector, at_detector)
        assert unit in said
    assert complaints == []


def calibrated(study: str, attributes: dict) -> bytes:
    """An image of 128 × 128 pixels that says so much of their size."""
    dataset = make_dataset(
        StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.1",
        PatientID=study, Rows=128, Columns=128, PixelData=bytes(range(256)) * 128,
    )  # fmt: skip
    for keyword, value in attributes.items():
        setattr(dataset, keyword, [region(v) if isinstance(v, dict) else v for v in value])
    return to_file(dataset)


def region(attributes: dict) -> pydicom.Dataset:
    item = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def test_what_was_done_is_undone_and_done_again_and_can_be_renamed_and_removed(
    viewer, image, complaints
):
    open_list(viewer)
    viewer.keyboard.press("d")
    drag(viewer, (20, 20), (50, 60))
    wait_for_items(viewer, 1)
    viewer.keyboard.press("Control+z")
    wait_for_items(viewer, 0)
    viewer.keyboard.press("Control+y")
    wait_for_items(viewer, 1)

    viewer.click(f"{PANEL} >> text=Rename")
    viewer.fill("#ask input", "Nodule")
    viewer.keyboard.press("Enter")
    viewer.wait_for_selector(f"{PANEL} >> text=Nodule")
    viewer.wait_for_selector("svg.svg-layer >> text=Nodule")
    viewer.click(f"{PANEL} >> text=Hide")
    wait_for(lambda: viewer.locator("svg.svg-layer text").count() == 0)
    viewer.click(f"{PANEL} >> text=Show")
    viewer.wait_for_selector("svg.svg-layer >> text=Nodule")

    viewer.keyboard.press("w")  # a drawing is moved while another tool has the button
    drag(viewer, (35, 40), (45, 40))
    viewer.keyboard.press("Delete")
    wait_for_items(viewer, 0)
    viewer.keyboard.press("Control+z")
    wait_for_items(viewer, 1)
    save(viewer)
    (moved,) = kept(viewer, image)[0]["measurements"]
    assert np.array(moved["points"])[:, 0] == pytest.approx([30, 60], abs=1.5)
    assert moved["label"] == "Nodule"
    assert complaints == []


def test_key_images_are_marked_kept_and_withdrawn(viewer, image, complaints):
    open_list(viewer)
    viewer.keyboard.press("k")
    viewer.wait_for_selector(".key-mark:has-text('Key image')")
    assert "1 key image" in viewer.inner_text("#series [aria-current]")
    save(viewer)
    open_viewer(viewer, image)
    viewer.wait_for_selector(".key-mark:has-text('Key image')")

    (document,) = kept(viewer, image, "key-images")
    assert [one["sop_instance_uid"] for one in document["images"]] == [image.SOPInstanceUID]
    viewer.keyboard.press("k")
    viewer.wait_for_selector(".key-mark:not(:has-text('Key image'))", state="attached")
    save(viewer)
    assert kept(viewer, image, "key-images") == []
    assert complaints == []


def test_work_that_was_not_saved_comes_back_when_the_page_is_reloaded(viewer, image):
    viewer.keyboard.press("d")
    drag(viewer, (20, 20), (50, 60))
    viewer.wait_for_selector("#save-work:enabled")

    open_viewer(viewer, image)
    open_list(viewer)

    wait_for_items(viewer, 1)
    assert "not saved in this tab is back" in viewer.inner_text("#notice")
    assert kept(viewer, image) == []
    viewer.wait_for_selector("#save-work:enabled")
    save(viewer)
    assert len(kept(viewer, image)) == 1


def test_work_on_a_study_that_could_not_be_asked_about_is_kept_and_saved_later(
    page, image, nothing_kept
):
    asked = []

    def fail(route):
        asked.append(route.request.method)
        route.fulfill(status=503)

    page.route("**/api/studies/*/measurements/", fail)
    open_viewer(page, image)
    page.wait_for_selector("#notice:has-text('Saved measurements are not shown')")
    page.keyboard.press("d")
    drag(page, (20, 20), (50, 60))
    page.keyboard.press("n")  # the picture changes, and nothing is asked again
    page.wait_for_selector("#save-work:enabled")
    assert asked == ["GET"]

    open_viewer(page, image)  # and fails again, with the copy of this tab
    page.unroute("**/api/studies/*/measurements/")
    page.click("#notice >> text=Try again")
    open_list(page)
    wait_for_items(page, 1)
    save(page)
    assert len(kept(page, image)) == 1


def test_escape_leaves_the_drawing_and_only_then_the_view(viewer):
    viewer.keyboard.press("n")
    viewer.wait_for_selector("[data-overlay=window]:has-text('inverted')")
    viewer.keyboard.press("d")
    viewer.mouse.move(*on_screen(viewer, 20, 20))
    viewer.mouse.down()
    viewer.mouse.move(*on_screen(viewer, 50, 60), steps=5)
    viewer.keyboard.press("Escape")
    viewer.mouse.up()
    settle(viewer)
    after_one = viewer.inner_text("[data-overlay=window]")
    viewer.keyboard.press("Escape")

    viewer.wait_for_selector("[data-overlay=window]:not(:has-text('inverted'))")
    assert "inverted" in after_one
    assert viewer.is_disabled("#save-work")
