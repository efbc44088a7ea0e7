"""Frames as people see them: known values give known greys, sizes, colours and files."""

import io
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing

from studies.dicom.byte_order import swap_words
from studies.dicom.pictures import annotate
from studies.dicom.pixels import Rendering, Viewport, Window, render
from studies.dicom.render import windowed
from studies.errors import NotAvailableError
from studies.tests.builders import EXPLICIT, make_dataset, make_file, to_file
from studies.tests.samples import TEST_FILES, taken_apart

PNG = "image/png"
XA_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.12.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"


def picture(content: bytes, media_type: str = PNG, **wishes: object) -> bytes:
    head, frames, syntax = taken_apart(content)
    numbers = wishes.get("frames", (1,))
    return render(
        head,
        [frames[number - 1] for number in numbers],
        transfer_syntax_uid=syntax,
        rendering=Rendering(media_type, **wishes),
    )


def image(content: bytes, **wishes: object) -> Image.Image:
    return Image.open(io.BytesIO(picture(content, **wishes)))


def greys(content: bytes, **wishes: object) -> list[int]:
    """The first row of the image."""
    return np.asarray(image(content, **wishes).convert("L"))[0].tolist()


def row(values: list[int], **attributes: object) -> bytes:
    """An image of one row of pixels, 16 bits unsigned."""
    array = np.array(values, dtype="<i2" if min(values) < 0 else "<u2")
    defaults = {"PixelRepresentation": int(min(values) < 0), "Rows": 1, "Columns": len(values)}
    return make_file(**defaults | attributes, PixelData=array.tobytes())


# --- Windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        pytest.param(Window(100, 101, "linear"), [0, 1, 129, 255, 255], id="linear"),
        pytest.param(Window(100, 100, "linear-exact"), [0, 0, 128, 255, 255], id="linear exact"),
        pytest.param(Window(100, 100, "sigmoid"), [5, 30, 128, 225, 250], id="sigmoid"),
        pytest.param(Window(100, 1, "linear"), [0, 0, 255, 255, 255], id="threshold"),
    ],
)
def test_a_window_spreads_its_values_from_black_to_white(window, expected):
    assert greys(row([0, 50, 100, 150, 200]), window=window) == expected


def test_the_linear_function_is_half_a_value_off_the_exact_one():
    """PS3.3 C.11.2.1.2.1: a window of 256 around 128 takes each octet to itself."""
    octets = row(list(range(256)))

    assert greys(octets, window=Window(128, 256, "linear")) == list(range(256))
    assert greys(octets, window=Window(128, 256, "linear-exact")) == [
        round(value / 256 * 255) for value in range(256)
    ]


@given(
    values=st.lists(st.integers(0, 65535), min_size=1, max_size=20),
    center=st.floats(-1000, 70000),
    width=st.floats(1.5, 70000),
    function=st.sampled_from(["linear", "linear-exact", "sigmoid"]),
)
def test_windows_agree_with_another_implementation(values, center, width, function):
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored = "MONOCHROME2", 16
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = center, width
    dataset.VOILUTFunction = function.upper().replace("-", "_")
    array = np.array(values, dtype=np.float64)

    with np.errstate(over="ignore"):
        expected = apply_windowing(array, dataset) / 65535

    assert np.allclose(windowed(array, center, width, function), expected, atol=1e-9)


def test_the_first_window_of_the_object_is_the_default():
    content = row([0, 50, 100], WindowCenter=["50.5", "10"], WindowWidth=["101", "10"])

    assert greys(content) == [0, 128, 255]


def test_the_readers_window_outranks_that_of_the_object():
    content = row([0, 50, 100], WindowCenter="50.5", WindowWidth="101")

    assert greys(content, window=Window(25.5, 51)) == [0, 255, 255]


def test_a_window_means_rescaled_values():
    content = row([0, 50, 100], RescaleSlope="2", RescaleIntercept="-100")

    assert greys(content, window=Window(0, 200, "linear-exact")) == [0, 128, 255]


def test_negative_values_are_windowed_too():
    assert greys(row([-100, 0, 100]), window=Window(0, 200, "linear-exact")) == [0, 128, 255]


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": "1", "WindowWidth": "0"},
        {"WindowCenter": "1", "WindowWidth": "-3"},
        {"WindowCenter": "1"},
        {},
    ],
)
def test_without_a_window_that_can_be_all_values_are_shown(attributes):
    assert greys(row([0, 50, 100], **attributes)) == [0, 128, 255]


def test_a_window_that_is_no_number_is_none():
    content = row([0, 50, 100], WindowCenter="4321", WindowWidth="1234")

    assert greys(content.replace(b"4321", b"none")) == [0, 128, 255]


def table(entries: list[int], *, first: int = 0, bits: int = 16) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = np.array(entries, dtype="<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


def test_a_voi_table_of_the_object_is_used():
    content = row([0, 1, 2, 3], VOILUTSequence=[table([65535, 0, 32768])])

    assert greys(content) == [255, 0, 128, 128]


def test_a_table_of_bytes_may_be_longer_than_bytes_count():
    falling = table([255 - n // 16 for n in range(4096)], bits=8)
    packed = table([], bits=8)
    packed.LUTDescriptor, packed.LUTData = [4096, 0, 8], bytes(255 - n // 16 for n in range(4096))

    shown = [greys(row([0, 1600, 4095, 9999], VOILUTSequence=[one])) for one in (falling, packed)]

    assert shown == [[255, 155, 0, 0]] * 2


def test_a_table_that_is_shorter_than_it_says_is_refused():
    short = table([1, 2, 3])
    short.LUTDescriptor = [300, 0, 16]

    with pytest.raises(NotAvailableError):
        greys(row([0, 1], VOILUTSequence=[short]))


def test_the_modality_table_of_an_angiogram_is_not_for_the_screen():
    attributes = {"ModalityLUTSequence": [table([100, 50, 0])], "SOPClassUID": XA_IMAGE_STORAGE}

    assert greys(row([0, 1, 2], **attributes), window=Window(1, 2, "linear-exact")) == [0, 128, 255]


def test_a_modality_table_comes_before_the_window():
    content = row([0, 1, 2], ModalityLUTSequence=[table([100, 50, 0])])

    assert greys(content, window=Window(50, 100, "linear-exact")) == [255, 128, 0]


def test_padding_is_black_and_no_part_of_what_is_spread():
    content = row([0, 60, 100, 5000], PixelPaddingValue=5000)

    assert greys(content) == [0, 153, 255, 0]


def test_a_range_of_padding_is_black():
    content = row([0, 100, 4999, 5001], PixelPaddingValue=5001, PixelPaddingRangeLimit=4999)

    assert greys(content) == [0, 255, 0, 0]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, [255, 128, 0]),
        ({"PresentationLUTShape": "INVERSE"}, [255, 128, 0]),
        ({"PresentationLUTShape": "IDENTITY"}, [0, 128, 255]),
    ],
)
def test_the_polarity_is_that_of_the_object(attributes, expected):
    assert greys(row([0, 50, 100], **attributes)) == expected


def test_an_enhanced_object_says_of_each_frame_how_to_show_it():
    shared, first, second = Dataset(), Dataset(), Dataset()
    rescale = Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = "1", "-10"
    shared.PixelValueTransformationSequence = [rescale]
    for groups, center in ((first, "10"), (second, "100")):
        window = Dataset()
        window.WindowCenter, window.WindowWidth = center, "20"
        window.VOILUTFunction = "LINEAR_EXACT"
        groups.FrameVOILUTSequence = [window]
    content = make_file(
        Rows=1, Columns=2, NumberOfFrames="2",
        PixelData=np.array([20, 110, 20, 110], dtype="<u2").tobytes(),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[first, second],
    )  # fmt: skip

    assert greys(content, frames=(1,)) == [128, 255]
    assert greys(content, frames=(2,)) == [0, 128]


def test_a_frame_of_which_nothing_is_said_is_shown_as_all_are():
    second, window = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = "50", "1", "LINEAR"
    second.FrameVOILUTSequence = [window]
    content = make_file(
        Rows=1, Columns=2, NumberOfFrames="3", WindowCenter="100.5", WindowWidth="201",
        PixelData=np.array([0, 100] * 3, dtype="<u2").tobytes(),
        PerFrameFunctionalGroupsSequence=[Dataset(), second, Dataset()],
    )  # fmt: skip

    shown = image(content, media_type="image/gif", frames=(1, 2, 3))

    colours = [shown.seek(n) or np.asarray(shown.convert("L"))[0].tolist() for n in range(3)]
    assert colours == [[0, 128], [0, 255], [0, 128]]


def test_functional_groups_name_no_patient():
    groups, measures = Dataset(), Dataset()
    measures.PatientName = "Somebody^Else"
    groups.PixelMeasuresSequence = [measures]
    content = black(SharedFunctionalGroupsSequence=[groups])

    named = image(content, annotation=frozenset({"patient"}))

    assert named.tobytes() == image(black(), annotation=frozenset({"patient"})).tobytes()


# --- Colours -------------------------------------------------------------------------------------


def colour_file(pixels: list[tuple[int, int, int]], **attributes: object) -> bytes:
    array = np.array(pixels, dtype=np.uint8)
    return make_file(
        **{
            "Rows": 1, "Columns": len(pixels), "SamplesPerPixel": 3, "BitsAllocated": 8,
            "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0,
            "PhotometricInterpretation": "RGB", "PixelData": array.tobytes(),
        } | attributes
    )  # fmt: skip


def colours(content: bytes, **wishes: object) -> list[list[int]]:
    return np.asarray(image(content, **wishes))[0].tolist()


def test_rgb_is_shown_as_it_is():
    assert colours(colour_file([(1, 2, 3), (250, 0, 9)])) == [[1, 2, 3], [250, 0, 9]]


def test_ybr_is_shown_as_rgb():
    content = colour_file([(76, 85, 255), (255, 128, 128)], PhotometricInterpretation="YBR_FULL")

    red, white = colours(content)

    assert np.abs(np.array(red) - [255, 0, 0]).max() <= 2
    assert white == [255, 255, 255]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.uint8, 1), (np.uint16, 257)], ids=["8 bits", "16 bits"]
)
def test_a_palette_gives_its_colours(syntax, dtype, scale):
    palette = {}
    for name, entries in (("Red", [255, 10]), ("Green", [0, 20]), ("Blue", [7, 30])):
        data = (np.array(entries) * scale).astype(dtype).tobytes()
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [2, 0, 8 * np.dtype(dtype).itemsize]
        # Tables are words, also where each word holds two entries.
        words = swap_words(data, 2) if syntax == BIG_ENDIAN else data
        palette[f"{name}PaletteColorLookupTableData"] = words
    content = make_file(
        syntax, Rows=1, Columns=2, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=b"\1\0",
        PhotometricInterpretation="PALETTE COLOR", **palette,
    )  # fmt: skip

    assert colours(content) == [[10, 20, 30], [255, 0, 7]]


def profile(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


@pytest.mark.parametrize(
    ("wish", "embedded"), [("no", None), ("yes", profile("sRGB")), ("srgb", profile("sRGB"))]
)
def test_a_colour_profile_is_embedded_where_it_is_wanted(wish, embedded):
    content = colour_file([(1, 2, 3)], ICCProfile=profile("sRGB"))

    found = image(content, icc_profile=wish).info.get("icc_profile")

    assert (found and found[128:]) == (embedded and embedded[128:])  # behind its date


def test_grey_has_no_profile_of_its_own():
    assert "icc_profile" not in image(row([0, 1]), icc_profile="yes").info


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg"])
def test_grey_comes_in_srgb_where_that_is_wanted(media_type):
    content = row([0, 50, 100])

    shown = image(content, media_type=media_type, icc_profile="srgb")

    assert (shown.mode, shown.info["icc_profile"][128:]) == ("RGB", profile("sRGB")[128:])
    assert greys(content, icc_profile="srgb") == greys(content)


# --- Sizes ---------------------------------------------------------------------------------------


def checkers() -> bytes:
    """Four squares of 10 by 10 pixels: 0 and 85 above 170 and 255."""
    square = np.kron(np.array([[0, 85], [170, 255]]), np.ones((10, 10)))
    return make_file(
        Rows=20, Columns=20, PixelData=square.astype("<u2").tobytes(),
        WindowCenter="128", WindowWidth="256",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        (None, (20, 20)),
        (Viewport(10, 10), (10, 10)),
        (Viewport(100, 40), (40, 40)),
        (Viewport(100, 40, enlarge=False), (20, 20)),
        (Viewport(100, 100, (0, 0, 10, 20)), (50, 100)),
    ],
)
def test_an_image_fits_into_the_viewport_and_keeps_its_shape(viewport, size):
    assert image(checkers(), viewport=viewport).size == size


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ((0, 0, 20, 20), [[0, 85], [170, 255]]),
        ((0, 0, -20, 20), [[85, 0], [255, 170]]),
        ((0, 0, 20, -20), [[170, 255], [0, 85]]),
        ((0, 0, -20, -20), [[255, 170], [85, 0]]),
        ((10, 0, 10, 20), [[85, 85], [255, 255]]),
        ((10, 10, 999, 999), [[255, 255], [255, 255]]),
        ((10, None, None, None), [[85, 85], [255, 255]]),
        ((None, None, 10, 20), [[0, 0], [170, 170]]),
        ((None, 10, -20, None), [[255, 170], [255, 170]]),
    ],
)
def test_a_region_is_cut_out_and_flipped(region, expected):
    shown = np.asarray(image(checkers(), viewport=Viewport(20, 20, region)))

    height, width = shown.shape
    corners = shown[[1, height - 2]][:, [1, width - 2]]
    assert np.abs(corners.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("region", [(20, 0, 5, 5), (21, None, None, None)])
def test_a_region_outside_the_image_is_refused(region):
    with pytest.raises(NotAvailableError, match="outside"):
        picture(checkers(), viewport=Viewport(20, 20, region))


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"PixelSpacing": ["2", "1"]}, (20, 40)),
        ({"PixelAspectRatio": ["1", "2"]}, (40, 20)),
        ({"PixelSpacing": ["0.5", "0.5"]}, (20, 20)),
        ({"PixelSpacing": ["0", "1"]}, (20, 20)),
        ({"PixelSpacing": ["1000", "1"]}, (20, 20)),
        ({"PixelSpacing": "1"}, (20, 20)),
    ],
)
def test_pixels_are_shown_square(attributes, size):
    content = make_file(Rows=20, Columns=20, PixelData=bytes(800), **attributes)

    assert image(content).size == size


def test_pixels_of_another_shape_make_no_huge_image():
    content = make_file(
        Rows=3000, Columns=3000, PixelData=bytes(18_000_000), PixelSpacing=["10", "1"]
    )

    width, height = image(content).size

    assert width * height <= 1.01 * 4096 * 4096
    assert height == pytest.approx(10 * width, rel=0.01)


# --- Overlays and words --------------------------------------------------------------------------


def with_overlay(**attributes: object) -> bytes:
    """Black, 4 by 4, with an overlay of 2 by 2 whose diagonal is drawn, at row 2, column 3."""
    dataset = make_dataset(PixelData=bytes(32), WindowCenter="8", WindowWidth="16")
    defaults = {
        0x0010: ("US", 2), 0x0011: ("US", 2), 0x0040: ("CS", "G"), 0x0050: ("SS", [2, 3]),
        0x0100: ("US", 1), 0x0102: ("US", 0), 0x3000: ("OB", bytes([0b1001, 0])),
    }  # fmt: skip
    for element, (vr, value) in (defaults | attributes.get("elements", {})).items():
        dataset.add_new(0x60000000 | element, vr, value)
    return to_file(dataset)


def test_graphics_of_an_overlay_are_drawn():
    shown = np.asarray(image(with_overlay()))

    assert list(zip(*map(np.ndarray.tolist, np.nonzero(shown)), strict=True)) == [(1, 2), (2, 3)]


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param({0x0040: ("CS", "R")}, id="region of interest"),
        pytest.param({0x0010: ("US", 60000), 0x0011: ("US", 60000)}, id="longer than its data"),
        pytest.param({0x0050: ("SS", [1])}, id="half an origin"),
    ],
)
def test_other_overlays_and_broken_ones_are_left_out(elements):
    assert image(with_overlay(elements=elements)).getextrema() == (0, 0)


def test_overlays_can_be_left_out():
    assert image(with_overlay(), overlays=False).getextrema() == (0, 0)


def black(**attributes: object) -> bytes:
    return make_file(
        Rows=400, Columns=400, PixelData=bytes(320000), PixelPaddingValue=0, **attributes
    )


@pytest.mark.parametrize("kind", ["patient", "technique"])
def test_words_are_burned_in_where_they_are_wanted(kind):
    without, with_words = image(black()), image(black(), annotation=frozenset({kind}))

    assert without.getextrema() == (0, 0)
    assert with_words.getextrema() == (0, 255)


def words(name: str) -> bytes:
    picture = Image.new("L", (300, 60))
    dataset = Dataset()
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", name
    annotate(picture, dataset, ["patient"])
    return picture.tobytes()


@pytest.mark.parametrize("name", ["Müller^Jérôme", "Διονυσιος", "Люксембург"])
def test_names_are_written_in_their_letters(name):
    assert words(name) != words("?" * len(name))


def test_letters_that_the_font_lacks_are_question_marks():
    assert words("山田") == words("??")


def test_technique_names_nobody():
    named = image(black(), annotation=frozenset({"technique"}))
    unnamed = image(black(PatientName="Other", PatientID="2"), annotation=frozenset({"technique"}))

    assert named.tobytes() == unnamed.tobytes()


# --- Files ---------------------------------------------------------------------------------------


def cine(**attributes: object) -> bytes:
    frames = np.repeat(np.array([0, 100, 200], dtype="<u2"), 16)
    return make_file(
        NumberOfFrames="3", PixelData=frames.tobytes(), WindowCenter="100", WindowWidth="200",
        **attributes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "milliseconds"),
    [
        ({"FrameTime": "40"}, 40),
        ({"FrameTime": "40", "RecommendedDisplayFrameRate": "20"}, 50),
        ({"CineRate": "10"}, 100),
        ({"FrameTime": "1"}, 20),
        ({}, 100),
    ],
)
def test_several_frames_move_as_fast_as_they_should(attributes, milliseconds):
    shown = image(cine(**attributes), media_type="image/gif", frames=(1, 2, 3))

    assert (shown.format, shown.n_frames) == ("GIF", 3)
    assert shown.info["duration"] == milliseconds
    assert [shown.seek(n) or shown.convert("L").getpixel((0, 0)) for n in range(3)] == [0, 128, 255]


def test_a_still_format_holds_one_frame():
    with pytest.raises(NotAvailableError, match="3 frames cannot be rendered as image/png"):
        picture(cine(), frames=(1, 2, 3))


def test_video_is_not_made_here():
    with pytest.raises(NotAvailableError, match="video/mp4"):
        picture(cine(), media_type="video/mp4", frames=(1,))


def test_a_jpeg_is_baseline_and_as_good_as_asked_for():
    content = (TEST_FILES / "examples_rgb_color.dcm").read_bytes()

    coarse, fine = (picture(content, media_type="image/jpeg", quality=q) for q in (10, 95))

    assert b"\xff\xc0" in coarse  # SOF0, baseline; SOF2 would be progressive
    assert len(coarse) < len(fine) / 3


# --- Another program -----------------------------------------------------------------------------


@pytest.mark.peer
@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("CT_small.dcm", Window(40, 400)),
        ("CT_small.dcm", Window(-500, 1500)),
        ("MR_small.dcm", Window(600, 1600)),
        ("MR_small_bigendian.dcm", Window(600, 1600)),
        ("MR_small_RLE.dcm", Window(600, 1600, "sigmoid")),
        ("MR_small_jpeg_ls_lossless.dcm", Window(600, 1600)),
    ],
)
def test_dcmtk_shows_the_same_greys(name, window, tmp_path):
    uncompressed = {"MR_small_RLE.dcm": "dcmdrle", "MR_small_jpeg_ls_lossless.dcm": "dcmdjpls"}
    path = TEST_FILES / name
    if program := uncompressed.get(name):
        path = tmp_path / "native.dcm"
        subprocess.run([program, TEST_FILES / name, path], check=True)
    function = "+Wfs" if window.function == "sigmoid" else "+Wfl"
    subprocess.run(
        [
            "dcm2pnm", "+Ww", str(window.center), str(window.width), function, "+op", path,
            tmp_path / "image.pgm",
        ],
        check=True,
    )  # fmt: skip
    theirs = np.asarray(Image.open(tmp_path / "image.pgm")).astype(int)

    ours = np.asarray(image((TEST_FILES / name).read_bytes(), window=window)).astype(int)

    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1
