"""The walk over headers: what it finds, and what it refuses before any library reads the input."""

import struct
import time

import pytest

from studies.dicom.elements import Bounds, Encoding, Walker
from studies.errors import InstanceTooLargeError, InvalidInstanceError
from studies.tests.builders import make_file
from studies.tests.samples import parse

EXPLICIT = Encoding(implicit_vr=False, little_endian=True)
IMPLICIT = Encoding(implicit_vr=True, little_endian=True)
BIG_ENDIAN = Encoding(implicit_vr=False, little_endian=False)
UNDEFINED = 0xFFFFFFFF
SEQUENCE_TAG, NAME_TAG, PIXEL_TAG = 0x00081115, 0x00100010, 0x7FE00010
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """An element; `length` replaces what its header says."""
    length = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    long = vr in ("OB", "OW", "OV", "SQ", "UN", "UT", "UC")
    return head + struct.pack("<HL" if long else "<H", *([0] if long else []), length) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length) + value


def item(content: bytes, *, closed: bool = False) -> bytes:
    """An item of defined length, or one that a delimiter closes."""
    return implicit(0xFFFEE000, content, UNDEFINED if closed else None) + ITEM_END * closed


def walk(data: bytes, encoding: Encoding = EXPLICIT, **bounds: int) -> list[tuple[int, str, int]]:
    """Tag, VR and length of value of each top-level element."""
    elements = Walker(data, 0, encoding, bounds=Bounds(**bounds))
    return [(element.tag, element.vr, element.length) for element in elements]


def nested(depth: int, *, closed: bool) -> bytes:
    content = b""
    for _ in range(depth):
        inner = item(content, closed=closed) + SEQUENCE_END * closed
        content = explicit(SEQUENCE_TAG, "SQ", inner, UNDEFINED if closed else None)
    return content


@pytest.mark.parametrize(
    ("data", "encoding", "found"),
    [
        pytest.param(
            explicit(NAME_TAG, "PN", b"A^B "), EXPLICIT, (NAME_TAG, "PN", 4), id="16-bit length"
        ),
        pytest.param(
            explicit(0x00091001, "UN", b"abcd"), EXPLICIT, (0x00091001, "UN", 4), id="32-bit length"
        ),
        pytest.param(implicit(NAME_TAG, b"A^B "), IMPLICIT, (NAME_TAG, "PN", 4), id="implicit"),
        pytest.param(
            implicit(0x00091001, b"abcd"), IMPLICIT, (0x00091001, "UN", 4), id="implicit, private"
        ),
        pytest.param(
            implicit(0x00280106, b"ab"), IMPLICIT, (0x00280106, "US", 2), id="implicit, US or SS"
        ),
        pytest.param(
            implicit(0x60003000, b"ab"), IMPLICIT, (0x60003000, "OW", 2), id="implicit, repeating"
        ),
        pytest.param(
            implicit(0x00283006, b"ab"), IMPLICIT, (0x00283006, "OW", 2), id="implicit, US or OW"
        ),
        pytest.param(
            b"\x00\x10\x00\x10PN\x00\x04A^B ", BIG_ENDIAN, (NAME_TAG, "PN", 4), id="big endian"
        ),
        pytest.param(explicit(NAME_TAG, "PN", b""), EXPLICIT, (NAME_TAG, "PN", 0), id="empty"),
        pytest.param(nested(3, closed=False), EXPLICIT, (SEQUENCE_TAG, "SQ", 48), id="nested"),
        pytest.param(
            nested(1, closed=True), EXPLICIT, (SEQUENCE_TAG, "SQ", 24), id="nested, delimited"
        ),
        pytest.param(
            explicit(PIXEL_TAG, "OB", item(b"") + item(b"ab") + SEQUENCE_END, UNDEFINED),
            EXPLICIT, (PIXEL_TAG, "OB", 26), id="encapsulated",
        ),
        pytest.param(
            explicit(0x00091001, "UN", item(implicit(NAME_TAG, b"A^B ")) + SEQUENCE_END, UNDEFINED),
            EXPLICIT, (0x00091001, "UN", 28), id="UN of undefined length is implicit, PS3.5 6.2.2",
        ),
    ],
)  # fmt: skip
def test_an_element_is_found_with_its_vr_and_length(data, encoding, found):
    assert walk(data, encoding) == [found]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(explicit(NAME_TAG, "PN", b"ab", 60000), "longer than", id="16-bit lie"),
        pytest.param(explicit(NAME_TAG, "UT", b"ab", 0xFFFFFFF0), "longer than", id="32-bit lie"),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", item(b""), 80), "longer than", id="sequence too long"
        ),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", implicit(0xFFFEE000, b"", 20)) + bytes(40),
            "longer than", id="item beyond its sequence",
        ),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", item(explicit(NAME_TAG, "PN", b"", 20))) + bytes(40),
            "longer than", id="element beyond its item",
        ),
        pytest.param(explicit(NAME_TAG, "Q?", b"abcd"), "no known value", id="unknown VR"),
        pytest.param(explicit(NAME_TAG, "OB", b"")[:9], "no known value", id="cut in a header"),
        pytest.param(explicit(NAME_TAG, "PN", b"")[:5], "ends in the middle", id="cut in a tag"),
        pytest.param(item(b""), "outside of any sequence", id="item at top level"),
        pytest.param(ITEM_END, "outside of any sequence", id="delimiter at top level"),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", explicit(NAME_TAG, "PN", b"A^B ")),
            "not an item", id="element where an item is due",
        ),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", item(SEQUENCE_END)),
            "where a data element is due", id="delimiter of the wrong kind",
        ),
        pytest.param(
            explicit(SEQUENCE_TAG, "SQ", item(b"", closed=True), UNDEFINED),
            "ends in the middle", id="sequence never closed",
        ),
        pytest.param(
            explicit(PIXEL_TAG, "OB", item(b"ab"), UNDEFINED),
            "ends in the middle", id="fragments never closed",
        ),
        pytest.param(
            explicit(PIXEL_TAG, "OB", ITEM_END + SEQUENCE_END, UNDEFINED),
            "something else than items", id="fragments that are none",
        ),
        pytest.param(
            explicit(PIXEL_TAG, "OB", implicit(0xFFFEE000, b"", UNDEFINED), UNDEFINED),
            "longer than", id="fragment of undefined length",
        ),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(data, complaint):
    with pytest.raises(InvalidInstanceError, match=complaint):
        walk(data)


@pytest.mark.parametrize("closed", [False, True], ids=["defined length", "undefined length"])
def test_sixteen_levels_are_walked_and_one_more_is_refused(closed):
    assert len(walk(nested(16, closed=closed))) == 1

    with pytest.raises(InvalidInstanceError, match="deeper than 16"):
        walk(nested(17, closed=closed))


def test_a_hundred_thousand_levels_are_refused_at_a_glance():
    flood = (
        explicit(SEQUENCE_TAG, "SQ", b"", UNDEFINED) + implicit(0xFFFEE000, b"", UNDEFINED)
    ) * 100_000

    started = time.process_time()
    with pytest.raises(InvalidInstanceError, match="deeper"):
        walk(flood)

    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(explicit(NAME_TAG, "PN", b"") * 11, id="elements"),
        pytest.param(explicit(SEQUENCE_TAG, "SQ", item(b"") * 10), id="items"),
        pytest.param(explicit(NAME_TAG, "PN", b"a\\" * 11), id="values of text"),
    ],
)
def test_more_elements_than_allowed_are_refused(flood):
    with pytest.raises(InvalidInstanceError, match="more than 10 data elements"):
        walk(flood, elements=10)


def test_more_fragments_than_allowed_are_refused():
    flood = explicit(PIXEL_TAG, "OB", item(b"") * 11 + SEQUENCE_END, UNDEFINED)

    with pytest.raises(InvalidInstanceError, match="more than 10 fragments"):
        walk(flood, fragments=10)


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(explicit(0x00181041, "DS", b"1\\" * 11), id="decimal strings"),
        pytest.param(explicit(0x00280008, "IS", b"1\\" * 11), id="integer strings"),
        pytest.param(explicit(0x00189087, "FD", bytes(8 * 11)), id="binary"),
        pytest.param(explicit(0x00091001, "UN", b"1\\" * 22), id="unknown, perhaps text"),
    ],
)
def test_more_numbers_than_allowed_are_refused(flood):
    with pytest.raises(InstanceTooLargeError, match="more than 10 numbers"):
        walk(flood, numbers=10)


def test_a_long_value_of_an_unknown_kind_is_not_counted_since_it_is_not_read():
    assert walk(explicit(0x00091001, "UN", bytes(70_000)), numbers=10)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(
            explicit(0x00091001, "UT", item(b"a ") + SEQUENCE_END, UNDEFINED),
            EXPLICIT,
            id="of text",
        ),
        pytest.param(
            explicit(0x00091001, "OB", item(SEQUENCE_END) + SEQUENCE_END, UNDEFINED),
            EXPLICIT,
            id="with its delimiter inside",
        ),
        pytest.param(
            implicit(0x60003000, item(SEQUENCE_END) + SEQUENCE_END, UNDEFINED),
            IMPLICIT,
            id="with its delimiter inside, in a repeating group",
        ),
    ],
)
def test_undefined_length_that_the_library_would_end_elsewhere_is_refused(data, encoding):
    with pytest.raises(InvalidInstanceError, match=r"undefined length|delimiter"):
        walk(data, encoding)


def test_an_implicit_length_that_reads_as_a_vr_is_refused_as_first_element():
    """The library would take the whole data set for an explicit one and read past our bounds."""
    first = implicit(0x00091001, bytes(0x4955))

    with pytest.raises(InvalidInstanceError, match="explicit VRs"):
        walk(first, IMPLICIT)


def test_the_same_length_is_fine_behind_the_first_element():
    data = implicit(NAME_TAG, b"A^B ") + implicit(0x7FE00010, bytes(0x4955))

    assert walk(data, IMPLICIT)[1] == (PIXEL_TAG, "OW", 0x4955)


def test_items_of_an_unknown_element_may_not_switch_to_explicit_vr():
    inner = item(implicit(0x00091001, bytes(0x4955))) + SEQUENCE_END

    with pytest.raises(InvalidInstanceError, match="explicit VRs"):
        walk(explicit(0x00091002, "UN", inner, UNDEFINED))


# --- What was not walked is not opened by the library either -------------------------------------


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(0x00081140, id="sequence by the dictionary"),
        pytest.param(0x50002600, id="sequence by a repeating group"),
    ],
)
def test_an_unknown_value_stays_bytes_though_the_dictionary_calls_it_a_sequence(tag):
    flood = explicit(tag, "UN", item(b"") * 8000)
    head, pixels = make_file().split(struct.pack("<HH", 0x7FE0, 0x0010), 1)

    header = parse(head + flood + struct.pack("<HH", 0x7FE0, 0x0010) + pixels).header

    assert header[f"{tag:08X}"]["vr"] == "UN"
    assert len(header[f"{tag:08X}"]["InlineBinary"]) > 64_000


def test_an_unknown_value_of_a_known_text_is_read_as_that_text():
    content = make_file(PatientName=None, PatientID=None)
    at = content.index(b"\x10\x00\x21\x00")
    text = explicit(0x00100010, "UN", b"Roe^Jane") + explicit(0x00100020, "UN", b"MRN-7 ")

    header = parse(content[:at] + text + content[at:]).header

    assert header["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Roe^Jane"}]}
    assert header["00100020"] == {"vr": "LO", "Value": ["MRN-7"]}


@pytest.mark.parametrize(
    "name",
    ["punycode", "IDNA", "unicode_escape", "undefined", "rot13", "Hex_Codec", "zlib", "bz2", "uu"],
)
def test_a_codec_that_no_dicom_term_means_is_refused(name):
    """Python's punycode takes quadratic time: hours for a text of some megabytes."""
    value = explicit(0x00080005, "CS", name.ljust(20).encode())

    with pytest.raises(InvalidInstanceError, match="character set"):
        walk(explicit(SEQUENCE_TAG, "SQ", item(value)))


def test_a_kilobyte_of_character_sets_is_refused():
    with pytest.raises(InvalidInstanceError, match="character set"):
        walk(explicit(0x00080005, "CS", b"ISO_IR 100\\" * 100))
