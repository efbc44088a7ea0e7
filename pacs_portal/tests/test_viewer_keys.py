"""Keys of the viewer, what the page says to those who do not see it, and the room of the bar."""

from collections import Counter

import pytest

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.test_browser import ask, open_images

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PRESS = "event => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, ...event}))"


@pytest.fixture
def ct(page, portal):
    """A seeded stack of CT, shown."""
    study, series = ask(
        portal,
        "SELECT s.study_instance_uid, e.series_instance_uid FROM studies_series e "
        "JOIN studies_study s ON s.id = e.study_id WHERE e.modality = 'CT' AND s.patient_id LIKE "
        "'%-%' AND e.number_of_series_related_instances BETWEEN 11 AND 40 ORDER BY e.id LIMIT 1",
    )
    open_images(page, study, series)


def image_index(page) -> int:
    return int(page.get_attribute("#viewport", "data-image-index"))


def test_each_key_means_one_thing_and_acts_on_what_is_looked_at(page, ct, complaints):
    caps = page.locator("#shortcuts kbd").all_text_contents()
    assert [cap for cap, count in Counter(caps).items() if count > 1] == []
    assert len(caps) > 40

    page.focus(".picture")
    first = image_index(page)
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f"#viewport[data-image-index='{first + 1}']")
    page.wait_for_selector(f"#announced:has-text('image {first + 1} of')", state="attached")
    assert page.get_attribute(".pane", "aria-label").startswith("Pane 1, CT")

    page.keyboard.press("Shift+G")
    page.wait_for_selector("[data-tool=Magnify][aria-pressed=true]", state="attached")
    page.keyboard.press("g")
    page.wait_for_selector("#panel-tags:not([hidden])")
    page.keyboard.press("ArrowDown")  # with the focus beside the images
    page.keyboard.press("n")
    settle(page)
    assert image_index(page) == first + 1
    assert "inverted" not in page.inner_text("[data-overlay=window]")
    page.keyboard.press("?")
    page.wait_for_selector("#shortcuts[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.wait_for_selector("#panel-tags", state="hidden")
    assert complaints == []


def test_keys_of_other_keyboards_do_what_they_say(page, ct):
    page.focus(".picture")
    marked = page.locator(".key-mark")
    page.keyboard.press("k")
    marked.wait_for()
    page.evaluate(PRESS, {"key": "z", "metaKey": True})
    marked.wait_for(state="hidden")
    page.keyboard.press("Control+Shift+Z")
    marked.wait_for()
    page.keyboard.press("Control+z")
    marked.wait_for(state="hidden")
    page.evaluate("document.querySelector('[data-argument=\"1x2\"]').click()")
    page.wait_for_selector(".pane >> nth=1")
    altgr = {"key": "]", "ctrlKey": True, "altKey": True, "modifierAltGraph": True}
    page.evaluate(PRESS, altgr)
    page.wait_for_selector("[data-pane='2'][data-active]")


def test_all_controls_of_the_bar_are_in_sight(page, ct):
    for width, height in ((1600, 900), (1280, 800), (1024, 768)):
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        bar = page.locator("header").first.bounding_box()
        controls = page.locator("#toolbar > button, #toolbar > select").all()
        assert len(controls) > 15
        for control in controls:
            box = control.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width, (width, control.text_content())
            assert box["y"] + box["height"] <= bar["y"] + bar["height"]
        assert bar["height"] <= 150
