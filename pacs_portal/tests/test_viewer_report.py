"""The report beside the images, as its readers meet it."""

import re

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pacs_portal.tests.running_portal import DATABASE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def unread_study(portal) -> str:
    """The UID of a seeded CT of which nobody has begun a report, of a site of the clinicians."""
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        return connection.execute(
            "SELECT study_instance_uid FROM studies_study WHERE reading_status = 'unread' "
            "AND patient_id LIKE 'NF%-%' AND modalities_in_study = '{CT}' ORDER BY id LIMIT 1"
        ).fetchone()[0]


@pytest.fixture
def study(portal) -> str:
    return unread_study(portal)


@pytest.fixture
def clinician(browser, portal):
    """A page of a clinician who has signed in."""
    with browser.new_context(base_url=portal.url) as context:
        page = context.new_page()
        sign_in(page, portal, "clinician")
        yield page


def sign_in(page, portal, name):
    if "/accounts/login/" not in page.url:
        page.goto("/accounts/login/")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", portal.passwords[name])
    page.click("main button[type=submit]")


def says(page, words, *, timeout=20_000):
    expect(page.locator("#panel-report [data-part=status]")).to_contain_text(words, timeout=timeout)


def text_of(page, section) -> str:
    return page.locator(f"#panel-report textarea[name={section}]").input_value()


def focused(page) -> str:
    return page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")


def open_report(page, study):
    page.goto(f"/studies/{study}/view/?panel=report")
    page.wait_for_selector("#viewport[data-state=shown]")
    page.wait_for_selector("#panel-report [data-part=editor]:not([hidden])")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def write_by_keyboard(page) -> str:
    """From the heading of the panel to the button that signs; the text of the template chosen."""
    press(page, "Tab", "Tab", "ArrowDown")
    assert focused(page) == "findings"
    template = text_of(page, "findings")
    press(page, "Control+End")
    page.keyboard.type("\nA nodule of 4 mm.")
    says(page, "Draft, saved by Demonstration Radiologist")
    press(page, "Tab")
    page.keyboard.type("Likely benign; nwrsz are letters here.")
    press(page, "Tab")
    assert focused(page) == "Sign…"
    says(page, "Draft, saved by")
    return template


def sign_and_add_by_keyboard(page):
    press(page, "Enter", "Enter")
    says(page, "Signed by Demonstration Radiologist")
    press(page, "Tab")
    assert focused(page) == "text"
    page.keyboard.type("Compared with 2019: unchanged.")
    press(page, "Tab", "Enter", "Enter")
    page.wait_for_selector("#panel-report h3:has-text('Addendum 1')")


def test_a_report_is_written_signed_and_added_to_by_keyboard_and_others_learn_of_it(
    page, study, clinician, complaints
):
    clinician.goto(f"/studies/{study}/")
    clinician.click("button:has-text('Follow')")
    page.goto(f"/studies/{study}/")
    page.focus("text=Write report")
    press(page, "Enter")
    page.wait_for_selector("#viewport[data-state=shown]")
    says(page, "No report yet")

    template = write_by_keyboard(page)
    faults = Axe().run(page, context="#panel-report")
    sign_and_add_by_keyboard(page)
    shown = page.inner_text("#panel-report [data-part=signed]")
    pdf = page.request.get(page.get_attribute("#panel-report [data-part=pdf]", "href"))
    press(page, "Escape")
    closed = page.is_hidden("#side")
    page.goto("/?reading_status=reported")

    assert template
    for text in (template, "A nodule of 4 mm.", "Likely benign; nwrsz", "Compared with 2019"):
        assert text in shown
    assert pdf.body().startswith(b"%PDF")
    assert closed
    assert faults.violations_count == 0, faults.generate_report()
    assert "Reported" in page.inner_text(f"tr:has(a[href='/studies/{study}/'])")
    assert_is_told(clinician, study)
    assert complaints == []


def assert_is_told(clinician, study):
    clinician.goto("/")
    assert re.match(r"2\b", clinician.inner_text(".bell-count"))
    clinician.click(".bell")
    clinician.click(f"a[href='/studies/{study}/'] >> nth=0")
    report = clinician.inner_text(".report")
    assert "A nodule of 4 mm." in report
    assert "Addendum 1" in report
    clinician.goto("/notifications/")
    faults = Axe().run(clinician)
    assert faults.violations_count == 0, faults.generate_report()
    clinician.click("text=Mark all as read")
    expect(clinician.locator(".bell-count")).to_have_count(0)
    assert clinician.locator("#notifications tbody tr").count() == 2


def test_text_survives_a_lost_connection_an_ended_session_and_a_page_that_is_left(
    page, portal, study
):
    open_report(page, study)
    findings = page.locator("#panel-report textarea[name=findings]")
    page.context.set_offline(True)
    findings.fill("Written without a connection.")
    says(page, "Not saved")
    page.context.set_offline(False)
    says(page, "Draft, saved by", timeout=15_000)

    page.context.clear_cookies(name="sessionid")
    findings.fill("Written without a session.")
    page.click("#panel-report [data-part=trouble] >> text=Sign in")
    sign_in(page, portal, "radiologist")
    page.wait_for_selector("#panel-report [data-part=editor]:not([hidden])")
    restored = text_of(page, "findings")
    says(page, "Draft, saved by")
    page.reload()
    page.wait_for_selector("#panel-report [data-part=editor]:not([hidden])")

    assert restored == text_of(page, "findings") == "Written without a session."
    page.click("#panel-report >> text=Discard…")
    page.click("#panel-report dialog button:has-text('Discard')")
    says(page, "No report yet")


def test_text_that_was_kept_is_not_lost_where_another_version_was_saved(page, study):
    open_report(page, study)
    page.route("**/report/", lambda route: route.abort())
    page.fill("#panel-report textarea[name=findings]", "Mine.")
    says(page, "Not saved")
    other = page.context.new_page()
    open_report(other, study)
    other.fill("#panel-report textarea[name=findings]", "Theirs.")
    says(other, "Draft, saved by")

    page.unroute("**/report/")
    for _ in range(2):  # a reader who does not choose is asked again
        open_report(page, study)
        page.wait_for_selector("#panel-report [data-part=trouble] >> text=Keep mine")
        assert text_of(page, "findings") == "Mine."
    page.fill("#panel-report textarea[name=impression]", "Typed before choosing.")
    page.click("#panel-report [data-part=trouble] >> text=Join both")
    says(page, "Draft, saved by")

    assert text_of(page, "findings") == "Theirs.\n\nMine."
    assert text_of(page, "impression") == "Typed before choosing."


def test_two_readers_of_one_study_are_told_of_each_other_and_lose_nothing(page, study):
    other = page.context.new_page()
    for reader in (page, other):
        open_report(reader, study)
    other.fill("#panel-report textarea[name=findings]", "Theirs.")
    says(other, "Draft, saved by")

    page.fill("#panel-report textarea[name=findings]", "Mine.")
    page.click("#panel-report [data-part=trouble] >> text=Join both")
    says(page, "Draft, saved by")
    joined = text_of(page, "findings")
    other.fill("#panel-report textarea[name=impression]", "Of another tab.")
    other.click("#panel-report [data-part=trouble] >> text=Take theirs")
    says(other, "Draft, saved by")
    page.click("#panel-report >> text=Sign…")
    page.click("#panel-report dialog button:has-text('Sign')")
    says(page, "Signed by")
    other.fill("#panel-report textarea[name=impression]", "Too late.")
    other.wait_for_selector("#panel-report [data-part=addendum]:not([hidden])")

    assert joined == "Theirs.\n\nMine."
    assert "Your text is below" in other.inner_text("#panel-report [data-part=trouble]")
    assert "Too late." in other.locator("#panel-report textarea[name=text]").input_value()
    assert "Mine." in other.inner_text("#panel-report [data-part=signed]")
