"""The one way to ask: what matches, in which order, by which index."""

import datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from studies import query
from studies.dicom.attributes import Level
from studies.errors import InvalidQueryError
from studies.matching import ROWS
from studies.models import Patient, Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer():
    user = get_user_model().objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


@pytest.fixture
def add_study():
    patient = Patient.objects.create()
    numbers = iter(range(1, 10_000))

    def add(name="", **fields):
        fields.setdefault("study_instance_uid", f"1.{next(numbers)}")
        fields.setdefault("patient_name_folded", name)
        return Study.objects.create(patient_record=patient, patient_name=name, **fields)

    return add


def keys_found(viewer, level, keys):
    search = query.search(viewer, level, keys)
    return [pk for pk, _ in query.read_matches(search, [f"{ROWS[level]}.id"]).rows]


def uids(queryset):
    return sorted(queryset.values_list("study_instance_uid", flat=True))


@pytest.mark.parametrize("text", ["mrn-00", "MRN-0012", "mrn-0012"])
def test_an_mrn_is_found_by_its_beginning_in_any_case(viewer, add_study, text):
    add_study(patient_id="MRN-0012", study_instance_uid="1.1")
    add_study(patient_id="X-MRN-0012", study_instance_uid="1.2")

    assert uids(query.with_patient_id(query.studies(viewer), text)) == ["1.1"]


def test_percent_and_underscore_are_letters_like_others(viewer, add_study):
    add_study(accession_number="A_1", study_instance_uid="1.1")
    add_study(accession_number="AB1", study_instance_uid="1.2")

    assert uids(query.with_accession_number(query.studies(viewer), "a_")) == ["1.1"]


@pytest.mark.parametrize("text", ["muller", "MÜLLER", "jur mul", "Jürgen", "müller^jürgen"])
def test_a_name_is_found_by_any_part_in_any_order_and_accent(viewer, add_study, text):
    add_study("muller jurgen", study_instance_uid="1.1")
    add_study("miller jurg", study_instance_uid="1.2")

    assert uids(query.with_patient_name(query.studies(viewer), text)) == ["1.1"]


def test_a_name_is_found_in_another_script(viewer, add_study):
    add_study("yamada tarou=山田 太郎", study_instance_uid="1.1")

    assert uids(query.with_patient_name(query.studies(viewer), "太郎")) == ["1.1"]


def test_modalities_are_alternatives(viewer, add_study):
    add_study(modalities_in_study=["CT", "PT"], study_instance_uid="1.1")
    add_study(modalities_in_study=["MR"], study_instance_uid="1.2")
    add_study(modalities_in_study=["US"], study_instance_uid="1.3")

    assert uids(query.with_modalities(query.studies(viewer), ["PT", "MR"])) == ["1.1", "1.2"]


def test_a_range_of_dates_includes_both_days_to_their_last_minute(viewer, add_study):
    day = datetime.date(2024, 3, 1)
    add_study(study_date=day, study_time=datetime.time(0, 0), study_instance_uid="1.1")
    add_study(study_date=day, study_time=datetime.time(23, 59, 59), study_instance_uid="1.2")
    add_study(study_date=datetime.date(2024, 3, 2), study_instance_uid="1.3")
    add_study(study_instance_uid="1.4")

    found = query.until(query.since(query.studies(viewer), day), day)

    assert uids(found) == ["1.1", "1.2"]


def test_the_last_day_that_there_is_ends_a_range_too(viewer, add_study):
    add_study(study_date=datetime.date(2024, 3, 1), study_instance_uid="1.1")

    assert uids(query.until(query.studies(viewer), datetime.date.max)) == ["1.1"]


@pytest.mark.parametrize("text", ["Fuß", "fuß", "röntgen fuß", "RÖNTGEN"])
def test_a_description_is_found_by_parts_of_its_words_whatever_their_letters(
    viewer, add_study, text
):
    add_study(study_description="Röntgen Fuß links", study_instance_uid="1.1")

    assert uids(query.with_description(query.studies(viewer), text)) == ["1.1"]


def test_undated_studies_come_last(viewer, add_study):
    add_study(study_instance_uid="1.1")
    add_study(study_date=datetime.date(1999, 1, 1), study_instance_uid="1.2")
    add_study(study_date=datetime.date(2020, 1, 1), study_instance_uid="1.3")

    order = Study.objects.newest_first().values_list("study_instance_uid", flat=True)

    assert list(order) == ["1.3", "1.2", "1.1"]


def test_who_has_no_role_finds_nothing(add_study):
    add_study()
    nobody = get_user_model().objects.create_user("nobody")

    assert not query.studies(nobody).exists()


@pytest.mark.parametrize(
    "sort", [f"{sign}{name}" for name in query.SORT_COLUMNS for sign in ("", "-")]
)
def test_walking_the_pages_forwards_and_backwards_meets_each_study_once(viewer, add_study, sort):
    for number in range(23):
        add_study(
            f"name {number % 4}", patient_id=f"p{number % 3}", accession_number=f"a{number % 5}",
            study_description=f"d{number % 2}", study_date=datetime.date(2024, 1, 1 + number % 6),
        )  # fmt: skip
    column = query.SORT_COLUMNS[sort.lstrip("-")]
    sign = "-" if sort.startswith("-") else ""
    expected = list(
        Study.objects.order_by(f"{sign}{column}", f"{sign}id").values_list("pk", flat=True)
    )

    forwards, page = (
        [],
        query.page_of(viewer, query.studies(viewer), sort=sort, size=5, cursor=query.Cursor()),
    )
    while page.studies:
        forwards += [study.pk for study in page.studies]
        if not page.has_next:
            break
        cursor = query.Cursor(after=page.studies[-1].pk)
        page = query.page_of(viewer, query.studies(viewer), sort=sort, size=5, cursor=cursor)
    backwards, page = [], query.page_of(
        viewer, query.studies(viewer), sort=sort, size=5, cursor=query.Cursor(from_end=True)
    )  # fmt: skip
    while page.studies:
        backwards = [study.pk for study in page.studies] + backwards
        if not page.has_previous:
            break
        cursor = query.Cursor(before=page.studies[0].pk)
        page = query.page_of(viewer, query.studies(viewer), sort=sort, size=5, cursor=cursor)

    assert forwards == expected
    assert backwards == expected


def test_a_page_behind_a_study_that_is_gone_is_the_first_page(viewer, add_study):
    add_study()

    page = query.page_of(
        viewer, query.studies(viewer), sort="-date", size=5, cursor=query.Cursor(after=10**12)
    )

    assert len(page.studies) == 1


@pytest.mark.parametrize(("studies", "total", "is_exact"), [(3, 3, True), (6, 3, False)])
def test_the_count_stops_at_its_limit_and_the_page_is_the_same(
    viewer, add_study, monkeypatch, studies, total, is_exact
):
    monkeypatch.setattr(query, "COUNT_LIMIT", 3)
    for _ in range(studies):
        add_study()
    place = {"sort": "-date", "size": 2, "cursor": query.Cursor()}

    found = query.counted_page_of(viewer, query.studies(viewer), **place)

    assert (found.total, found.is_exact) == (total, is_exact)
    assert found.page == query.page_of(viewer, query.studies(viewer), **place)


@pytest.mark.parametrize("cursor", [query.Cursor(), query.Cursor(from_end=True), "middle"])
@pytest.mark.parametrize("sort", ["-date", "date", "name", "-mrn"])
@pytest.mark.parametrize("nearest", [2, 5, 100])
def test_a_page_is_the_same_whether_the_order_is_read_or_the_matches_sorted(
    viewer, add_study, monkeypatch, cursor, sort, nearest
):
    monkeypatch.setattr(query, "_NEAREST", nearest)
    studies = [add_study(modalities_in_study=["CT" if n % 3 else "MR"]) for n in range(12)]
    if cursor == "middle":
        cursor = query.Cursor(after=studies[6].pk)
    matching = query.with_modalities(query.studies(viewer), ["CT"])
    place = {"sort": sort, "size": 3, "cursor": cursor}

    assert query.page_of(viewer, matching, are_many=True, **place) == query.page_of(
        viewer, matching, **place
    )


# --- Attribute matching of QIDO-RS -----------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        pytest.param({"PatientID": "P1"}, True, id="single value, PS3.4 C.2.2.2.1"),
        pytest.param({"PatientID": "p1"}, False, id="case counts, PS3.4 C.2.2.2.1"),
        pytest.param({"00100020": "P1"}, True, id="by tag, PS3.18 8.3.4.1"),
        pytest.param({"PatientID": ""}, True, id="universal, PS3.4 C.2.2.2.3"),
        pytest.param({"PatientID": "*"}, True, id="star alone, PS3.4 C.2.2.2.4"),
        pytest.param({"PatientID": "P?"}, True, id="question mark, PS3.4 C.2.2.2.4"),
        pytest.param({"PatientID": "P.*"}, False, id="regex signs are letters"),
        pytest.param({"PatientName": "DOE^J*"}, True, id="name without case, PS3.4 C.2.2.2.1"),
        pytest.param({"PatientName": "Doé^Jane"}, True, id="name without accents"),
        pytest.param({"PatientName": "Doe"}, False, id="a whole group of the name"),
        pytest.param({"PatientName": "*^Jane"}, True, id="star before a separator"),
        pytest.param({"StudyDate": "20240105"}, True, id="date, PS3.4 C.2.2.2.1"),
        pytest.param({"StudyDate": "20240101-20240105"}, True, id="range, PS3.4 C.2.2.2.5"),
        pytest.param({"StudyDate": "20240106-"}, False, id="open range, PS3.4 C.2.2.2.5"),
        pytest.param({"StudyDate": "-20240105"}, True, id="range to, PS3.4 C.2.2.2.5"),
        pytest.param({"StudyTime": "0900-1100"}, True, id="range of times"),
        pytest.param({"StudyTime": "1015"}, True, id="a minute is all of it, PS3.5 6.2"),
        pytest.param({"StudyTime": "-1015"}, True, id="a range ends with its last minute"),
        pytest.param({"StudyTime": "101531"}, False, id="a second of another time"),
        pytest.param({"PatientID": "P1 "}, True, id="padding does not count, PS3.5 6.2"),
        pytest.param({"PatientName": "doe^jane=山田"}, True, id="two groups, PS3.5 6.2.1"),
        pytest.param({"PatientName": "Doe^Jane=鈴木"}, False, id="two groups, one of another"),
        pytest.param({"ModalitiesInStudy": "CT"}, True, id="modalities, PS3.4 C.3.4"),
        pytest.param({"ModalitiesInStudy": "C?"}, True, id="wildcard in a code string"),
        pytest.param({"ModalitiesInStudy": "M*"}, False, id="wildcard of another modality"),
        pytest.param({"ModalitiesInStudy": "MR"}, False, id="another modality"),
        pytest.param({"StudyInstanceUID": "9.9,1.5"}, True, id="UID list, PS3.4 C.2.2.2.2"),
        pytest.param({"StudyInstanceUID": "9.9\\1.5"}, True, id="UID list of old clients"),
    ],
)
def test_study_keys_match(viewer, add_study, keys, found):
    study = add_study(
        "doe jane=山田", patient_id="P1", study_instance_uid="1.5", modalities_in_study=["CT", "SR"],
        study_date=datetime.date(2024, 1, 5), study_time=datetime.time(10, 15, 30),
    )  # fmt: skip
    for number, modality in enumerate(study.modalities_in_study):
        study.series.create(modality=modality, series_instance_uid=f"1.5.{number}")

    assert bool(keys_found(viewer, Level.STUDY, keys)) is found


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("RequestAttributesSequence.RequestedProcedureID", id="PS3.18 8.3.4.1, path"),
        pytest.param("00400275.00401001", id="PS3.18 8.3.4.1, path of tags"),
    ],
)
def test_an_attribute_in_a_sequence_matches(viewer, add_study, key):
    requests = [{"RequestedProcedureID": "RP-1"}]
    series = add_study().series.create(series_instance_uid="1.9", request_attributes=requests)

    assert keys_found(viewer, Level.SERIES, {key: "RP-*"}) == [series.pk]
    assert not keys_found(viewer, Level.SERIES, {key: "RP-2"})


@pytest.mark.parametrize(
    "keys",
    [
        {"RequestedProcedureID": "1"},
        {"RequestAttributesSequence.Modality": "CT"},
        {"NoSuchKeyword": "1"},
        {"Modality": "CT"},
        {"StudyInstanceUID": "1.x"},
        {"StudyDate": "yesterday"},
        {"StudyDate": "20241399"},
        {"StudyDate": "2024-01-05"},
        {"PatientName": "a\0b"},
    ],
)
def test_a_key_that_cannot_be_understood_is_refused(viewer, keys):
    with pytest.raises(InvalidQueryError):
        query.search(viewer, Level.STUDY, keys)
