"""Where each frame lies: one to one, or not at all."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings
from pydicom.encaps import generate_frames

from studies.dicom.elements import Element
from studies.dicom.frames import (
    FrameIndex,
    PixelDescription,
    extract_bits,
    index_encapsulated,
    index_native,
    join_fragments,
)
from studies.errors import InvalidInstanceError
from studies.tests.builders import RLE, make_dataset, make_file, to_file
from studies.tests.samples import TEST_FILES, parse, read

BEFORE = b"x" * 20  # what stands before the pixel data
JPEG = b"\xff\xd8\xff\xe0"
JPEG_2000 = b"\xff\x4f\xff\x51"


def item(content: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def table(*offsets: int) -> bytes:
    """A Basic Offset Table (PS3.5 A.4)."""
    return item(struct.pack(f"<{len(offsets)}L", *offsets))


def index(*items: bytes, frames: int) -> tuple[bytes, FrameIndex]:
    """The bytes of an encapsulated element with its surroundings, and where its frames lie."""
    value = b"".join(items) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    data = BEFORE + value + b"after"
    element = Element(0x7FE00010, "OB", 8, len(BEFORE), len(BEFORE) + len(value), True)
    return data, index_encapsulated(data, element, frames)


def frames_of(data: bytes, found: FrameIndex) -> list[bytes]:
    starts = found.frame_starts
    return [join_fragments(data[a:b]) for a, b in pairwise(starts)]


def native(length: int, **description: object) -> FrameIndex:
    defaults = {
        "rows": 4, "columns": 4, "samples_per_pixel": 1, "bits_allocated": 16,
        "number_of_frames": 1, "subsampled": False,
    }  # fmt: skip
    element = Element(0x7FE00010, "OW", 8, 20, 20 + length, False)
    return index_native(element, PixelDescription(**(defaults | description)))


# --- Native --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "description", "frame_length"),
    [
        pytest.param(32, {}, 32, id="one frame"),
        pytest.param(96, {"number_of_frames": 3}, 32, id="three frames"),
        pytest.param(34, {}, 32, id="padded"),
        pytest.param(10, {"rows": 3, "columns": 3, "bits_allocated": 8}, 9, id="odd size, padded"),
        pytest.param(
            28, {"rows": 3, "columns": 3, "bits_allocated": 8, "number_of_frames": 3}, 9,
            id="odd frames follow without padding",
        ),
        pytest.param(48, {"samples_per_pixel": 3, "bits_allocated": 8}, 48, id="colour"),
        pytest.param(
            32, {"samples_per_pixel": 3, "bits_allocated": 8, "subsampled": True}, 32,
            id="YBR_FULL_422, PS3.3 C.7.6.3.1.2",
        ),
        pytest.param(2, {"bits_allocated": 1}, 2, id="single bits"),
        pytest.param(4, {"rows": 5, "columns": 5, "bits_allocated": 1}, 4, id="25 single bits"),
        pytest.param(
            8, {"bits_allocated": 1, "number_of_frames": 4}, 2, id="single bits, whole bytes"
        ),
        pytest.param(
            8, {"rows": 3, "columns": 3, "bits_allocated": 1, "number_of_frames": 7}, 0,
            id="single bits that share bytes, PS3.5 8.1.1",
        ),
        pytest.param(128, {"bits_allocated": 64}, 128, id="doubles"),
    ],
)  # fmt: skip
def test_native_frames_have_one_length(length, description, frame_length):
    found = native(length, **description)

    assert found == FrameIndex(offset=20, length=length, vr="OW", frame_length=frame_length)


@pytest.mark.parametrize(
    ("length", "description"),
    [
        pytest.param(31, {}, id="a byte too few"),
        pytest.param(95, {"number_of_frames": 3}, id="the last frame is cut"),
        pytest.param(3, {"rows": 5, "columns": 5, "bits_allocated": 1}, id="a bit too few"),
        pytest.param(32, {"rows": 65535, "columns": 65535}, id="far too few"),
    ],
)
def test_a_value_too_short_for_its_frames_is_refused(length, description):
    with pytest.raises(InvalidInstanceError, match="shorter"):
        native(length, **description)


def test_a_native_frame_is_found_in_the_file():
    pixels = bytes(range(96))
    content = make_file(PixelData=pixels, NumberOfFrames="3")

    found = parse(content).frames

    second = found.offset + found.frame_length
    assert content[second : second + found.frame_length] == pixels[32:64]


# --- Encapsulated --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([table(0), item(b"aa")], [b"aa"], id="one frame"),
        pytest.param(
            [item(b""), item(b"aa"), item(b"bb"), item(b"cc")], [b"aabbcc"],
            id="one frame of three fragments",
        ),
        pytest.param([table(0, 10), item(b"aa"), item(b"bb")], [b"aa", b"bb"], id="offset table"),
        pytest.param(
            [item(b""), item(b"aa"), item(b"bbbb")], [b"aa", b"bbbb"],
            id="no table, a fragment each",
        ),
        pytest.param(
            [table(0, 20), item(b"aa"), item(b"bb"), item(b"cc")], [b"aabb", b"cc"],
            id="table, several fragments",
        ),
        pytest.param(
            [item(b""), item(JPEG + b"1"), item(b"2"), item(JPEG + b"3")],
            [JPEG + b"12", JPEG + b"3"], id="no table, several fragments of JPEG",
        ),
        pytest.param(
            [item(b""), item(JPEG_2000 + b"1"), item(JPEG_2000 + b"2"), item(b"3")],
            [JPEG_2000 + b"1", JPEG_2000 + b"23"], id="no table, several fragments of JPEG 2000",
        ),
        pytest.param(
            [table(0, 7), item(JPEG + b"1"), item(b"2"), item(JPEG + b"3")],
            [JPEG + b"12", JPEG + b"3"], id="table that lies, JPEG",
        ),
        pytest.param(
            [table(0, 10), item(b""), item(b"bb")], [b"", b"bb"], id="empty frame"
        ),
    ],
)  # fmt: skip
def test_frames_are_found_one_to_one(items, expected):
    data, found = index(*items, frames=len(expected))

    assert frames_of(data, found) == expected
    assert data[found.offset + found.length :] == b"after"


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param((0, 20), [b"aabb", b"cc"], id="true"),
        pytest.param((0, 2**40), [], id="beyond the end"),
        pytest.param((0,), [], id="too short"),
    ],
)
def test_frames_are_found_by_the_extended_offset_table(offsets, expected):
    """Its offsets are of 64 bits, in an element of its own (PS3.3 C.7.6.3.1.8)."""
    table_value = struct.pack(f"<{len(offsets)}Q", *offsets)
    items = b"".join([item(b""), item(b"aa"), item(b"bb"), item(b"cc")])
    data = table_value + items + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    start = len(table_value)
    extended = Element(0x7FE00001, "OV", 0, 0, start, False)
    element = Element(0x7FE00010, "OB", start, start, len(data), True)

    assert frames_of(data, index_encapsulated(data, element, 2, extended)) == expected


def test_a_file_with_an_extended_offset_table_tells_its_frames():
    streams, starts = [b"one" * 2, b"two" * 4], (0, 14)
    items = b"".join(map(item, streams))
    dataset = make_dataset(
        NumberOfFrames="2",
        ExtendedOffsetTable=struct.pack("<2Q", *starts),
        ExtendedOffsetTableLengths=struct.pack("<2Q", *map(len, streams)),
        PixelData=item(b"") + items,
    )
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    content = to_file(dataset, RLE)

    assert frames_of(content, parse(content).frames) == streams


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(
    bits=strategies.lists(strategies.booleans(), min_size=1, max_size=99), data=strategies.data()
)
def test_bits_are_taken_out_of_packed_ones(bits, data):
    """Against a plain model: the first pixel is the lowest bit (PS3.5 8.1.1)."""
    first = data.draw(strategies.integers(0, len(bits) - 1))
    count = data.draw(strategies.integers(0, len(bits) - first))

    taken = extract_bits(pack(bits), first, count)

    assert taken == pack(bits[first : first + count])


def pack(bits: list[bool]) -> bytes:
    number = sum(bit << position for position, bit in enumerate(bits))
    return number.to_bytes((len(bits) + 7) // 8, "little")


@pytest.mark.parametrize(
    ("items", "frames"),
    [
        pytest.param([item(b""), item(b"aa"), item(b"bb"), item(b"cc")], 2, id="no table"),
        pytest.param([item(b""), item(b"aa")], 2, id="more frames than fragments"),
        pytest.param([table(0, 20, 30), *[item(b"aa")] * 4], 2, id="table of other length"),
        pytest.param([table(0, 11), *[item(b"aa")] * 3], 2, id="table between two fragments"),
        pytest.param([table(10, 0), *[item(b"aa")] * 3], 2, id="table that descends"),
        pytest.param([table(0, 0), *[item(b"aa")] * 3], 2, id="table that repeats"),
        pytest.param([table(10, 20), *[item(b"aa")] * 3], 2, id="table without the first"),
        pytest.param([table(0, 0xFFFFFFFF), *[item(b"aa")] * 3], 2, id="table beyond the end"),
        pytest.param([item(b"abc"), *[item(b"aa")] * 3], 2, id="table of three bytes"),
        pytest.param(
            [item(b""), item(b"12"), item(JPEG), item(JPEG)], 2, id="first fragment starts no JPEG"
        ),
    ],
)
def test_frames_that_cannot_be_told_apart_are_not_guessed(items, frames):
    _, found = index(*items, frames=frames)

    assert found.frame_starts == ()


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        pytest.param([], "no items", id="nothing"),
        pytest.param([item(b"")], "no fragments", id="offset table only"),
    ],
)
def test_pixel_data_without_a_fragment_is_refused(items, complaint):
    with pytest.raises(InvalidInstanceError, match=complaint):
        index(*items, frames=1)


def test_two_million_frames_are_the_limit():
    with pytest.raises(InvalidInstanceError, match="2000000 frames"):
        index(item(b""), item(b"aa"), frames=2_000_001)


@pytest.mark.parametrize("content", [b"no items at all", item(b"aa") + b"\0" * 8])
def test_what_is_no_item_is_not_joined(content):
    with pytest.raises(InvalidInstanceError, match="does not start with an item"):
        join_fragments(content)


codestreams = strategies.lists(strategies.binary(min_size=1, max_size=40), min_size=1, max_size=6)
cuts = strategies.integers(1, 5)


def split(codestream: bytes, pieces: int) -> list[bytes]:
    size = -(-len(codestream) // pieces)
    return [codestream[at : at + size] for at in range(0, len(codestream), size)]


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(streams=codestreams, pieces=cuts)
def test_what_is_encapsulated_with_a_table_comes_back(streams, pieces):
    fragments, offsets, position = [], [], 0
    for stream in streams:
        offsets.append(position)
        fragments += (items := [item(piece) for piece in split(stream, pieces)])
        position += sum(map(len, items))

    data, found = index(table(*offsets), *fragments, frames=len(streams))

    assert frames_of(data, found) == streams


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(streams=codestreams)
def test_what_is_encapsulated_without_a_table_comes_back(streams):
    data, found = index(item(b""), *map(item, streams), frames=len(streams))

    assert frames_of(data, found) == streams


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(content=strategies.binary(max_size=120), frames=strategies.integers(1, 5))
def test_frames_never_lie_outside_of_their_element(content, frames):
    """Whatever bytes stand in the place of offset table and fragments."""
    _, found = index(item(content), item(content), item(JPEG), frames=frames)

    starts = found.frame_starts
    assert list(starts) == sorted(set(starts))
    assert all(found.offset <= start <= found.offset + found.length for start in starts)


@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI.dcm", "GDCMJ2K_TextGBR.dcm", "JPEG-lossy.dcm", "JPEG2000.dcm",
        "JPEG2000-embedded-sequence-delimiter.dcm", "JPGExtended.dcm",
        "MR_small_RLE.dcm", "SC_rgb_gdcm_KY.dcm", "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_32bit_2frame.dcm", "examples_jpeg2k.dcm",
        "examples_ybr_color.dcm", "rtdose_rle.dcm",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings(r"ignore:::pydicom\..*")
def test_the_frames_of_real_files_are_those_that_pydicom_finds(name):
    content = (TEST_FILES / name).read_bytes()
    dataset = read(content)
    number = int(dataset.get("NumberOfFrames", 1))

    found = parse(content).frames

    assert frames_of(content, found) == list(
        generate_frames(dataset.PixelData, number_of_frames=number)
    )


def test_a_delimiter_inside_of_a_codestream_does_not_end_it():
    content = (TEST_FILES / "JPEG2000-embedded-sequence-delimiter.dcm").read_bytes()

    found = parse(content).frames

    assert b"\xfe\xff\xdd\xe0" in frames_of(content, found)[0]
