"""What the viewer's page asks for before its script runs."""

import pytest

from studies.first_image import find_first_image
from studies.models import Study
from studies.tests.builders import RLE, make_encapsulated, make_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(client, django_user_model):
    """The first image of study 1.2.3: its UID and the number of its frame."""
    viewer = django_user_model.objects.get()

    def find(series=""):
        found = find_first_image(viewer, Study.objects.get(study_instance_uid="1.2.3"), series)
        return found and (found.instance.sop_instance_uid, found.frame)

    return find


def store_series(store, series, number, instances, **attributes):
    for instance in range(1, instances + 1):
        store(
            make_file(
                SeriesInstanceUID=f"1.2.3.{series}", SOPInstanceUID=f"1.2.3.{series}.{instance}",
                SeriesNumber=number, InstanceNumber=str(instance), **attributes,
            )
        )  # fmt: skip


def test_the_middle_image_of_the_series_of_lowest_number_comes_first(store, first):
    store_series(store, 7, "2", 3)
    store_series(store, 8, "1", 4)

    assert first() == ("1.2.3.8.2", 1)


def test_a_series_without_a_number_comes_last(store, first):
    store_series(store, 7, None, 1)
    store_series(store, 8, "900", 1)

    assert first() == ("1.2.3.8.1", 1)


def test_the_series_that_is_asked_for_comes_first(store, first):
    store_series(store, 7, "1", 1)
    store_series(store, 8, "2", 5)

    assert first("1.2.3.8") == ("1.2.3.8.3", 1)


def test_series_without_images_and_segmentations_are_passed_over(store, first):
    store_series(store, 6, "1", 1, Rows=None, Columns=None, PixelData=None, Modality="SR")
    store_series(store, 7, "2", 1, Modality="SEG")
    store_series(store, 8, "3", 1)

    assert first() == ("1.2.3.8.1", 1)


def test_a_study_without_images_has_no_first_one(store, first):
    store_series(store, 6, "1", 1, Rows=None, Columns=None, PixelData=None, Modality="SR")

    assert first() is None


@pytest.mark.parametrize(
    ("frames", "image"),
    [
        pytest.param([1, 5], ("1.2.3.8.2", 2), id="in the second instance"),
        pytest.param([5, 1], ("1.2.3.8.1", 3), id="in the first instance"),
        pytest.param([4], ("1.2.3.8.1", 2), id="of an even number, the earlier"),
    ],
)
def test_frames_are_counted_over_all_instances(store, first, frames, image):
    for number, count in enumerate(frames, 1):
        store(
            make_encapsulated(
                [b"12"] * count, SeriesInstanceUID="1.2.3.8", SOPInstanceUID=f"1.2.3.8.{number}",
                InstanceNumber=str(number),
            )
        )  # fmt: skip

    assert first() == image


def test_the_page_shows_a_preview_and_preloads_what_the_script_asks_for(client, store):
    store_series(store, 8, "1", 3)

    page = client.get("/studies/1.2.3/view/").content.decode()

    series = "/dicom-web/studies/1.2.3/series"
    frame = f"{series}/1.2.3.8/instances/1.2.3.8.2/frames/1"
    assert f'<img src="{frame}/rendered?accept=image/jpeg"' in page
    assert f'href="{series}"' in page
    assert f'href="{series}/1.2.3.8/metadata"' in page
    assert f'href="{frame}?accept=application/octet-stream;transfer-syntax=*"' in page


def test_a_large_image_is_previewed_smaller(client, store):
    store_series(store, 8, "1", 1, Rows=1025, Columns=4, PixelData=bytes(1025 * 8))

    assert "rendered?accept=image/jpeg&amp;viewport=1024,1024" in (
        client.get("/studies/1.2.3/view/").content.decode()
    )


def test_there_is_no_preview_of_what_this_server_cannot_draw(client, store):
    store(make_encapsulated([b"no codestream"], RLE))
    before = client.get("/studies/1.2.3/view/").content.decode()

    client.get("/dicom-web/studies/1.2.3/series/1.2.3.9/thumbnail")  # finds it out
    after = client.get("/studies/1.2.3/view/").content.decode()

    assert 'id="preview"' in before
    assert 'id="preview"' not in after
    assert "data-first-series-uid" in after


@pytest.mark.parametrize("asked", ["%00", "x", "1.2.3.99"])
def test_an_address_that_names_no_series_shows_the_viewer_all_the_same(client, store, asked):
    store(make_file())

    assert client.get(f"/studies/1.2.3/view/?series={asked}").status_code == 200
