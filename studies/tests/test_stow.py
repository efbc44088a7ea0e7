"""Storing by DICOMweb (PS3.18 10.5) as clients see it."""

import io
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tokens import create_token
from studies.dicom.multipart import write_parts
from studies.models import Instance, InstanceConflict, QuarantinedInput, StoredObject, Study
from studies.tests.builders import CT_IMAGE_STORAGE, make_encapsulated, make_file
from studies.tests.samples import full_disk
from studies.tests.stow import (
    CANNOT_UNDERSTAND,
    OTHER_STUDY,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    TOO_LARGE,
    failed,
    other_failures,
    stored,
)

pytestmark = pytest.mark.django_db

STUDIES = "/dicom-web/studies"
FORM = 'multipart/related; type="application/dicom"; boundary=b'


def body(*files: bytes, part_type: str = "application/dicom") -> bytes:
    return b"".join(write_parts("b", [(part_type, [file]) for file in files]))


def numbered(number: int, **attributes) -> bytes:
    return make_file(SOPInstanceUID=f"1.2.3.4.{number}", **attributes)


@pytest.fixture
def technologist(sign_in) -> Client:
    return sign_in("technologist")


@pytest.fixture
def send(technologist):
    def send(content: bytes, *, path: str = STUDIES, content_type: str = FORM, **headers):
        return technologist.post(path, content, content_type=content_type, headers=headers)

    return send


# --- What is stored ----------------------------------------------------------------------------


def test_all_instances_of_a_request_are_stored_and_told_of(send):
    response = send(body(numbered(1), numbered(2)))

    url = "http://testserver/dicom-web/studies/1.2.3"
    assert response.status_code == 200
    assert response["Content-Type"] == "application/dicom+json"
    assert "Warning" not in response
    assert response.json() == {
        "00081190": {"vr": "UR", "Value": [url]},
        "00081199": {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": [CT_IMAGE_STORAGE]},
                    "00081155": {"vr": "UI", "Value": [f"1.2.3.4.{number}"]},
                    "00081190": {
                        "vr": "UR",
                        "Value": [f"{url}/series/1.2.3.9/instances/1.2.3.4.{number}"],
                    },
                }
                for number in (1, 2)
            ],
        },
    }


def test_what_is_acknowledged_is_retrieved_bit_for_bit(send, client):
    content = make_file()

    answer = send(body(content)).json()

    url = answer["00081199"]["Value"][0]["00081190"]["Value"][0]
    response = client.get(url, headers={"accept": "application/dicom; transfer-syntax=*"})
    assert b"".join(response) == content


def test_who_sent_an_object_is_kept_with_it(send):
    send(body(make_file()))

    held = StoredObject.objects.get()
    assert (held.source, held.source_detail) == ("stow", "technologist-1 from 127.0.0.1")


def test_instances_of_several_studies_have_no_common_address(send):
    other = numbered(2, StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1")

    response = send(body(numbered(1), other))

    assert response.status_code == 200
    assert response.json()["00081190"] == {"vr": "UR"}


def test_one_instance_may_come_alone(send):
    response = send(make_file(), content_type="application/dicom")

    assert response.status_code == 200
    assert stored(response.json()) == ["1.2.3.4"]


def test_the_same_again_is_a_success(send):
    send(body(make_file()))

    response = send(body(make_file()))

    assert response.status_code == 200
    assert stored(response.json()) == ["1.2.3.4"]
    assert Instance.objects.count() == 1


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related; boundary=b",
        "Multipart/Related; boundary=b; type=application/dicom",
        'multipart/related; TYPE="Application/DICOM"; boundary="b"; start="<1>"',
    ],
)
def test_the_content_type_may_be_written_as_clients_do(send, content_type):
    assert send(body(make_file()), content_type=content_type).status_code == 200


def test_instances_are_stored_into_the_study_of_the_address(send):
    response = send(body(make_file()), path=f"{STUDIES}/1.2.3")

    assert response.status_code == 200


def test_a_study_of_many_instances_costs_few_statements(send, django_assert_num_queries):
    send(body(numbered(0)))

    # Session, user, permissions; what is known; begin, study, series, known, deleted, objects,
    # instances, their keys, aggregates of series and study, commit; what they contributed to counts
    # before and after, each under its lock, their devices, and that they were received; who sent
    # them.
    with django_assert_num_queries(3 + 1 + 11 + 6 + 1):
        send(body(*(numbered(number) for number in range(1, 31))))

    study = Study.objects.get()
    assert study.number_of_study_related_instances == Instance.objects.count() == 31


def test_studies_whose_instances_alternate_are_kept_apart(send):
    other = {"StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1"}
    files = [numbered(number, **(other if number % 2 else {})) for number in range(6)]

    response = send(body(*files))

    assert response.status_code == 200
    assert len(stored(response.json())) == 6
    counts = Study.objects.values_list("study_instance_uid", "number_of_study_related_instances")
    assert dict(counts) == {"1.2.3": 3, "1.9": 3}


def test_the_same_instance_twice_in_one_request_is_stored_once(send):
    response = send(body(make_file(), make_file()))

    assert response.status_code == 200
    assert stored(response.json()) == ["1.2.3.4", "1.2.3.4"]
    assert (Instance.objects.count(), StoredObject.objects.count()) == (1, 1)


def test_an_instance_in_a_transfer_syntax_that_we_do_not_know_is_stored_as_it_is(send, client):
    known = make_encapsulated([b"codes"], "1.2.840.10008.1.2.4.201")
    content = known.replace(b"1.2.840.10008.1.2.4.201", b"1.2.840.10008.1.2.4.999")

    answer = send(body(content)).json()

    url = answer["00081199"]["Value"][0]["00081190"]["Value"][0]
    response = client.get(url, headers={"accept": "application/dicom; transfer-syntax=*"})
    assert b"".join(response) == content


def test_nothing_is_changed_hence_no_warning_reason_is_given(send):
    (reference,) = send(body(make_file())).json()["00081199"]["Value"]

    assert "00081196" not in reference


# --- What is not stored ------------------------------------------------------------------------


def test_an_instance_of_another_study_than_the_address_names_fails_and_is_not_kept(
    send, object_store
):
    other = numbered(2, StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1")

    response = send(body(numbered(1), other), path=f"{STUDIES}/1.2.3")

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.1"]
    assert failed(response.json()) == [("1.2.3.4.2", OTHER_STUDY)]
    assert "another study" in response["Warning"]
    assert len([p for p in object_store.rglob("*") if p.is_file()]) == 1


def test_nothing_stored_for_the_study_of_the_address_is_a_conflict(send):
    response = send(body(make_file()), path=f"{STUDIES}/1.9")

    assert response.status_code == 409
    assert failed(response.json()) == [("1.2.3.4", OTHER_STUDY)]
    assert Study.objects.count() == 0


def test_other_content_under_a_known_uid_fails_and_is_kept_apart(send):
    send(body(make_file()))

    response = send(body(make_file(PixelData=bytes(32))))

    assert response.status_code == 409
    assert failed(response.json()) == [("1.2.3.4", PROCESSING_FAILURE)]
    assert "Same SOP Instance UID, other content" in response["Warning"]
    assert InstanceConflict.objects.get().source == "stow"


def test_one_uid_with_two_contents_in_one_request_is_stored_as_it_came_first(send):
    response = send(body(make_file(), make_file(PixelData=bytes(32))))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4"]
    assert failed(response.json()) == [("1.2.3.4", PROCESSING_FAILURE)]


@pytest.mark.parametrize(
    "attributes", [{"PatientID": "OTHER"}, {"SeriesInstanceUID": "1.9.1"}], ids=str
)
def test_one_instance_that_contradicts_the_index_does_not_take_others_with_it(send, attributes):
    send(body(numbered(0, StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1")))

    response = send(body(numbered(1), numbered(2, **attributes), numbered(3)))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.1", "1.2.3.4.3"]
    assert failed(response.json()) == [("1.2.3.4.2", PROCESSING_FAILURE)]
    assert Study.objects.get(study_instance_uid="1.2.3").number_of_study_related_instances == 2
    assert InstanceConflict.objects.count() == 1


def test_what_was_deleted_is_not_taken_in_again(send, sign_in):
    send(body(make_file()))
    sign_in("data steward").delete(f"{STUDIES}/1.2.3", headers={"deletion-reason": "a test"})

    response = send(body(numbered(2, SeriesInstanceUID="1.2.3.8"), make_file()))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.2"]
    assert failed(response.json()) == [("1.2.3.4", PROCESSING_FAILURE)]
    assert "was deleted" in response["Warning"]


def test_an_instance_for_which_there_is_no_room_fails_and_smaller_ones_are_stored(send):
    large = make_file(SOPInstanceUID="1.2.3.4.2", Rows=512, Columns=512, PixelData=bytes(524_288))
    content = body(numbered(1), large, numbered(3))

    with full_disk(300_000):
        response = send(content)

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.1", "1.2.3.4.3"]
    assert other_failures(response.json()) == [OUT_OF_RESOURCES]


def test_what_cannot_be_understood_fails_without_a_name_and_the_rest_is_stored(send):
    response = send(body(b"no DICOM at all" * 20, make_file()))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4"]
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]
    assert "DICM prefix" in response["Warning"]
    assert QuarantinedInput.objects.get().source == "stow"


@pytest.mark.parametrize(
    "attributes", [{"Rows": 4000}, {"SeriesInstanceUID": "1.x"}, {"StudyInstanceUID": None}]
)
def test_an_instance_that_contradicts_itself_is_named_in_its_failure(send, attributes):
    response = send(body(make_file(**attributes)))

    assert response.status_code == 409
    assert failed(response.json()) == [("1.2.3.4", CANNOT_UNDERSTAND)]


def test_an_instance_that_is_too_large_is_refused(send, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 100

    response = send(body(make_file()))

    assert response.status_code == 413
    assert other_failures(response.json()) == [TOO_LARGE]


def test_nothing_is_acknowledged_when_the_store_fails(send, settings):
    settings.OBJECT_STORE_URL = "file:///proc/no-such-place"

    response = send(body(make_file()))

    assert response.status_code == 503
    assert other_failures(response.json()) == [OUT_OF_RESOURCES]
    assert Study.objects.count() == 0


def test_an_instance_that_the_index_does_not_take_fails_and_others_are_stored(send):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE studies_instance ADD CHECK (sop_instance_uid <> '1.2.3.4.2')")

    response = send(body(numbered(1), numbered(2), numbered(3)))

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.1", "1.2.3.4.3"]
    assert other_failures(response.json()) == [OUT_OF_RESOURCES]
    assert Study.objects.get().number_of_study_related_instances == 2


def test_nothing_is_acknowledged_when_the_index_fails(send):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE studies_instance ADD CHECK (sop_instance_uid = 'none')")

    response = send(body(numbered(1), numbered(2)))

    assert response.status_code == 503
    assert other_failures(response.json()) == [OUT_OF_RESOURCES] * 2


def test_failures_for_several_reasons_are_a_conflict(send, settings):
    settings.PACS_MAX_INSTANCE_BYTES = 2000

    response = send(body(b"no DICOM" * 20, make_file(PixelData=bytes(5000), Rows=50, Columns=50)))

    assert response.status_code == 409
    assert set(other_failures(response.json())) == {CANNOT_UNDERSTAND, TOO_LARGE}


def test_a_part_of_another_type_fails(send):
    response = send(body(make_file(), part_type="image/jpeg"))

    assert response.status_code == 409
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]


# --- Broken requests ---------------------------------------------------------------------------


def test_a_body_that_breaks_off_keeps_what_came_before_and_says_so(send, object_store):
    response = send(body(numbered(1), numbered(2))[:-40])

    assert response.status_code == 202
    assert stored(response.json()) == ["1.2.3.4.1"]
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]
    assert "ends before its last boundary" in response["Warning"]
    assert not list(Path(object_store / "incoming").iterdir())


@pytest.mark.parametrize(
    ("content", "content_type", "complaint"),
    [
        (b" ", FORM, "ends before"),
        (b"--b--", FORM, "no parts"),
        (body(make_file())[:-9], FORM, "ends before"),
        (body(make_file()), "multipart/related", "boundary"),
        (body(make_file()), f"multipart/related; boundary={'b' * 201}", "boundary"),
    ],
)
def test_a_body_that_is_no_multipart_is_a_bad_request(send, content, content_type, complaint):
    response = send(content, content_type=content_type)

    assert response.status_code == 400
    assert complaint in response["Warning"]
    assert other_failures(response.json()) == [CANNOT_UNDERSTAND]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "multipart/form-data; boundary=b", "text/plain", "", "multipart/related; type=text/plain",
        "application/octet-stream", "application/x-www-form-urlencoded",
    ],
)  # fmt: skip
def test_a_type_that_is_not_taken_is_refused_with_those_that_are(send, content_type):
    response = send(body(make_file()), content_type=content_type)

    assert response.status_code == 415
    assert "application/dicom" in response.json()["error"]


def test_a_compressed_request_is_refused(send):
    response = send(body(make_file()), **{"content-encoding": "gzip"})

    assert response.status_code == 415
    assert Study.objects.count() == 0


def test_an_answer_in_a_form_we_do_not_have_is_refused_before_anything_is_stored(send):
    response = send(body(make_file()), accept="text/html")

    assert response.status_code == 406
    assert Study.objects.count() == 0


def test_the_address_says_which_methods_it_knows(technologist):
    response = technologist.put(STUDIES)

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_an_instance_that_comes_alone_and_breaks_off_is_a_bad_request(technologist, object_store):
    class Broken(io.BytesIO):
        def read(self, _size: int = -1, /) -> bytes:
            raise ConnectionResetError

    response = technologist.generic(
        "POST", STUDIES, CONTENT_TYPE="application/dicom", CONTENT_LENGTH="",
        **{"wsgi.input": Broken(), "wsgi.input_terminated": True},
    )  # fmt: skip

    assert response.status_code == 400
    assert not list((object_store / "incoming").iterdir())


def test_an_instance_that_comes_alone_and_is_shorter_than_announced_is_not_stored(
    technologist, object_store
):
    content = make_file(Modality="SR", PixelData=None, Rows=None, Columns=None)

    response = technologist.generic(
        "POST", STUDIES, CONTENT_TYPE="application/dicom", CONTENT_LENGTH=str(len(content) + 1),
        **{"wsgi.input": io.BytesIO(content)},
    )  # fmt: skip

    assert response.status_code == 400
    assert "shorter than its Content-Length" in response["Warning"]
    assert Instance.objects.count() == 0
    assert not list((object_store / "incoming").iterdir())


@given(
    st.lists(st.tuples(st.integers(0, 2**14), st.binary(max_size=8), st.booleans()), max_size=6),
    st.sampled_from([FORM, 'multipart/related; type="application/dicom+json"; boundary=b', "x"])
    | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60),
    st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30),
    st.sampled_from(["", "/1.2.3", "/1.9"]),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80
)
def test_a_mutilated_request_is_refused_or_stored_and_what_is_acknowledged_is_kept(
    send, object_store, changes, content_type, accept, study
):
    content = bytearray(
        body(*(numbered(number, SeriesInstanceUID="1.2.3.8") for number in range(3)))
    )
    for position, change, inserted in changes:
        start = position % len(content)
        content[start : start if inserted else start + len(change)] = change

    response = send(
        bytes(content), path=STUDIES + study, content_type=content_type, accept=accept or "*/*"
    )

    acknowledged = set(stored(response.json())) if response.status_code in (200, 202) else set()
    kept = {
        row.sop_instance_uid: row.stored_object
        for row in Instance.objects.select_related("stored_object")
    }
    assert response.status_code in (200, 202, 400, 406, 409, 413, 415)
    assert acknowledged <= set(kept)
    assert all(
        (object_store / kept[uid].object_key).read_bytes() in content for uid in acknowledged
    )
    assert not list((object_store / "incoming").glob("*"))


# --- Who may store -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [STUDIES, f"{STUDIES}/1.2.3"])
@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("technologist", 200), ("data steward", 200), ("administrator", 200),
        ("clinician", 403), ("radiologist", 403), ("operator", 403), (None, 403),
    ],
)  # fmt: skip
def test_roles_that_may_store_do(sign_in, path, role, status):
    response = sign_in(role).post(path, body(make_file()), content_type=FORM)

    assert response.status_code == status
    assert Study.objects.count() == (status == 200)


def test_a_stranger_is_told_to_sign_in():
    response = Client(enforce_csrf_checks=True).post(STUDIES, body(make_file()), content_type=FORM)

    assert response.status_code == 401


def test_a_session_alone_does_not_store_because_another_site_could_use_it(technologist):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.get())

    refused = strict.post(STUDIES, body(make_file()), content_type=FORM)
    strict.cookies["csrftoken"] = "x" * 32
    allowed = strict.post(
        STUDIES, body(make_file()), content_type=FORM, headers={"x-csrftoken": "x" * 32}
    )

    assert (refused.status_code, allowed.status_code) == (403, 200)


def test_a_token_stores(technologist):
    _, token = create_token(get_user_model().objects.get(), name="scanner", lifetime=None)
    machine = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {token}"})

    assert machine.post(STUDIES, body(make_file()), content_type=FORM).status_code == 200
