"""From stored pixels to shades in the viewer: tables, windows, overlay planes, presentation states.

Images are of 4 by 4 blocks, so that the middle of each shows one value and nothing of its neighbours.
"""

import base64
import io

import highdicom as hd
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sr.codedict import codes

from pacs_portal.tests.running_portal import wait_for
from pacs_portal.tests.volumes import SIDE, upwards, write_stack
from studies.tests.builders import make_dataset, to_file
from studies.tests.samples import read
from studies.tests.test_render import table

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BLOCKS, BLOCK = 4, 8
SIZE = BLOCKS * BLOCK
STUDY = "2.25.8200"
TABLES, FRAMES, SIGMOID, EXACT, OVERLAYS, IN_PIXELS = (f"2.25.820{n}" for n in range(1, 7))
PRIOR, PRESENTED, STATES = "2.25.8210", "2.25.8211", "2.25.8212"
# Shades that two renderers may differ by.
TOLERANCE = 2


def blocks(values: np.ndarray) -> np.ndarray:
    """16 values as an image."""
    return np.kron(values.reshape(BLOCKS, BLOCKS), np.ones((BLOCK, BLOCK), values.dtype))


def image(series: str, values: np.ndarray, **attributes: object) -> Dataset:
    """One image of 12 bits, or several frames where there are more than 16 values."""
    frames = [blocks(frame) for frame in values.reshape(-1, BLOCKS * BLOCKS)]
    defaults = {
        "StudyInstanceUID": STUDY, "SeriesInstanceUID": series, "SOPInstanceUID": f"{series}.1",
        "PatientID": "PIPELINE", "PatientName": "Pipe^Line", "Modality": "DX", "SeriesNumber": series[-1],
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1", "SeriesDescription": series,
        "Rows": SIZE, "Columns": SIZE, "BitsStored": 12, "HighBit": 11,
        "PixelData": np.stack(frames).astype("<u2").tobytes(),
    }  # fmt: skip
    if len(frames) > 1:
        defaults["NumberOfFrames"] = len(frames)
    return make_dataset(**(defaults | attributes))


RAMP = np.linspace(0, 4000, BLOCKS * BLOCKS).astype(np.uint16)


def explained(item: Dataset, words: str) -> Dataset:
    item.LUTExplanation = words
    return item


def with_tables() -> Dataset:
    """A Modality LUT that turns the values round and two VOI LUTs, one of which begins late."""
    steep = explained(table([min(1023, n // 2) for n in range(3000)], first=500, bits=10), "Steep")
    wavy = explained(
        table([int(2047 + 2047 * np.cos(n / 300)) for n in range(4096)], bits=12), "Wavy"
    )
    modality = table([4095 - n for n in range(4096)])
    modality.ModalityLUTType = "OD"
    return image(
        TABLES, RAMP, ModalityLUTSequence=[modality], VOILUTSequence=[steep, wavy],
        WindowCenter="2000", WindowWidth="1000", PhotometricInterpretation="MONOCHROME1",
    )  # fmt: skip


def with_tables_of_frames() -> Dataset:
    """Two frames, each with a VOI LUT of its own, over one rescale."""
    rescale, shared, groups = Dataset(), Dataset(), []
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = "2", "-1000", "US"
    shared.PixelValueTransformationSequence = [rescale]
    for power in (1, 2):
        voi, frame = Dataset(), Dataset()
        voi.VOILUTSequence = [
            table([round(4095 * (n / 8000) ** power) for n in range(8001)], first=64536, bits=12)
        ]
        voi.VOILUTSequence[0]["LUTDescriptor"].VR = "SS"
        voi.VOILUTSequence[0].LUTDescriptor = [8001, -1000, 12]
        frame.FrameVOILUTSequence = [voi]
        groups.append(frame)
    return image(
        FRAMES, np.concatenate([RAMP, RAMP]), SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def with_window(series: str, function: str) -> Dataset:
    return image(series, RAMP, WindowCenter="2000", WindowWidth="1500", VOILUTFunction=function)


def add_overlay(dataset: Dataset, group: int, **elements: object) -> None:
    """A plane of one row of blocks, the second one, in the upper left corner of the image."""
    bits = np.zeros((BLOCK, SIZE), np.uint8)
    bits[:, BLOCK : 2 * BLOCK] = 1
    defaults = {
        "0010": ("US", BLOCK), "0011": ("US", SIZE), "0040": ("CS", "G"), "0050": ("SS", [1, 1]),
        "0100": ("US", 1), "0102": ("US", 0),
        "3000": ("OW", np.packbits(bits, bitorder="little").tobytes()),
    }  # fmt: skip
    for element, said in (defaults | elements).items():
        if said:
            dataset.add_new((group << 16) | int(element, 16), *said)


def with_overlays() -> Dataset:
    """Two grey frames: a plane of two frames, a region of interest, and a long plane kept as bulk data."""
    dataset = image(OVERLAYS, np.full(32, 2000, np.uint16), WindowCenter="2000", WindowWidth="4000")
    bits = np.zeros((2, BLOCK, SIZE), np.uint8)
    bits[0, :, BLOCK : 2 * BLOCK] = bits[1, :, 2 * BLOCK : 3 * BLOCK] = 1
    add_overlay(
        dataset, 0x6000, **{
            "0015": ("IS", 2), "0051": ("US", 1), "1500": ("LO", "Moving"),
            "3000": ("OW", np.packbits(bits, bitorder="little").tobytes()),
        },
    )  # fmt: skip
    add_overlay(dataset, 0x6002, **{"0040": ("CS", "R"), "0050": ("SS", [1 + BLOCK, 1])})
    long = np.zeros((800, 800), np.uint8)
    long[:BLOCK, 3 * BLOCK : SIZE] = 1
    add_overlay(
        dataset, 0x6004, **{
            "0010": ("US", 800), "0011": ("US", 800), "0050": ("SS", [1 + 2 * BLOCK, 1]),
            "3000": ("OW", np.packbits(long, bitorder="little").tobytes()),
        },
    )  # fmt: skip
    return dataset


def with_overlay_in_pixels() -> Dataset:
    """The sixth block is marked by the bit above those of its pixels (PS3.5 8.1.2, retired)."""
    dataset = image(IN_PIXELS, RAMP, WindowCenter="2000", WindowWidth="4000")
    marked = blocks(RAMP)
    marked[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK] |= 1 << 12
    dataset.PixelData = marked.astype("<u2").tobytes()
    add_overlay(
        dataset, 0x6000,
        **{"0010": ("US", SIZE), "0100": ("US", 16), "0102": ("US", 12), "3000": None},
    )  # fmt: skip
    return dataset


def of_prior(dataset: Dataset) -> Dataset:
    dataset.StudyInstanceUID, dataset.StudyDate = PRIOR, "20200101"
    return dataset


def presented() -> Dataset:
    """An image with two overlays, of which a presentation state shows one."""
    dataset = of_prior(
        image(PRESENTED, RAMP, RescaleSlope="1", RescaleIntercept="-100", RescaleType="US")
    )
    add_overlay(dataset, 0x6000)
    add_overlay(dataset, 0x6002, **{"0050": ("SS", [1 + BLOCK, 1])})
    return dataset


VOI_OF_STATE = [min(4095, 2 * n) for n in range(3000)]
SHADES_OF_STATE = [4095 - round(n * n / 4095) for n in range(4096)]


def state() -> Dataset:
    """By a VOI LUT and a Presentation LUT, with one overlay of the image and a shutter of bits."""
    layer = hd.pr.GraphicLayer("NOTES", 1, display_color=hd.color.CIELabColor(53, 80, 67))
    made = hd.pr.GrayscaleSoftcopyPresentationState(
        [read(to_file(presented()))], STATES, 9, f"{STATES}.1", 1, "Test", "Test", "1", "1", "CURVES",
        graphic_layers=[layer],
    )  # fmt: skip
    voi = Dataset()
    voi.VOILUTSequence = [explained(table(VOI_OF_STATE, bits=12), "Of the state")]
    made.SoftcopyVOILUTSequence = [voi]
    made.PresentationLUTSequence = [table(SHADES_OF_STATE, bits=12)]
    del made.PresentationLUTShape
    made.add_new(0x60001001, "CS", "NOTES")
    add_overlay(made, 0x6004, **{"0050": ("SS", [1 + 3 * BLOCK, 1])})
    made.ShutterShape, made.ShutterOverlayGroup, made.ShutterPresentationValue = (
        "BITMAP",
        0x6004,
        0x8080,
    )
    return made


@pytest.fixture(scope="module", autouse=True)
def pipeline_study(portal):
    files = [
        with_tables(), with_tables_of_frames(), with_window(SIGMOID, "SIGMOID"),
        with_window(EXACT, "LINEAR_EXACT"), with_overlays(), with_overlay_in_pixels(), presented(), state(),
    ]  # fmt: skip
    paths = []
    for number, dataset in enumerate(files):
        path = portal.directory / f"pipeline-{number}.dcm"
        path.write_bytes(to_file(dataset))
        paths.append(str(path))
    portal.manage("import_dicom", *paths)


def show(page, series: str, number: int = 1) -> None:
    """The picture of an image of a series, once it is painted."""
    page.click(f'#series button[data-series-instance-uid="{series}"]')
    page.locator(".picture").first.focus()
    page.keyboard.press("Home")
    for _ in range(number - 1):
        page.keyboard.press("ArrowDown")
    page.wait_for_selector(
        f".pane[data-series-instance-uid='{series}'][data-state=shown][data-image-index='{number}']"
    )
    page.wait_for_timeout(300)  # one more frame on a slow software renderer


def canvas_of(page, selector: str) -> np.ndarray:
    """`(rows, columns, 4)`: red, green, blue and alpha."""
    url = page.evaluate("(selector) => document.querySelector(selector).toDataURL()", selector)
    content = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(int)


def shades(page, selector: str = ".picture canvas") -> np.ndarray:
    """What a canvas of the pane has in the middle of each block, in red, green, blue and alpha."""
    canvas = canvas_of(page, selector)
    height, width, _ = canvas.shape
    step = height / BLOCKS
    places = [(int((row + 0.5) * step), int(width / 2 + (column - BLOCKS / 2 + 0.5) * step))
              for row in range(BLOCKS) for column in range(BLOCKS)]  # fmt: skip
    return np.array([canvas[place] for place in places])


def greys(page) -> np.ndarray:
    return shades(page)[:, 0]


def expected(dataset: Dataset, *, index: int = 0, top: float) -> np.ndarray:
    """The 16 shades that pydicom makes of the ramp."""
    values = apply_modality_lut(RAMP, dataset)
    return np.asarray(apply_voi_lut(values, dataset, index)).astype(float) / top * 255


def agree(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.abs(found - wanted).max() <= TOLERANCE)


def window_line(page) -> str:
    return page.inner_text("[data-overlay=window]").partition("\n")[2]


def value_over(page, block: int) -> str:
    """What is said of a block that the mouse points at."""
    box = page.locator(".picture").bounding_box()
    step = box["height"] / BLOCKS
    row, column = divmod(block, BLOCKS)
    page.mouse.move(
        box["x"] + box["width"] / 2 + (column - BLOCKS / 2 + 0.5) * step,
        box["y"] + (row + 0.5) * step,
    )
    return str(page.inner_text("[data-overlay=value]").partition("\n")[2])


def drag(page) -> None:
    page.mouse.down()
    box = page.locator(".picture").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3, steps=4)
    page.mouse.up()


def test_tables_and_functions_of_the_header_give_the_shades_that_pydicom_gives(page, complaints):
    tables = read(to_file(with_tables()))
    page.goto(f"/studies/{STUDY}/view/?series={TABLES}")
    page.wait_for_selector("#viewport[data-state=shown]")
    found, lines = {}, {}

    def note(name):
        page.wait_for_timeout(300)
        found[name], lines[name] = greys(page), window_line(page)

    show(page, TABLES)
    note("as stored")
    value = value_over(page, 10)
    for key, name in (("2", "second"), ("3", "window"), ("0", "again")):
        page.keyboard.press(key)
        note(name)
    drag(page)
    note("dragged")
    offered = page.inner_text("#toolbar select")
    for number in (1, 2):
        show(page, FRAMES, number)
        note(number)
    show(page, SIGMOID)
    note("sigmoid")
    show(page, EXACT)
    note("exact")

    frames = [(2 * RAMP / 8000.0) ** power * 255 for power in (1, 2)]
    wanted = {
        "as stored": 255 - expected(tables, top=1023),
        "second": 255 - expected(tables, index=1, top=4095),
        "again": 255 - expected(tables, top=1023),
        1: frames[0],
        2: frames[1],
        "sigmoid": expected(read(to_file(with_window(SIGMOID, "SIGMOID"))), top=4095),
        "exact": expected(read(to_file(with_window(EXACT, "LINEAR_EXACT"))), top=4095),
    }
    assert {
        name: found[name].tolist()
        for name, shade in wanted.items()
        if not agree(found[name], shade)
    } == {}
    assert [lines[name] for name in ("as stored", "second", "window", "again")] == [
        "VOI LUT Steep", "VOI LUT Wavy", "W 1000  L 2000", "VOI LUT Steep",
    ]  # fmt: skip
    assert lines["dragged"].startswith("W ")
    assert value == f"{4095 - RAMP[10]} OD"
    assert "Steep (VOI LUT)" in offered
    assert complaints == []


def marked(page) -> dict[int, list[int]]:
    """Blocks over which something is drawn, and in which colour."""
    over = shades(page, ".sheet canvas")
    return {block: over[block].tolist() for block in range(BLOCKS * BLOCKS) if over[block][3]}


def test_overlay_planes_lie_over_their_pixels_and_can_be_hidden(page, complaints):
    page.goto(f"/studies/{STUDY}/view/?series={OVERLAYS}")
    page.wait_for_selector("#viewport[data-state=shown]")
    seen = {}
    for number in (1, 2):
        show(page, OVERLAYS, number)
        wait_for(lambda: 11 in marked(page))  # the long one comes on its own
        seen[number] = marked(page)
    show(page, IN_PIXELS)
    seen["in pixels"], values = marked(page), greys(page)
    value = value_over(page, 5)
    page.click("button:has-text('Overlays')")
    page.click("#panel-overlays fieldset:has-text('Overlays of the images') input[type=checkbox]")
    page.wait_for_timeout(300)
    hidden = marked(page)

    white, yellow = [255, 255, 255, 255], [255, 225, 74, 110]
    assert {block: tuple(colour) for block, colour in seen[1].items() if block != 5} == {
        1: tuple(white), 11: tuple(white),
    }  # fmt: skip
    assert np.abs(np.array(seen[1][5]) - yellow).max() <= TOLERANCE
    assert sorted(seen[2]) == [2, 5, 11]
    assert seen["in pixels"] == {5: white}
    assert value == str(RAMP[5])
    assert agree(values, (RAMP - 1999.5) / 3999 * 255 + 127.5)
    assert hidden == {}
    assert complaints == []


def test_a_presentation_state_of_a_prior_is_listed_and_applied_with_its_tables_and_shutter(
    page, complaints
):
    page.goto(f"/studies/{STUDY}/view/?series={TABLES}")
    page.wait_for_selector("#viewport[data-state=shown]")
    page.click(f"details[data-study-instance-uid='{PRIOR}'] summary")
    page.click(f"details button[data-series-instance-uid='{PRESENTED}']")
    page.wait_for_selector(f".pane[data-series-instance-uid='{PRESENTED}'][data-state=shown]")
    page.wait_for_timeout(300)
    before = marked(page)
    page.click("button:has-text('Overlays')")
    page.wait_for_selector("#panel-overlays label:has-text('Presentation') select")
    heading = page.inner_text("#panel-overlays [data-part=body] > p")
    page.select_option("#panel-overlays label:has-text('Presentation') select", index=1)
    page.wait_for_selector(".sheet .presented:has-text('CURVES')")
    page.wait_for_timeout(400)
    applied, over, line = greys(page), marked(page), window_line(page)

    values = np.clip(RAMP.astype(int) - 100, 0, 2999)
    shares = np.array(SHADES_OF_STATE)[np.array(VOI_OF_STATE)[values]] / 4095
    assert sorted(before) == [1, 5]
    assert heading == "Of PRIOR 2020-01-01"
    assert page.inner_text(".sheet .presented") == "As presented: CURVES"
    assert agree(applied, 255 * shares), applied.tolist()
    assert line == "VOI LUT Of the state"
    assert sorted(over) == [1, 13]
    red, green, *_ = over[1]
    assert red > green + 100
    assert over[13] == [128, 128, 128, 255]
    assert complaints == []


# --- Reconstructed planes ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def segmented_stack(portal) -> str:
    """A study of nine slices; a segment of 11 columns and rows lies in the three in the middle."""
    study, directory = "2.25.8220", portal.directory / "stack"
    directory.mkdir()
    write_stack(directory, study, 1, upwards(9), PositionReferenceIndicator="", SliceThickness="4")
    slices = sorted(
        (read(path.read_bytes()) for path in directory.iterdir()),
        key=lambda one: one.InstanceNumber,
    )
    mask = np.zeros((9, SIDE, SIDE), np.uint8)
    mask[3:6, 11:22, 11:22] = 1
    organ = hd.seg.SegmentDescription(
        1, "Liver", codes.SCT.Organ, codes.SCT.Organ, "MANUAL",
        display_color=hd.color.CIELabColor(53, 80, 67),
    )  # fmt: skip
    made = hd.seg.Segmentation(
        slices, mask, "BINARY", [organ], f"{study}.2", 2, f"{study}.2.1", 1, "Test", "Test", "1", "1",
        series_description="Organs",
    )  # fmt: skip
    (directory / "segments.dcm").write_bytes(to_file(made))
    portal.manage("import_dicom", str(directory))
    return study


def extent_of_segment(page, plane: str) -> tuple[int, int]:
    """Width and height of what is drawn over a plane, in pixels of the page."""
    drawn = canvas_of(page, f"[data-plane={plane}] .sheet canvas")[..., 3] > 0
    rows, columns = np.nonzero(drawn)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def test_segments_and_measurements_lie_over_planes_and_a_picture_of_these_is_saved(
    page, segmented_stack, complaints
):
    page.goto(f"/studies/{segmented_stack}/view/?series={segmented_stack}.1")
    page.wait_for_selector("#viewport[data-state=shown]")
    page.keyboard.press("d")
    box = page.locator(".picture").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x + 60, y + 60, steps=4)
    page.mouse.up()
    page.click("button:has-text('Overlays')")
    page.click("#panel-overlays fieldset:has-text('Organs') input[type=checkbox]")
    page.wait_for_selector("#panel-overlays >> text=Liver")
    page.locator(".picture").first.focus()
    page.keyboard.press("m")
    page.wait_for_selector("#mpr[data-state=shown]", timeout=60_000)
    page.wait_for_timeout(800)
    extents = {plane: extent_of_segment(page, plane) for plane in ("axial", "coronal", "sagittal")}
    lines = {plane: page.locator(f"[data-plane={plane}] .sheet path").count() for plane in extents}
    said = page.inner_text("[data-plane=coronal] .presented")
    places = [page.locator(f"[data-plane={plane}] .picture").bounding_box() for plane in extents]
    corner = page.locator("#mpr").bounding_box()
    page.click("button[popovertarget=menu-file]")
    with page.expect_download(timeout=60_000) as download:
        page.click("#menu-file button:text-is('Save picture')")
    saved = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)

    # 22 mm wide and deep, 12 mm high
    ratios = [width / height for width, height in extents.values()]
    assert ratios == pytest.approx([1, 22 / 12, 22 / 12], rel=0.05), extents
    assert lines == {"axial": 1, "coronal": 0, "sagittal": 0}
    assert said == "1 measurement in another plane"
    assert download.value.suggested_filename == "CT-series-1-planes.png"
    for place in places:
        down, right = (
            place["y"] - corner["y"] + place["height"] / 2,
            place["x"] - corner["x"] + place["width"] / 2,
        )
        red, green, _ = saved[int(down) - 8, int(right) + 8]  # beside crosshairs and measurement
        assert red > green + 40
    assert complaints == []
