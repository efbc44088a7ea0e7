"""Images of every kind in the viewer: the values under the pointer are those that pydicom reads."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from pacs_portal.tests.image_kinds import STUDY, ImageKind, image_kinds
from studies.tests.samples import TEST_FILES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# More folders of real files to walk, by hand.
MORE = "PACS_TEST_IMAGES"
# Parts of the picture's width and height, inside of images of any shape.
PLACES = [(0.5, 0.5), (0.47, 0.4), (0.53, 0.65)]
# A mouse would move as well, in six steps through three programs for each image.
POINT = """(places) => places.map(([x, y]) => {
  const picture = document.querySelector('.picture');
  const { left, top, width, height } = picture.getBoundingClientRect();
  const at = { clientX: left + x * width, clientY: top + y * height, bubbles: true };
  picture.dispatchEvent(new PointerEvent('pointermove', at));
  return document.querySelector('[data-overlay=value]').innerText;
})"""
READ_OUT = re.compile(r"x (\d+) {2}y (\d+)\n(?:R (\S+) {2}G (\S+) {2}B (\S+)|(\S+))")


@pytest.fixture(scope="module")
def kinds(portal) -> list[ImageKind]:
    """A study of them all in the portal."""
    folders = [TEST_FILES, *map(Path, os.environ.get(MORE, "").split())]
    found = image_kinds(folders)
    directory = portal.directory / "kinds"
    directory.mkdir()
    for kind in found:
        (directory / f"{kind.sop_instance_uid}.dcm").write_bytes(kind.content)
    portal.store(directory)
    return found


def show(page, kind):
    """Choose the series in the rail; what the viewer says if it cannot show it."""
    page.dispatch_event(
        f'#series button[data-series-instance-uid="{kind.series_instance_uid}"]', "click"
    )
    pane = f'.pane[data-series-instance-uid="{kind.series_instance_uid}"]'
    page.wait_for_selector(f"{pane}[data-state=shown], {pane}[data-state=error]")
    is_shown = page.get_attribute(pane, "data-state") == "shown"
    return "" if is_shown else page.inner_text(f"{pane} .cover")


def read_out(page):
    """`(row, column)` and values at some places of the picture; of few pixels, places may share one."""
    found = []
    for text in page.evaluate(POINT, PLACES):
        if match := READ_OUT.match(text):
            column, row, *values = match.groups()
            found.append(((int(row), int(column)), [float(value) for value in values if value]))
    return found


def differences(kind, found):
    """What was read that pydicom reads otherwise."""
    for place, values in found:
        expected = np.atleast_1d(kind.values[place]).astype(float)
        if not np.allclose(values, expected, rtol=1e-5, atol=kind.loss):
            yield f"{place}: {values} instead of {expected.tolist()}"


def test_the_values_under_the_pointer_are_those_that_pydicom_reads(page, portal, kinds, complaints):
    page.route("**/thumbnail", lambda route: route.fulfill(status=204))  # drawing them takes time
    page.goto(f"{portal.url}/studies/{STUDY}/view/?series={kinds[0].series_instance_uid}")
    page.wait_for_selector("#viewport[data-state=shown], #viewport[data-state=error]")
    wrong, read = {}, []

    for kind in kinds:
        said = show(page, kind)
        found = [] if said else read_out(page)
        if said:
            wrong[kind.name] = said
        elif different := list(differences(kind, found)):
            wrong[kind.name] = different
        if len(found) == len(PLACES):
            read.append(kind.name)

    assert wrong == {}
    unread = [kind.name for kind in kinds if not kind.is_mask and kind.name not in read]
    assert unread == []
    assert complaints == []
