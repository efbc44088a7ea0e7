"""What stands beside what in the viewer, and whose it is."""

import io
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from PIL import Image

from pacs_portal.tests.browser_kit import settle
from pacs_portal.tests.running_portal import wait_for
from pacs_portal.tests.test_browser import ask
from studies.tests.builders import make_file

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SOURCE = Path(settings.BASE_DIR) / "frontend" / "src"


def open_viewer(page, study):
    page.goto(f"/studies/{study}/view/")
    page.wait_for_selector("#viewport[data-state=shown]")


def panes(page) -> list[str]:
    """Series in the panes, in their order; empty where there is none."""
    return page.eval_on_selector_all(".pane", "all => all.map(p => p.dataset.seriesInstanceUid)")


def wait_for_panes(page, count):
    wait_for(lambda: page.locator(".pane[data-state=shown]").count() == count, seconds=30)
    settle(page)


def picture(page, number=1) -> np.ndarray:
    shown = page.locator(f".pane[data-pane='{number}'] canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shown)).convert("L")).astype(int)


@pytest.fixture
def store(portal, tmp_path):
    """Imports made files: for each the UID of its study and what its header says."""

    def store(*files):
        for number, (uid, attributes) in enumerate(files):
            defaults = {
                "StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.1",
                "SOPInstanceUID": f"{uid}.1.1", "Rows": 64, "Columns": 64,
                "PixelData": np.arange(64 * 64, dtype="<u2").tobytes(),
            }  # fmt: skip
            (tmp_path / f"{number}.dcm").write_bytes(make_file(**defaults | attributes))
        portal.store(tmp_path)

    return store


@pytest.fixture
def mr(portal):
    """UID of a seeded study with three series or more, and those in their order."""
    (study,) = ask(
        portal,
        "SELECT s.study_instance_uid FROM studies_study s WHERE 'MR' = ANY (s.modalities_in_study)"
        " AND s.number_of_study_related_series > 2 AND s.patient_id LIKE '%-%' ORDER BY s.id",
    )
    (series,) = ask(
        portal,
        "SELECT array_agg(e.series_instance_uid ORDER BY e.series_number) FROM studies_series e"
        " JOIN studies_study s ON s.id = e.study_id WHERE s.study_instance_uid = %s",
        study,
    )
    return study, series


@pytest.fixture
def source(page):
    """Calls an exported function of a module of the viewer's source that needs no library."""
    page.route(
        "**/viewer-source/*",
        lambda route: route.fulfill(path=SOURCE / route.request.url.rsplit("/", 1)[1]),
    )

    def call(module, function, *arguments):
        return page.evaluate(
            "async ([m, f, a]) => (await import(`/viewer-source/${m}.js`))[f](...a)",
            [module, function, list(arguments)],
        )

    return call


# --- Rules, without pictures ---------------------------------------------------------------------


def header(**attributes):
    tags = {
        "uid": "00080018", "view": "00185101", "side": "00200062", "orientation": "00200037",
        "id": "00100020", "issuer": "00100021", "birth": "00100030",
    }  # fmt: skip
    return {
        tags[name]: {"Value": value if isinstance(value, list) else [value]}
        for name, value in attributes.items()
    }


def series(description, instances=30, *headers, modality="MR", **more):
    frames = [{"instance": one} for one in headers]
    return {
        "uid": description, "description": description, "instances": instances,
        "modality": modality, "displaySet": {"frames": frames},
    } | more  # fmt: skip


def test_a_pattern_is_part_of_a_description_with_stars_and_alternatives(source):
    said = {
        ("flair", "Ax FLAIR fs"): True,
        ("t1*ax", "T1 mprage AX"): True,
        ("ax*t1", "T1 ax"): False,
        ("t2|flair", "sag Flair"): True,
        ("t2 | pd", "PD sag"): True,
        ("t1", ""): False,
        ("*", ""): True,
    }

    assert {case: source("hanging", "matches", *case) for case in said} == said


def test_each_rule_of_a_cell_finds_its_series(source):
    axial, sagittal = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]
    current = [
        series("Localizer", 3, header(uid="1", orientation=[0.9, 0.1, 0, 0, 0.2, 0.9])),
        series("T1 ax", 30, header(uid="2", orientation=axial)),
        series("T2 sag", 30, header(uid="3", orientation=sagittal)),
        series("T1 ax contrast", 30, header(uid="4", orientation=axial)),
        series("Report", 1, modality="SR", kind="Structured report"),
    ]
    prior = [series("T2 sag old"), series("t1 AX")]

    def hung(*cells, before=prior):
        picks = source("hanging", "assign", list(cells), {"current": current, "prior": before})
        return [pick and pick["series"]["description"] for pick in picks]

    assert hung({}, {}) == ["Localizer", "T1 ax"]
    assert hung({"at_least": 10}) == ["T1 ax"]
    assert hung({"description": "t1", "without": "contrast"}) == ["T1 ax"]
    assert hung({"description": "t1", "number": 2}) == ["T1 ax contrast"]
    assert hung({"plane": "sagittal"}, {"plane": "axial"}) == ["T2 sag", "T1 ax"]
    assert hung({"modality": "SR", "otherwise": "empty"}) == [None]
    assert hung({"description": "dwi", "otherwise": "empty"}, {}) == [None, "Localizer"]
    assert hung({"description": "dwi"}, {"at_least": 10}) == ["Localizer", "T1 ax"]
    # Of a prior the series that is like the one beside it; without one, what comes next.
    assert hung({"at_least": 10}, {"study": "prior"}) == ["T1 ax", "t1 AX"]
    assert hung({"at_least": 10}, {"study": "prior", "at_least": 10}, before=[]) == [
        "T1 ax", "T2 sag",
    ]  # fmt: skip
    # A series hangs once, and so does an image of it.
    assert hung(*[{}] * 5) == ["Localizer", "T1 ax", "T2 sag", "T1 ax contrast", None]


def test_rows_and_columns_in_which_nothing_hangs_go_unless_they_are_to_be_seen_missing(source):
    def size(rows, columns, cells, picks):
        trimmed = source(
            "hanging", "trim", {"rows": rows, "columns": columns, "cells": cells}, picks
        )
        return trimmed["rows"], trimmed["columns"]

    assert size(2, 2, [{}] * 4, [{}, None, None, None]) == (1, 1)
    assert size(2, 2, [{}] * 4, [{}, {}, None, None]) == (1, 2)
    assert size(1, 2, [{}, {"otherwise": "empty"}], [{}, None]) == (1, 2)
    assert size(3, 3, [{}], [{}]) == (1, 1)


def test_what_is_left_of_a_grid_goes_with_its_own_cells(source):
    cells = [{"view": name} for name in ("A", "B", "C", "D")]

    trimmed = source(
        "hanging", "trim", {"rows": 2, "columns": 2, "cells": cells}, [1, None, 3, None]
    )

    assert [cell["view"] for cell in trimmed["cells"]] == ["A", "C"]
    assert trimmed["picks"] == [1, 3]


def test_values_have_a_unit_only_where_the_header_or_their_scale_says_so(source):
    def unit(modality, image=None, frame=1, **attributes):
        tags = {tag.removeprefix("x"): {"Value": [value]} for tag, value in attributes.items()}
        instance = {"00080060": {"Value": [modality]}} | tags
        return source("units", "unitOf", image or {}, {"instance": instance, "frame": frame})

    transformed = {"00289145": {"Value": [{"00281054": {"Value": ["MGML"]}}]}}
    suv = {"preScale": {"scaled": True, "scalingParameters": {"suvbw": 2}}}

    assert unit("CT") == "HU"
    assert unit("CT", x00281054="HU") == "HU"
    assert unit("CT", x00281054="US") == ""
    assert unit("CT", x52009229=transformed) == "MGML"
    assert unit("CT", {"isDrawn": True}, x00281054="HU") == ""
    assert unit("CT", x00080016="1.2.840.10008.5.1.4.1.1.7") == ""
    assert unit("MR", x00281054="HU") == ""
    assert unit("PT", x00541001="BQML") == "Bq/ml"
    assert unit("PT", suv, x00541001="BQML") == "SUVbw"


def test_two_headers_are_of_one_person_or_differ_in_words(source):
    one = header(id="1", issuer="A", birth="19700102") | {
        "00100010": {"Value": [{"Alphabetic": "Müller^Jürgen"}]}
    }
    same = header(id="1", birth="1970.01.02") | {
        "00100010": {"Value": [{"Alphabetic": "MULLER^JURGEN^^"}]}
    }
    other = header(id="2", issuer="B", birth="19700103") | {
        "00100010": {"Value": [{"Alphabetic": "Müller^Jutta"}]}
    }

    def differ(left, right):
        return source("identity", "differences", *(
            source("identity", "identityOf", header) for header in (left, right)
        ))  # fmt: skip

    assert differ(one, same) == []
    assert differ(one, other) == ["Patient ID", "issuer of the Patient ID", "name", "birth date"]
    assert differ(one, {}) == ["Patient ID"]
    assert differ({}, {}) == []


# --- Layout --------------------------------------------------------------------------------------


def test_mammograms_hang_in_four_views_whatever_their_order_and_a_missing_one_is_missed(
    page, portal, store, complaints
):
    (study,) = ask(
        portal,
        "SELECT study_instance_uid FROM studies_study WHERE 'MG' = ANY (modalities_in_study)"
        " AND number_of_study_related_series = 4 ORDER BY id",
    )
    mammogram = {"PatientID": "VIEWS", "Modality": "MG", "BodyPartExamined": "BREAST"}
    views = {
        number: {"InstanceNumber": number, "ImageLaterality": side, "ViewPosition": view}
        for number, (side, view) in zip(
            "123", [("L", "CC"), ("R", "MLO"), ("R", "CC")], strict=True
        )
    }
    store(
        *(
            ("2.25.811", mammogram | view | {"SOPInstanceUID": f"2.25.811.1.{number}"})
            for number, view in views.items()
        )
    )

    open_viewer(page, study)
    wait_for_panes(page, 4)
    in_series = [
        page.inner_text(f".pane[data-pane='{number}'] [data-overlay=study]").splitlines()[-1]
        for number in range(1, 5)
    ]
    open_viewer(page, "2.25.811")
    wait_for_panes(page, 3)
    in_one_series = page.eval_on_selector_all(
        ".pane", "all => all.map(p => p.dataset.sopInstanceUid.split('.').at(-1))"
    )

    assert [line[-6:].strip(" 0123456789") for line in in_series] == [
        "R CC", "L CC", "R MLO", "L MLO",
    ]  # fmt: skip
    assert in_one_series == ["3", "1", "2", ""]
    assert "No image L MLO" in page.inner_text(".pane[data-pane='4']")
    assert complaints == []


def test_the_grid_changes_by_keys_to_three_by_three_and_back_without_a_change_of_the_picture(
    page, mr, complaints
):
    study, series = mr
    page.goto(f"/studies/{study}/view/#{series[1]}")
    wait_for_panes(page, 1)
    before = picture(page)

    page.keyboard.press("q")
    page.keyboard.press("9")
    wait_for_panes(page, min(9, len(series)))
    filled = panes(page)
    page.locator(".pane[data-pane='2'] .picture").dblclick()
    alone = [page.is_visible(f".pane[data-pane='{number}']") for number in (1, 2, 9)]
    page.locator(".pane[data-pane='2'] .picture").dblclick()
    together = [page.is_visible(f".pane[data-pane='{number}']") for number in (1, 2, 9)]
    page.keyboard.press("q")
    page.keyboard.press("1")
    wait_for_panes(page, 1)

    assert len(filled) == 9
    assert filled[0] == series[1]
    assert set(filled) - {""} == set(series)
    assert panes(page) == [series[1]]
    assert (alone, together) == ([False, True, False], [True, True, True])
    assert np.array_equal(picture(page), before)
    assert complaints == []


def test_a_series_is_dragged_into_a_pane_and_opened_by_keys_in_the_next(page, mr, complaints):
    study, series = mr
    page.goto(f"/studies/{study}/view/#{series[0]}")
    wait_for_panes(page, 1)
    tile = page.locator(f"[data-series-instance-uid='{series[1]}']").first
    tile.focus()
    page.keyboard.press("Shift+Enter")
    wait_for_panes(page, 2)
    by_key = panes(page)

    def drag(number, to):
        page.locator(f"#series [data-series-instance-uid='{series[number]}']").hover()
        page.mouse.down()
        box = page.locator(f".pane[data-pane='{to}']").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)

    drag(2, to=1)
    marked = page.locator(".pane.target").get_attribute("data-pane")
    page.keyboard.press("Escape")
    page.mouse.up()
    cancelled = panes(page)
    drag(2, to=1)
    page.mouse.up()
    wait_for(lambda: panes(page) != cancelled)
    wait_for_panes(page, 2)

    assert by_key == [series[0], series[1]]
    assert marked == "1"
    assert cancelled == by_key
    assert panes(page) == [series[2], series[1]]
    assert page.locator(".ghost, .target").count() == 0
    assert complaints == []


def test_a_finger_across_the_rail_drags_and_along_it_scrolls(browser, portal, radiologist, mr):
    study, series = mr
    context = browser.new_context(
        base_url=portal.url, storage_state=radiologist, has_touch=True,
        viewport={"width": 1024, "height": 500},
    )  # fmt: skip
    page = context.new_page()
    page.goto(f"/studies/{study}/view/#{series[0]}")
    wait_for_panes(page, 1)
    touch = context.new_cdp_session(page)

    def swipe(dx, dy):
        box = page.locator(f"#series [data-series-instance-uid='{series[1]}']").bounding_box()
        x, y = box["x"] + 60, box["y"] + 40
        touch.send(
            "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
        )
        for step in range(1, 9):
            at = {"x": x + dx * step / 8, "y": y + dy * step / 8}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(0, -60)
    settle(page)
    scrolled, after_scroll = page.evaluate("document.querySelector('nav').scrollTop"), panes(page)
    page.evaluate("document.querySelector('nav').scrollTop = 0")
    swipe(500, 20)
    wait_for(lambda: panes(page) == [series[1]])
    context.close()

    assert scrolled > 0
    assert after_scroll == [series[0]]


# --- Priors --------------------------------------------------------------------------------------


def test_a_prior_hangs_beside_the_current_study_and_is_named_as_such(page, store, complaints):
    chest = {"PatientID": "PRIORS", "Modality": "DX", "BodyPartExamined": "CHEST"}
    hand = {"BodyPartExamined": "HAND", "StudyDescription": "Hand"}
    store(
        ("2.25.821", chest | {"StudyDate": "20240301"}),
        ("2.25.822", chest | {"StudyDate": "20230301"}),
        ("2.25.823", chest | hand | {"StudyDate": "20250301"}),
    )
    asked = []
    page.on("request", lambda request: asked.append(request.url.split("/studies/")[-1]))

    open_viewer(page, "2.25.821")
    wait_for_panes(page, 2)
    label = page.inner_text(".pane[data-pane='2'] .other-study")
    groups = page.locator("#others summary").all_inner_texts()
    before = [address for address in asked if address == "2.25.823/series"]
    page.click("#others summary >> nth=0")
    page.click("#others details[open] li button")
    page.wait_for_selector(".pane[data-pane='1'][data-relation=later][data-state=shown]")
    page.keyboard.press(".")  # of a study of one series: stays
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})

    assert asked.count("2.25.821/hanging/") == 1  # by the page and by its script, once
    assert panes(page) == ["2.25.823.1", "2.25.822.1"]
    assert label == "PRIOR 2023-03-01 · 12 months earlier"
    assert [group.split("\n")[0] for group in groups] == ["LATER 2025-03-01", "PRIOR 2023-03-01"]
    assert "Hand" in groups[0]
    assert before == []
    assert page.inner_text(".pane[data-pane='1'] .other-study").startswith("LATER 2025-03-01")
    assert found.violations_count == 0, found.generate_report()
    assert complaints == []


def test_the_images_of_another_person_are_hidden_until_they_are_asked_for(page, store):
    guarded = {"PatientID": "GUARD", "Modality": "DX"}
    wrong = {"PatientName": "Wrong^Berta", "PatientBirthDate": "19711111"}
    store(
        ("2.25.831", guarded | {"PatientName": "Right^Anna"}),
        ("2.25.832", guarded | wrong | {"StudyDate": "20230105"}),
    )

    open_viewer(page, "2.25.831")
    wait_for_panes(page, 2)
    banner = page.locator(".pane[data-pane='2'] .mismatch")
    said, whole = banner.inner_text(), banner.bounding_box()
    page.keyboard.press("]")
    page.keyboard.press("m")
    refused = page.inner_text("#notice")
    pane = page.locator(".pane[data-pane='2']").bounding_box()
    banner.get_by_role("button").click()
    small = banner.bounding_box()

    assert page.locator(".mismatch").count() == 1
    assert "Right, Anna" in said
    assert "Wrong, Berta" in said
    assert "1971-11-11" in said
    assert "name, birth date" in said
    assert "read first whose they are" in refused
    assert whole["height"] > 0.95 * pane["height"]
    assert 0 < small["height"] <= 0.5 * pane["height"]


# --- Kept presentation ---------------------------------------------------------------------------


def test_layout_slice_and_window_come_back_after_a_reload_and_can_be_forgotten(
    page, portal, mr, complaints
):
    study, series = mr
    open_viewer(page, study)
    wait_for_panes(page, min(4, len(series)))
    hung = panes(page)

    page.keyboard.press("q")
    page.keyboard.press("2")
    wait_for_panes(page, 2)
    page.locator(f"#series [data-series-instance-uid='{series[2]}']").click()
    wait_for(lambda: panes(page)[0] == series[2])
    wait_for_panes(page, 2)
    for key in ("n", "r", "+", "ArrowDown"):
        page.keyboard.press(key)
    with page.expect_response(lambda r: r.request.method == "PUT" and "/presentation/" in r.url):
        settle(page)
    settle(page)
    kept, before = panes(page), [picture(page, number) for number in (1, 2)]
    index = page.get_attribute("#viewport", "data-image-index")
    page.reload()
    page.wait_for_selector("#viewport[data-state=shown]")
    wait_for_panes(page, 2)
    after = [picture(page, number) for number in (1, 2)]

    assert panes(page) == kept
    assert page.get_attribute("#viewport", "data-image-index") == index
    assert np.abs(after[0] - before[0]).mean() < 1
    assert np.abs(after[1] - before[1]).max() <= 1  # the renderer rounds a pixel now and then

    page.click("[popovertarget=menu-grid]")
    page.click("text=By the protocol")
    wait_for(lambda: panes(page) == hung)
    wait_for(lambda: ask(portal, "SELECT count(*) FROM studies_presentation") == (0,))
    assert complaints == []


def test_what_somebody_only_looked_at_is_not_kept(page, portal, mr):
    open_viewer(page, mr[0])
    page.wait_for_timeout(2500)
    page.goto("/")

    assert ask(portal, "SELECT count(*) FROM studies_presentation") == (0,)


# --- The second window ---------------------------------------------------------------------------


def test_a_second_window_shows_the_prior_and_both_warn_when_it_shows_somebody_else(
    page, store, mr, complaints
):
    chest = {"PatientID": "WINDOWS", "Modality": "DX", "BodyPartExamined": "CHEST"}
    store(
        ("2.25.841", chest | {"StudyDate": "20240301"}),
        ("2.25.842", chest | {"StudyDate": "20230301"}),
    )
    open_viewer(page, "2.25.841")
    wait_for_panes(page, 2)

    with page.expect_popup() as popup:
        page.keyboard.press("Shift+D")
    second = popup.value
    second.wait_for_selector("#viewport[data-state=shown]")
    first_warned = page.is_visible("#pair-warning")
    address = second.url
    second.goto(f"/studies/{mr[0]}/view/")
    second.wait_for_selector("#pair-warning:visible")
    page.wait_for_selector("#pair-warning:visible")
    words = page.inner_text("#pair-warning")
    second.close()
    page.wait_for_selector("#pair-warning", state="hidden")
    page.evaluate("window.open = () => null")
    page.keyboard.press("Shift+D")
    blocked = page.locator("#notice a")

    assert address.endswith("/studies/2.25.842/view/")
    assert not first_warned
    assert "another patient" in words
    assert "Müller, Jürgen" in words
    assert "ID WINDOWS" in words
    assert blocked.get_attribute("href") == "/studies/2.25.842/view/"
    assert "blocked" in page.inner_text("#notice")
    assert complaints == []
