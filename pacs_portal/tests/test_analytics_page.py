"""The charts as a person sees them: pictures, tables behind them, and a way to the studies."""

import csv
import io
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from pacs_portal.tests.running_portal import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CHARTS = 10


@pytest.fixture
def charts(page):
    """The page with all seeded studies counted and drawn."""
    page.goto("/analytics/?period=all")
    wait_until_drawn(page)
    return page


def wait_until_drawn(page):
    page.wait_for_selector("#refreshed:has-text('Live')")


def table_of(page, chart):
    """First column and first numbers of its table, as read by a person."""
    section = page.locator(f"[data-chart={chart}]")
    rows = section.locator("tbody tr").all_text_contents()
    return [re.split(r"(?<=\D)(?=\d)", row) for row in rows]


def test_every_chart_is_drawn_with_a_table_behind_it_that_leads_to_the_studies(charts, complaints):
    assert charts.locator("canvas").count() == CHARTS
    violations = Axe().run(
        charts, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
    )
    assert violations.response["violations"] == []
    section = charts.locator("[data-chart=modalities]")
    section.locator("summary").focus()
    charts.keyboard.press("Enter")
    row = section.locator("tbody tr").first
    modality, number = row.locator("th").inner_text(), row.locator("td").first.inner_text()
    assert int(number) > 20

    row.locator("a").click()

    charts.wait_for_selector(f"#count:has-text('{number} studies')")
    assert charts.locator(f"input[name=modality][value={modality}]").is_checked()
    assert complaints == []


def test_a_bar_is_filtered_saved_as_a_file_and_leads_to_the_studies(charts, complaints):
    charts.select_option("#modality", "CT")
    charts.select_option("#granularity", "year")
    charts.click("form[aria-label=Charts] button[type=submit]")
    wait_until_drawn(charts)
    assert "modality=CT" in charts.url
    section = charts.locator("[data-chart=volume]")
    with charts.expect_download() as saved:
        section.locator("text=CSV").click()
    rows = list(csv.reader(io.StringIO(saved.value.path().read_text())))
    assert rows[0] == ["Year", "CT"]
    with charts.expect_download() as saved:
        section.locator("[data-export=png]").click()
    assert Image.open(saved.value.path()).convert("L").getextrema()[1] > 100

    bars = section.locator("canvas").bounding_box()
    last = len(rows) - 1

    def open_bar():
        # The foot of the last bar: wherever it ends, it begins there.
        charts.mouse.click(
            bars["x"] + bars["width"] * (0.98 - 0.5 / last * 0.9), bars["y"] + bars["height"] * 0.78
        )
        return "date_from" in charts.url and "/analytics/" not in charts.url

    wait_for(open_bar, seconds=20)
    year, number = rows[-1]
    charts.wait_for_selector(f"#count:has-text('{number} stud')")
    assert charts.input_value("input[name=date_from]") == f"{year}-01-01"
    assert complaints == []
