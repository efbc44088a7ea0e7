"""Rendered and thumbnail resources of WADO-RS (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings
from PIL import Image

from studies import rendering
from studies.dicom.pixels import Rendering, Viewport, Window
from studies.dicomweb.rendered import parse_rendering
from studies.errors import InvalidQueryError
from studies.models import Instance, Series, Study
from studies.tests.answers import body, parts, parts_with_headers
from studies.tests.builders import SAMPLES, make_encapsulated, make_file

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"


# --- Rendered --------------------------------------------------------------------------------------


def image(response) -> Image.Image:
    return Image.open(io.BytesIO(body(response)))


def make_grey(value: int = 1000, **attributes) -> bytes:
    """An image of 8 × 16 of one grey level, and a window from 0 to 2000."""
    pixels = np.full((8, 16), value, "<u2").tobytes()
    defaults = {"Rows": 8, "Columns": 16, "WindowCenter": "1000", "WindowWidth": "2000"}
    return make_file(**(defaults | {"PixelData": pixels} | attributes))


@pytest.mark.parametrize("resource", ["rendered", "frames/1/rendered"])
@pytest.mark.parametrize(
    ("accept", "format_"), [("*/*", "JPEG"), ("image/png", "PNG"), ("image/gif", "GIF")]
)
def test_an_image_is_rendered_in_the_media_type_that_is_asked_for(
    client, store, resource, accept, format_
):
    store(make_grey())

    response = client.get(f"{INSTANCE}/{resource}", headers={"Accept": accept})

    picture = image(response)
    assert response["Content-Type"] == f"image/{format_.lower()}"
    assert (picture.format, picture.size) == (format_, (16, 8))
    assert abs(picture.convert("L").getpixel((4, 4)) - 127) <= 1


def test_a_window_changes_the_grey_levels(client, store):
    store(make_grey())

    response = client.get(f"{INSTANCE}/rendered?accept=image/png&window=1000,4,linear")
    dark = client.get(f"{INSTANCE}/rendered?accept=image/png&window=3000,100,linear")

    assert 127 <= image(response).convert("L").getpixel((0, 0)) <= 215
    assert image(dark).convert("L").getpixel((0, 0)) == 0


def test_a_viewport_is_filled_as_far_as_the_aspect_allows(client, store):
    store(make_grey())

    response = client.get(f"{INSTANCE}/rendered?viewport=64,64")

    assert image(response).size == (64, 32)


def test_an_annotation_is_burned_in_with_the_identity_of_the_index(client, store):
    store(make_grey(Rows=256, Columns=256, PixelData=bytes(2 * 256 * 256)))
    Instance.objects.update(is_overlaid=True)
    plain = client.get(f"{INSTANCE}/rendered?accept=image/png")

    first = client.get(f"{INSTANCE}/rendered?accept=image/png&annotation=patient")
    Study.objects.update(patient_name="Somebody^Else")
    second = client.get(f"{INSTANCE}/rendered?accept=image/png&annotation=patient")

    assert len({plain.content, first.content, second.content}) == 3
    assert first["ETag"] != second["ETag"]


def test_several_frames_are_rendered_in_parts(client, store):
    pixels = np.concatenate([np.full((4, 4), v, "<u2") for v in (0, 65535)]).tobytes()
    store(make_file(NumberOfFrames="2", PixelData=pixels))
    accept = 'multipart/related; type="image/png"'

    found = parts_with_headers(
        client.get(f"{INSTANCE}/frames/2,1/rendered", headers={"Accept": accept})
    )

    assert [headers["Content-Location"] for headers, _ in found] == [
        f"http://testserver{INSTANCE}/frames/2/rendered",
        f"http://testserver{INSTANCE}/frames/1/rendered",
    ]
    assert {headers["Content-Type"] for headers, _ in found} == {"image/png"}
    assert all(Image.open(io.BytesIO(part)).format == "PNG" for _, part in found)


def test_many_frames_move_in_a_gif_and_stand_still_in_a_jpeg(client, store):
    pixels = np.concatenate([np.full((4, 4), v, "<u2") for v in (0, 30000, 65535)]).tobytes()
    window = {"WindowCenter": "32768", "WindowWidth": "65536"}
    store(make_file(NumberOfFrames="3", PixelData=pixels, **window))

    moving = client.get(f"{INSTANCE}/rendered", headers={"Accept": "image/gif"})
    still = client.get(f"{INSTANCE}/rendered", headers={"Accept": "image/jpeg"})

    assert image(moving).n_frames == 3
    assert (image(still).format, image(still).size) == ("JPEG", (4, 4))


@pytest.mark.parametrize("level", [STUDY, SERIES])
def test_a_study_is_rendered_in_parts_without_what_cannot_be_drawn(client, store, level):
    store(make_grey())
    store(make_encapsulated([b"no codestream"], SOPInstanceUID="1.2.3.5", InstanceNumber="2"))
    store(make_file(SOPInstanceUID="1.2.3.6", InstanceNumber="3", PixelData=None))

    response = client.get(f"{level}/rendered")

    assert response["Content-Type"].startswith('multipart/related; type="image/jpeg"')
    ((content_type, part),) = parts(response)
    assert (content_type, Image.open(io.BytesIO(part)).size) == ("image/jpeg", (16, 8))


def test_a_study_does_not_come_as_one_image(client, store):
    """Not even where it has but one (PS3.18 10.4.4, note 3)."""
    store(make_grey())

    assert client.get(f"{STUDY}/rendered", headers={"Accept": "image/jpeg"}).status_code == 406


def test_a_study_of_which_nothing_can_be_drawn_is_not_available(client, store):
    store(make_file(PixelData=None))

    assert client.get(f"{STUDY}/rendered").status_code == 406


@pytest.mark.parametrize(
    ("resource", "status"), [("rendered", 404), ("frames/1/rendered", 404), ("thumbnail", 404)]
)
def test_a_document_has_no_image(client, store, resource, status):
    store(make_file(PixelData=None))

    assert client.get(f"{INSTANCE}/{resource}").status_code == status


@pytest.mark.parametrize("resource", ["rendered", "thumbnail?viewport=64,64"])
def test_an_image_that_cannot_be_decoded_is_said_to_be_so(client, store, resource):
    store(make_encapsulated([b"no codestream at all"]))

    response = client.get(f"{INSTANCE}/{resource}")

    assert response.status_code == 406
    assert "error" in response.json()


def test_a_rendered_image_that_the_client_has_is_not_drawn_again(client, store, object_store):
    store(make_grey())
    etag = client.get(f"{INSTANCE}/rendered")["ETag"]
    for path in (object_store / "instances").rglob("*"):
        if path.is_file():
            path.unlink()

    response = client.get(f"{INSTANCE}/rendered", headers={"If-None-Match": etag})
    head = client.head(f"{INSTANCE}/rendered")

    assert (response.status_code, response["ETag"]) == (304, etag)
    assert (head.status_code, head["ETag"], body(head)) == (200, etag, b"")


def test_another_window_is_another_image(client, store):
    store(make_grey())
    etag = client.get(f"{INSTANCE}/rendered")["ETag"]

    response = client.get(f"{INSTANCE}/rendered?window=1,2,linear", headers={"If-None-Match": etag})

    assert response.status_code == 200


def test_a_study_that_the_client_has_is_not_drawn_again(client, store, object_store):
    store(make_grey())
    etag = client.get(f"{STUDY}/rendered")["ETag"]
    for path in (object_store / "instances").rglob("*"):
        if path.is_file():
            path.unlink()

    response = client.get(f"{STUDY}/rendered", headers={"If-None-Match": etag})
    other = client.get(f"{SERIES}/rendered?quality=3", headers={"If-None-Match": etag})

    assert (response.status_code, response["ETag"]) == (304, etag)
    assert other.status_code != 304


def make_long(count: int) -> bytes:
    """Frames of one pixel each."""
    return make_file(
        Rows=1, Columns=1, BitsAllocated=8, BitsStored=8, HighBit=7, NumberOfFrames=str(count),
        PixelData=bytes(count),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "accept"),
    [
        pytest.param(f"{INSTANCE}/rendered", "image/gif", id="an animation"),
        pytest.param(f"{INSTANCE}/rendered", "multipart/related; type=image/png", id="an instance"),
        pytest.param(f"{STUDY}/rendered", "multipart/related; type=image/png", id="a study"),
    ],
)
def test_too_many_frames_are_refused_before_anything_is_read(
    client, store, object_store, resource, accept
):
    store(make_long(2_000_000))
    for path in (object_store / "instances").rglob("*"):
        if path.is_file():
            path.unlink()

    response = client.get(resource, headers={"Accept": accept})

    assert response.status_code == 406
    assert "2000000 frames" in response.json()["error"]


def test_an_animation_of_too_many_pixels_is_refused(client, store):
    store(make_long(500))
    Instance.objects.update(rows=1000, columns=1000)

    response = client.get(f"{INSTANCE}/rendered", headers={"Accept": "image/gif"})

    assert (response.status_code, "too large" in response.json()["error"]) == (406, True)


def test_of_an_instance_nothing_is_tried_after_a_frame_that_cannot_be_drawn(client, store):
    segments = struct.pack("<16L", 2, 64, 66, *[0] * 13) + b"\xf1\x00" * 2  # 4 × 4 zeros
    store(make_encapsulated([segments, b"no codestream", segments]))

    found = parts_with_headers(client.get(f"{STUDY}/rendered"))

    assert [headers["Content-Location"][-18:] for headers, _ in found] == ["/frames/1/rendered"]


def test_who_loses_all_time_with_what_cannot_be_drawn_is_told_so(client, store, monkeypatch):
    monkeypatch.setattr(rendering, "_MAX_LOST_SECONDS", 0)
    store(make_encapsulated([b"no codestream"]))

    response = client.get(f"{STUDY}/rendered")

    assert (response.status_code, "cannot be drawn" in response.json()["error"]) == (503, True)


# --- Parameters ------------------------------------------------------------------------------------


def test_parameters_say_how_an_image_is_shown():
    query = {
        "window": "40.5,400,sigmoid", "viewport": "512,256,10,20,-30,40",
        "quality": "80", "annotation": "patient,technique", "iccprofile": "yes", "unknown": "1",
    }  # fmt: skip

    assert parse_rendering(query, "image/png") == Rendering(
        "image/png",
        window=Window(40.5, 400.0, "sigmoid"),
        viewport=Viewport(512, 256, (10.0, 20.0, -30.0, 40.0)),
        quality=80,
        annotation=frozenset({"patient", "technique"}),
        icc_profile="yes",
    )


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"window": "40,400"}, id="window without function, 8.3.5.1.4"),
        pytest.param({"window": "40,0.5,linear"}, id="narrower than 1, PS3.3 C.11.2.1.2"),
        pytest.param({"window": "40,0,sigmoid"}, id="no width"),
        pytest.param({"window": "nan,400,linear"}, id="center that is none"),
        pytest.param({"window": "1e999,400,linear"}, id="center beyond all numbers"),
        pytest.param({"window": "40,400,cubic"}, id="no such function"),
        pytest.param({"window": "40,400,linear,1"}, id="a value too many"),
        pytest.param({"viewport": "512"}, id="viewport without height, 8.3.5.1.3"),
        pytest.param({"viewport": "0,512"}, id="viewport of no width"),
        pytest.param({"viewport": "9000,512"}, id="viewport beyond the limit"),
        pytest.param({"viewport": "8000,8000"}, id="viewport of too many pixels"),
        pytest.param({"viewport": ""}, id="viewport that is empty"),
        pytest.param({"viewport": ",512"}, id="viewport without width"),
        pytest.param({"viewport": "512,512,1,2,3,4,5"}, id="a value too many of a region"),
        pytest.param({"viewport": "512,512,1,2,0,3"}, id="region of no width"),
        pytest.param({"viewport": "512,x"}, id="viewport that is no number"),
        pytest.param({"quality": "0"}, id="quality 0, 8.3.5.1.2"),
        pytest.param({"quality": "101"}, id="quality over 100"),
        pytest.param({"quality": "high"}, id="quality in words"),
        pytest.param({"quality": "0100999999"}, id="quality with zeros"),
        pytest.param({"quality": ""}, id="quality that is empty"),
        pytest.param({"window": ""}, id="window that is empty"),
        pytest.param({"annotation": ""}, id="annotation that is empty"),
        pytest.param({"annotation": "patient,a\nb"}, id="annotation that is no word"),
        pytest.param({"annotation": ",".join(["a"] * 17)}, id="too many annotations"),
        pytest.param({"charset": "bogus"}, id="character set that is unknown, 8.3.3.2"),
        pytest.param({"charset": ""}, id="character set without a name"),
        pytest.param({"quality": "\u0661"}, id="quality in other digits"),
        pytest.param({"iccprofile": "rommrgb"}, id="a profile that is not offered"),
    ],
)
def test_a_parameter_that_cannot_be_understood_is_refused(query):
    with pytest.raises(InvalidQueryError):
        parse_rendering(query, "image/jpeg")


@pytest.mark.parametrize(
    ("text", "region"),
    [
        pytest.param("512,512,,,512,512", (None, None, 512.0, 512.0), id="PS3.18 8.3.5.1.3"),
        pytest.param("64,64,1,1", (1.0, 1.0, None, None), id="the last ones left out"),
        pytest.param("64,64,,2,-3", (None, 2.0, -3.0, None), id="some of it"),
    ],
)
def test_what_is_not_said_of_a_region_reaches_to_the_edges(text, region):
    rendering = parse_rendering({"viewport": text}, "image/png")

    assert rendering.viewport.source == region


def test_a_character_set_that_is_known_changes_nothing():
    query = {"charset": "UTF-8;q=0.9, ISO-8859-1"}

    assert parse_rendering(query, "image/png") == Rendering("image/png")


@pytest.mark.parametrize("profile", ["yes", "srgb"])
def test_a_type_that_holds_no_colour_profile_is_refused_one(profile):
    with pytest.raises(InvalidQueryError, match="image/gif"):
        parse_rendering({"iccprofile": profile}, "image/gif")


def test_an_annotation_that_is_not_supported_is_ignored_with_a_warning(client, store):
    """PS3.18 8.3.5.1.1."""
    store(make_grey())
    known = client.get(f"{INSTANCE}/rendered?annotation=patient")

    response = client.get(f"{INSTANCE}/rendered?annotation=patient,measurements")

    assert response["Warning"] == (
        "299 http://testserver/dicom-web: "
        '"The following annotations are not supported: measurements"'
    )
    assert response.content == known.content
    assert "Warning" not in known


def test_a_bad_parameter_is_answered_with_a_sentence(client, store):
    store(make_grey())

    response = client.get(f"{INSTANCE}/rendered?window=1,2")

    assert (response.status_code, "window" in response.json()["error"]) == (400, True)


@hypothesis_settings(max_examples=200, deadline=None, derandomize=True)
@given(text=strategies.text(alphabet="0123456789.,-+einaflr", max_size=30))
def test_whatever_is_asked_for_is_understood_or_refused(text):
    for name in ("window", "viewport", "quality"):
        try:
            rendering = parse_rendering({name: text}, "image/png")
        except InvalidQueryError:
            continue
        viewport = rendering.viewport
        assert viewport is None or 1 <= viewport.width * viewport.height <= 4096 * 4096


# --- Thumbnails of every level ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        f"{STUDY}/thumbnail", f"{SERIES}/thumbnail", f"{INSTANCE}/thumbnail",
        f"{INSTANCE}/frames/1/thumbnail",
    ],
)  # fmt: skip
def test_there_is_a_thumbnail_at_every_level(client, store, resource):
    store(make_grey())

    response = client.get(resource)

    assert (response["Content-Type"], image(response).size) == ("image/jpeg", (16, 8))


@pytest.mark.parametrize(
    "query", ["viewport=8,8", "viewport=8,8&annotation=patient", "viewport=8,8&window=1,1,linear"]
)
def test_a_thumbnail_knows_no_parameter_but_its_size(client, store, query):
    """PS3.18 10.4.3.3.4: nothing that identifies the patient may be in it."""
    store(make_grey())
    expected = client.get(f"{INSTANCE}/thumbnail?accept=image/png&viewport=8,8")

    response = client.get(f"{INSTANCE}/thumbnail?accept=image/png&{query}")

    assert image(response).size == (8, 4)
    assert response.content == expected.content


def test_the_viewport_of_a_thumbnail_has_no_region(client, store):
    store(make_grey())

    assert client.get(f"{INSTANCE}/thumbnail?viewport=8,8,0,0,2,2").status_code == 400


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_a_thumbnail_is_no_larger_than_the_image(client, store, media_type):
    store(make_grey())

    response = client.get(f"{INSTANCE}/thumbnail", headers={"Accept": media_type})

    assert image(response).size == (16, 8)
    assert "Accept" in response["Vary"].split(", ")


def test_a_thumbnail_that_the_client_has_is_not_read_again(client, store, object_store):
    store(make_grey())
    etag = client.get(f"{INSTANCE}/thumbnail")["ETag"]
    for path in object_store.rglob("*"):
        if path.is_file():
            path.unlink()

    response = client.get(f"{INSTANCE}/thumbnail", headers={"If-None-Match": etag})

    assert response.status_code == 304
    assert "Accept" in response["Vary"].split(", ")


def test_a_frame_has_a_thumbnail_of_its_own(client, store):
    pixels = np.concatenate([np.full((4, 4), v, "<u2") for v in (0, 30000, 65535)]).tobytes()
    store(
        make_file(NumberOfFrames="3", PixelData=pixels, WindowCenter="32768", WindowWidth="65536")
    )

    greys = [
        image(client.get(f"{INSTANCE}/frames/{number}/thumbnail")).convert("L").getpixel((1, 1))
        for number in (1, 3)
    ]

    assert greys[0] < 10
    assert greys[1] > 245


# --- Thumbnails of series --------------------------------------------------------------------------


def thumbnail_url() -> str:
    series = Series.objects.select_related("study").get()
    study_uid, series_uid = series.study.study_instance_uid, series.series_instance_uid
    return f"/dicom-web/studies/{study_uid}/series/{series_uid}/thumbnail"


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_rle.dcm",
    ],
)
def test_a_thumbnail_is_a_small_jpeg(client, store, name):

    store((SAMPLES / "test_files" / name).read_bytes())

    response = client.get(thumbnail_url())

    picture = image(response)
    assert (response["Content-Type"], picture.format) == ("image/jpeg", "JPEG")
    assert max(picture.size) <= 256
    assert picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1]


def test_a_thumbnail_is_made_once(client, store, monkeypatch):
    store((SAMPLES / "test_files" / "CT_small.dcm").read_bytes())
    first = client.get(thumbnail_url())
    monkeypatch.setattr("studies.dicom.pixels.render_thumbnail", None)

    again = client.get(thumbnail_url())

    assert again.content == first.content


def test_pixels_that_cannot_be_decoded_are_no_thumbnail(client, store):
    store(make_encapsulated([b"no codestream at all"]))

    assert client.get(thumbnail_url()).status_code == 406


def test_a_series_without_images_has_no_thumbnail(client, store):
    store((SAMPLES / "test_files" / "test-SR.dcm").read_bytes())

    assert client.get(thumbnail_url()).status_code == 404
