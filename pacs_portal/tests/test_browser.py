"""What a person sees: a real browser at a real portal."""

import io
import time

import numpy as np
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pacs_portal.tests.running_portal import DATABASE, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]


def ask(portal, sql):
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        return connection.execute(sql).fetchone()


@pytest.fixture
def stack(portal):
    """Accession number and UID of a seeded CT study with a long series."""
    return ask(
        portal,
        "SELECT s.accession_number, s.study_instance_uid FROM studies_study s "
        "JOIN studies_series e ON e.study_id = s.id WHERE e.modality IN ('CT', 'MR') "
        "AND e.number_of_series_related_instances > 10 AND s.patient_id LIKE '%-%' "
        "ORDER BY s.id LIMIT 1",
    )


def search(page, field, text):
    page.fill(f"input[name={field}]", text)
    page.click("form[role=search] button[type=submit]")
    page.wait_for_load_state()


def pixels(page) -> np.ndarray:
    """What the viewport shows, as grey values; its text lies over the edges only."""
    picture = page.locator("#viewport canvas").first.screenshot()
    grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L")).astype(int)
    height, width = grey.shape
    return grey[height // 4 : -height // 4, width // 4 : -width // 4]


def wait_for_image(page, index=None):
    at = f'[data-image-index="{index}"]' if index else ""
    page.wait_for_selector(f"#viewport[data-state=shown]{at}")
    page.wait_for_timeout(300)  # one more frame on a slow software renderer


def test_a_seeded_study_is_found_by_accession_number_opened_and_scrolled(page, stack, complaints):
    accession, _ = stack
    search(page, "accession_number", accession)
    page.click("#studies .row-link")
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
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowDown")
    wait_for_image(page)

    second = pixels(page)
    assert accession not in page.url
    assert first.max() > 60
    assert first.std() > 5
    assert np.abs(first - second).mean() > 0.5
    assert complaints == []


def test_an_imported_real_file_is_shown(page, complaints):
    search(page, "patient_name", "compressedsamples ct1")
    page.click("#studies .row-link")
    page.click("text=Open images")
    wait_for_image(page)

    assert pixels(page).std() > 5
    assert "CompressedSamples" in page.inner_text("#viewport")
    assert complaints == []


def test_a_compressed_real_file_is_decoded_by_the_browser(page, complaints):
    search(page, "patient_name", "compressedsamples mr1")
    page.click("#studies .row-link")
    page.click("text=Open images")
    wait_for_image(page)

    assert pixels(page).std() > 5
    assert complaints == []


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

    assert page.locator(".card img").count() > 0


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

    assert focused == "patient_id"
    assert page.url == second


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
