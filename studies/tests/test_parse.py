"""From files to plain values: the same from every encoding, and never a surprise."""

import datetime
import io
import os
import random
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from django.conf import settings
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from studies.dicom import json_model
from studies.dicom.attributes import Level, is_uid
from studies.dicom.names import PersonName
from studies.dicom.parse import inflate, inflate_pieces, parse_instance, to_date, to_time
from studies.errors import InstanceTooLargeError, InvalidInstanceError, StorageError
from studies.tests.builders import RLE, make_dataset, make_encapsulated, make_file, to_file
from studies.tests.samples import CHARSET_FILES, TEST_FILES, full_disk, parse

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

# As in production, where `studies.dicom` silences what the library says of strange values.
pytestmark = pytest.mark.filterwarnings(r"ignore:::pydicom\..*")


def columns(content: bytes) -> dict[str, object]:
    """Those of all levels together."""
    parsed = parse(content)
    return {key: value for level in Level for key, value in parsed.columns[level].items()}


def outcome(content: bytes) -> str:
    """Empty for a file that is read, else why not; anything but a refusal is raised."""
    try:
        parsed = parse(content)
    except InvalidInstanceError as error:
        return str(error)
    json_model.dumps(parsed.header).encode()
    return ""


# --- Transfer syntaxes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transfer_syntax",
    [
        pytest.param(IMPLICIT, id="implicit, PS3.5 A.1"),
        pytest.param(EXPLICIT, id="explicit, PS3.5 A.2"),
        pytest.param(BIG_ENDIAN, id="big endian, PS3.5 A.3"),
        pytest.param(DEFLATED, id="deflated, PS3.5 A.5"),
    ],
)
def test_every_native_transfer_syntax_gives_the_same_columns(transfer_syntax):
    parsed = parse(make_file(transfer_syntax))

    assert parsed.transfer_syntax_uid == transfer_syntax
    assert parsed.columns == {
        Level.PATIENT: {
            "patient_name": PersonName("Müller^Jürgen"),
            "patient_id": "MRN-1",
            "issuer_of_patient_id": "HOSPITAL",
            "patient_birth_date": datetime.date(1970, 1, 2),
            "patient_sex": "M",
        },
        Level.STUDY: {
            "study_date": datetime.date(2024, 1, 5),
            "study_time": datetime.time(10, 15),
            "timezone_offset_from_utc": "",
            "accession_number": "ACC-1",
            "referring_physician_name": PersonName("Curie^Marie"),
            "study_description": "CT head",
            "study_instance_uid": "1.2.3",
            "study_id": "1",
        },
        Level.SERIES: {
            "modality": "CT",
            "institution_name": "",
            "series_description": "Axial",
            "body_part_examined": "HEAD",
            "series_instance_uid": "1.2.3.9",
            "series_number": 1,
            "frame_of_reference_uid": "",
            "performed_procedure_step_start_date": None,
            "performed_procedure_step_start_time": None,
            "request_attributes": [],
        },
        Level.INSTANCE: {
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
            "sop_instance_uid": "1.2.3.4",
            "instance_number": 1,
            "number_of_frames": None,
            "rows": 4,
            "columns": 4,
            "bits_allocated": 16,
        },
    }


def test_of_requests_a_hundred_are_read_and_of_their_values_the_beginning():
    requests = [Dataset() for _ in range(150)]
    for number, request in enumerate(requests):
        request.RequestedProcedureID = f"{number} " + "x" * 200

    parsed = parse(make_file(RequestAttributesSequence=[Dataset(), *requests]))

    column = parsed.columns[Level.SERIES]["request_attributes"]
    assert len(column) == 99
    assert {len(item["RequestedProcedureID"]) for item in column} == {64}


def test_a_small_file_may_not_inflate_to_millions_of_values():
    dataset = make_dataset()
    dataset.add_new(0x00090010, "LO", "FLOOD")
    for number in range(300):
        # Written as it is: the library would make an object of each of ten million numbers.
        text = "1\\" * 32_000
        dataset.add(DataElement(0x00091000 + number, "DS", text, already_converted=True))
    content = to_file(dataset, DEFLATED)

    assert len(content) < 200_000
    assert "numbers in the header" in outcome(content)


def test_file_meta_information_has_a_limit():
    dataset = make_dataset()
    content = to_file(dataset)
    end = content.index(b"\x08\0\x05\0")
    private = struct.pack("<HH2sHL", 0x0002, 0x0102, b"OB", 0, 2_000_000) + bytes(2_000_000)

    assert "file meta information is larger" in outcome(content[:end] + private + content[end:])


def test_an_encapsulated_syntax_gives_the_same_columns_but_for_the_frames():
    native, encapsulated = columns(make_file()), columns(make_encapsulated([b"ab", b"cd"]))

    assert encapsulated == native | {"number_of_frames": 2}


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, BIG_ENDIAN, DEFLATED, RLE])
def test_the_header_is_the_same_in_every_encoding(transfer_syntax):
    if transfer_syntax == RLE:
        content = make_encapsulated([b"ab"])
    else:
        content = make_file(transfer_syntax, NumberOfFrames="1")

    assert parse(content).header == parse(make_file(NumberOfFrames="1")).header


def test_binary_values_come_in_little_endian_whatever_they_are_stored_in():
    words = {
        "RedPaletteColorLookupTableData": (b"\1\0\2\0", b"\0\1\0\2"),  # OW
        "VectorGridData": (b"\1\0\0\0", b"\0\0\0\1"),  # OF
    }
    little = make_dataset(**{keyword: value for keyword, (value, _) in words.items()})
    big = make_dataset(**{keyword: value for keyword, (_, value) in words.items()})
    for dataset, index in ((little, 0), (big, 1)):
        item = Dataset()
        item.LUTData = words["RedPaletteColorLookupTableData"][index]
        item["LUTData"].VR = "OW"
        dataset.VOILUTSequence = [item]

    assert parse(to_file(big, BIG_ENDIAN)).header == parse(to_file(little)).header


def test_native_syntaxes_may_not_hold_encapsulated_pixels():
    content = make_encapsulated([b"ab"]).replace(RLE.encode() + b"\0", EXPLICIT.encode() + b"\0")

    assert "allows no encapsulated" in outcome(content)


def test_trailing_garbage_behind_the_pixel_data_is_passed_over():
    assert outcome(make_file() + b"\x00" * 512) == ""
    assert outcome(make_file() + b"\xff\xfe\xfdgarbage") == ""


def test_garbage_before_the_pixel_data_is_not():
    head, pixels = make_file().split(b"\xe0\x7f\x10\x00", 1)

    assert "no known value representation" in outcome(
        head + bytes(16) + b"\xe0\x7f\x10\x00" + pixels
    )


def test_a_private_element_of_undefined_length_is_walked_and_kept():
    content = (TEST_FILES / "UN_sequence.dcm").read_bytes()
    unknown = content[content.index(b"DICM") + 4 :]
    at = unknown.index(b"UN\x00\x00\xff\xff\xff\xff") - 4
    head, pixels = make_file().split(b"\xe0\x7f\x10\x00", 1)

    header = parse(head + unknown[at:] + b"\xe0\x7f\x10\x00" + pixels).header

    assert header["4453100C"]["vr"] == "SQ"


# --- Identity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param(None, "is missing", id="absent"),
        pytest.param("", "is missing", id="empty"),
        pytest.param("../../../../etc/passwd", "is not a UID", id="path"),
        pytest.param("1.2.3/4", "is not a UID", id="slash"),
        pytest.param("1..2", "is not a UID", id="empty component"),
        pytest.param("1." * 32 + "1", "is not a UID", id="65 characters"),
        pytest.param(["1.2", "1.3"], "is not a UID", id="two values"),
    ],
)
def test_the_four_uids_are_demanded(keyword, value, complaint):
    dataset = make_dataset(**{keyword: value})
    meta = make_file()[: make_file().index(b"\x08\x00\x05\x00")]
    body = io.BytesIO()
    pydicom.dcmwrite(body, dataset, implicit_vr=False, little_endian=True)

    assert outcome(meta + body.getvalue()).startswith(f"{keyword} {complaint} (")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1", True), ("1.2.840.10008.1.2", True), ("1." * 31 + "10", True), ("1.0", True)]
    + [(text, False) for text in ("", ".", "1.", ".1", "1 ", "1.٣", "1\x00", "a", "-1", "1" * 65)],
)  # fmt: skip
def test_uids_are_digits_and_dots(text, is_one):
    assert is_uid(text) is is_one


def test_padding_of_a_uid_is_not_part_of_it():
    assert columns(make_file(SOPInstanceUID="1.2.3"))["sop_instance_uid"] == "1.2.3"
    spaced = make_file(SOPInstanceUID="1.2.3.44").replace(b"1.2.3.44", b"1.2.3.4 ")

    assert columns(spaced)["sop_instance_uid"] == "1.2.3.4"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "too short", id="empty"),
        pytest.param(bytes(128) + b"DICM", "too short", id="prefix only"),
        pytest.param(bytes(128) + b"DICOM" + bytes(64), "DICM prefix is missing", id="no prefix"),
        pytest.param(
            make_file().replace(b"\x02\x00\x10\x00UI", b"\x02\x00\x11\x00UI"),
            "does not name its transfer syntax", id="no transfer syntax",
        ),
        pytest.param(
            make_file().replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.x\x00"),
            "does not name its transfer syntax", id="transfer syntax that is no UID",
        ),
    ],
)  # fmt: skip
def test_what_is_no_part_10_file_is_refused(content, complaint):
    assert complaint in outcome(content)


# --- Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "date"),
    [
        pytest.param("20240229", datetime.date(2024, 2, 29), id="DA, PS3.5 6.2"),
        pytest.param("2024.02.29", datetime.date(2024, 2, 29), id="ACR-NEMA form"),
        pytest.param(" 20240229 ", datetime.date(2024, 2, 29), id="padded"),
        pytest.param("00010101", datetime.date(1, 1, 1), id="first day"),
        *[
            pytest.param(text, None, id=repr(text))
            for text in ("", "20230229", "00000000", "20241301", "202402", "2024-02-29",
                         "20240101-", "tomorrow", "202402299", "20240229T1200", "99999999")
        ],
    ],
)  # fmt: skip
def test_dates(text, date):
    assert to_date(text) == date


@pytest.mark.parametrize(
    ("text", "time_of_day"),
    [
        pytest.param("101530", datetime.time(10, 15, 30), id="TM, PS3.5 6.2"),
        pytest.param("10", datetime.time(10), id="hour only"),
        pytest.param("1015", datetime.time(10, 15), id="hour and minute"),
        pytest.param("101530.5", datetime.time(10, 15, 30, 500_000), id="one digit of fraction"),
        pytest.param("101530.000001", datetime.time(10, 15, 30, 1), id="six digits of fraction"),
        pytest.param("10:15:30", datetime.time(10, 15, 30), id="ACR-NEMA form"),
        pytest.param("235960", datetime.time(23, 59, 59), id="leap second"),
        *[
            pytest.param(text, None, id=repr(text))
            for text in ("", "240000", "106000", "101561", "101599", "1", "10153", "noon", "-10",
                         "101530.1234567")
        ],
    ],
)  # fmt: skip
def test_times(text, time_of_day):
    assert to_time(text) == time_of_day


@pytest.mark.parametrize(
    ("attributes", "column"),
    [
        ({"StudyDate": "19991399"}, "study_date"),
        ({"StudyDate": ["20240101", "20240102"]}, "study_date"),
        ({"StudyTime": "late"}, "study_time"),
        ({"SeriesNumber": "99999999999"}, "series_number"),
        ({"SeriesNumber": ["1", "2"]}, "series_number"),
        ({"BitsAllocated": None, "PixelData": None}, "bits_allocated"),
    ],
)
def test_a_value_that_does_not_fit_is_none_and_no_error(attributes, column):
    assert columns(make_file(**attributes))[column] is None


@pytest.mark.parametrize(
    ("tag", "vr", "value", "column", "expected"),
    [
        pytest.param(0x200011, b"IS", b"seven ", "series_number", None, id="IS that is a word"),
        pytest.param(0x200011, b"IS", b"1.5 ", "series_number", None, id="IS with a fraction"),
        pytest.param(0x280010, b"US", b"\x01\x00\x02", "rows", None, id="US of three bytes"),
        pytest.param(0x280010, b"SS", b"\xfb\xff", "rows", None, id="negative rows"),
        pytest.param(0x280008, b"IS", b"-1", "number_of_frames", None, id="negative frames"),
        pytest.param(0x280010, b"FD", b"\0\0\0\0\0\0\xf8\x7f", "rows", None, id="NaN"),
        pytest.param(0x100010, b"SQ", b"", "patient_name", PersonName(), id="name of another VR"),
        pytest.param(0x100040, b"CS", b"M" * 20, "patient_sex", "M" * 16, id="sex of 20 letters"),
        pytest.param(0x081030, b"LO", b"A" * 300, "study_description", "A" * 256, id="300 letters"),
        pytest.param(0x081030, b"LO", b"A\x00B\x1b\x07", "study_description", "AB", id="controls"),
    ],
)  # fmt: skip
def test_a_malformed_element_costs_its_own_value_only(tag, vr, value, column, expected):
    head = to_file(make_dataset(PixelData=None, Rows=None, PatientSex=None, PatientName=None,
                                StudyDescription=None, SeriesNumber=None))  # fmt: skip
    long = vr == b"SQ"
    element = (
        (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr
        + b"\0\0" * long + len(value).to_bytes(4 if long else 2, "little") + value
    )  # fmt: skip

    found = columns(head + element)

    assert found[column] == expected
    assert found["patient_id"] == "MRN-1"


def test_frames_that_nobody_can_count_are_refused():
    assert "promise more" in outcome(make_file(NumberOfFrames="99999999999"))
    assert "promise more" in outcome(make_file(NumberOfFrames="0"))


def test_negative_rows_and_columns_do_not_make_an_area():
    content = make_file(Rows=65531, Columns=65531)
    negative = content.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00SS").replace(
        b"\x28\x00\x11\x00US", b"\x28\x00\x11\x00SS"
    )

    assert (columns(negative)["rows"], columns(negative)["columns"]) == (None, None)


# --- Character sets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("chrArab.dcm", "قباني^لنزار", id="ISO_IR 127"),
        pytest.param("chrFren.dcm", "Buc^Jérôme", id="ISO_IR 100"),
        pytest.param("chrFrenMulti.dcm", "Buc^Jérôme", id="several values"),
        pytest.param("chrGerm.dcm", "Äneas^Rüdiger", id="ISO_IR 100, German"),
        pytest.param("chrGreek.dcm", "Διονυσιος", id="ISO_IR 126"),
        pytest.param("chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう", id="PS3.5 H.3.1"),
        pytest.param("chrH32.dcm", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", id="PS3.5 H.3.2"),
        pytest.param("chrHbrw.dcm", "שרון^דבורה", id="ISO_IR 138"),
        pytest.param("chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동", id="ISO 2022 IR 149, PS3.5 I.2"),
        pytest.param("chrKoreanMulti.dcm", "김희중", id="ISO 2022 IR 149 without escape"),
        pytest.param("chrRuss.dcm", "Люкceмбypг", id="ISO_IR 144"),  # noqa: RUF001 - that is the name
        pytest.param("chrX1.dcm", "Wang^XiaoDong=王^小東", id="ISO_IR 192, PS3.5 J.1"),
        pytest.param("chrX2.dcm", "Wang^XiaoDong=王^小东", id="GB18030, PS3.5 J.2"),
        pytest.param("chrJapMulti.dcm", "やまだ^たろう", id="ISO 2022 IR 87 in one group"),
    ],
)  # fmt: skip
def test_names_are_read_in_every_character_set(file, name):
    content = (CHARSET_FILES / file).read_bytes()

    assert str(columns(content)["patient_name"]) == name


def test_a_long_first_element_cannot_lead_the_reader_to_another_encoding():
    """What follows an element left in the file would be read as explicit VR, unwalked."""
    plain = make_file(IMPLICIT, SpecificCharacterSet=None, PatientName="A^B")
    long_value = struct.pack("<HHL", 0x0007, 0x1001, 70_000) + bytes(70_000)
    hidden = b"\x08\0\x05\0CS\x08\0punycode"  # in a value whose length reads as a VR
    value = hidden + bytes(0x4142 - len(hidden))
    start = plain.index(b"\x08\0\x16\0")  # SOP Class UID, the first element
    led = long_value + struct.pack("<HHL", 0x0007, 0x1002, len(value)) + value

    parsed = parse(plain[:start] + led + plain[start:])

    assert parsed.columns == parse(plain).columns
    assert "00080005" not in parsed.header


@pytest.mark.parametrize(
    "term",
    ["utf-7", "utf_16", "latin_1", "ISO 2022 IR 999", "ISO_IR-100", "no such set", "x"],
)
def test_an_unknown_character_set_never_breaks_the_reader(term):
    content = make_file(
        SpecificCharacterSet=None, PatientName=r"+2AA-\ud800", StudyDescription="A+2AA-"
    )
    at = content.index(b"\x08\x00\x16\x00")
    value = term.encode() + b" " * (len(term) % 2)
    element = b"\x08\x00\x05\x00CS" + len(value).to_bytes(2, "little") + value

    assert "character" not in outcome(content[:at] + element + content[at:])


def test_text_never_holds_what_the_database_or_a_terminal_chokes_on():
    content = make_file(StudyDescription="a\u202eb\u2066c\u009bd\x1be\x7ff")

    assert columns(content)["study_description"] == "abcdef"


# --- Bounds --------------------------------------------------------------------------------------


def raw_deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


def test_data_of_any_length_inflates_to_its_end():
    """Where a piece is full, output may wait inside the inflater though all input is consumed."""
    mebibyte = 1024 * 1024
    lengths = [0, 1, *range(mebibyte - 2, mebibyte + 300, 3), 2 * mebibyte, 3 * mebibyte + 7]

    inflated = []
    for length in lengths:
        target = io.BytesIO()
        inflate(b"head" + raw_deflate(bytes(length)), 4, target, max_bytes=2**30)
        inflated.append(len(target.getvalue()) - 4)

    assert inflated == lengths


@pytest.mark.parametrize("cut", [3, 5, 50])
def test_a_deflated_data_set_that_is_cut_off_is_refused(cut):
    assert "cut off" in outcome(make_file(DEFLATED)[:-cut])


def test_a_deflated_data_set_may_not_inflate_beyond_the_limit():
    with pytest.raises(InstanceTooLargeError):
        parse(
            make_file(DEFLATED, Rows=1000, Columns=1000, PixelData=bytes(2_000_000)),
            max_bytes=10**6,
        )


def test_no_deflated_data_set_may_inflate_beyond_half_a_gigabyte():
    """Whatever the limit of an instance, and at however honest a ratio."""
    not_compressed = struct.pack("<BHH", 0, 0xFFFF, 0) + bytes(0xFFFF)  # a block of RFC 1951 3.2.4
    pieces = [not_compressed] * 10_000

    with Path(os.devnull).open("wb") as target, pytest.raises(InstanceTooLargeError):
        inflate_pieces(pieces, 2**40, target, max_bytes=2**40)


def test_what_is_not_deflated_at_all_is_refused():
    content = make_file(DEFLATED)
    start = content.index(b"1.2.840.10008.1.2.1.99") + 22
    tail = content.index(b"\x02\x00\x12\x00", start)

    assert "cannot be read (error)" in outcome(content[: tail + 60] + b"\xff" * 500)


def test_a_full_disk_is_not_blamed_on_the_file(tmp_path):
    path = tmp_path / "deflated.dcm"
    path.write_bytes(make_file(DEFLATED, Rows=1000, Columns=1000, PixelData=bytes(2_000_000)))

    with path.open("rb") as file, full_disk(100_000), pytest.raises(StorageError, match="room"):
        parse_instance(file, max_bytes=2**30)


def test_a_long_binary_value_stays_in_the_object():
    content = make_file(EncapsulatedDocument=b"%PDF" * 20_000)

    parsed = parse(content)

    bulk = parsed.bulk["00420011"]
    assert (bulk.vr, bulk.length) == ("OB", 80_000)
    assert content[bulk.offset : bulk.offset + 8] == b"%PDF%PDF"
    assert "InlineBinary" not in parsed.header["00420011"]


def test_a_header_beyond_any_honest_one_is_refused(monkeypatch):
    monkeypatch.setattr("studies.dicom.parse._MAX_HEADER_BYTES", 1000)

    with pytest.raises(InstanceTooLargeError, match="header"):
        parse(make_file(PatientComments="x" * 2000))


def test_a_flood_of_elements_is_refused_in_bounded_time():
    head, _ = make_file().split(b"\xe0\x7f\x10\x00", 1)

    started = time.process_time()
    reason = outcome(head + b"\x09\x00\x01\x10LO\x00\x00" * 250_000)

    assert reason == "more than 200000 data elements"
    assert time.process_time() - started < 5


# --- Whatever the bytes are ----------------------------------------------------------------------

WHOLE = [
    TEST_FILES / "CT_small.dcm", TEST_FILES / "MR_small_implicit.dcm", TEST_FILES / "image_dfl.dcm",
    TEST_FILES / "MR_small_bigendian.dcm", TEST_FILES / "SC_rgb_rle_2frame.dcm",
    TEST_FILES / "test-SR.dcm", TEST_FILES / "rtplan.dcm", CHARSET_FILES / "chrH32.dcm",
    TEST_FILES / "reportsi.dcm",
]  # fmt: skip
by_name = pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)


@by_name
def test_a_truncated_file_is_read_or_refused(path):
    content = path.read_bytes()

    whole = parse(content).frames
    cuts = [content[:length] for length in range(0, len(content), 97)]

    # Where a cut falls between two elements, nothing tells that there was to be more.
    assert {parse(cut).frames for cut in cuts if outcome(cut) == ""} <= {None, whole}


@by_name
def test_a_byte_of_the_header_that_lies_is_read_or_refused(path):
    """Each of the first bytes in turn becomes 0xFF: lengths, tags, VRs and values alike."""
    content = path.read_bytes()

    reasons = [
        outcome(content[:at] + b"\xff" + content[at + 1 :]) for at in range(128, 1700, 3)
    ]  # fmt: skip

    assert len([reason for reason in reasons if reason]) > 20


def mutations(path) -> strategies.SearchStrategy[bytes]:
    """The file with some bytes of meta information, header or pixels replaced."""
    content = path.read_bytes()
    places = strategies.integers(128, min(3000, len(content) - 1)) | strategies.integers(
        128, len(content) - 1
    )
    special = strategies.sampled_from([0, 1, 0x1B, 0x5C, 0x7F, 0x80, 0xFE, 0xFF])
    changes = strategies.dictionaries(places, special | strategies.integers(0, 255), max_size=12)

    def apply(changed: dict[int, int]) -> bytes:
        mutated = bytearray(content)
        for place, byte in changed.items():
            mutated[place] = byte
        return bytes(mutated)

    return changes.map(apply)


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(content=strategies.one_of([mutations(path) for path in WHOLE]))
def test_mutated_files_are_read_or_refused(content):
    started = time.process_time()

    outcome(content)

    assert time.process_time() - started < 2


NAME = "Plantagenet^Eleanor"


def test_no_message_repeats_what_the_file_says():
    """What is said of a refused file ends in logs and in answers to strangers."""
    content = bytearray(
        make_file(
            PatientName=NAME, PatientID=NAME, StudyDescription=NAME, OtherPatientNames=NAME,
            StudyDate="Plantagenet", SeriesNumber="7", NumberOfFrames="1", IssuerOfPatientID=NAME,
        )
    )  # fmt: skip
    chance = random.Random(7)
    said = set()
    for _ in range(1500):
        mutated = bytearray(content)
        for place in chance.choices(range(128, len(content)), k=chance.choice((1, 1, 3))):
            mutated[place] = chance.choice((0, 0xFF, 0x5C, chance.randrange(256)))
        said.add(outcome(bytes(mutated)))

    assert len(said) > 8
    assert not [reason for reason in said if "lantagene" in reason or "leano" in reason]


def test_bad_values_are_quoted_neither_in_warnings_nor_in_logs(tmp_path):
    path = tmp_path / "bad.dcm"
    content = make_file(StudyDate="19991399", PatientName=NAME, SeriesDescription="7" * 19)
    content = content.replace(b"LO\x14\x00" + b"7" * 19, b"IS\x14\x00" + NAME.encode())
    path.write_bytes(content.replace(b"ISO_IR 192", b"ISO_IR 999"))
    code = f"""
        import logging
        logging.basicConfig(level="INFO")
        from studies.dicom.parse import parse_instance
        with open({str(path)!r}, "rb") as file:
            print(parse_instance(file, max_bytes=10**6).sop_instance_uid)
    """

    child = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=True, cwd=settings.BASE_DIR, env=os.environ,
    )  # fmt: skip

    assert (child.stdout, child.stderr) == ("1.2.3.4\n", "")


# --- Into the index ------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"PatientSex": "UNDIFFERENTIATED AND LONG"}, id="long sex"),
        pytest.param({"PatientName": "A" * 3000}, id="long name"),
        pytest.param(
            {"PatientName": "=".join("".join(map(chr, range(0x20000 + 300 * n, 0x20100 + 300 * n)))
                                      for n in range(3))}, id="long name of four-byte characters",
        ),
        pytest.param({"ReferringPhysicianName": "ﷺ" * 900}, id="name that grows when it is folded"),
        pytest.param({"StudyDescription": "x" * 60_000}, id="long description"),
        pytest.param({"Modality": ["CT", "MR"] * 200}, id="many modalities"),
        pytest.param({"PixelData": None, "NumberOfFrames": "-3"}, id="negative frames"),
        pytest.param({"StudyDate": "00010101", "StudyTime": "000000"}, id="first day"),
        pytest.param({"StudyDate": "99991231", "StudyTime": "235960"}, id="last day"),
        pytest.param({"SeriesNumber": "-2147483648"}, id="smallest number"),
        pytest.param({"PatientName": "A\x00B", "PatientID": "\x00"}, id="NUL"),
    ],
)  # fmt: skip
def test_whatever_is_read_can_be_indexed(store, attributes):
    with suppress(InvalidInstanceError):
        assert store(make_file(**attributes)).outcome == "stored"
        return
    pytest.fail("refused")
