"""Which protocol and which prior a study gets, and what an administrator may type for it."""

import datetime

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from studies import hanging
from studies.models import HangingProtocol, Patient, Series, Study
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient():
    return Patient.objects.create(patient_id="MRN-1")


@pytest.fixture
def make_study(patient):
    """A study of one series, by default a CT of the head."""

    def make_study(uid, day="2024-01-05", modality="CT", body_part="HEAD", **columns):
        columns = {"patient_record": patient, "patient_id": "MRN-1"} | columns
        study = Study.objects.create(
            study_instance_uid=uid, study_date=day and datetime.date.fromisoformat(day),
            modalities_in_study=modality.split("+"), **columns,
        )  # fmt: skip
        for number, part in enumerate(body_part.split("+")):
            Series.objects.create(
                study=study, series_instance_uid=f"{uid}.{number}", body_part_examined=part
            )
        study.refresh_from_db()
        return study

    return make_study


@pytest.fixture
def viewer(client):
    return client.get("/").wsgi_request.user


def prior_of(viewer, study) -> str | None:
    prior = hanging.hanging_of(viewer, study).prior
    return prior and prior.study_instance_uid


# --- The protocol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modality", "body_part", "name"),
    [
        ("CT", "HEAD", "CT with prior"),
        ("MR", "BRAIN", "MR of the brain"),
        ("MR", "HEAD", "MR of the brain"),
        ("MR", "KNEE", "MR"),
        ("MR", "", "MR"),
        ("MG", "BREAST", "Mammography, four views"),
        ("MG+SR", "BREAST", "Mammography, four views"),
        ("CT+PT", "WHOLEBODY", "PET/CT"),
        ("US", "ABDOMEN", "Ultrasound"),
        ("DX", "CHEST", "Radiograph with prior"),
        ("CR", "CHEST", "Computed radiograph with prior"),
        ("XA", "HEART", "One series"),
        ("OT", "", "One series"),
    ],
)
def test_a_study_gets_the_protocol_of_its_modality_and_body_part(
    viewer, make_study, modality, body_part, name
):
    study = make_study("1.1", modality=modality, body_part=body_part)

    assert hanging.hanging_of(viewer, study).protocol.name == name


def test_the_highest_priority_decides_before_the_body_part(viewer, make_study):
    HangingProtocol.objects.create(name="Mine", modality="MR", priority=1)
    study = make_study("1.1", modality="MR", body_part="BRAIN")

    assert hanging.hanging_of(viewer, study).protocol.name == "Mine"


def test_without_any_protocol_one_series_is_shown(viewer, make_study):
    HangingProtocol.objects.all().delete()

    protocol = hanging.hanging_of(viewer, make_study("1.1")).protocol

    assert (protocol.rows, protocol.columns, protocol.cells) == (1, 1, [{}])


def test_every_protocol_that_the_portal_brings_along_is_valid():
    protocols = list(HangingProtocol.objects.all())
    for protocol in protocols:
        protocol.full_clean()

    assert len(protocols) == 9


# --- The prior -----------------------------------------------------------------------------------


def test_the_newest_earlier_study_of_the_same_kind_is_the_prior(viewer, make_study):
    study = make_study("1.1")
    make_study("1.2", "2022-01-05")
    make_study("1.3", "2023-01-05")
    make_study("1.4", "2025-01-05")

    assert prior_of(viewer, study) == "1.3"


@pytest.mark.parametrize(
    ("one", "other", "is_relevant"),
    [
        (("CT", "HEAD"), ("MR", "HEAD"), False),
        (("CT", "HEAD"), ("CT", "BRAIN"), True),
        (("CT", "HEAD"), ("CT", "CHEST"), False),
        (("CT", "HEAD"), ("CT", ""), True),
        (("CT", ""), ("CT", "CHEST"), True),
        (("CT", "CHEST+ABDOMEN"), ("CT", "PELVIS"), True),
        (("DX", "CHEST"), ("CR", "CHEST"), True),
        (("CT+SR", "HEAD"), ("MG+SR", ""), False),
        (("SR", ""), ("SR", ""), False),
    ],
)
def test_a_prior_is_of_the_same_technique_and_of_no_other_region(
    viewer, make_study, one, other, is_relevant
):
    study = make_study("1.1", modality=one[0], body_part=one[1])
    make_study("1.2", "2023-01-05", modality=other[0], body_part=other[1])

    assert (prior_of(viewer, study) == "1.2") is is_relevant


def test_the_same_region_goes_before_a_newer_study_of_an_unknown_one(viewer, make_study):
    study = make_study("1.1")
    make_study("1.2", "2022-01-05")
    make_study("1.3", "2023-01-05", body_part="")

    assert prior_of(viewer, study) == "1.2"


def test_a_study_of_the_same_day_is_the_prior_only_of_a_later_one(viewer, make_study):
    first = make_study("1.1", study_time=datetime.time(8))
    second = make_study("1.2", study_time=datetime.time(9))

    assert prior_of(viewer, first) is None
    assert prior_of(viewer, second) == "1.1"


def test_a_study_without_a_date_has_no_prior_and_is_none(viewer, make_study):
    undated, dated = make_study("1.1", None), make_study("1.2")

    assert prior_of(viewer, undated) is None
    assert prior_of(viewer, dated) is None


def test_the_study_of_another_patient_is_no_prior(viewer, make_study):
    study = make_study("1.1")
    make_study("1.2", "2023-01-05", patient_record=Patient.objects.create(patient_id="MRN-2"))

    assert prior_of(viewer, study) is None
    assert hanging.hanging_of(viewer, study).others == []


def test_who_may_see_no_studies_is_told_of_none(make_study):
    study = make_study("1.1")
    make_study("1.2", "2023-01-05")

    found = hanging.hanging_of(get_user_model().objects.create_user("nobody"), study)

    assert (found.prior, found.others) == (None, [])


def test_the_prior_lies_behind_many_studies_of_another_kind(viewer, make_study):
    make_study("1.1", "2020-01-05")
    study = make_study("1.2", "2024-01-05")
    for number in range(hanging.MAX_OTHER_STUDIES + 5):
        make_study(f"2.{number}", "2023-01-05", modality="DX", body_part="CHEST")

    found = hanging.hanging_of(viewer, study)

    assert found.prior.study_instance_uid == "1.1"
    assert len(found.others) == hanging.MAX_OTHER_STUDIES
    assert found.has_more_others


# --- The first series ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "is_part"),
    [
        ("flair", "Ax FLAIR fs", True),
        ("t1*ax", "T1 mprage AX", True),
        ("ax*t1", "T1 ax", False),
        ("t2 | pd", "PD sag", True),
        ("t1", "", False),
        ("*", "", True),
    ],
)
def test_a_pattern_is_part_of_a_text_as_it_is_in_the_browser(pattern, text, is_part):
    assert hanging.is_part(pattern, text) is is_part


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ({}, 1),
        ({"at_least": 10}, 2),
        ({"at_least": 10, "number": 2}, 3),
        ({"description": "t1", "without": "gad"}, 3),
        ({"description": "none of these"}, 1),
        ({"modality": "PT"}, 4),
        ({"plane": "axial"}, None),
    ],
)
def test_the_page_knows_the_series_of_the_first_cell(viewer, patient, cell, number):
    HangingProtocol.objects.create(name="x", priority=99, cells=[cell])
    study = Study.objects.create(patient_record=patient, study_instance_uid="1.1")
    for row in [(0, "SR", "Report", 1), (1, "MR", "Scout", 3), (2, "MR", "T1 gad", 30),
                (3, "MR", "T1", 30), (4, "PT", "AC", 5)]:  # fmt: skip
        Series.objects.create(
            study=study, series_instance_uid=f"1.1.{row[0]}", series_number=row[0],
            modality=row[1], series_description=row[2],
            number_of_series_related_instances=row[3],
        )  # fmt: skip

    assert hanging.first_series_uid(viewer, study) == ("" if number is None else f"1.1.{number}")


# --- Over HTTP -----------------------------------------------------------------------------------


def test_the_viewer_gets_protocol_prior_and_other_studies_in_one_answer(client, store):
    store(make_file())
    store(
        make_file(
            StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.9", SOPInstanceUID="1.2.2.4",
            StudyDate="20230105", StudyDescription="CT head, first",
        )
    )  # fmt: skip

    answer = client.get("/api/studies/1.2.3/hanging/").json()

    prior = {
        "study_instance_uid": "1.2.2", "study_date": "2023-01-05",
        "study_description": "CT head, first", "modalities_in_study": ["CT"],
    }  # fmt: skip
    assert answer == {
        "study": {
            "study_instance_uid": "1.2.3", "study_date": "2024-01-05",
            "study_description": "CT head", "modalities_in_study": ["CT"],
        },
        "protocol": {
            "name": "CT with prior", "rows": 1, "columns": 2,
            "cells": [{"at_least": 10}, {"study": "prior", "at_least": 10}],
        },
        "prior": prior, "others": [prior], "has_more_others": False,
    }  # fmt: skip


# --- In the administration -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [{}],
        [{"study": "prior", "description": "t1*ax|mprage", "without": "gad", "number": 2}],
        [{"view": "MLO", "laterality": "L", "otherwise": "empty"}, {"plane": "sagittal"}],
    ],
)
def test_cells_that_make_sense_are_taken(cells):
    HangingProtocol(name="x", rows=2, columns=1, cells=cells).full_clean()


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({}, "are a list"),
        ([{}, {}, {}], "room for 2 cells, not for 3"),
        (["flair"], "Cell 1: it is an object"),
        ([{}, {"veiw": "CC"}], "Cell 2: “veiw” is no rule"),
        ([{"study": "older"}], "“study” is one of current, prior"),
        ([{"plane": ["axial"]}], "“plane” is one of"),
        ([{"laterality": {}}], "“laterality” is one of"),
        ([{"description": ""}], "a text of 1 to 100"),
        ([{"description": 5}], "a text of 1 to 100"),
        ([{"view": "x" * 17}], "a text of 1 to 16"),
        ([{"number": 0}], "a number from 1 to 100"),
        ([{"number": True}], "a number from 1 to 100"),
        ([{"at_least": "10"}], "a number from 1"),
        ([{"number": 1.5}], "a number from 1"),
    ],
)
def test_cells_that_make_no_sense_are_refused_in_words(cells, problem):
    with pytest.raises(ValidationError) as refused:
        HangingProtocol(name="x", rows=1, columns=2, cells=cells).full_clean()

    assert problem in " ".join(refused.value.message_dict["cells"])


@pytest.mark.parametrize("size", [{"rows": 0}, {"columns": 4}])
def test_a_grid_beyond_three_by_three_is_refused(size):
    with pytest.raises(ValidationError):
        HangingProtocol(name="x", **size).full_clean()


@pytest.fixture
def in_admin(sign_in):
    """A client with access to the administration."""

    def in_admin(role):
        client = sign_in(role, sees_every_study=role == "clinician")
        user = client.get("/").wsgi_request.user
        user.is_staff = True
        user.save()
        return client

    return in_admin


FORM = {
    "name": "CT of the chest", "modality": "ct", "body_part": "Chest", "priority": "5",
    "rows": "1", "columns": "2", "cells": '[{"plane": "axial"}, {"study": "prior"}]',
}  # fmt: skip
ADMIN = "/admin/studies/hangingprotocol/"


def test_an_administrator_adds_and_changes_a_protocol(in_admin):
    client = in_admin("administrator")

    added = client.post(f"{ADMIN}add/", FORM)
    protocol = HangingProtocol.objects.get(name="CT of the chest")
    client.post(f"{ADMIN}{protocol.pk}/change/", FORM | {"columns": "3"})
    listed = client.get(ADMIN).content.decode()

    protocol.refresh_from_db()
    assert added.status_code == 302
    assert (protocol.modality, protocol.body_part, protocol.columns) == ("CT", "CHEST", 3)
    assert protocol.shows_prior
    assert "1 × 3" in listed


def test_the_form_says_what_is_wrong_with_a_cell(in_admin):
    page = in_admin("administrator").post(f"{ADMIN}add/", FORM | {"cells": '[{"veiw": "CC"}]'})

    assert "Cell 1: “veiw” is no rule" in page.content.decode()
    assert not HangingProtocol.objects.filter(name="CT of the chest").exists()


@pytest.mark.parametrize("role", ["data steward", "radiologist", "operator"])
def test_nobody_else_changes_protocols(in_admin, role):
    response = in_admin(role).post(f"{ADMIN}add/", FORM)

    assert response.status_code in {302, 403}
    assert not HangingProtocol.objects.filter(name="CT of the chest").exists()
