"""The charts as a person sees them: pictures, tables behind them, and a way to the studies."""

import csv
import io

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
    assert charts.locator(f"input[type=checkbox][name=modality][value={modality}]").is_checked()
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

    year, number = max(rows[1:], key=lambda row: int(row[1]))
    canvas = section.locator("canvas").bounding_box()

    def open_bar():
        """In the middle of the highest, as its place follows from the number of bars."""
        share = (rows.index([year, number]) - 0.5) / (len(rows) - 1)
        x = canvas["x"] + 29 + (canvas["width"] - 29) * share
        charts.mouse.click(x, canvas["y"] + canvas["height"] * 0.6)
        return "/analytics/" not in charts.url

    wait_for(open_bar, seconds=20)
    charts.wait_for_selector(f"#count:has-text('{number} stud')")
    assert charts.input_value("input[name=date_from]") == f"{year}-01-01"
    assert complaints == []
