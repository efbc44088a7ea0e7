"""Rendered and thumbnail resources of WADO-RS (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

import io

import pytest
from PIL import Image

from studies.models import Series
from studies.tests.builders import SAMPLES, make_encapsulated

pytestmark = pytest.mark.django_db

STUDY = "/dicom-web/studies/1.2.3"
SERIES = f"{STUDY}/series/1.2.3.9"
INSTANCE = f"{SERIES}/instances/1.2.3.4"


# --- Thumbnails --------------------------------------------------------------------------------------


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

    image = Image.open(io.BytesIO(response.content))
    assert (response["Content-Type"], image.format) == ("image/jpeg", "JPEG")
    assert max(image.size) <= 256
    assert image.convert("L").getextrema()[0] < image.convert("L").getextrema()[1]


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
