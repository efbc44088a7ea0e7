"""Second factor and idle session, as a person meets them."""

import re

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from accounts.tests.test_second_factor import code_of
from pacs_portal.tests.running_portal import DATABASE

pytestmark = pytest.mark.browser


@pytest.fixture
def visitor(browser, portal, complaints) -> Page:
    """Nobody yet; what the browser complains of is kept."""
    context = browser.new_context(base_url=portal.url)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    yield page
    context.close()


def sign_in(page: Page, portal, user: str = "clinician") -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=login]", user)
    page.fill("input[name=password]", portal.passwords[user])
    page.click("main button[type=submit]")


def confirm(page: Page, value: str, field: str) -> None:
    page.fill(f"input[name={field}]", value)
    page.click("main button[type=submit]")


def assert_accessible(page: Page) -> None:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    assert found.violations_count == 0, found.generate_report()


def sql(portal, statement: str) -> None:
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        connection.execute(statement)


def test_a_second_factor_is_set_up_by_its_picture_and_asked_from_then_on(
    visitor, portal, complaints
):
    sign_in(visitor, portal)
    visitor.goto("/accounts/second-factor/")
    visitor.click("text=Set it up")
    confirm(visitor, portal.passwords["clinician"], "password")
    picture = visitor.locator("img.qr-code")
    assert picture.evaluate("image => image.naturalWidth") > 0
    assert_accessible(visitor)
    secret = visitor.locator("#totp-key").inner_text()
    confirm(visitor, code_of(secret), "code")
    codes = re.findall(r"\b\d{8}\b", visitor.locator(".codes").inner_text())
    assert len(codes) == 10
    assert_accessible(visitor)

    visitor.context.clear_cookies()
    sign_in(visitor, portal)
    visitor.wait_for_selector("input[name=code]")
    assert_accessible(visitor)
    visitor.goto("/")
    assert visitor.url.startswith(f"{portal.url}/accounts/")
    visitor.goto("/accounts/second-factor/code/")
    confirm(visitor, codes[0], "code")

    visitor.wait_for_selector("#studies")
    assert complaints == []
    sql(portal, "DELETE FROM mfa_authenticator")


def test_who_does_nothing_is_warned_and_signed_out_and_who_is_there_stays(
    visitor, portal, complaints
):
    sign_in(visitor, portal, "technologist")
    visitor.wait_for_selector("#studies")
    warning = visitor.locator("#session-warning")

    key = next(c["value"] for c in visitor.context.cookies() if c["name"] == "sessionid")

    def ends_in(seconds: int) -> None:
        sql(
            portal,
            f"UPDATE django_session SET expire_date = now() + interval '{seconds} s'"
            f" WHERE session_key = '{key}'",
        )

    ends_in(100)
    visitor.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    warning.wait_for(state="visible")
    assert "You will be signed out at" in warning.inner_text()
    assert_accessible(visitor)

    visitor.click("text=Stay signed in")
    warning.wait_for(state="hidden")

    ends_in(2)
    visitor.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    visitor.wait_for_url("**/accounts/login/**")
    assert [text for text in complaints if "401" not in text] == []
