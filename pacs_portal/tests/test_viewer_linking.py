"""What panes tell each other, fingers, the rate of cine and the scale bar."""

import re

import pytest
from pydicom.dataset import Dataset

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.running_portal import wait_for
from pacs_portal.tests.test_browser import open_images
from pacs_portal.tests.volumes import CORONAL, SIDE, show, upwards, write_stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def open_side_by_side(page, study, *series):
    """The series from left to right; the first is active."""
    open_images(page, study)
    page.click("[popovertarget=menu-grid]")
    page.click(f"[data-argument='1x{len(series)}']")
    for number, uid in enumerate(series):
        choose(page, number)
        show(page, uid)
    wait_for(lambda: page.locator(".pane[data-state=shown]").count() == len(series), seconds=30)
    choose(page, 0)


def choose(page, number):
    """Make a pane active, by the keyboard, which changes nothing else."""
    page.locator(".pane .picture").nth(number).focus()


def images(page) -> list[int]:
    """Numbers of the images in the panes."""
    settle(page)
    return [int(pane.get_attribute("data-image-index")) for pane in page.locator(".pane").all()]


def windows(page) -> list[list[str]]:
    return [text.splitlines() for text in page.locator("[data-overlay=window]").all_inner_texts()][
        :2
    ]


def test_two_windows_scroll_together_by_place(page, portal, tmp_path, complaints):
    person = {"PatientID": "TWO-WINDOWS", "Modality": "MR", "StudyDescription": "Head"}
    for number, step in ((1, 3), (2, 6)):
        dated = person | {"StudyDate": f"202{number}0101"}
        write_stack(tmp_path, f"2.25.76{number}", number, upwards(60 // step, step=step), **dated)
    portal.manage("import_dicom", str(tmp_path))
    open_images(page, "2.25.762")
    page.click("details[data-study-instance-uid='2.25.761'] summary")
    with page.expect_popup() as popup:
        page.click("details[data-study-instance-uid='2.25.761'] button.beside")
    other = popup.value
    other.wait_for_selector("#viewport[data-state=shown]")

    page.locator(".picture").first.focus()
    page.keyboard.press("y")
    page.keyboard.press("End")
    other.wait_for_selector("#viewport[data-state=shown][data-image-index='19']")  # 54 mm
    other.locator(".picture").first.focus()
    other.keyboard.press("Home")
    page.wait_for_selector("#viewport[data-state=shown][data-image-index='1']")
    page.keyboard.press("y")
    other.keyboard.press("PageDown")
    other.wait_for_selector("#viewport[data-state=shown][data-image-index='11']")
    page.wait_for_timeout(500)

    assert page.get_attribute("#viewport", "data-image-index") == "1"
    assert complaints == []


def test_panes_of_one_frame_of_reference_go_to_the_same_place(page, portal, tmp_path, complaints):
    study = "2.25.711"
    fine = write_stack(tmp_path, study, 1, upwards(20, step=3))
    coarse = write_stack(tmp_path, study, 2, upwards(10, step=7)[::-1])
    coronal = [[0, 10 + 4 * index, 60] for index in range(6)]
    cut = write_stack(tmp_path, study, 3, coronal, ImageOrientationPatient=CORONAL)
    portal.store(tmp_path)
    open_side_by_side(page, study, fine, coarse, cut)

    page.keyboard.press("Home")
    alone = images(page)
    page.keyboard.press("y")
    page.keyboard.press("Home")
    first = images(page)
    page.keyboard.press("PageDown")
    eleventh = images(page)
    lines = [
        [float(line.get_attribute(end)) for end in ("x1", "y1", "x2", "y2")]
        for line in page.locator(".pane >> nth=2").locator(".reference line").all()
    ]
    size = page.locator(".pane >> nth=2").evaluate("pane => [pane.clientWidth, pane.clientHeight]")
    choose(page, 1)
    page.keyboard.press("Home")
    led_by_the_other = images(page)
    page.keyboard.press("y")
    page.keyboard.press("End")
    untied = images(page)
    page.keyboard.press("j")

    assert alone == [1, 5, 3]
    assert first == [1, 10, 3]  # 0 mm is the last image of the second
    assert eleventh == [11, 6, 3]  # 30 mm: 28 mm is nearest
    assert len(lines) == 1
    x1, y1, x2, y2 = lines[0]
    assert abs(y1 - y2) < 1
    assert abs(x1 - x2) > 100
    # 28 mm lies in the middle row of the coronal image, 30 mm one row of the fitted picture higher.
    assert y1 == pytest.approx(size[1] / 2 - size[0] / SIDE, abs=2)
    assert led_by_the_other == [20, 1, 3]  # 63 mm: 57 mm is the last
    assert untied == [20, 10, 3]
    assert page.locator(".reference line").count() == 0
    assert complaints == []


def test_panes_of_different_frames_of_reference_keep_their_distance(page, portal, tmp_path):
    study = "2.25.712"
    one = write_stack(tmp_path, study, 1, upwards(12, step=4))
    other = write_stack(
        tmp_path, study, 2, upwards(24, step=2, start=500), FrameOfReferenceUID="2.25.98"
    )
    nowhere = write_stack(tmp_path, study, 3, upwards(9), ImageOrientationPatient=None)
    portal.store(tmp_path)
    open_side_by_side(page, study, one, other, nowhere)
    page.keyboard.press("Home")
    start = images(page)

    page.keyboard.press("y")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")

    assert start == [1, 12, 5]
    assert images(page) == [3, 16, 7]  # 8 mm are four images of 2 mm; without places, two images


def test_window_and_zoom_are_shared_on_request(page, portal, tmp_path):
    study = "2.25.713"
    one, other = (write_stack(tmp_path, study, number, upwards(5)) for number in (1, 2))
    portal.store(tmp_path)
    open_side_by_side(page, study, one, other)
    page.keyboard.press("2")
    page.keyboard.press("+")
    settle(page)
    before = windows(page)

    page.keyboard.press("Shift+Y")
    settle(page)
    tied = windows(page)
    page.keyboard.press("4")
    settle(page)
    later = windows(page)

    assert before[0] != before[1]
    assert tied[0] == tied[1] == before[0]
    assert later[0] == later[1]
    assert "W 80  L 40" in later[1]


def test_a_picture_that_fits_fits_again_when_its_pane_becomes_narrow(page, portal, tmp_path):
    study = "2.25.714"
    write_stack(tmp_path, study, 1, upwards(5))
    portal.store(tmp_path)
    open_images(page, study)

    page.click("[popovertarget=menu-grid]")
    page.click("[data-argument='1x3']")
    settle(page)

    width = page.locator(".pane .picture").first.evaluate("picture => picture.clientWidth")
    zoom = int(re.search(r"Zoom (\d+)%", page.inner_text("[data-overlay=window] >> nth=0"))[1])
    assert SIDE * zoom / 100 == pytest.approx(width, rel=0.05)


def test_cine_says_its_rate_which_can_be_changed(page, portal, tmp_path):
    study = "2.25.715"
    write_stack(tmp_path, study, 1, upwards(6), CineRate=25)
    slow = write_stack(tmp_path, study, 2, upwards(6), CineRate=4)
    portal.store(tmp_path)
    open_images(page, study)

    rates = [page.inner_text(".cine")]
    for key in (">", "<", "<", "c"):
        page.keyboard.press(key)
        rates.append(page.inner_text(".cine"))
    shown = set()  # it plays in a loop, so what is shown at one moment may be the first again
    wait_for(
        lambda: shown.add(page.get_attribute("#viewport", "data-image-index")) or shown - {"3"}
    )
    page.keyboard.press("c")
    show(page, slow)
    rates.append(page.inner_text(".cine"))

    assert rates == [
        "Play (25/s)", "Play (30/s)", "Play (25/s)", "Play (20/s)", "Pause (20/s)", "Play (4/s)",
    ]  # fmt: skip
    assert shown != {"3"}


def test_the_scale_bar_is_as_long_as_it_says_and_names_the_plane_it_is_true_in(
    page, portal, tmp_path
):
    study = "2.25.716"
    unplaced = {"ImageOrientationPatient": None, "ImagePositionPatient": None}
    region = {
        "RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.1, "PhysicalDeltaY": 0.1,
        "RegionLocationMinX0": 0, "RegionLocationMinY0": 0,
        "RegionLocationMaxX1": SIDE - 1, "RegionLocationMaxY1": SIDE - 1,
    }  # fmt: skip
    scaled = write_stack(tmp_path, study, 1, upwards(1))
    projected = write_stack(
        tmp_path, study, 2, upwards(1), **unplaced, PixelSpacing=None, Modality="DX",
        ImagerPixelSpacing=[0.5, 0.5], SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1",
    )  # fmt: skip
    sounded = write_stack(
        tmp_path, study, 3, upwards(1), **unplaced, PixelSpacing=None, Modality="US",
        SequenceOfUltrasoundRegions=[_dataset(region)],
    )  # fmt: skip
    unknown = write_stack(tmp_path, study, 4, upwards(1), **unplaced, PixelSpacing=None)
    portal.store(tmp_path)
    open_images(page, study)

    bars = {}
    for series in (scaled, projected, sounded, unknown):
        show(page, series)
        zoom = int(re.search(r"Zoom (\d+)%", page.inner_text("[data-overlay=window]"))[1]) / 100
        bar = page.locator(".pane .scale")
        pixels = float(bar.evaluate("bar => parseFloat(bar.style.width)"))
        bars[series] = (bar.is_visible(), bar.inner_text(), pixels / zoom)
    page.keyboard.press("i")

    assert bars[scaled] == (True, "2 cm", pytest.approx(10, rel=0.01))  # pixels of 2 mm
    assert bars[projected] == (True, "5 mm at detector", pytest.approx(10, rel=0.01))  # of 0.5 mm
    assert bars[sounded] == (True, "1 cm", pytest.approx(10, rel=0.01))  # of 1 mm
    assert not bars[unknown][0]


def _dataset(values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


class Fingers:
    """Touches the page as a tablet tells of it."""

    def __init__(self, page):
        self.page = page
        self.session = page.context.new_cdp_session(page)

    def move(self, starts, ends):
        """Put fingers down at `starts`, move them to `ends` and lift them."""
        self._tell("touchStart", starts)
        for step in range(1, 9):
            between = [
                (x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8)
                for (x0, y0), (x1, y1) in zip(starts, ends, strict=True)
            ]
            self._tell("touchMove", between)
            self.page.wait_for_timeout(30)
        self._tell("touchEnd", [])
        settle(self.page)

    def _tell(self, kind, places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def tablet(browser, portal, radiologist, tmp_path):
    """A page with 20 images on a screen for fingers."""
    write_stack(tmp_path, "2.25.717", 1, upwards(20))
    portal.store(tmp_path)
    with browser.new_context(
        base_url=portal.url, storage_state=radiologist, has_touch=True,
        viewport={"width": 1024, "height": 768},
    ) as context:  # fmt: skip
        page = context.new_page()
        open_images(page, "2.25.717")
        yield page


def middle(page, picture) -> tuple[float, float]:
    box = page.locator(picture).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _place_under(page, x, y) -> tuple[int, int]:
    """Column and row of the pixel there, as the read-out says."""
    page.mouse.move(x + 1, y)
    page.mouse.move(x, y)
    words = page.inner_text(".pane [data-overlay=value]")
    column, row = re.match(r"x (\d+) +y (\d+)", words).groups()
    return int(column), int(row)


def test_fingers_scroll_zoom_shift_and_use_the_tool(tablet):
    fingers = Fingers(tablet)
    x, y = middle(tablet, ".pane .picture")
    looks = [_look(tablet)]

    for starts, ends in [
        ([(x, y)], [(x, y + 100)]),  # one finger: the tool, which is Scroll
        ([(x - 40, y), (x + 40, y)], [(x - 80, y), (x + 80, y)]),
        ([(x - 60, y), (x + 60, y)], [(x - 60, y - 100), (x + 60, y - 100)]),
    ]:
        fingers.move(starts, ends)
        looks.append(_look(tablet))
    before = _place_under(tablet, x, y)
    fingers.move([(x - 60, y), (x, y), (x + 60, y)], [(x, y), (x + 60, y), (x + 120, y)])
    looks.append(_look(tablet))
    after = _place_under(tablet, x, y)
    tablet.locator("[data-tool=WindowLevel]").tap()
    fingers.move([(x, y)], [(x + 60, y)])
    looks.append(_look(tablet))

    (index, zoom, window), *_ = looks
    assert looks[1][0] > index
    assert looks[1][1:] == (zoom, window)
    assert looks[2] == (looks[1][0], pytest.approx(1.8 * zoom, rel=0.1), window)
    assert looks[3][0] < looks[2][0]
    assert looks[3][1:] == looks[2][1:]
    assert looks[4] == looks[3]  # three fingers shift the picture and change nothing else
    assert after[0] < before[0]  # what lay to the left has come under the place
    assert after[1] == before[1]
    assert looks[5][:2] == looks[4][:2]
    assert looks[5][2] != window


def test_fingers_scroll_planes_and_drag_their_crosshairs(tablet):
    tablet.locator("[data-action=mpr]").tap()
    tablet.wait_for_selector("#mpr[data-state=shown]", timeout=60_000)
    targets = tablet.locator("button:visible, select:visible, a:visible").evaluate_all(
        "all => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
    )
    fingers = Fingers(tablet)
    x, y = middle(tablet, "[data-plane=axial] .picture")
    places = [_places(tablet)]

    for starts, ends in [
        ([(x - 40, y), (x + 40, y)], [(x - 40, y - 80), (x + 40, y - 80)]),
        ([(x, y)], [(x + 40, y + 20)]),
    ]:
        fingers.move(starts, ends)
        places.append(_places(tablet))

    assert min(targets) >= 44
    assert places[1][0] != places[0][0]  # two fingers scroll the plane under them,
    assert places[1][1:] == places[0][1:]  # and take nothing else along,
    assert places[2][0] == places[1][0]
    assert places[2][1] != places[1][1]  # one drags the crosshairs
    assert places[2][2] != places[1][2]


def _look(page) -> tuple[int, int, str]:
    """Number of the image, zoom in percent, window."""
    zoom, window = page.inner_text(".pane [data-overlay=window]").splitlines()
    index = int(page.get_attribute("#viewport", "data-image-index"))
    return index, int(re.search(r"\d+", zoom)[0]), window


def _places(page) -> list[str]:
    return page.locator("#mpr [data-overlay=image]").all_inner_texts()
