"""The study list as a reader works with it: words, chips, columns, rows by keyboard, news."""

import psycopg
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe

from pacs_portal.tests.running_portal import DATABASE, wait_for
from studies.tests.builders import make_file

ARRIVING = "2.25.4712"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def heads(page) -> list[str]:
    return [
        text.strip() for text in page.locator("#studies thead th").all_inner_texts() if text.strip()
    ]


def rows(page) -> list[str]:
    return page.locator("#studies [data-row]").evaluate_all(
        "all => all.map(row => row.dataset.row)"
    )


def ask(portal, statement, *values):
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchone() if cursor.description else None


@pytest.fixture
def as_before(portal, make_token):
    """What these tests change of studies and of the reader's list, undone."""
    yield
    ask(portal, "UPDATE studies_study SET priority = 'routine', assigned_to_id = NULL")
    ask(portal, "DELETE FROM studies_listpreference")
    who, why = f"Bearer {make_token('data-steward')}", {"reason": "A test is over"}
    address = f"{portal.url}/dicom-web/studies/{ARRIVING}"
    requests.delete(address, json=why, headers={"Authorization": who}, timeout=20)


def test_words_are_read_back_as_chips_and_taken_away_by_keyboard(page, complaints):
    page.keyboard.press("/")
    page.keyboard.type("ct 2025..2026 unread")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip:has-text('modality: CT')")
    narrow = page.inner_text("#count")
    address = page.url
    page.locator(".chip", has_text="modality: CT").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert page.locator(".chip", has_text="modality: CT").count() == 0
    assert "unread" not in address
    assert page.locator("#id_text").input_value() == "2025..2026 unread"
    assert page.inner_text("#count") != narrow
    assert complaints == []


def test_columns_and_chosen_rows_by_keyboard_and_news_in_place(page, portal, complaints, as_before):
    page.locator("#columns summary").focus()
    page.keyboard.press("Enter")
    page.locator("button[aria-label='MRN further left']").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert heads(page)[3:5] == ["MRN", "Patient"]

    # Two rows by x and Shift-x, made urgent; the form says of each what became of it.
    page.locator("#studies .row-link").nth(0).focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+X")
    wait_for(lambda: page.inner_text("#chosen-count") == "2 chosen")
    page.select_option("#bulk-priority", "urgent")
    page.locator("button[value=prioritise]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#changed")
    assert "2 of 2 studies" in page.inner_text("h1")
    page.click("text=Back to the list")
    assert page.locator("#studies .priority-urgent").count() == 2

    # A study arrives, and another reader takes one, while the list is open.
    shown = rows(page)
    arriving = portal.directory / "arriving.dcm"
    arriving.write_bytes(make_file(StudyInstanceUID=ARRIVING, StudyDate="20260601", SOPInstanceUID=f"{ARRIVING}.1", SeriesInstanceUID=f"{ARRIVING}.2"))  # fmt: skip
    portal.manage("import_dicom", str(arriving))
    taken = "(SELECT id FROM accounts_user WHERE username = 'radiologist')"
    ask(portal, f"UPDATE studies_study SET assigned_to_id = {taken} WHERE id = %s", int(shown[0]))
    page.wait_for_selector("#news:has-text('1 new study')", timeout=30_000)
    wait_for(lambda: page.locator("#studies [data-field=reader]").first.inner_text() != "")

    assert rows(page) == shown
    with page.expect_navigation():
        page.click("#news a")
    assert rows(page) != shown
    assert complaints == []


@pytest.mark.parametrize("address", ["/?all=1", "/list/searches/", "/patients/{}/"])
def test_pages_of_the_worklist_pass_axe(page, portal, address):
    (patient,) = ask(portal, "SELECT patient_record_id FROM studies_study LIMIT 1")
    page.goto(address.format(patient))
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})

    assert found.violations_count == 0, found.generate_report()
