"""What a person sees who opens a patient in an emergency, and who comes by a link."""

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe

from pacs_portal.tests.running_portal import DATABASE, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def study(portal) -> dict[str, str]:
    """A seeded CT of a hospital that clinicians do not see, and whose it is."""
    names = ("study_instance_uid", "patient_id", "patient_name", "study_description")
    with psycopg.connect(portal.database.conninfo(DATABASE)) as connection:
        row = connection.execute(
            f"SELECT {', '.join(names)} FROM studies_study "
            "WHERE institution_name = 'St. Brigid University Hospital' "
            "AND modalities_in_study = '{CT}' ORDER BY id LIMIT 1"
        ).fetchone()
    return dict(zip(names, row, strict=True))


@pytest.fixture
def stranger(browser, portal, complaints):
    """A page of somebody who has not signed in."""
    with browser.new_context(base_url=portal.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page


def assert_accessible(page):
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert found.violations_count == 0, found.generate_report()


def test_a_clinician_opens_a_patient_in_an_emergency_reads_the_images_and_ends_it(
    stranger, portal, study, complaints
):
    page, viewer = stranger, f"/studies/{study['study_instance_uid']}/view/"
    page.goto("/accounts/login/")
    page.fill("input[name=login]", "clinician")
    page.fill("input[name=password]", portal.passwords["clinician"])
    page.click("main button[type=submit]")
    page.wait_for_selector("#studies")
    assert page.goto(viewer).status == 404

    page.goto("/emergency/")
    assert_accessible(page)
    page.keyboard.type(study["patient_id"])  # the first field has the focus
    page.fill("textarea[name=reason]", "Unconscious in the emergency department")
    page.check("input[name=answerable]")
    page.click("main button[type=submit]")

    page.wait_for_selector("#studies")
    assert study["patient_id"] not in page.url
    assert study["patient_id"] in page.inner_text("#studies")
    assert "ends in 60 minutes" in page.inner_text(".emergency")
    assert_accessible(page)
    page.goto(viewer)
    page.wait_for_selector("#viewport[data-state=shown]")
    assert "ends in 60 minutes" in page.inner_text(".emergency")
    page.click(".emergency button")
    page.wait_for_selector("text=The emergency access has ended.")
    assert page.locator(".emergency").count() == 0
    assert page.goto(viewer).status == 404
    assert complaints == []


def test_a_study_that_is_shared_without_identity_opens_for_a_stranger_until_it_is_revoked(
    page, stranger, study, complaints
):
    page.goto(f"/studies/{study['study_instance_uid']}/access/")
    assert_accessible(page)
    page.fill("input[name=share-recipient]", "A colleague")
    page.check("input[name=share-deidentified]")
    page.click("text=Make a link")
    address = page.input_value("#new-link")

    stranger.goto(address)
    assert_accessible(stranger)
    stranger.click("text=Open the images")
    stranger.wait_for_selector("#viewport[data-state=shown]")

    shown = stranger.inner_text("body")
    assert "Shared without identity" in shown
    for told in (study["patient_id"], study["patient_name"].split("^")[0]):
        assert told not in stranger.content()
    stranger.keyboard.press("ArrowDown")
    wait_for(lambda: stranger.get_attribute("#viewport", "data-state") == "shown")
    assert not stranger.locator("#save-work").is_visible()
    assert stranger.goto("/").url.endswith("/accounts/login/?next=/")

    page.goto(f"/studies/{study['study_instance_uid']}/access/")
    page.click("button:has-text('Revoke')")
    page.wait_for_selector("text=The link has been revoked")
    stranger.goto(address)
    assert "opens nothing any more" in stranger.inner_text("main")
    assert complaints == []
