"""What a person sees: a real browser at a real portal."""

import io
import time

import numpy as np
import psycopg
import pydicom
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.conftest import UNDECODABLE
from pacs_portal.tests.running_portal import DATABASE, wait_for
from studies.tests.builders import SAMPLES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def ask(portal, sql, *values):
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        return connection.execute(sql, values or None).fetchone()


@pytest.fixture
def stack(portal):
    """Accession number and UID of a seeded study with a long series, of the smallest of them."""
    return ask(
        portal,
        "SELECT s.accession_number, s.study_instance_uid FROM studies_study s "
        "JOIN studies_series e ON e.study_id = s.id WHERE e.modality IN ('CT', 'MR') "
        "AND e.number_of_series_related_instances > 10 AND s.patient_id LIKE '%-%' "
        "ORDER BY s.number_of_study_related_instances, s.id LIMIT 1",
    )


def search(page, field, text):
    """Search, and expect one study."""
    page.fill(f"input[name={field}]", text)
    page.click("form[role=search] button[type=submit]")
    page.wait_for_selector("#count:has-text('1 study')")
    assert page.locator("#studies .row-link").count() == 1


def open_images(page, study, series=""):
    page.goto(f"/studies/{study}/view/#{series}")
    wait_for_image(page)


def picture(page) -> np.ndarray:
    """What the viewport shows, as grey values."""
    shown = page.locator("#viewport canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shown)).convert("L")).astype(int)


def pixels(page) -> np.ndarray:
    """Its middle: the text lies over the edges only."""
    grey = picture(page)
    height, width = grey.shape
    return grey[height // 4 : -height // 4, width // 4 : -width // 4]


def wait_for_image(page, index=None):
    at = f'[data-image-index="{index}"]' if index else ""
    page.wait_for_selector(f"#viewport[data-state=shown]{at}")
    settle(page)


def test_a_seeded_study_is_found_by_accession_number_opened_and_scrolled(page, stack, complaints):
    accession, _ = stack
    search(page, "accession_number", accession)
    page.click("#studies .row-link")
    assert accession in page.inner_text("main")
    page.click("text=Open images")
    page.wait_for_selector("#viewport[data-state=shown]")
    long_series = page.locator("#series button, #series [role=button]")
    for number in range(long_series.count()):
        long_series.nth(number).click()
        wait_for_image(page)
        if int(page.get_attribute("#viewport", "data-image-count")) > 10:
            break
    first, index = pixels(page), int(page.get_attribute("#viewport", "data-image-index"))

    page.keyboard.press("ArrowDown")
    wait_for_image(page, index + 1)
    page.keyboard.press("Home")
    wait_for_image(page, 1)

    second = pixels(page)
    assert accession not in page.url
    assert first.max() > 60
    assert first.std() > 5
    assert np.abs(first - second).mean() > 0.5
    assert complaints == []


def test_an_imported_real_file_is_shown(page, portal, complaints):
    # By its UID, since other tests store the same image under others.
    real = pydicom.dcmread(SAMPLES / "test_files" / "CT_small.dcm")
    page.goto(f"{portal.url}/studies/{real.StudyInstanceUID}/")
    page.click("text=Open images")
    wait_for_image(page)

    assert pixels(page).std() > 5
    assert "CompressedSamples" in page.inner_text("#viewport")
    assert complaints == []


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "DX", "CR", "MG", "NM", "PT", "XA"])
def test_a_seeded_study_of_every_modality_shows_a_picture(page, portal, complaints, modality):
    study, series, seeded = ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid, s.patient_id FROM studies_series e "
        "JOIN studies_study s ON s.id = e.study_id WHERE e.modality = %s "
        "AND s.patient_id LIKE '%%-%%' ORDER BY e.number_of_series_related_instances DESC, e.id",
        modality,
    )

    open_images(page, study, series)

    shown = pixels(page)
    assert shown.max() > 60
    assert shown.std() > 5
    assert seeded in page.inner_text("#viewport")
    assert complaints == []


@pytest.mark.parametrize(
    "file",
    [
        pytest.param("693_J2KI.dcm", id="JPEG 2000"),
        pytest.param("MR_small_jpeg_ls_lossless.dcm", id="JPEG-LS"),
        pytest.param("JPGExtended.dcm", id="JPEG of 12 bits"),
        pytest.param("SC_rgb_jpeg_dcmtk.dcm", id="JPEG in colour"),
        pytest.param("examples_palette.dcm", id="palette"),
        pytest.param("ExplVR_BigEnd.dcm", id="big endian"),
        pytest.param("image_dfl.dcm", id="deflated"),
    ],
)
def test_a_real_file_of_every_kind_is_shown(page, complaints, file):
    header = pydicom.dcmread(SAMPLES / "test_files" / file, stop_before_pixels=True)

    open_images(page, header.StudyInstanceUID, header.SeriesInstanceUID)

    assert page.get_attribute("#viewport", "data-sop-instance-uid") == header.SOPInstanceUID
    assert picture(page).std() > 5
    # The server draws no thumbnail of 12-bit JPEG, and says so.
    assert [complaint for complaint in complaints if "/thumbnail" not in complaint] == []


def drag(page, x, y):
    box = page.locator(".pane .picture").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + x, middle[1] + y, steps=5)
    page.mouse.up()
    settle(page)


@pytest.mark.parametrize(
    ("key", "line"), [("w", "W "), ("z", "Zoom "), ("s", "Image "), ("t", None)]
)
def test_a_tool_chosen_by_its_key_is_used_by_dragging(page, stack, portal, key, line):
    """Window, zoom, scroll and pan: the picture changes, and the text that tells of it."""
    (series,) = ask(
        portal,
        "SELECT series_instance_uid FROM studies_series e JOIN studies_study s ON s.id = e.study_id"
        " WHERE s.study_instance_uid = %s AND e.number_of_series_related_instances > 10 LIMIT 1",
        stack[1],
    )
    open_images(page, stack[1], series)
    before, text_before = pixels(page), page.inner_text("#viewport")

    page.keyboard.press(key)
    drag(page, 60, 120)
    wait_for_image(page)

    told = [
        [part for part in text.splitlines() if line and part.startswith(line)]
        for text in (text_before, page.inner_text("#viewport"))
    ]
    assert np.abs(pixels(page) - before).mean() > 0.5
    assert told[0] != told[1] or line is None


def test_keys_turn_the_picture_and_escape_brings_it_back(page, stack):
    open_images(page, stack[1])
    before = pixels(page)

    page.keyboard.press("n")
    settle(page)
    inverted = pixels(page)
    page.keyboard.press("Escape")
    wait_for_image(page)

    assert np.abs(inverted - (255 - before)).mean() < 5
    assert np.abs(pixels(page) - before).mean() < 1


def test_an_image_that_cannot_be_decoded_is_named_and_can_be_downloaded(page):
    page.goto(f"/studies/{UNDECODABLE}/view/")
    page.wait_for_selector("#viewport[data-state=error]")

    said = page.inner_text(".pane .cover")
    with page.expect_download() as download:
        page.click("text=Download DICOM file")

    assert "Image 1 of 1 cannot be shown" in said
    assert "RLE Lossless" in said
    assert download.value.path().read_bytes()[128:132] == b"DICM"


def test_a_report_is_read_and_can_be_downloaded(page):
    header = pydicom.dcmread(SAMPLES / "test_files" / "test-SR.dcm")
    page.goto(f"/studies/{header.StudyInstanceUID}/view/")
    page.wait_for_selector("#viewport[data-state=document]")
    page.wait_for_selector(".document :text('A mass of')")

    said = page.inner_text(".document")
    with page.expect_download() as download:
        page.click("text=Download DICOM file")

    assert "Structured report" in said
    assert pydicom.dcmread(download.value.path()).SOPInstanceUID == header.SOPInstanceUID


def test_the_overlay_names_the_seeded_patient_and_not_the_phantom(page, stack):
    _, uid = stack
    page.goto(f"/studies/{uid}/")
    mrn = page.inner_text(".banner dd >> nth=0")

    page.goto(f"/studies/{uid}/view/")
    wait_for_image(page)

    assert mrn in page.inner_text("#viewport")
    assert "PHANTOM" not in page.inner_text("body").upper()


def test_every_series_of_a_study_page_has_a_picture(page, stack):
    page.goto(f"/studies/{stack[1]}/")
    drawn = "[...document.querySelectorAll('.card img')].every(i => i.complete && i.naturalWidth)"
    wait_for(lambda: page.evaluate(drawn))

    assert page.locator(".card img").count() == page.locator(".card").count() > 0


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/", "/studies/{uid}/", "/studies/{uid}/view/"]
)
def test_a_page_has_no_accessibility_fault(page, stack, path):
    if path == "/accounts/login/":
        page.context.clear_cookies()
    page.goto(path.format(uid=stack[1]))
    page.wait_for_load_state("networkidle")

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", ["/", "/studies/{uid}/", "/studies/{uid}/view/"])
def test_a_page_fits_a_phone(page, stack, path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path.format(uid=stack[1]))
    page.wait_for_load_state("networkidle")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_list_is_used_by_keyboard_alone(page):
    page.goto("/")
    page.keyboard.press("/")
    focused = page.evaluate("document.activeElement.name")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.href")
    page.keyboard.press("Enter")
    page.wait_for_selector(".banner")

    assert focused == "text"
    assert page.url == second


def test_single_keys_can_be_turned_off(page):
    page.click("button[popovertarget=user-menu]")
    page.uncheck("#single-keys-choice")
    page.reload()

    page.keyboard.press("/")

    assert page.evaluate("document.activeElement.name") is None


def test_a_thumbnail_that_cannot_be_drawn_becomes_letters(page, stack):
    page.route("**/thumbnail", lambda route: route.fulfill(status=406))
    page.goto(f"/studies/{stack[1]}/")

    page.wait_for_selector(".thumbnail span")

    assert page.locator(".thumbnail img").count() == 0


def test_the_light_turns_red_within_ten_seconds_of_the_database_stopping_and_back(page, portal):
    page.goto("/")
    page.wait_for_selector("#health[data-state=up]")

    portal.database.stop(force=True)
    stopped = time.monotonic()
    try:
        page.wait_for_selector("#health[data-state=down]", timeout=10_000)
        seconds_to_red = time.monotonic() - stopped
        words = page.inner_text("#health")
    finally:
        portal.database.start()

    page.wait_for_selector("#health[data-state=up]", timeout=10_000)
    assert seconds_to_red < 10
    assert "down" in words


def test_a_page_asked_for_while_the_database_is_away_says_so_calmly(page, portal):
    portal.database.stop(force=True)
    try:
        response = page.goto("/")
        text = page.inner_text("body")
    finally:
        portal.database.start()

    assert response.status == 503
    assert "database" in text.lower()


def test_a_session_that_ended_sends_the_viewer_to_the_sign_in(page, stack):
    page.goto(f"/studies/{stack[1]}/view/")
    wait_for_image(page)
    page.context.clear_cookies()
    page.reload()

    assert "/accounts/login/" in page.url
