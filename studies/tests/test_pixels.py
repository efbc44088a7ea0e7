"""Thumbnails of every kind of pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from studies.dicom import pixels
from studies.dicom.byte_order import swap_words
from studies.dicom.pixels import render_thumbnail
from studies.errors import NotAvailableError
from studies.tests.builders import EXPLICIT, RLE, make_encapsulated, make_file
from studies.tests.samples import TEST_FILES, taken_apart


def head_and_frame(content: bytes) -> tuple[bytes, bytes, str]:
    """What `render_thumbnail` takes, of the first frame."""
    head, frames, syntax = taken_apart(content)
    return head, frames[0], syntax


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
        pytest.param("JPGExtended.dcm", (64, 256), "L", id="JPEG Extended .51, 12 bits"),
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


def test_what_cannot_be_decoded_has_no_thumbnail():
    assert render((TEST_FILES / "JPEG2000-embedded-sequence-delimiter.dcm").read_bytes()) is None


def test_a_decoder_that_is_missing_says_nothing_of_the_image(monkeypatch):
    monkeypatch.setattr(pixels, "can_decode", lambda _: False)

    with pytest.raises(NotAvailableError, match=r"no decoder for 1\.2\.840\.10008\.1\.2\.4\.90"):
        render((TEST_FILES / "MR_small_jp2klossless.dcm").read_bytes())


@pytest.mark.parametrize(
    "syntax",
    [
        RLE, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201",
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
