"""WADO-URI as clients see it (PS3.18 9)."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image

from studies.tests.answers import body
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

ADDRESS = "/dicom-web/wado-uri"
UIDS = {"studyUID": "1.2.3", "seriesUID": "1.2.3.9", "objectUID": "1.2.3.4"}
WADO = {"requestType": "WADO", **UIDS}


def make_steps(**attributes) -> bytes:
    """Three frames of 8 × 16, black, grey and white."""
    pixels = np.concatenate([np.full((8, 16), v, "<u2") for v in (0, 1000, 2000)]).tobytes()
    defaults = {
        "Rows": 8, "Columns": 16, "NumberOfFrames": "3", "PixelData": pixels,
        "WindowCenter": "1000", "WindowWidth": "2000",
    }  # fmt: skip
    return make_file(**(defaults | attributes))


def image(response) -> Image.Image:
    return Image.open(io.BytesIO(body(response)))


@pytest.fixture
def ask(client, store):
    """Ask for one instance that is in the archive."""

    def ask(content: bytes = b"", headers=None, **parameters: str):
        store(content or make_steps())
        return client.get(ADDRESS, WADO | parameters, headers=headers or {})

    return ask


# --- Images ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "headers", "format_"),
    [
        pytest.param({}, {}, "JPEG", id="the default, PS3.18 9.4"),
        pytest.param({"contentType": "image/png"}, {}, "PNG", id="named"),
        pytest.param({"contentType": "image/jp2,image/gif"}, {}, "GIF", id="the one there is"),
        pytest.param({}, {"Accept": "image/png"}, "PNG", id="by header"),
        pytest.param({"contentType": "image/jpeg"}, {"Accept": "image/png"}, "JPEG", id="or not"),
        pytest.param({}, {"Accept": "text/html,image/webp,*/*;q=0.8"}, "JPEG", id="a browser"),
    ],
)
def test_an_image_comes_in_the_type_that_is_asked_for(ask, parameters, headers, format_):
    response = ask(headers=headers, **parameters)

    assert response["Content-Type"] == f"image/{format_.lower()}"
    assert image(response).format == format_


@pytest.mark.parametrize(("number", "grey"), [("1", 0), ("3", 255)])
def test_one_of_the_frames_is_shown(ask, number, grey):
    shown = image(ask(frameNumber=number, contentType="image/png")).convert("L")

    assert abs(shown.getpixel((1, 1)) - grey) <= 1


def test_a_window_is_applied(ask):
    response = ask(frameNumber="2", contentType="image/png", windowCenter="3000", windowWidth="10")

    assert image(response).convert("L").getpixel((1, 1)) == 0


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        pytest.param({"rows": "4"}, (8, 4), id="rows"),
        pytest.param({"columns": "4"}, (4, 2), id="columns"),
        pytest.param({"rows": "3000"}, (5592, 2796), id="rows beyond 16 megapixels"),
        pytest.param({"rows": "64", "columns": "32"}, (32, 16), id="the tighter of both"),
        pytest.param({"region": "0,0,0.5,1"}, (8, 8), id="a region"),
        pytest.param({"region": "0.5,0,1,1", "rows": "32"}, (32, 32), id="a region, enlarged"),
    ],
)
def test_an_image_is_fitted_into_rows_and_columns(ask, parameters, size):
    assert image(ask(**parameters)).size == size


def test_patient_and_technique_are_burned_in(ask, client):
    plain = ask(make_file(Rows=256, Columns=256, PixelData=bytes(2 * 256 * 256)))

    named = client.get(ADDRESS, WADO | {"annotation": "patient,technique"})

    assert body(named) != body(plain)


# --- Instances -------------------------------------------------------------------------------------


def test_an_instance_comes_in_explicit_little_endian_unless_asked_for_otherwise(ask):
    response = ask(make_steps(transfer_syntax="1.2.840.10008.1.2"), contentType="application/dicom")

    dataset = pydicom.dcmread(io.BytesIO(body(response)))
    assert response["Content-Type"] == "application/dicom"
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_an_instance_comes_in_the_transfer_syntax_that_is_asked_for(ask):
    syntax = "1.2.840.10008.1.2.4.80"

    response = ask(contentType="application/dicom", transferSyntax=syntax)

    dataset = pydicom.dcmread(io.BytesIO(body(response)))
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert dataset.pixel_array[:, 0, 0].tolist() == [0, 1000, 2000]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"])
def test_what_has_no_place_on_the_web_is_not_had_by_its_name(ask, syntax):
    """PS3.18 8.7.3.5.2: even where it is stored so."""
    content = make_steps(transfer_syntax=syntax)

    response = ask(content, contentType="application/dicom", transferSyntax=syntax)

    assert response.status_code == 406


def test_what_is_no_image_comes_as_an_instance(ask):
    content = make_file(PixelData=None, Rows=None, Columns=None)

    assert body(ask(content)) == content


# --- Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["requestType", *UIDS])
def test_a_mandatory_parameter_that_is_missing_is_told(client, store, missing):
    store(make_file())
    parameters = {name: value for name, value in WADO.items() if name != missing}

    response = client.get(ADDRESS, parameters)

    assert (response.status_code, missing in response.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("parameters", "status", "word"),
    [
        pytest.param({"requestType": "wado"}, 400, "WADO", id="another kind of request"),
        pytest.param({"studyUID": "../1"}, 400, "UID", id="no UID"),
        pytest.param({"studyUID": "1.9"}, 404, "no such", id="no such study"),
        pytest.param({"anonymize": "yes"}, 406, "identity", id="without identity"),
        pytest.param({"anonymize": "no"}, 400, "anonymize", id="anonymize is yes or absent"),
        pytest.param({"presentationUID": "1.2"}, 406, "Presentation", id="presentation states"),
        pytest.param({"contentType": "text/html"}, 406, "image/jpeg", id="a type there is not"),
        pytest.param({"frameNumber": "0"}, 400, "1 to 3", id="frame 0, PS3.18 9.5.2"),
        pytest.param({"frameNumber": "4"}, 400, "1 to 3", id="a frame too many"),
        pytest.param({"frameNumber": "1,2"}, 400, "1 to 3", id="several frames"),
        pytest.param({"frameNumber": f"{1:012}9999"}, 400, "1 to 3", id="a frame with many zeros"),
        pytest.param({"windowCenter": "40"}, 400, "together", id="half a window"),
        pytest.param({"windowCenter": "a", "windowWidth": "1"}, 400, "number", id="no window"),
        pytest.param({"windowCenter": "1", "windowWidth": "0"}, 400, "wider", id="closed window"),
        pytest.param({"rows": "0"}, 400, "viewport", id="no rows"),
        pytest.param({"columns": "-4"}, 400, "viewport", id="less than none"),
        pytest.param({"region": "0,0,1"}, 400, "region", id="three sides"),
        pytest.param({"region": "0.5,0,0.5,1"}, 400, "region", id="an empty region"),
        pytest.param({"region": "0,0,2,1"}, 400, "region", id="a region outside of the image"),
        pytest.param({"imageQuality": "0"}, 400, "imageQuality", id="no quality"),
        pytest.param({"imageQuality": "0100999"}, 400, "imageQuality", id="quality with zeros"),
        pytest.param({"annotation": "all"}, 400, "annotation", id="no such annotation"),
        pytest.param(
            {"transferSyntax": "1.2.840.10008.1.2.1"}, 400, "transferSyntax",
            id="a transfer syntax of an image",
        ),
        pytest.param(
            {"contentType": "application/dicom", "rows": "4"}, 400, "rows",
            id="rows of an instance",
        ),
        pytest.param(
            {"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2"}, 406,
            "Stored in", id="implicit VR",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_a_sentence(ask, parameters, status, word):
    response = ask(**parameters)

    assert response.status_code == status
    assert word.lower() in response.json()["error"].lower()
