"""In which order the viewer loads: a preview, the first image, then outward from the reader."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from studies.tests.builders import make_file

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

STUDY = "2.25.6161"
SLICES = 80
MIDDLE = 40  # the viewer opens there
SIZE = 64
FRAME = re.compile(rf"/instances/{STUDY}\.1\.(\d+)/frames/1\?")


@pytest.fixture
def page(fresh_page):
    """One that has nothing in its cache."""
    return fresh_page


@pytest.fixture(scope="module")
def study(portal) -> str:
    """The page of a study of many small slices, each a little brighter than the last one."""
    directory = portal.directory / "slices"
    directory.mkdir()
    ramp = np.tile(np.arange(SIZE, dtype=np.uint16) * 10, (SIZE, 1))
    for number in range(1, SLICES + 1):
        content = make_file(
            StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.{number}", InstanceNumber=str(number), PatientID="SLICES",
            Rows=SIZE, Columns=SIZE, PixelData=(ramp + number).tobytes(),
            WindowCenter="320", WindowWidth="640",
        )  # fmt: skip
        (directory / f"{number}.dcm").write_bytes(content)
    portal.store(directory)
    return f"{portal.url}/studies/{STUDY}/view/"


class Requests:
    """What the page asked for of the frames, in order, and what became of it."""

    def __init__(self, page):
        self.asked, self.answered, self.given_up = [], [], []
        self.addresses = []
        page.on("request", lambda request: self._note(request, self.asked))
        page.on("requestfinished", lambda request: self._note(request, self.answered))
        page.on("requestfailed", lambda request: self._note(request, self.given_up))

    def _note(self, request, noted):
        if noted is self.asked:
            self.addresses.append(request.url)
        if match := FRAME.search(request.url):
            noted.append(int(match[1]))


def until(page, question):
    """Let the page go on until the answer is true."""
    for _ in range(600):
        if question():
            return
        page.wait_for_timeout(100)
    raise TimeoutError(question)


def wait_for_image(page, number):
    page.wait_for_selector(f'#viewport[data-state=shown][data-image-index="{number}"]')


def shades(page):
    """The middle of the place of the picture."""
    hide = "(words) => words.forEach(({ style }) => (style.visibility = 'hidden'))"
    page.eval_on_selector_all("#viewport :is(.corner, .edge, figcaption, .progress)", hide)
    shot = page.locator("#viewport").screenshot()
    grey = np.asarray(Image.open(io.BytesIO(shot)).convert("L")).astype(int)
    return grey[20:-20, 20:-20]


def test_a_preview_lies_where_the_image_will_be_until_that_is_drawn(page, study):
    held = []
    # Playwright marks the handler, which a method of a list does not take.
    page.route("**/viewer/assets/viewer-*.js", lambda route: held.append(route))  # noqa: PLW0108
    page.goto(study, wait_until="commit")
    is_drawn = "() => document.querySelector('#preview img')?.naturalWidth > 0"
    until(page, lambda: page.evaluate(is_drawn))
    said, preview = page.inner_text("#preview"), shades(page)

    held[0].continue_()
    wait_for_image(page, MIDDLE)
    until(page, lambda: page.locator("#preview").count() == 0)

    assert "Preview" in said
    assert preview.std() > 20
    assert np.abs(shades(page) - preview).mean() < 4


def test_what_the_page_preloads_is_asked_for_once(page, study):
    requests = Requests(page)
    page.goto(study)
    wait_for_image(page, MIDDLE)

    series = [url for url in requests.addresses if url.endswith(f"/studies/{STUDY}/series")]
    metadata = [url for url in requests.addresses if url.endswith("/metadata")]
    assert len(series) == len(metadata) == requests.asked.count(MIDDLE) == 1


def test_a_series_named_by_the_address_comes_first(page, study):
    page.goto(f"{study}?series={STUDY}.1")
    wait_for_image(page, MIDDLE)

    assert page.get_attribute("body", "data-first-series-uid") == f"{STUDY}.1"


def test_frames_are_fetched_from_the_reader_outward_until_all_are_there(page, study):
    requests = Requests(page)
    page.goto(study)
    wait_for_image(page, MIDDLE)
    until(page, lambda: len(set(requests.answered)) == SLICES)

    distances = [abs(number - MIDDLE) for number in requests.asked]
    assert sorted(requests.asked) == list(range(1, SLICES + 1))
    assert distances == sorted(distances)


def test_a_jump_gives_up_what_is_far_and_asks_for_it_later(page, study):
    held, requests = {}, Requests(page)

    def hold_the_first_four(route):
        number = int(FRAME.search(route.request.url)[1])
        if len(held) == 4 or number == MIDDLE:
            route.continue_()
        else:
            held[number] = route

    page.route(FRAME, hold_the_first_four)
    page.goto(study)
    wait_for_image(page, MIDDLE)
    until(page, lambda: len(held) == 4)  # as many as are under way at once

    page.keyboard.press("End")
    until(page, lambda: len(requests.given_up) == 4)
    wait_for_image(page, SLICES)
    until(page, lambda: set(held) <= set(requests.answered))

    asked_again = min(_last(requests.asked, number) for number in held)
    assert set(requests.given_up) == set(held)
    assert requests.asked.index(SLICES) < asked_again


def _last(numbers, wanted):
    return len(numbers) - 1 - numbers[::-1].index(wanted)


def test_where_memory_is_short_only_what_is_near_is_kept(page, study):
    # 40 frames of 8 KiB each, of which a fifth is room for other series.
    mebibytes = 40 * SIZE * SIZE * 2 / 2**20
    page.add_init_script(
        f"Object.defineProperty(navigator, 'deviceMemory', {{ value: {mebibytes / 256} }})"
    )
    requests = Requests(page)
    page.goto(study)
    wait_for_image(page, MIDDLE)
    until(page, lambda: len(requests.answered) >= 33)
    page.wait_for_timeout(500)
    near = set(requests.answered)

    page.keyboard.press("Home")
    wait_for_image(page, 1)
    until(page, lambda: set(range(1, 18)) <= set(requests.answered))

    assert near == set(range(MIDDLE - 16, MIDDLE + 17))
