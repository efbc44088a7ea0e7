"""What a client accepts, and what it gets (PS3.18 8.7)."""

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from studies.dicomweb.media_types import (
    LOSSY_TRANSFER_SYNTAXES,
    RENDERED_MEDIA_TYPES,
    Offer,
    offer_bulk_value,
    offer_frames,
    offer_images,
    offer_instances,
    parse_accept,
)
from studies.errors import InvalidQueryError, NotAvailableError

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
MPEG_4 = "1.2.840.10008.1.2.4.102"
FLAT = "1.2.840.10008.1.2.1.98"  # Encapsulated Uncompressed, of which there is no decoder

DICOM, OCTETS = "application/dicom", "application/octet-stream"


def instances(accept: str, stored: str, *, alone: bool = False) -> tuple[str, bool, str]:
    """Media type, whether single part, and the transfer syntax that is sent."""
    offer = offer_instances(parse_accept(accept), [stored], alone=alone)
    return offer.media_type, offer.single_part, offer.transfer_syntaxes[stored]


def frames(accept: str, stored: str, *, alone: bool = True) -> tuple[str, bool, str]:
    offer = offer_frames(parse_accept(accept), [stored], alone=alone)
    return offer.media_type, offer.single_part, offer.transfer_syntaxes[stored]


# --- Reading Accept ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "best"),
    [
        pytest.param("image/png;q=0.5, image/jpeg", "image/jpeg", id="quality, RFC 9110 12.4.2"),
        pytest.param("image/png, image/jpeg", "image/png", id="the client's order where equal"),
        pytest.param("*/*, image/png", "image/png", id="anything comes last where equal"),
        pytest.param("image/png;q=x, image/jpeg;q=0.1", "image/jpeg", id="no number is none"),
        pytest.param("IMAGE/PNG", "image/png", id="types are of any case"),
        pytest.param("application/dicom json", "application/dicom+json", id="+ in an address"),
    ],
)
def test_the_best_wish_comes_first(text, best):
    assert parse_accept(text)[0].type == best


def test_a_comma_in_quotes_separates_nothing():
    (wish,) = parse_accept('multipart/related; type="application/dicom"; boundary="a,b;c"')

    assert wish.parameters == {"type": "application/dicom", "boundary": "a,b;c"}


@pytest.mark.parametrize("quality", ["0", "-1", "nan", "0.000"])
def test_what_has_no_quality_is_not_wished_for(quality):
    assert parse_accept(f"image/png;q={quality}") == []


@pytest.mark.parametrize(
    "text",
    [
        "application/dicom, image/png",
        'multipart/related; type="application/dicom", image/gif',
        "application/dicom+json, video/mp4",
    ],
)
def test_dicom_and_rendered_media_types_are_not_mixed(text):
    with pytest.raises(InvalidQueryError, match="one request"):
        parse_accept(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("application/dicom, image/jpeg", id="which may be of either kind"),
        pytest.param("application/json, text/plain, */*", id="axios"),
        pytest.param(
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            id="an address typed into a browser",
        ),
    ],
)
def test_what_is_not_clearly_of_both_kinds_is_not_refused(text):
    assert parse_accept(text)


@hypothesis_settings(max_examples=300, deadline=None, derandomize=True)
@given(text=strategies.text(alphabet='aq=;,"*/ +.0\\', max_size=60))
def test_whatever_a_client_accepts_is_read_or_refused_in_words(text):
    wishes = parse_accept(text)

    assert all(wish.quality > 0 for wish in wishes)


# --- Instances -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "stored", "sent"),
    [
        pytest.param(
            'multipart/related; type="application/dicom"', EXPLICIT, EXPLICIT,
            id="explicit VR is what no parameter means, 8.7.3.5.2",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"', IMPLICIT, EXPLICIT,
            id="implicit VR has no place on the web, 8.7.3.5.2",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"', BIG_ENDIAN, EXPLICIT,
            id="nor has big endian",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"', RLE, EXPLICIT, id="lossless is decoded"
        ),
        pytest.param(
            'multipart/related; type="application/dicom"', JPEG_BASELINE, JPEG_BASELINE,
            id="what has lost something stays as it is",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"', MPEG_4, MPEG_4, id="so does video"
        ),
        pytest.param(
            'multipart/related; type="application/dicom"; transfer-syntax=*', JPEG_2000, JPEG_2000,
            id="any syntax means as stored",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"; transfer-syntax=*', IMPLICIT, IMPLICIT,
            id="bit for bit, whatever it is stored in",
        ),
        pytest.param(
            f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_LS}', EXPLICIT,
            JPEG_LS, id="a named syntax",
        ),
        pytest.param(
            f"multipart/related; type=application/dicom; transfer-syntax={RLE}", JPEG_2000, RLE,
            id="from one compression to another, unquoted",
        ),
        pytest.param("multipart/related", RLE, EXPLICIT, id="parts of any type"),
        pytest.param("*/*", RLE, EXPLICIT, id="anything means the default"),
        pytest.param("*/*", FLAT, FLAT, id="anything means as stored where it cannot be decoded"),
        pytest.param(
            f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_BASELINE},'
            'multipart/related; type="application/dicom"; transfer-syntax=*',
            EXPLICIT, EXPLICIT, id="the second wish where the first cannot be had",
        ),
    ],
)  # fmt: skip
def test_instances_come_in_parts_of_a_transfer_syntax(accept, stored, sent):
    assert instances(accept, stored) == (DICOM, False, sent)


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        pytest.param("application/dicom", EXPLICIT, id="single part of several, Table 10.4.4-1"),
        pytest.param('multipart/related; type="image/jpeg"', EXPLICIT, id="not a type of them"),
        pytest.param(
            f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_BASELINE}',
            EXPLICIT, id="nothing is ever made lossy",
        ),
        pytest.param(
            f'multipart/related; type="application/dicom"; transfer-syntax={IMPLICIT}', EXPLICIT,
            id="implicit VR is not made",
        ),
        pytest.param(
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.3', EXPLICIT,
            id="a syntax that nobody knows",
        ),
        pytest.param('multipart/related; type="application/dicom"', FLAT, id="cannot be decoded"),
        pytest.param("*/*;q=0", EXPLICIT, id="explicitly nothing"),
    ],
)  # fmt: skip
def test_instances_that_cannot_be_had_so_are_refused_with_what_there_is(accept, stored):
    with pytest.raises(NotAvailableError, match=rf"Stored in {stored}.*transfer-syntax=\*"):
        instances(accept, stored)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/dicom; transfer-syntax=*", (DICOM, True, RLE)),
        ("application/dicom", (DICOM, True, EXPLICIT)),
        ("application/*", (DICOM, True, EXPLICIT)),
        ("*/*", (DICOM, False, EXPLICIT)),
        ('multipart/related; type="application/octet-stream"', (OCTETS, False, EXPLICIT)),
    ],
)
def test_one_instance_may_come_alone(accept, expected):
    assert instances(accept, RLE, alone=True) == expected


def test_instances_stored_differently_are_all_sent_as_was_asked_for():
    wishes = parse_accept('multipart/related; type="application/dicom"')

    offer = offer_instances(wishes, [IMPLICIT, RLE, JPEG_BASELINE], alone=False)

    assert offer.transfer_syntaxes == {
        IMPLICIT: EXPLICIT, RLE: EXPLICIT, JPEG_BASELINE: JPEG_BASELINE,
    }  # fmt: skip


def test_one_instance_that_cannot_be_had_so_refuses_all():
    wishes = parse_accept('multipart/related; type="application/dicom"')

    with pytest.raises(NotAvailableError):
        offer_instances(wishes, [EXPLICIT, FLAT], alone=False)


# --- Frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "stored", "expected"),
    [
        pytest.param("*/*", EXPLICIT, (OCTETS, False, EXPLICIT), id="uncompressed"),
        pytest.param("*/*", RLE, (OCTETS, False, EXPLICIT), id="lossless is decoded"),
        pytest.param("*/*", JPEG_BASELINE, ("image/jpeg", False, JPEG_BASELINE), id="lossy is not"),
        pytest.param(OCTETS, RLE, (OCTETS, True, EXPLICIT), id="octets alone"),
        pytest.param(
            f"{OCTETS}; transfer-syntax=*", RLE, (OCTETS, True, RLE), id="octets as stored"
        ),
        pytest.param("image/jpeg", EXPLICIT, ("image/jpeg", True, JPEG_LOSSLESS), id="8.7.3.5"),
        pytest.param(
            "image/jpeg", JPEG_BASELINE, ("image/jpeg", True, JPEG_BASELINE),
            id="of a type already",
        ),
        pytest.param("image/jls", EXPLICIT, ("image/jls", True, JPEG_LS), id="JPEG-LS"),
        pytest.param("image/jp2", RLE, ("image/jp2", True, JPEG_2000), id="JPEG 2000"),
        pytest.param("image/dicom-rle", JPEG_LS, ("image/dicom-rle", True, RLE), id="RLE"),
        pytest.param(
            f'multipart/related; type="image/jls"; transfer-syntax={JPEG_LS}', RLE,
            ("image/jls", False, JPEG_LS), id="type and syntax",
        ),
    ],
)  # fmt: skip
def test_a_frame_comes_as_its_media_type_says(accept, stored, expected):
    assert frames(accept, stored) == expected


@pytest.mark.parametrize(
    ("accept", "stored"),
    [
        pytest.param(
            f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_LS}',
            EXPLICIT,
            id="a syntax that is not of the type",
        ),
        pytest.param("image/png", EXPLICIT, id="a rendered type"),
        pytest.param("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", EXPLICIT, id="lossy"),
        pytest.param(OCTETS, FLAT, id="cannot be decoded"),
    ],
)
def test_a_frame_that_cannot_be_had_so_is_refused(accept, stored):
    with pytest.raises(NotAvailableError):
        frames(accept, stored)


def test_several_frames_do_not_come_alone():
    with pytest.raises(NotAvailableError):
        frames(OCTETS, EXPLICIT, alone=False)


def test_whatever_is_lossy_is_offered_as_it_is():
    assert {frames("*/*", stored)[2] == stored for stored in LOSSY_TRANSFER_SYNTAXES} == {True}


@pytest.mark.parametrize(
    ("accept", "single_part"),
    [("*/*", False), (OCTETS, True), (f'multipart/related; type="{OCTETS}"', False)],
)
def test_a_long_value_is_octets(accept, single_part):
    offer = offer_bulk_value(parse_accept(accept))

    assert offer == Offer(OCTETS, single_part, {EXPLICIT: EXPLICIT})


# --- What clients really send --------------------------------------------------------------------

_CORNERSTONE = "multipart/related; type=application/octet-stream; transfer-syntax=*"
_OHIF = (
    "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1, "
    "multipart/related; type=application/octet-stream; transfer-syntax=*, "
    "multipart/related; type=application/octet-stream"
)
_MICROSCOPY = (
    'multipart/related; type="image/x-dicom-rle"; transfer-syntax=1.2.840.10008.1.2.5, '
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*'
)


@pytest.mark.parametrize(
    ("accept", "stored", "expected"),
    [
        pytest.param(_CORNERSTONE, JPEG_LS, (OCTETS, False, JPEG_LS), id="Cornerstone"),
        pytest.param(_OHIF, EXPLICIT, (OCTETS, False, EXPLICIT), id="OHIF, uncompressed"),
        pytest.param(_OHIF, FLAT, (OCTETS, False, FLAT), id="OHIF, what only it can decode"),
        pytest.param(
            _MICROSCOPY, JPEG_BASELINE, ("image/jpeg", False, JPEG_BASELINE),
            id="dicom-microscopy-viewer, JPEG",
        ),
        pytest.param(
            _MICROSCOPY, JPEG_2000, (OCTETS, False, JPEG_2000), id="dicom-microscopy-viewer, other"
        ),
        pytest.param(
            'multipart/related; type="*/*"', RLE, (OCTETS, False, EXPLICIT), id="dicomweb-client"
        ),
        pytest.param(
            'multipart/related; type="image/jpeg", '
            'multipart/related; type="application/octet-stream"',
            JPEG_BASELINE, ("image/jpeg", False, JPEG_BASELINE), id="dicomweb-client, two types",
        ),
    ],
)  # fmt: skip
def test_clients_get_frames_that_they_can_read(accept, stored, expected):
    assert frames(accept, stored) == expected


# --- Rendered ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("*/*", ("image/jpeg", True), id="the default, Table 8.7.4-1"),
        pytest.param("image/png", ("image/png", True), id="named"),
        pytest.param("image/webp, image/*;q=0.5", ("image/jpeg", True), id="any image"),
        pytest.param('multipart/related; type="image/png"', ("image/png", False), id="in parts"),
    ],
)
def test_a_rendered_image_comes_as_was_asked_for(accept, expected):
    offer = offer_images(parse_accept(accept), RENDERED_MEDIA_TYPES, alone=True)

    assert (offer.media_type, offer.single_part) == expected


@pytest.mark.parametrize("accept", ["image/jpeg", "application/dicom", "image/webp"])
def test_several_rendered_images_come_in_parts_or_not_at_all(accept):
    with pytest.raises(NotAvailableError, match="multipart/related of image/jpeg"):
        offer_images(parse_accept(accept), RENDERED_MEDIA_TYPES, alone=False)
