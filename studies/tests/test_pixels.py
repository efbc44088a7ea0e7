"""Thumbnails out of a child process that may crash, loop or starve without harm."""

import io
import resource
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from studies.dicom import pixels
from studies.dicom.byte_order import swap_words
from studies.dicom.frames import join_fragments
from studies.dicom.parse import IMPLICIT_VR_LITTLE_ENDIAN
from studies.dicom.pixels import render_thumbnail
from studies.errors import BusyError
from studies.tests.builders import EXPLICIT, RLE, make_encapsulated, make_file
from studies.tests.samples import TEST_FILES, parse

BIG_ENDIAN = "1.2.840.10008.1.2.2"


def head_and_frame(content: bytes) -> tuple[bytes, bytes, str]:
    """What `render_thumbnail` takes, of the first frame, as `retrieve_thumbnail` finds it."""
    parsed = parse(content)
    found, syntax = parsed.frames, parsed.transfer_syntax_uid
    head = content[: found.offset - (8 if syntax == IMPLICIT_VR_LITTLE_ENDIAN else 12)]
    if found.frame_starts:
        return head, join_fragments(content[slice(*found.frame_starts[:2])]), syntax
    frame = content[found.offset : found.offset + found.frame_length]
    bits = parsed.header["00280100"]["Value"][0]
    if syntax == BIG_ENDIAN and bits > 8:
        frame = swap_words(frame, bits // 8)
    return head, frame, syntax


def render(content: bytes) -> Image.Image | None:
    thumbnail = render_thumbnail(*head_and_frame(content))
    return Image.open(io.BytesIO(thumbnail)) if thumbnail else None


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [
        pytest.param("MR_small_implicit.dcm", (64, 64), "L", id="implicit"),
        pytest.param("liver_1frame.dcm", (256, 256), "L", id="explicit, single bits"),
        pytest.param("MR_small_bigendian.dcm", (64, 64), "L", id="big endian"),
        pytest.param("rtdose_expb.dcm", (10, 10), "L", id="big endian, 32 bits, 15 frames"),
        pytest.param("MR_small_RLE.dcm", (64, 64), "L", id="RLE"),
        pytest.param("SC_rgb_rle_16bit_2frame.dcm", (100, 100), "RGB", id="RLE, 16-bit colour"),
        pytest.param("SC_rgb_dcmtk_+eb+cy+np.dcm", (100, 100), "RGB", id="JPEG Baseline .50"),
        pytest.param("SC_rgb_jpeg_gdcm.dcm", (100, 100), "RGB", id="JPEG Lossless .70"),
        pytest.param("MR_small_jpeg_ls_lossless.dcm", (64, 64), "L", id="JPEG-LS .80"),
        pytest.param("MR_small_jp2klossless.dcm", (64, 64), "L", id="JPEG 2000 Lossless .90"),
        pytest.param("JPEG2000.dcm", (64, 256), "L", id="JPEG 2000 .91"),
        pytest.param("examples_jpeg2k.dcm", (256, 192), "RGB", id="JPEG 2000, YBR_RCT"),
        pytest.param("examples_palette.dcm", (256, 112), "RGB", id="palette"),
        pytest.param("examples_rgb_color.dcm", (256, 192), "RGB", id="RGB"),
        pytest.param("examples_ybr_color.dcm", (256, 192), "RGB", id="YBR_FULL_422, JPEG"),
        pytest.param("SC_ybr_full_422_uncompressed.dcm", (100, 100), "RGB", id="YBR_FULL_422"),
        pytest.param("SC_rgb_small_odd.dcm", (3, 3), "RGB", id="odd size"),
    ],
)
def test_each_codec_gives_a_small_jpeg_that_shows_something(name, size, mode):
    image = render((TEST_FILES / name).read_bytes())

    assert (image.format, image.size, image.mode) == ("JPEG", size, mode)
    darkest, brightest = image.convert("L").getextrema()
    assert brightest - darkest > 60


@pytest.mark.parametrize(
    "name", ["JPGExtended.dcm", "JPEG2000-embedded-sequence-delimiter.dcm"],
    ids=["JPEG Extended of 12 bits, for which there is no decoder", "no codestream"],
)  # fmt: skip
def test_what_cannot_be_decoded_has_no_thumbnail(name):
    assert render((TEST_FILES / name).read_bytes()) is None


@pytest.mark.parametrize(
    "syntax",
    [
        RLE, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.100",
    ],
)  # fmt: skip
def test_garbage_has_no_thumbnail(syntax):
    assert render(make_encapsulated([b"garbage " * 40], syntax)) is None


def test_a_frame_that_is_cut_has_no_thumbnail():
    head, frame, syntax = head_and_frame((TEST_FILES / "CT_small.dcm").read_bytes())

    assert render_thumbnail(head, frame[:-100], syntax) is None


def ramp(**attributes: object) -> np.ndarray:
    """The thumbnail of a horizontal ramp from 0 to 15."""
    values = np.tile(np.repeat(np.arange(16, dtype="<u2"), 4), (64, 1))
    content = make_file(Rows=64, Columns=64, PixelData=values.tobytes(), **attributes)
    return np.asarray(render(content)).astype(int)


def test_brightness_follows_the_values():
    shown = ramp()

    assert (shown[30, 2] < 3, shown[30, 61] > 252) == (True, True)
    assert abs(shown[30, 32] - 136) < 4


def test_monochrome_1_is_the_negative_of_monochrome_2():
    shown, inverted = ramp(), ramp(PhotometricInterpretation="MONOCHROME1")

    assert np.abs(shown + inverted - 255).max() < 4


def test_a_window_is_applied():
    shown = ramp(WindowCenter="4", WindowWidth="4")

    assert (shown[30, 2] < 3, shown[30, 61] > 252) == (True, True)
    assert shown[30, 28] > 250


def test_rescaling_comes_before_the_window():
    shown = ramp(WindowCenter="-92", WindowWidth="8", RescaleSlope="1", RescaleIntercept="-100")

    assert (shown[30, 14] < 20, shown[30, 49] > 235) == (True, True)


@pytest.mark.parametrize("width", ["0", "-5", None])
def test_an_impossible_window_is_passed_over(width):
    shown = ramp(WindowCenter="4", WindowWidth=width)

    assert (shown[30, 2] < 3, shown[30, 61] > 252) == (True, True)


def test_an_image_of_one_value_is_drawn():
    image = render(make_file(PixelData=bytes(32)))

    assert image.getextrema() == (0, 0)


# --- Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bits", [pytest.param(16, id="7 GB"), pytest.param(8, id="4 GB")]
)  # fmt: skip
def test_a_header_that_promises_gigabytes_costs_neither_time_nor_memory(bits):
    segments = b"\x01\0\0\0\x40\0\0\0" + bytes(56) + b"\x81\x00" * 1000
    content = make_encapsulated(
        [segments], Rows=60000, Columns=60000, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1
    )

    before = cpu_seconds_of_children()
    image = render(content)

    assert image is None
    assert cpu_seconds_of_children() - before < 8


def cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_child_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(pixels, "_WALL_SECONDS", 0.05)

    with pytest.raises(BusyError, match="in time"):
        render((TEST_FILES / "CT_small.dcm").read_bytes())


def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch):
    monkeypatch.setattr(pixels, "_QUEUE_SECONDS", 0.05)
    monkeypatch.setattr(pixels, "_AT_ONCE", threading.BoundedSemaphore(1))
    pixels._AT_ONCE.acquire()

    with pytest.raises(BusyError, match="at the moment"):
        render((TEST_FILES / "CT_small.dcm").read_bytes())


@pytest.mark.parametrize(
    ("deed", "cpu_seconds", "return_code"),
    [
        pytest.param("while True: pass", 1, -signal.SIGKILL, id="loop"),
        pytest.param("bytearray(3 * 1024**3)", 20, 1, id="memory"),
    ],
)
def test_the_kernel_stops_a_decoder_that_runs_wild(deed, cpu_seconds, return_code):
    content = (TEST_FILES / "CT_small.dcm").read_bytes()
    head, frame, syntax = head_and_frame(content)
    code = f"""
        from studies.dicom import render
        def to_display(dataset):
            {deed}
        render.to_display, render._CPU_SECONDS = to_display, {cpu_seconds}
        render.main({syntax!r}, {len(head)})
    """

    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        input=head + frame, capture_output=True, cwd=settings.BASE_DIR, timeout=60, check=False,
    )  # fmt: skip

    assert child.returncode == return_code
    assert child.stdout == b""


@pytest.mark.parametrize(
    ("frame", "width", "swapped"),
    [
        (b"\x01\x02\x03\x04", 2, b"\x02\x01\x04\x03"),
        (b"\x01\x02\x03\x04", 4, b"\x04\x03\x02\x01"),
        (bytes(range(8)), 8, bytes(range(7, -1, -1))),
        (b"", 2, b""),
    ],
)
def test_words_change_their_byte_order(frame, width, swapped):
    assert swap_words(frame, width) == swapped


def test_a_big_endian_image_looks_like_the_little_endian_one():
    little, big = (
        render((TEST_FILES / name).read_bytes())
        for name in ("MR_small.dcm", "MR_small_bigendian.dcm")
    )

    assert little.tobytes() == big.tobytes()


def test_the_first_frame_of_a_native_file_is_drawn():
    frames = bytes(32) + bytes(range(32))
    content = make_file(EXPLICIT, NumberOfFrames="2", PixelData=frames)

    assert render(content).getextrema() == (0, 0)
