"""What leaves the viewer: pictures, videos, pages, headers; and how a session ends."""

import datetime
import io

import numpy as np
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from PIL import Image

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.running_portal import DATABASE
from pacs_portal.tests.test_browser import ask, open_images, pixels

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SIZE_OF_CORNER = 50, 350  # rows and columns that the text of the patient takes


@pytest.fixture
def ct(page, portal) -> tuple[str, str, str]:
    """A seeded stack of CT, shown: UID of study and series, and the patient's ID."""
    found = ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid, s.patient_id FROM studies_series e "
        "JOIN studies_study s ON s.id = e.study_id WHERE e.modality = 'CT' AND s.patient_id LIKE "
        "'%-%' AND e.number_of_series_related_instances BETWEEN 11 AND 40 ORDER BY e.id LIMIT 1",
    )
    open_images(page, found[0], found[1])
    return found


def choose(page, label):
    page.click("button[popovertarget=menu-file]")
    page.click(f"#menu-file button:text-is('{label}')")


def saved(page, label) -> tuple[str, bytes]:
    with page.expect_download(timeout=60_000) as download:
        choose(page, label)
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_a_picture_is_saved_as_it_is_seen_with_or_without_the_patient(page, ct, complaints):
    on_screen = pixels(page)

    name, with_patient = saved(page, "Save picture")
    said = page.inner_text("#notice")
    _, without_patient = saved(page, "Save picture without the patient")

    whole, anonymous = (
        np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)
        for content in (with_patient, without_patient)
    )
    height, width = whole.shape
    middle = whole[height // 4 : -height // 4, width // 4 : -width // 4]
    rows, columns = SIZE_OF_CORNER
    assert name.startswith("CT-series-")
    assert ct[2] not in name
    assert "not for diagnosis" in said
    assert np.abs(middle - on_screen).mean() < 2
    assert whole[:rows, :columns].max() > 200
    assert anonymous[:rows, :columns].max() < 100
    assert (anonymous[-rows:] == whole[-rows:]).all()
    assert complaints == []


def test_a_stack_is_saved_as_a_video_and_stays_where_it_was(page, ct, complaints):
    shown = page.get_attribute("#viewport", "data-image-index")

    name, content = saved(page, "Save all images as video")

    page.wait_for_selector(f"#viewport[data-state=shown][data-image-index='{shown}']")
    assert name.endswith(".webm")
    assert content.startswith(b"\x1a\x45\xdf\xa3")
    assert len(content) > 20_000
    assert "lossy" in page.inner_text("#notice")
    assert complaints == []


def test_an_object_of_several_frames_is_saved_as_gif(page, portal):
    study, series = ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid FROM studies_instance i "
        "JOIN studies_series e ON e.id = i.series_id JOIN studies_study s ON s.id = e.study_id "
        "WHERE e.modality = 'US' AND i.number_of_frames > 1 LIMIT 1",
    )
    open_images(page, study, series)

    name, content = saved(page, "Save frames as GIF")

    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.n_frames > 1) == ("GIF", True)
    assert name.endswith(".gif")


def test_the_header_is_searched_and_copied_and_keys_lead_in_and_out(page, portal, complaints):
    """With private elements, and those of sequences, of a real file."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    study, series = ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid FROM studies_series e JOIN "
        "studies_study s ON s.id = e.study_id WHERE s.patient_name LIKE 'CompressedSamples^CT1%' "
        "ORDER BY e.id LIMIT 1",
    )
    open_images(page, study, series)
    page.locator(".pane .picture").focus()
    rows = page.locator("#panel-tags tbody tr")

    def searched(words) -> list[str]:
        page.fill("#panel-tags input", words)
        settle(page, milliseconds=250)  # it waits until nobody types
        return rows.evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent).join('\\t'))"
        )

    page.keyboard.press("g")
    rows.first.wait_for()
    everything = searched("")
    by_keyword, by_tag, by_vr = searched("patientid"), searched("(0028,0010)"), searched(" SQ ")
    private = searched("gems_iden_01")
    page.click("text=Copy what is listed")
    page.wait_for_selector("#notice:has-text('copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    page.locator("#panel-tags input").press("Escape")

    assert len(everything) > 100
    assert by_keyword == [row for row in everything if "Patient ID" in row][: len(by_keyword)]
    assert by_tag == ["(0028,0010)\tUS\tRows\t128"]
    assert by_vr
    assert len(private) > 3
    assert copied.splitlines()[0].startswith("(0009,0010)\tLO\tPrivate creator")
    assert page.locator("#panel-tags").is_hidden()
    assert page.evaluate("document.activeElement.className").startswith("picture")
    assert complaints == []


def test_the_printed_page_holds_pictures_and_patient_and_no_tools(page, ct):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    text = page.inner_text("body")
    picture = page.locator("#print canvas").first.screenshot()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    assert ct[2] in text
    assert "Not for diagnosis" in text
    assert "Window" not in text
    assert np.asarray(Image.open(io.BytesIO(picture)).convert("L")).std() > 5
    assert page.locator("#print canvas").count() == 0


@pytest.fixture
def let_session_end_in(portal, page, ct):
    """Sets when the session ends, and has the page ask."""
    # Taken first: the browser is told to forget the cookie of a session that has ended.
    key = next(c["value"] for c in page.context.cookies() if c["name"] == "sessionid")

    def let_session_end_in(seconds: int) -> None:
        page.wait_for_load_state("networkidle")  # a frame that is asked for prolongs it
        ends = timezone.now() + datetime.timedelta(seconds=seconds)
        with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
            connection.execute(
                "UPDATE django_session SET expire_date = %s WHERE session_key = %s", (ends, key)
            )
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    yield let_session_end_in
    let_session_end_in(12 * 3600)  # the other tests use it too


def test_a_session_that_ends_soon_is_told_saved_and_prolonged_on_request(
    page, portal, let_session_end_in
):
    page.evaluate(
        "document.addEventListener('save-work', () => window.saves = (window.saves ?? 0) + 1)"
    )

    let_session_end_in(115)
    page.wait_for_selector("#session:has-text('ends in 2 minutes')")
    let_session_end_in(25)
    page.wait_for_selector("#session:has-text('seconds')")
    page.click("#session button:has-text('Stay signed in')")
    page.wait_for_selector("#session:has-text('You stay signed in')")
    (left,) = ask(portal, "SELECT max(expire_date) - now() FROM django_session")

    assert page.evaluate("window.saves") == 2
    assert left > datetime.timedelta(minutes=14)


def test_a_session_that_ended_is_told_with_the_way_back(page, let_session_end_in):
    let_session_end_in(-1)

    page.wait_for_selector("#session:has-text('Your session has ended')")
    assert page.locator("#session a").get_attribute("href").startswith("/accounts/login/?next=")


def test_no_panel_menu_or_dialog_has_an_accessibility_fault(page, ct):
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    menus = page.locator("button[popovertarget]")
    openers = [
        *(menus.nth(index).click for index in range(menus.count())),
        lambda: page.keyboard.press("g"),
        lambda: page.keyboard.press("?"),
    ]
    reports = []
    for opens in openers:
        opens()
        settle(page)
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
        reports += [found.generate_report()] if found.violations_count else []
        page.keyboard.press("Escape")

    assert len(openers) >= 5
    assert reports == []


def test_the_page_is_used_at_twice_the_size(page, ct):
    """1280×800 at 200 %, WCAG 1.4.4 and 1.4.10."""
    page.set_viewport_size({"width": 640, "height": 400})

    page.keyboard.press("g")
    page.wait_for_selector("#panel-tags tbody tr")

    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    assert page.locator("#panel-tags input").bounding_box()["width"] > 200
    assert page.locator(".pane .picture").bounding_box()["height"] > 100
