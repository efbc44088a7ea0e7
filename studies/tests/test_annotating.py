"""Measurements and key images through the API, into the archive and back."""

import datetime
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone
from pydicom import dcmread

from studies import retrieve
from studies.models import DeletedInstance, Instance, Source, Study
from studies.tests.answers import json_of
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

MEASUREMENTS = "/api/studies/1.2.3/measurements/"
KEY_IMAGES = "/api/studies/1.2.3/key-images/"
LENGTH = {
    "kind": "length", "tracking_uid": "2.25.1", "label": "Nodule", "sop_instance_uid": "1.2.3.4",
    "frame": 1, "points": [[0.5, 0.5], [3, 4]],
    "values": [{"quantity": "length", "value": 2.5, "unit": "mm"}], "at_detector": False,
}  # fmt: skip
FREEHAND = {
    "kind": "freehand", "tracking_uid": "2.25.2", "label": "", "sop_instance_uid": "1.2.3.4",
    "points": [[0, 0], [4, 0], [2, 3.25]],
    "values": [
        {"quantity": "area", "value": 6.5, "unit": "px2"},
        {"quantity": "mean", "value": -12.25, "unit": "HU"},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def study(store):
    store(make_file())


def save(client, measurements, predecessors=(), status=201):
    body = {"measurements": measurements, "predecessors": list(predecessors)}
    response = client.post(MEASUREMENTS, body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()["sop_instance_uid"] if status == 201 else response.json()


def documents(client, address=MEASUREMENTS):
    response = client.get(address)
    assert response.status_code == 200, response.content
    return response.json()["documents"]


def metadata(client, below):
    return json_of(client.get(f"/dicom-web/studies/{below}/metadata"))


def choose(client, images, predecessors=(), **more):
    body = {"images": images, "predecessors": list(predecessors)} | more
    response = client.post(KEY_IMAGES, body, content_type="application/json")
    assert response.status_code == 201, response.content
    return response.json()["sop_instance_uid"]


def test_measurements_come_back_with_their_author_and_their_time(client):
    uid = save(client, [LENGTH, FREEHAND])

    (document,) = documents(client)

    assert document["measurements"] == [
        LENGTH | {"series_instance_uid": "1.2.3.9"},
        FREEHAND | {"series_instance_uid": "1.2.3.9", "frame": 1, "at_detector": False},
    ]
    assert (document["sop_instance_uid"], document["author"], document["is_own"]) == (
        uid, "radiologist-1", True,
    )  # fmt: skip
    saved_at = datetime.datetime.fromisoformat(document["saved_at"])
    assert abs(timezone.now() - saved_at) < datetime.timedelta(minutes=1)
    assert document["not_shown"] == 0


def test_a_save_is_a_report_of_the_study_in_a_series_of_its_author(client):
    uid = save(client, [LENGTH])

    instance = Instance.objects.get(sop_instance_uid=uid)
    (header,) = metadata(client, f"1.2.3/series/{instance.series.series_instance_uid}")
    assert instance.stored_object.source == Source.VIEWER
    assert instance.stored_object.source_detail == "radiologist-1"
    assert (instance.series.modality, instance.series.series_number) == ("SR", 2)
    assert Study.objects.get().modalities_in_study == ["CT", "SR"]
    assert header["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen"}]
    assert header["00100020"]["Value"] == ["MRN-1"]
    assert header["00080050"]["Value"] == ["ACC-1"]


def test_the_author_is_named_as_the_account_names_them(client):
    get_user_model().objects.update(first_name="Marie", last_name="Skłodowska^Curie")

    save(client, [LENGTH])

    assert documents(client)[0]["author"] == "Marie Skłodowska Curie"


def test_a_later_save_takes_the_place_of_the_one_that_it_names(client):
    first = save(client, [LENGTH])
    second = save(client, [FREEHAND], [first])

    (document,) = documents(client)

    assert document["sop_instance_uid"] == second
    assert [one["kind"] for one in document["measurements"]] == ["freehand"]
    assert Instance.objects.filter(sop_instance_uid=first).exists()
    assert Instance.objects.get(sop_instance_uid=second).instance_number == 2


def test_saves_that_know_nothing_of_each_other_are_both_current_until_one_names_both(client):
    uids = [save(client, [LENGTH]), save(client, [FREEHAND])]

    both = [document["sop_instance_uid"] for document in documents(client)]
    merged = save(client, [LENGTH, FREEHAND], uids)

    assert both == uids[::-1]
    assert [document["sop_instance_uid"] for document in documents(client)] == [merged]


def test_what_others_have_saved_is_shown_beside_ones_own(sign_in):
    radiologist, clinician = sign_in("radiologist"), sign_in("clinician", sees_every_study=True)
    theirs = save(clinician, [LENGTH])
    own = save(radiologist, [FREEHAND])

    found = {d["sop_instance_uid"]: (d["author"], d["is_own"]) for d in documents(radiologist)}

    assert found == {own: ("radiologist-1", True), theirs: ("clinician-1", False)}


def test_a_document_of_somebody_else_cannot_be_replaced(sign_in):
    theirs = save(sign_in("clinician", sees_every_study=True), [LENGTH])

    answer = save(sign_in("radiologist"), [FREEHAND], [theirs], status=400)

    assert answer == {"detail": "A predecessor is no document of your own."}


def test_to_save_nothing_withdraws_what_was_saved_and_saving_again_is_possible(client):
    first = save(client, [LENGTH])

    assert save(client, [], [first]) == ""
    assert documents(client) == []
    assert DeletedInstance.objects.get().deletion.reason == "Their author has left no measurements."
    again = save(client, [LENGTH])
    assert [document["sop_instance_uid"] for document in documents(client)] == [again]


def test_to_save_nothing_where_nothing_was_saved_changes_nothing(client):
    assert save(client, []) == ""
    assert Instance.objects.count() == 1


def test_to_save_nothing_withdraws_nothing_that_was_not_seen(client):
    first = save(client, [LENGTH])
    second = save(client, [FREEHAND], [first])

    answer = save(client, [], [first], status=409)

    assert answer == {
        "detail": "You have saved other measurements elsewhere; load the study again."
    }
    assert [document["sop_instance_uid"] for document in documents(client)] == [second]
    assert save(client, [], [second]) == ""


def test_what_is_left_of_a_study_is_not_withdrawn_with_the_study(client):
    uid = save(client, [LENGTH])
    Instance.objects.get(sop_instance_uid="1.2.3.4").delete()

    save(client, [], [uid], status=403)

    assert Instance.objects.get().sop_instance_uid == uid


def kept(uid):
    """The document of this UID as a data set."""
    instance = Instance.objects.get(sop_instance_uid=uid)
    return dcmread(io.BytesIO(b"".join(retrieve.retrieve_instance(instance))))


def send(store, dataset, **changes):
    """As another system would."""
    for keyword, changed in changes.items():
        setattr(dataset, keyword, changed)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    store(file.getvalue())


def test_what_somebody_sends_hides_no_measurements_and_is_nobodys_own(client, store):
    first = save(client, [LENGTH])
    second = save(client, [FREEHAND], [first])
    forged = kept(second)
    named = forged.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = second
    send(store, forged, SOPInstanceUID="1.2.3.77")

    own = {document["sop_instance_uid"]: document["is_own"] for document in documents(client)}
    save(client, [], [second])

    assert own == {second: True, "1.2.3.77": False}
    assert [document["sop_instance_uid"] for document in documents(client)] == ["1.2.3.77"]


def test_a_document_that_comes_before_the_one_that_it_replaces_replaces_it(client, store):
    first = save(client, [LENGTH])
    second = save(client, [FREEHAND], [first])
    old, new = kept(first), kept(second)
    named = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3.71"
    send(store, new, SOPInstanceUID="1.2.3.72", SeriesInstanceUID="1.2.3.70")
    send(store, old, SOPInstanceUID="1.2.3.71", SeriesInstanceUID="1.2.3.70")

    assert [d["sop_instance_uid"] for d in documents(client) if not d["is_own"]] == ["1.2.3.72"]


def change(**fields):
    return [LENGTH | fields]


def value(**fields):
    return change(values=[LENGTH["values"][0] | fields])


FAULTS = {
    "a point outside": change(points=[[0, 0], [5, 4]]),
    "a point that is no number": change(points=[[0, 0], ["a", 4]]),
    "a truth for a number": change(points=[[0, 0], [True, 4]]),
    "a point of three ordinates": change(points=[[0, 0], [1, 2, 3]]),
    "no points": change(points=[]),
    "too few points": change(points=[[0, 0]]),
    "too many points": [FREEHAND | {"points": [[0, 0]] * 5001}],
    "a line instead of an area": [FREEHAND | {"points": [[0, 0], [1, 1]]}],
    "an unknown kind": change(kind="volume"),
    "an unknown unit": value(unit="furlong"),
    "a unit of something else": value(unit="HU"),
    "no value": change(values=[]),
    "a value of something else": value(quantity="angle", unit="deg"),
    "a value twice": change(values=LENGTH["values"] * 2),
    "a value that is no number": value(value="long"),
    "a value beyond all measure": value(value=1e300),
    "no such frame": change(frame=2),
    "an image of nowhere": change(sop_instance_uid="1.2.3.99"),
    "no UID": change(sop_instance_uid="../../etc"),
    "a tracking UID that is none": change(tracking_uid="x"),
    "one tracking UID twice": [LENGTH, LENGTH],
    "a label without end": change(label="x" * 201),
    "too many": [LENGTH | {"tracking_uid": f"2.25.{n}"} for n in range(1, 1002)],
    "not a list": {"a": 1},
    "nothing": None,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(client, fault):
    answer = save(client, FAULTS[fault], status=400)

    assert answer
    assert Instance.objects.count() == 1


def test_a_refusal_says_which_measurement_and_why(client):
    answer = save(client, [FREEHAND, *FAULTS["a point outside"]], status=400)

    assert answer == {"detail": "Measurement 2 (length): a point lies outside of the image."}


def test_a_number_that_json_does_not_have_is_refused(client):
    body = '{"measurements": [], "predecessors": [], "more": NaN}'

    assert client.post(MEASUREMENTS, body, content_type="application/json").status_code == 400


def test_a_body_beyond_all_measure_is_refused(client):
    body = b'{"measurements": [' + b" " * (4 * 1024 * 1024) + b"]}"

    response = client.post(MEASUREMENTS, body, content_type="application/json")

    assert response.json() == {"detail": "The body is longer than 4194304 bytes."}
    assert response.status_code == 400


def test_an_image_of_another_study_is_refused(client, store):
    store(make_file(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1", SOPInstanceUID="1.9.2"))

    answer = save(client, change(sop_instance_uid="1.9.2"), status=400)

    assert answer == {"detail": "An image that is named is not of this study."}


def test_controls_in_a_label_are_left_out(client):
    save(client, change(label="No\x07du\x1ble\u202e"))

    assert documents(client)[0]["measurements"][0]["label"] == "Nodule"


def test_measurements_of_a_frame_name_it(client, store):
    store(
        make_file(
            SOPInstanceUID="1.2.3.5", NumberOfFrames="2", PixelData=bytes(64),
            SOPClassUID="1.2.840.10008.5.1.4.1.1.7.3",
        )
    )  # fmt: skip

    save(client, change(sop_instance_uid="1.2.3.5", frame=2))

    assert documents(client)[0]["measurements"][0]["frame"] == 2


def test_a_report_of_a_study_is_written_in_the_time_zone_that_it_names(client, store):
    uids = {"StudyInstanceUID": "1.7", "SeriesInstanceUID": "1.7.1", "SOPInstanceUID": "1.7.2"}
    store(make_file(TimezoneOffsetFromUTC="+0530", **uids))
    there = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    now = timezone.now().astimezone(there)

    body = {"measurements": change(sop_instance_uid="1.7.2")}
    client.post("/api/studies/1.7/measurements/", body, content_type="application/json")

    (report,) = [one for one in metadata(client, "1.7") if one["00080060"]["Value"] == ["SR"]]
    assert report["00080201"]["Value"] == ["+0530"]
    written = report["00080023"]["Value"][0] + report["00080033"]["Value"][0][:4]
    assert written in {f"{now + datetime.timedelta(minutes=m):%Y%m%d%H%M}" for m in (0, 1)}


# --- Key images ----------------------------------------------------------------------------------


def test_key_images_come_back_with_author_title_and_note(client):
    uid = choose(client, [{"sop_instance_uid": "1.2.3.4", "frame": 1}], note="Look here")

    (document,) = documents(client, KEY_IMAGES)

    assert document["sop_instance_uid"] == uid
    assert (document["title"], document["note"], document["author"]) == (
        "Of Interest", "Look here", "radiologist-1",
    )  # fmt: skip
    assert document["images"] == [
        {"series_instance_uid": "1.2.3.9", "sop_instance_uid": "1.2.3.4", "frame": 1}
    ]
    series = Instance.objects.get(sop_instance_uid=uid).series
    assert (series.modality, series.series_description) == ("KO", "Key images")


def test_later_key_images_take_the_place_of_those_before_and_none_withdraws_them(client, store):
    store(make_file(SOPInstanceUID="1.2.3.5"))
    first = choose(client, [{"sop_instance_uid": "1.2.3.4"}])
    second = choose(client, [{"sop_instance_uid": "1.2.3.5"}], [first])

    kept = [document["sop_instance_uid"] for document in documents(client, KEY_IMAGES)]
    choose(client, [], [second])

    assert kept == [second]
    assert documents(client, KEY_IMAGES) == []


@pytest.mark.parametrize(
    "images",
    [
        [{"sop_instance_uid": "1.2.3.99"}],
        [{"sop_instance_uid": "1.2.3.4", "frame": 2}],
        [{"sop_instance_uid": "1.2.3.4", "frame": 0}],
        [{"sop_instance_uid": "1.2.3.4"}, {"sop_instance_uid": "1.2.3.4"}],
        [{"sop_instance_uid": "x"}],
        "all",
    ],
    ids=["of nowhere", "no such frame", "frame zero", "twice", "no UID", "no list"],
)
def test_key_images_that_make_no_sense_are_refused(client, images):
    response = client.post(KEY_IMAGES, {"images": images}, content_type="application/json")

    assert (response.status_code, Instance.objects.count()) == (400, 1)


def test_a_document_of_the_archive_is_no_key_image(client):
    report = save(client, [LENGTH])

    response = client.post(
        KEY_IMAGES, {"images": [{"sop_instance_uid": report}]}, content_type="application/json"
    )

    assert response.status_code == 400


# --- Who -----------------------------------------------------------------------------------------

BODIES = {MEASUREMENTS: {"measurements": [LENGTH]}, KEY_IMAGES: {"images": [{"sop_instance_uid": "1.2.3.4"}]}}  # fmt: skip
each_address = pytest.mark.parametrize("address", BODIES)


@each_address
@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("clinician", 201), ("radiologist", 201), ("technologist", 201), ("data steward", 403),
        ("administrator", 403), ("operator", 404), (None, 404),
    ],
)  # fmt: skip
def test_those_who_look_at_images_may_save(sign_in, address, role, status):
    client = sign_in(role, sees_every_study=role == "clinician")

    response = client.post(address, BODIES[address], content_type="application/json")

    assert response.status_code == status
    assert Instance.objects.count() == (2 if status == 201 else 1)
    if status != 404:
        assert client.get(address).json()["may_save"] is (status == 201)


@each_address
def test_a_stranger_saves_nothing(django_client, address):
    response = django_client.post(address, BODIES[address], content_type="application/json")

    assert (response.status_code, Instance.objects.count()) == (401, 1)


@each_address
def test_another_site_cannot_make_a_browser_save(sign_in, address):
    client = sign_in("radiologist")
    client.handler.enforce_csrf_checks = True

    response = client.post(address, BODIES[address], content_type="application/json")

    assert (response.status_code, Instance.objects.count()) == (403, 1)


@each_address
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_study_that_is_not_there_is_not_found(client, address, method):
    elsewhere = address.replace("1.2.3", "9.9")

    response = getattr(client, method)(elsewhere, BODIES[address], content_type="application/json")

    assert response.status_code == 404


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_who_save_at_once_are_both_kept(sign_in):
    client = sign_in("radiologist")

    def save_alone(number):
        another = Client()
        another.cookies = client.cookies
        try:
            return save(another, change(tracking_uid=f"2.25.{number}"))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        uids = set(pool.map(save_alone, (1, 2)))

    assert {document["sop_instance_uid"] for document in documents(client)} == uids
    assert Study.objects.get().number_of_study_related_instances == 3
