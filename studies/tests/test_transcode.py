"""Frames and heads in other transfer syntaxes; decoders other than ours read the result."""

import io
import subprocess
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.pixels import get_decoder
from pydicom.sequence import Sequence

from studies.dicom import codecs, sandbox
from studies.dicom.parse import IMPLICIT_VR_LITTLE_ENDIAN, NATIVE_TRANSFER_SYNTAXES
from studies.dicom.pixels import can_transcode, transcode_frames, transcoded_head
from studies.errors import ArchiveError, BusyError, NotAvailableError
from studies.tests.builders import (
    EXPLICIT,
    RLE,
    make_dataset,
    make_encapsulated,
    make_file,
    to_file,
)
from studies.tests.samples import TEST_FILES, read, taken_apart

DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"

# Target → a decoder of another maker for it, and another one where there is one.
OTHER_DECODERS = {
    RLE: ["pydicom"],
    JPEG_LOSSLESS: ["gdcm"],
    JPEG_LS: ["pyjpegls", "gdcm"],
    JPEG_2000: ["pylibjpeg", "gdcm"],
    HTJ2K: ["pylibjpeg"],
}


def transcoded(content: bytes, target: str) -> bytes:
    """The whole file, put together again."""
    head, frames, source = taken_apart(content)
    new_head = transcoded_head(head, source=source, target=target)
    new_frames = list(transcode_frames(head, frames, source=source, target=target))
    output = DicomBytesIO(new_head)
    output.seek(0, io.SEEK_END)
    output.is_implicit_VR, output.is_little_endian = False, True
    dataset = Dataset()
    native = target in NATIVE_TRANSFER_SYNTAXES
    value = b"".join(new_frames) if native else encapsulate(new_frames)
    dataset.PixelData = value + bytes(len(value) % 2)
    dataset["PixelData"].VR = "OW" if native and read(new_head).BitsAllocated > 8 else "OB"
    dataset["PixelData"].is_undefined_length = not native
    write_data_element(output, dataset["PixelData"])
    return output.getvalue()


def values(content: bytes, decoder: str = "") -> np.ndarray:
    """All frames as pydicom finds them, colours as they are."""
    dataset = read(content)
    decoder_of_syntax = get_decoder(dataset.file_meta.TransferSyntaxUID)
    return decoder_of_syntax.as_array(dataset, raw=True, decoding_plugin=decoder)[0]


# --- Nothing is lost -----------------------------------------------------------------------------


def ramp_file(bits: int, *, signed: bool = False, **attributes: object) -> bytes:
    """All values from the least to the greatest that so many bits hold, and some noise."""
    allocated = 8 if bits <= 8 else 16
    low = -(1 << (bits - 1)) if signed else 0
    ramp = np.linspace(low, low + (1 << bits) - 1, 64 * 48).reshape(48, 64)
    pixels = np.rint(ramp).astype(f"<{'i' if signed else 'u'}{allocated // 8}")
    np.random.default_rng(1).shuffle(pixels[::4], axis=1)
    return make_file(
        Rows=48, Columns=64, BitsAllocated=allocated, BitsStored=bits, HighBit=bits - 1,
        PixelRepresentation=int(signed), PixelData=pixels.tobytes(), **attributes,
    )  # fmt: skip


def noise_file() -> bytes:
    """Values of which none can be told from those before: they grow by compression."""
    pixels = np.random.default_rng(3).integers(0, 65536, (128, 128), dtype=np.uint16)
    return make_file(Rows=128, Columns=128, PixelData=pixels.tobytes())


def planar_file() -> bytes:
    """RGB, colour by plane."""
    pixels = np.random.default_rng(2).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    return make_file(
        Rows=16, Columns=16, SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=1, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=pixels.tobytes(),
    )  # fmt: skip


def sample(name: str) -> bytes:
    """A file of pydicom's, which may lack the UIDs that this archive asks for."""
    content = (TEST_FILES / name).read_bytes()
    dataset = read(content)
    if "StudyInstanceUID" in dataset:
        return content
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.9"
    output = io.BytesIO()
    dataset.save_as(output)
    return output.getvalue()


NATIVE_FILES = {
    "8 bits": lambda: ramp_file(8),
    "12 bits": lambda: ramp_file(12),
    "16 bits": lambda: ramp_file(16),
    "signed, 8 bits": lambda: ramp_file(8, signed=True),
    "signed, 12 bits": lambda: ramp_file(12, signed=True),
    "signed, 16 bits": lambda: ramp_file(16, signed=True),
    "inverted": lambda: ramp_file(10, PhotometricInterpretation="MONOCHROME1"),
    "noise": noise_file,
    "colour by plane": planar_file,
    "implicit VR": lambda: sample("MR_small_implicit.dcm"),
    "big endian": lambda: sample("MR_small_bigendian.dcm"),
    "deflated": lambda: sample("image_dfl.dcm"),
    "palette": lambda: sample("examples_palette.dcm"),
    "RGB": lambda: sample("examples_rgb_color.dcm"),
    "odd size": lambda: sample("SC_rgb_small_odd.dcm"),
    "subsampled colour": lambda: sample("SC_ybr_full_422_uncompressed.dcm"),
}


@pytest.mark.parametrize("target", OTHER_DECODERS)
@pytest.mark.parametrize("file", NATIVE_FILES.values(), ids=NATIVE_FILES)
def test_uncompressed_pixels_come_back_the_same_from_every_target(file, target):
    content = file()
    before = values(content)

    compressed = transcoded(content, target)

    for decoder in OTHER_DECODERS[target]:
        after = values(compressed, decoder)
        assert (after.dtype, after.shape) == (before.dtype.newbyteorder("="), before.shape)
        assert np.array_equal(after, before), decoder


COMPRESSED_FILES = {
    "RLE": ("MR_small_RLE.dcm", "pydicom"),
    "RLE, 16-bit colour, 2 frames": ("SC_rgb_rle_16bit_2frame.dcm", "pydicom"),
    "RLE, 32 bits, 15 frames": ("rtdose_rle.dcm", "pydicom"),
    "JPEG Lossless": ("SC_rgb_jpeg_gdcm.dcm", "gdcm"),
    "JPEG-LS": ("MR_small_jpeg_ls_lossless.dcm", "pyjpegls"),
    "JPEG-LS near lossless, by line": ("SC_rgb_jls_lossy_line.dcm", "pyjpegls"),
    "JPEG-LS near lossless, by sample": ("SC_rgb_jls_lossy_sample.dcm", "pyjpegls"),
    "JPEG-LS near lossless, 16 bits": ("JPEGLSNearLossless_16.dcm", "pyjpegls"),
    "JPEG 2000 Lossless": ("MR_small_jp2klossless.dcm", "pylibjpeg"),
    "JPEG 2000, signed": ("693_J2KI.dcm", "pylibjpeg"),
    "JPEG 2000, YBR_RCT": ("GDCMJ2K_TextGBR.dcm", "pylibjpeg"),
    "JPEG 2000, codestream of another sign than the header": (
        "J2K_pixelrep_mismatch.dcm", "pylibjpeg",
    ),
}  # fmt: skip


@pytest.mark.parametrize("target", [EXPLICIT, RLE])
@pytest.mark.parametrize(("name", "decoder"), COMPRESSED_FILES.values(), ids=COMPRESSED_FILES)
def test_what_was_compressed_has_the_values_that_other_decoders_find(name, decoder, target):
    before = values(sample(name), decoder)

    after = values(transcoded(sample(name), target), "" if target == EXPLICIT else "pydicom")

    assert after.dtype == before.dtype
    assert np.array_equal(after, before)


@pytest.mark.parametrize("source", [HTJ2K, JPEG_2000, JPEG_LS, JPEG_LOSSLESS, RLE])
@pytest.mark.parametrize("target", [HTJ2K, JPEG_2000, JPEG_LS, JPEG_LOSSLESS, RLE])
def test_any_lossless_syntax_becomes_any_other(source, target):
    content = ramp_file(12, signed=True)

    there = transcoded(content, source)
    back = transcoded(transcoded(there, target), EXPLICIT)

    assert np.array_equal(values(back), values(content))


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_+eb+cy+n2.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_small_odd_jpeg.dcm",
        "SC_jpeg_no_color_transform.dcm", "SC_jpeg_no_color_transform_2.dcm",
    ],
)  # fmt: skip
def test_lossy_colour_arrives_as_rgb(name):
    dataset = read(sample(name))
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    expected = decoder.as_array(dataset, decoding_plugin="pillow")[0].astype(int)

    result = read(transcoded(sample(name), EXPLICIT))

    assert result.PhotometricInterpretation == "RGB"
    # Decoders differ in how they round and smooth; far-off colours are another matter.
    assert np.abs(result.pixel_array.astype(int) - expected).mean() < 4


def test_jpeg_of_12_bits_is_decoded():
    result = values(transcoded(sample("JPGExtended.dcm"), EXPLICIT))

    assert (result.dtype, result.min(), result.max()) == (np.uint16, 0, 264)


def test_uncompressed_frames_pass_as_they_are():
    frames = [b"\x01\x02", b"\x03\x04"]

    result = transcode_frames(b"", frames, source=BIG_ENDIAN, target=EXPLICIT)

    assert list(result) == frames


# --- What the head says --------------------------------------------------------------------------


def head_of(content: bytes, target: str) -> Dataset:
    head, _, source = taken_apart(content)
    return read(transcoded_head(head, source=source, target=target))


@pytest.mark.parametrize(
    ("target", "interpretation", "planar_configuration"),
    [
        (EXPLICIT, "RGB", 1),
        (RLE, "RGB", 1),
        (JPEG_LOSSLESS, "RGB", 0),
        (JPEG_LS, "RGB", 0),
        (JPEG_2000, "YBR_RCT", 0),
        (HTJ2K, "YBR_RCT", 0),
    ],
)
def test_the_head_says_in_which_colours_and_order_the_pixels_are(
    target, interpretation, planar_configuration
):
    head = head_of(planar_file(), target)

    assert head.file_meta.TransferSyntaxUID == target
    assert head.PhotometricInterpretation == interpretation
    assert head.PlanarConfiguration == planar_configuration


@pytest.mark.parametrize(
    ("target", "interpretation"),
    [(EXPLICIT, "YBR_FULL_422"), (RLE, "YBR_FULL"), (JPEG_2000, "YBR_FULL")],
)
def test_colour_that_nothing_transforms_stays_ybr(target, interpretation):
    head = head_of(sample("SC_ybr_full_422_uncompressed.dcm"), target)

    assert head.PhotometricInterpretation == interpretation


def test_what_was_lossy_once_says_so_for_ever():
    head = head_of(make_encapsulated([b"12"], "1.2.840.10008.1.2.4.50"), JPEG_2000)

    assert head.LossyImageCompression == "01"


def test_offsets_of_the_former_frames_are_left_out():
    content = make_encapsulated(
        [b"12"], ExtendedOffsetTable=bytes(8), ExtendedOffsetTableLengths=bytes(8)
    )

    assert "ExtendedOffsetTable" not in head_of(content, EXPLICIT)
    assert "ExtendedOffsetTableLengths" not in head_of(content, EXPLICIT)


@pytest.mark.parametrize("source", [IMPLICIT_VR_LITTLE_ENDIAN, BIG_ENDIAN])
def test_everything_else_is_said_as_before(source):
    nested = Dataset()
    nested.LUTDescriptor = [2, 0, 16]
    nested.RescaleSlope, nested.LUTData = "1.50000", b"\x01\x02\x03\x04"
    nested["LUTData"].VR = "OW"
    dataset = make_dataset(
        PixelSpacing=["0.5000", "5.0e-1"],
        RedPaletteColorLookupTableData=b"\x01\x02\x03\x04",
        ModalityLUTSequence=Sequence([nested]),
        SmallestImagePixelValue=7,
    )
    little = to_file(dataset)
    if source == BIG_ENDIAN:
        dataset.RedPaletteColorLookupTableData = nested.LUTData = b"\x02\x01\x04\x03"

    head, _, _ = taken_apart(to_file(dataset, source))
    result = transcoded_head(head, source=source, target=EXPLICIT)

    assert result == taken_apart(little)[0]


def test_file_meta_that_a_device_left_out_is_completed():
    content = make_file()
    at = content.index(b"\x02\x00\x03\x00UI")
    element = content[at : at + 8 + content[at + 6]]

    head = head_of(content.replace(element, b""), JPEG_2000)

    assert head.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4"


@settings(max_examples=200, deadline=None)
@given(data=st.data(), target=st.sampled_from([EXPLICIT, JPEG_2000]))
@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
def test_a_broken_head_is_refused_or_rewritten(name, data, target):
    head, _, source = taken_apart(sample(name))
    broken = bytearray(head)
    for position in data.draw(st.lists(st.integers(132, len(head) - 1), max_size=5)):
        broken[position] = data.draw(st.sampled_from([0, 1, 65, 92, 255]))

    try:
        result = transcoded_head(bytes(broken), source=source, target=target)
    except ArchiveError:
        return

    assert result[128:132] == b"DICM"


def test_a_vr_that_only_a_missing_value_would_decide_is_one_that_fits():
    item = Dataset()
    item.LUTData = b"\x01\x02\x03\x04"
    item["LUTData"].VR = "OW"
    dataset = make_dataset(
        ModalityLUTSequence=Sequence([item]), SmallestImagePixelValue=513, PixelRepresentation=None
    )
    dataset["SmallestImagePixelValue"].VR = "US"

    head = head_of(to_file(dataset, IMPLICIT_VR_LITTLE_ENDIAN), EXPLICIT)

    assert head.ModalityLUTSequence[0].LUTData == b"\x01\x02\x03\x04"
    assert head.SmallestImagePixelValue == 513


# --- What is refused -----------------------------------------------------------------------------


def transcode(content: bytes, target: str) -> list[bytes]:
    head, frames, source = taken_apart(content)
    return list(transcode_frames(head, frames, source=source, target=target))


@pytest.mark.parametrize(
    ("file", "target"),
    [
        pytest.param(lambda: sample("rtdose_1frame.dcm"), JPEG_LS, id="32 bits"),
        pytest.param(lambda: sample("rtdose_1frame.dcm"), JPEG_2000, id="32 bits, JPEG 2000"),
        pytest.param(lambda: sample("liver_1frame.dcm"), RLE, id="single bits"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(file, target):
    with pytest.raises(NotAvailableError, match="do not fit"):
        transcode(file(), target)


@pytest.mark.parametrize("target", [RLE, EXPLICIT])
def test_garbage_is_refused_without_its_words(target):
    content = make_encapsulated([b"Smith^John " * 40], JPEG_2000)

    with pytest.raises(NotAvailableError, match=r"^The pixel data cannot be decoded \(\w+\)\.$"):
        transcode(content, target)


@pytest.mark.parametrize(
    ("source", "target", "possible"),
    [
        (EXPLICIT, HTJ2K, True),
        (BIG_ENDIAN, EXPLICIT, True),
        ("1.2.840.10008.1.2.4.51", EXPLICIT, True),
        ("1.2.840.10008.1.2.4.203", JPEG_LS, True),
        ("1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.102", True),
        ("1.2.840.10008.1.2.4.102", EXPLICIT, False),
        (EXPLICIT, "1.2.840.10008.1.2.4.50", False),
        (EXPLICIT, "1.2.840.10008.1.2.4.91", False),
        (EXPLICIT, IMPLICIT_VR_LITTLE_ENDIAN, False),
        ("not a UID", EXPLICIT, False),
    ],
)
def test_it_is_known_beforehand_what_can_be_had(source, target, possible):
    assert can_transcode(source, target) is possible


def test_without_its_library_the_server_still_reads_and_writes_uncompressed_pixels(monkeypatch):
    monkeypatch.setattr(codecs, "_HAS_IMAGECODECS", False)

    assert can_transcode(RLE, EXPLICIT)
    assert not can_transcode(EXPLICIT, RLE)


def test_what_cannot_be_had_is_refused_with_both_names():
    frames = transcode_frames(b"", [b""], source="1.2.840.10008.1.2.4.102", target=RLE)

    with pytest.raises(NotAvailableError, match=r"1\.2\.840\.10008\.1\.2\.4\.102 .* 1\.2\.840"):
        next(frames)


# --- Streaming -----------------------------------------------------------------------------------


def children_of_worker() -> set[str]:
    process, _ = sandbox._WORKER._running
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return set(listed.read_text().split())


def test_a_frame_is_asked_for_when_the_one_before_has_been_taken():
    head, frames, source = taken_apart(sample("CT_small.dcm"))
    asked = []

    result = transcode_frames(
        head, (asked.append(n) or frames[0] for n in range(5000)), source=source, target=JPEG_LS
    )
    next(result), next(result)
    result.close()

    assert asked == [0, 1]


def test_the_child_ends_with_who_reads_no_further():
    head, frames, source = taken_apart(sample("CT_small.dcm"))
    result = transcode_frames(head, frames * 3, source=source, target=JPEG_LS)
    next(result)
    before = children_of_worker()

    result.close()

    assert before
    assert_soon(lambda: not before & children_of_worker())


def assert_soon(condition) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError


def test_a_long_object_takes_no_more_memory_than_a_short_one():
    head, frames, source = taken_apart(ramp_file(16))
    result = transcode_frames(head, frames * 400, source=source, target=RLE)
    tracemalloc.start()
    next(result)
    first = tracemalloc.get_traced_memory()[0]

    for _ in result:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak - first < 20 * len(frames[0])


# --- Hostile frames ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def codestreams() -> dict[str, tuple[bytes, bytes]]:
    """Target → head and one good frame."""
    head, frames, source = taken_apart(ramp_file(12))
    return {
        target: (
            transcoded_head(head, source=source, target=target),
            next(transcode_frames(head, frames, source=source, target=target)),
        )
        for target in OTHER_DECODERS
    }


# The same examples each time: what a codec needs 20 seconds for is not for a test to come upon.
@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(data=st.data())
def test_a_broken_codestream_is_refused_or_gives_a_frame_of_the_right_size(codestreams, data):
    syntax = data.draw(st.sampled_from(sorted(codestreams)))
    head, frame = codestreams[syntax]
    broken = bytearray(frame[: data.draw(st.integers(0, len(frame)))])
    for position in data.draw(st.lists(st.integers(0, 2**16), max_size=8)):
        if broken:
            broken[position % len(broken)] = data.draw(st.integers(0, 255))

    try:
        result = list(transcode_frames(head, [bytes(broken)], source=syntax, target=EXPLICIT))
    except (NotAvailableError, BusyError):  # or out of time
        return

    assert [len(frame) for frame in result] == [48 * 64 * 2]


@pytest.mark.parametrize("syntax", OTHER_DECODERS)
def test_a_header_that_lies_about_its_size_is_refused(codestreams, syntax):
    head, frame = codestreams[syntax]
    lying = head.replace(
        b"\x28\x00\x10\x00US\x02\x00\x30\x00", b"\x28\x00\x10\x00US\x02\x00\xff\xff"
    )

    with pytest.raises(NotAvailableError):
        list(transcode_frames(lying, [frame], source=syntax, target=EXPLICIT))


# --- Another program -----------------------------------------------------------------------------


@pytest.mark.peer
@pytest.mark.parametrize("file", ["12 bits", "signed, 16 bits", "RGB", "colour by plane"])
@pytest.mark.parametrize(
    ("target", "program"),
    [(RLE, "dcmdrle"), (JPEG_LS, "dcmdjpls"), (JPEG_LOSSLESS, "dcmdjpeg")],
    ids=["RLE", "JPEG-LS", "JPEG Lossless"],
)
def test_dcmtk_reads_what_was_compressed(tmp_path, file, target, program):
    content = NATIVE_FILES[file]()
    (tmp_path / "compressed.dcm").write_bytes(transcoded(content, target))

    subprocess.run([program, "compressed.dcm", "native.dcm"], check=True, cwd=tmp_path)

    assert np.array_equal(values((tmp_path / "native.dcm").read_bytes()), values(content))
