"""What is no plain image, in a real browser: read, drawn, played, laid over images, or named."""

import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pacs_portal.tests import derived_objects as derived
from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.derived_objects import CT, PR, SEG, SIZE, STUDY
from pacs_portal.tests.running_portal import wait_for
from studies.tests.builders import SAMPLES
from studies.tests.samples import read
from studies.tests.test_documents import make_video, report_on
from studies.tests.video import MP4

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
REAL = ("waveform_ecg.dcm", "reportsi.dcm", "rtplan.dcm")
JPEG_LS = "1.2.840.10008.1.2.4.80"
VIDEO = {"SeriesInstanceUID": "2.25.8112", "SeriesNumber": "12", "Modality": "ES"}


@pytest.fixture(scope="module", autouse=True)
def derived_study(portal):
    images = derived.slices()
    report = read(report_on(f"{CT}.3", "A nodule"))
    report.update(derived.STUDY_OF_ALL_AS_DATASET)
    files = {
        **{f"ct{n}": derived.to_file(image) for n, image in enumerate(images)},
        "seg": derived.segmentation(images),
        "seg-jls": derived.segmentation(images, "FRACTIONAL", 2, JPEG_LS),
        "seg-map": derived.segmentation(images, "LABELMAP", 3),
        "rtstruct": derived.structure_set(),
        "pr1": derived.presentation_state(images[1]),
        "pr2": derived.corner_state(images[1]),
        "ko": derived.key_objects(images[1]),
        "sr": derived.to_file(report),
        "pdf": derived.encapsulated(derived.PDF, 1),
        "no-pdf": derived.encapsulated(b"<html>", 2),
        "broken": derived.broken_waveform(),
        "mp4": make_video(MP4, **derived.STUDY_OF_ALL, **VIDEO, SOPInstanceUID="2.25.8112.1"),
        "mpeg": make_video(
            b"\0\0\x01\xba" * 8,
            transfer_syntax="1.2.840.10008.1.2.4.100",
            **derived.STUDY_OF_ALL, **VIDEO, SOPInstanceUID="2.25.8112.2", InstanceNumber="2",
        ),
    }  # fmt: skip
    paths = []
    for name, content in files.items():
        path = portal.directory / f"derived-{name}.dcm"
        path.write_bytes(content)
        paths.append(str(path))
    portal.manage("import_dicom", *paths, *(str(SAMPLES / "test_files" / name) for name in REAL))


def open_series(page, series, study=STUDY, state="document"):
    if "/view/" in page.url:  # another address first: a change behind the # alone loads nothing
        page.goto("/")
    page.goto(f"/studies/{study}/view/#{series}")
    page.wait_for_selector(f"#viewport[data-state={state}]")


def show_slice(page, number):
    page.keyboard.press("Home")
    for _ in range(number - 1):
        page.keyboard.press("ArrowDown")
    page.wait_for_selector(f"#viewport[data-state=shown][data-image-index='{number}']")
    settle(page)


def picture(page) -> np.ndarray:
    """The pane as colours."""
    shown = page.locator(".pane").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shown)).convert("RGB")).astype(int)


def place(shown: np.ndarray, column: float, row: float) -> tuple[int, int]:
    """Line and column on the screen of a pixel of the image, which is as high as the pane."""
    height, width, _ = shown.shape
    x = width / 2 + (column + 0.5 - SIZE / 2) / SIZE * height
    return int((row + 0.5) / SIZE * height), int(x)


def colour(shown: np.ndarray, column: float, row: float) -> list[int]:
    """What lies over a pixel of the image."""
    return shown[place(shown, column, row)].tolist()


def bluest(shown: np.ndarray, column: float, row: float) -> int:
    """How much more blue than red there is at most, one pixel of the image around; a line is thin."""
    y, x = place(shown, column, row)
    near = shown[y - 12 : y + 13, x - 12 : x + 13]
    return int((near[..., 2] - near[..., 0]).max())


def of_interest(complaints: list[str]) -> list[str]:
    """All but that the server draws no thumbnail of a video."""
    return [line for line in complaints if "/thumbnail)" not in line]


def is_grey(rgb, tolerance=6) -> bool:
    return max(rgb) - min(rgb) <= tolerance


def test_a_report_is_read_and_its_links_open_the_images_it_speaks_of(page, complaints):
    open_series(page, "1.2.3.10")
    page.wait_for_selector(".document :text('A nodule')")
    said = page.inner_text(".pane .document")

    violations = Axe().run(page).response["violations"]
    page.click("text=CT 1, number 3")
    page.wait_for_selector("#viewport[data-state=shown]")

    assert [rule["id"] for rule in violations] == []
    assert "Chest report" in said
    assert "A nodule" in said
    assert page.get_attribute("#viewport", "data-sop-instance-uid") == f"{CT}.3"
    assert of_interest(complaints) == []


def test_key_images_are_marked_and_listed(page, complaints):
    open_series(page, CT, state="shown")
    page.wait_for_selector(f"#series [data-series-instance-uid='{CT}']:has-text('★ 1 key image')")
    marks = {}
    for number in (1, 2):
        show_slice(page, number)
        marks[number] = page.locator(".key-mark").is_visible()
    page.click("#series button:has-text('KO')")
    page.wait_for_selector("#viewport[data-state=document]")
    page.click(".document a[data-sop-instance-uid]")
    page.wait_for_selector("#viewport[data-state=shown]")

    assert marks == {1: False, 2: True}
    assert page.get_attribute("#viewport", "data-sop-instance-uid") == f"{CT}.2"
    assert of_interest(complaints) == []


def test_segments_lie_over_their_pixels_and_nowhere_else(page, complaints):
    open_series(page, SEG)
    listed = page.inner_text(".document")
    page.click("text=Show it over its images")
    page.wait_for_selector("#panel-overlays >> text=Spleen")
    seen = {}
    page.locator(".picture").first.focus()
    for number in (1, 2, 3):
        show_slice(page, number)
        seen[number] = picture(page)
    page.click("#panel-overlays label:has-text('Spleen')")
    settle(page)
    without = picture(page)  # of the third slice still
    page.locator(".picture").first.focus()
    show_slice(page, 2)
    hidden = picture(page)

    assert "Liver" in listed
    for number in (1, 2):
        for column, row in ((20, 20), (30, 20), (20, 30), (30, 30)):
            red, green, _ = colour(seen[number], column, row)
            assert red > green + 60, (number, column, row)
        for column, row in ((18, 25), (33, 25), (25, 18), (25, 33)):
            assert is_grey(colour(seen[number], column, row)), (number, column, row)
    red, green, _ = colour(seen[2], 45, 45)
    assert green > red + 60
    assert is_grey(colour(seen[1], 45, 45))
    assert all(is_grey(colour(seen[3], at, at)) for at in (25, 45))
    assert is_grey(colour(without, 45, 45))
    assert is_grey(colour(hidden, 45, 45))
    assert not is_grey(colour(hidden, 25, 25))
    assert of_interest(complaints) == []


def test_segments_of_parts_compressed_and_of_labels_are_drawn_alike(page, complaints):
    for index in (1, 2):
        open_series(page, SEG)
        page.select_option(".document select", index=index)
        page.click("text=Show it over its images")
        page.wait_for_selector("#panel-overlays >> text=Spleen")
        page.locator(".picture").first.focus()
        show_slice(page, 2)
        shown = picture(page)

        red, green, _ = colour(shown, 25, 25)
        assert red > green + 60, index
        red, green, _ = colour(shown, 45, 45)
        assert green > red + 60, index
        assert 120 < colour(shown, 35, 35)[0] < 136, index  # as grey as without them
        assert is_grey(colour(shown, 35, 35)), index
    assert of_interest(complaints) == []


def test_structures_are_outlined_on_the_slice_that_they_cut(page, complaints):
    open_series(page, CT, state="shown")
    page.click("button:has-text('Overlays')")
    page.click("#panel-overlays fieldset:has-text('Plan structures') input[type=checkbox]")
    page.wait_for_selector("#panel-overlays >> text=Target")
    violations = Axe().run(page).response["violations"]
    page.locator(".picture").first.focus()
    show_slice(page, 2)
    on = picture(page)
    show_slice(page, 1)
    off = picture(page)

    assert [rule["id"] for rule in violations] == []
    assert [bluest(on, *at) > 100 for at in ((30, 10), (10, 30), (30, 30))] == [True, True, False]
    assert bluest(off, 30, 10) < 20
    assert of_interest(complaints) == []


def test_a_presentation_state_is_applied_to_its_image_and_no_other(page, complaints):
    open_series(page, CT, state="shown")
    page.locator(".picture").first.focus()
    show_slice(page, 2)
    before = picture(page)
    page.click("#series button:has-text('PR')")
    page.wait_for_selector("#viewport[data-state=document]")
    page.click("text=Apply it to its images")
    page.wait_for_selector(".sheet text:has-text('Look here')")
    settle(page)
    applied, words = picture(page), page.inner_text("[data-overlay=window]")
    named = page.inner_text(".sheet .presented")
    page.keyboard.press("Escape")  # a new viewport, to which it is applied anew
    settle(page)
    again = page.inner_text("[data-overlay=window]")
    show_slice(page, 3)
    other, count = picture(page), page.locator(".sheet text").count()

    # The dark corner at the upper left is at the upper right after a turn, and bright.
    assert colour(before, 3, 3)[0] < 40
    assert colour(before, 30, 30)[0] > 110
    assert colour(applied, SIZE - 4, 3)[0] > 220
    assert colour(applied, 45, 50)[0] < 80  # 1000 in a window from 700 to 1100, inverted
    assert "W 400" in words
    assert "L 900" in words
    assert named.startswith("As presented: ")
    assert again == words
    assert page.inner_text(".sheet .presented") == ""
    assert page.get_attribute("#viewport", "data-sop-instance-uid") == f"{CT}.3"
    assert count == 0
    assert colour(other, 3, 3)[0] < 40
    assert colour(other, 30, 30)[0] > 110
    assert of_interest(complaints) == []


def test_a_presentation_state_turns_flips_enlarges_and_hides(page, complaints):
    open_series(page, PR)
    page.select_option(".document select", index=1)
    page.click("text=Apply it to its images")
    page.wait_for_selector(".sheet .shutter")
    settle(page)
    shown = picture(page)
    letters = {edge: page.inner_text(f"[data-overlay={edge}]") for edge in ("top", "left", "right")}
    page.click("button:has-text('Overlays')")
    page.select_option("#panel-overlays label:has-text('Presentation') select", index=0)
    page.wait_for_selector(".sheet .shutter", state="detached")
    settle(page)
    plain = page.inner_text("[data-overlay=top]")

    # A turn to the right brings what was left (R) up; a flip then what was front (A) to the left.
    assert letters == {"top": "R", "left": "A", "right": "P"}
    assert plain == "A"
    # Of 21 columns and rows, the first two and those from the 19th on lie under the shutter.
    part = SIZE / 21
    assert colour(shown, 5 * part, 5 * part)[0] < 40  # the dark corner
    assert colour(shown, 14 * part, 14 * part)[0] > 110
    assert colour(shown, 19.5 * part, 14 * part) == [0, 0, 0]
    assert colour(shown, 1 * part, 14 * part) == [0, 0, 0]
    assert of_interest(complaints) == []


def test_a_pdf_is_shown_and_what_is_none_is_named(page, complaints):
    open_series(page, "2.25.8110")
    page.wait_for_selector(".document iframe, .document p")
    shown = page.locator(".document iframe").count()
    said = page.inner_text(".document")
    page.select_option(".document select", index=1)
    page.wait_for_selector(".document p:has-text('no PDF')")

    assert shown == 1, said
    assert page.locator(".document a:has-text('Save the document')").count() == 1
    assert [line for line in complaints if "406" not in line] == []


def test_a_video_plays_and_what_the_browser_cannot_play_is_named(page, complaints):
    open_series(page, "2.25.8112")
    wait_for(lambda: page.evaluate("document.querySelector('.document video').readyState >= 2"))
    size = page.evaluate(
        "(({ videoWidth, videoHeight }) => [videoWidth, videoHeight])(document.querySelector('.document video'))"
    )
    page.evaluate("document.querySelector('.document video').currentTime = 0.3")
    wait_for(lambda: page.evaluate("document.querySelector('.document video').currentTime > 0.2"))
    page.select_option(".document select", index=1)
    page.wait_for_selector(".document p:has-text('does not play the video (video/mpeg')")

    assert size == [32, 32]
    assert page.locator(".document a:has-text('Download DICOM file')").count() == 1
    assert of_interest(complaints) == []


def test_an_electrocardiogram_is_drawn_on_paper_with_its_leads_and_findings(page, complaints):
    real = read((SAMPLES / "test_files" / "waveform_ecg.dcm").read_bytes())
    open_series(page, real.SeriesInstanceUID, real.StudyInstanceUID)
    page.wait_for_selector(".ecg svg")
    leads = [one.get_attribute("data-lead") for one in page.locator(".trace").all()]
    said = page.inner_text(".ecg")
    label = page.get_attribute(".ecg svg", "aria-label")
    first = page.locator(".trace").first.get_attribute("d")
    page.select_option(".ecg label:has-text('Gain') select", "20")
    doubled = page.locator(".trace").first.get_attribute("d")
    page.select_option(".ecg label:has-text('Layout') select", "rows")

    assert leads == [
        "I",
        "AVR",
        "V1",
        "V4",
        "II",
        "AVL",
        "V2",
        "V5",
        "III",
        "AVF",
        "V3",
        "V6",
        "II",
    ]
    assert page.locator(".trace").count() == 12
    assert "RITMO SINUSALE" in said
    assert "25 mm/s and 10 mm/mV" in label
    assert height_of(doubled) == pytest.approx(2 * height_of(first), rel=0.02)
    assert of_interest(complaints) == []


def height_of(path: str) -> float:
    ys = [float(point.split()[1]) for point in path.replace("M", "L").split("L")[1:]]
    return max(ys) - min(ys)


def test_what_is_broken_or_unknown_is_said_in_words(page, complaints):
    open_series(page, "2.25.8111")
    broken = page.inner_text(".document")
    plan = read((SAMPLES / "test_files" / "rtplan.dcm").read_bytes())
    open_series(page, plan.SeriesInstanceUID, plan.StudyInstanceUID)
    page.wait_for_selector(".document td:has-text('Field 1')")

    assert "The waveform cannot be drawn." in broken
    assert "Download DICOM file" in broken
    assert of_interest(complaints) == []
