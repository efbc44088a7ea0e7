"""50,000 studies: every filter, pair of filters, deep page and search key uses an index."""

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from studies import changes, query
from studies.dicom.attributes import Level
from studies.matching import ROWS, Options
from studies.models import (
    EmergencyAccess,
    Patient,
    Site,
    Source,
    StoredObject,
    Study,
    StudyGrant,
    StudyScope,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("fifty_thousand_studies"),
    pytest.mark.timeout(300),  # to make the rows takes its time
]


PATIENTS = 10_000  # with five studies each
SITES = ("Rare", "One third", "Another third", "The last third")
TABLES = ("studies_study", "studies_series", "studies_instance")


@pytest.fixture
def viewer():
    user = get_user_model().objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="radiologist"))
    return user


@pytest.fixture
def restricted(request):
    """A clinician who sees some sites, three granted studies and a patient in an emergency."""
    user = get_user_model().objects.create_user("restricted")
    user.groups.add(Group.objects.get(name="clinician"))
    for name in request.param:
        StudyScope.objects.create(user=user, institution_name=name)
    granted = list(Study.objects.order_by("pk")[1000:1003])
    StudyGrant.objects.bulk_create(
        StudyGrant(study=study, user=user, granted_by=user, reason="Plans") for study in granted
    )
    EmergencyAccess.objects.create(
        user=user, patient_record=granted[0].patient_record, reason="Plans",
        expires_at=timezone.now() + datetime.timedelta(hours=1),
    )  # fmt: skip
    return user


@contextmanager
def indexes_made_last(cursor) -> Iterator[None]:
    """All but those of constraints: of many rows at once they are made in a third of the time."""
    cursor.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = ANY (%s::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        """,
        [list(TABLES)],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        cursor.execute(definition)


@pytest.fixture(scope="module")
def fifty_thousand_studies(django_db_setup, django_db_blocker):
    """Rows enough that the planner has to care, removed afterwards."""
    with django_db_blocker.unblock(), connection.cursor() as cursor, indexes_made_last(cursor):
        reader = get_user_model().objects.create_user("reader of plans")
        patients = Patient.objects.bulk_create(
            Patient(patient_id=f"plans-{n}") for n in range(PATIENTS)
        )
        sites = Site.objects.bulk_create(Site(institution_name=name) for name in SITES)
        cursor.execute(
            """
            INSERT INTO studies_study (site_id, patient_record_id, patient_id, issuer_of_patient_id,
                patient_name, patient_name_ideographic, patient_name_phonetic, patient_name_folded,
                patient_sex, study_instance_uid, study_date, study_time, accession_number, study_id,
                study_description, referring_physician_name, referring_physician_name_ideographic,
                referring_physician_name_phonetic, referring_physician_name_folded,
                institution_name, modalities_in_study, number_of_study_related_series,
                number_of_study_related_instances, size_bytes, received_at, updated_at,
                timezone_offset_from_utc, patient_birth_date, priority, assigned_to_id, tags)
            SELECT CASE WHEN n %% 1000 = 0 THEN %s ELSE %s + n %% 3 END,
                %s + n %% %s, 'MRN-' || n, '', '', '', '', md5(n::text) || ' ' || md5((n * 7)::text), 'F',
                '1.9.' || n, DATE '2015-01-01' + n %% 3650,
                TIME '00:00' + n * 37 %% 86400 * INTERVAL '1 second', 'ACC-' || n, n::text,
                'Study ' || md5((n * 3)::text), '', '', '', md5((n %% 500)::text), 'Site',
                CASE WHEN n %% 100 = 0 THEN '{NM}' WHEN n %% 3 = 0 THEN '{CT}' ELSE '{DX}' END::text[],
                1, 1, 1, now(), now(), '', DATE '1930-01-01' + n * 7 %% 30000,
                CASE WHEN n %% 100 = 1 THEN 'stat' ELSE 'routine' END,
                CASE WHEN n %% 500 = 3 THEN %s END,
                CASE WHEN n %% 500 = 7 THEN ARRAY[7] ELSE '{}' END
            FROM generate_series(1, 50000) AS n
            """,
            [sites[0].pk, sites[1].pk, patients[0].pk, PATIENTS, reader.pk],
        )
        # Where the table was last analysed empty, each row would look for its study in all.
        cursor.execute("ANALYZE studies_study")
        cursor.execute(
            """
            INSERT INTO studies_series (study_id, series_instance_uid, modality, series_number,
                series_description, body_part_examined, institution_name, frame_of_reference_uid,
                performed_procedure_step_start_date, performed_procedure_step_start_time,
                request_attributes,
                number_of_series_related_instances, size_bytes, received_at, updated_at)
            SELECT id, study_instance_uid || '.1', modalities_in_study[1], 1, '', '', '', '',
                study_date, study_time, CASE WHEN id % 50 = 0 THEN jsonb_build_array(
                    jsonb_build_object('ScheduledProcedureStepID', 'SPS-' || id,
                        'RequestedProcedureID', 'RP-' || id)) ELSE '[]' END,
                1, 1, now(), now()
            FROM studies_study
            """
        )
        cursor.execute("ANALYZE studies_series")
        stored = StoredObject.objects.create(object_key="plans", source=Source.SEED, size_bytes=1)
        cursor.execute(
            """
            INSERT INTO studies_instance (series_id, stored_object_id, is_overlaid,
                sop_instance_uid, sop_class_uid, instance_number)
            SELECT series.id, %s, true, series_instance_uid || '.1', '1.2.' || ascii(modality), 1
            FROM studies_series series
            """,
            [stored.pk],
        )
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        # Of all rows, or the sample would decide between two good plans; and of nobody else.
        cursor.execute("SET default_statistics_target = 200")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            cursor.execute(f"ANALYZE {table}")
        cursor.execute("RESET default_statistics_target")
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        # All that refers to them is empty too: no other test leaves anything.
        cursor.execute("TRUNCATE studies_patient, studies_site, studies_storedobject CASCADE")
        reader.delete()
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
            cursor.execute(f"ANALYZE {table}")


def plan_of(queryset) -> str:
    return queryset.order_by("-study_moment", "-id")[:26].explain()


def explain(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(row[0] for row in cursor.fetchall())


def plan_of_search(search, *, limit=26) -> str:
    statement = search.rows([f"{ROWS[search.level]}.id"], offset=0, limit=limit)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement.text}", statement.values)
        return "\n".join(row[0] for row in cursor.fetchall())


def _with_identity(queryset, text):
    return query.with_identity(queryset, text, ["patient_id", "accession_number"])


# Stands for the key of the reader, who is made along with the studies.
READER = object()


def narrowed(queryset, name):
    restrict, value, _ = FILTERS[name]
    if value is READER:
        value = get_user_model().objects.get(username="reader of plans").pk
    return restrict(queryset, value)


FILTERS = {
    "mrn": (query.with_patient_id, "MRN-4711", "study_by_patient_id"),
    "mrn prefix": (query.with_patient_id, "mrn-471", "study_by_patient_id"),
    "accession": (query.with_accession_number, "ACC-4711", "study_by_accession"),
    "part of name": (query.with_patient_name, "c4ca42", "study_by_part_of_name"),
    "two parts of a name": (query.with_patient_name, "c4ca 8f14", "study_by_part_of_name"),
    "description": (query.with_description, "c4ca4238a0", "study_by_part_of_description"),
    "rare modality": (query.with_modalities, ["NM"], "study_by_modality|study_newest_first"),
    "common modality": (query.with_modalities, ["DX"], "study_newest_first"),
    "unread": (query.with_reading_status, "unread", "study_newest_first|study_unread"),
    "reported": (query.with_reading_status, "reported", "study_reported"),
    "stat": (query.with_priority, "stat", "study_urgent"),
    "routine": (query.with_priority, "routine", "study_newest_first"),
    "a reader's": (query.with_reader, READER, "study_assigned"),
    "nobody's": (query.with_reader, None, "study_newest_first"),
    "tag": (query.with_tag, 7, "study_by_tag"),
    "short part of name": (
        query.with_patient_name,
        "c4",
        "study_by_part_of_name|study_newest_first",
    ),
    "identifier or name": (_with_identity, "MRN-4711", "study_by_accession"),
    "since": (query.since, datetime.date(2016, 1, 1), "study_newest_first"),
    "until": (query.until, datetime.date(2016, 1, 1), "study_newest_first"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_is_answered_from_an_index(viewer, name):
    indexes = FILTERS[name][-1]

    plan = plan_of(narrowed(query.studies(viewer), name))

    assert any(index in plan for index in indexes.split("|")), plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("keys", [{"StudyDate": "20160101"}, {"StudyDate": "20160101-20160107"}])
def test_a_search_by_day_is_answered_from_an_index(viewer, keys):
    plan = plan_of_search(query.search(viewer, Level.STUDY, keys), limit=1000)

    assert "study_newest_first" in plan
    assert "Seq Scan" not in plan


def test_other_studies_and_priors_of_a_patient_come_from_the_index_in_order(viewer):
    # Of a patient with few of all these studies, as every patient has.
    study = Study.objects.create(
        patient_record=Patient.objects.create(patient_id="few"), study_instance_uid="1.8",
        study_date=datetime.date(2020, 1, 1),
    )  # fmt: skip
    study.refresh_from_db()
    earlier = query.earlier_studies_of_patient(
        viewer, study, modalities=["CT"], body_parts=["HEAD"]
    )

    for queryset in (query.other_studies_of_patient(viewer, study), earlier):
        plan = queryset[:50].explain()
        assert "study_of_patient_newest_first" in plan, plan
        assert "Sort" not in plan, plan
        assert "Seq Scan" not in plan, plan


SEARCHES = [
    (Level.STUDY, {}, "study_newest_first"),
    (Level.STUDY, {"PatientID": "MRN-4711"}, "patient_id"),
    (Level.STUDY, {"PatientID": "MRN-471*"}, "study_by_patient_id"),
    (Level.STUDY, {"AccessionNumber": "ACC-4711"}, "accession"),
    (Level.STUDY, {"AccessionNumber": "ACC-471?"}, "study_by_accession"),
    (Level.STUDY, {"PatientName": "c4ca4238*"}, "study_in_order_of_name"),
    (Level.STUDY, {"PatientName": "c4ca4238*"}, "study_by_other_groups_of_name"),
    (Level.STUDY, {"PatientName": "c4ca4238^none"}, "study_in_order_of_name"),
    (Level.STUDY, {"PatientName": "*ca4238a*"}, "study_by_part_of_name"),
    (Level.STUDY, {"StudyDescription": "*c4ca4238a0*"}, "study_by_part_of_description"),
    (Level.STUDY, {"StudyID": "4711"}, "study_by_study_id"),
    (Level.STUDY, {"StudyID": "471*"}, "study_by_study_id"),
    (Level.STUDY, {"ReferringPhysicianName": "c4ca4238*"}, "study_by_referring_physician"),
    (Level.STUDY, {"StudyInstanceUID": "1.9.4711,1.9.4712"}, "study_instance_uid_is_unique"),
    (Level.STUDY, {"StudyTime": "101501"}, "study_by_time_of_day"),
    (Level.STUDY, {"PatientBirthDate": "19700101"}, "study_by_birth_date"),
    (Level.STUDY, {"StudyDate": "20160101", "ModalitiesInStudy": "CT"}, "study_newest_first"),
    (Level.STUDY, {"ModalitiesInStudy": "NM"}, "study_by_modality|study_newest_first"),
    (Level.STUDY, {"StudyDate": "20160101-", "StudyTime": "10-"}, "study_newest_first"),
    (Level.SERIES, {}, "studies_series_pkey"),
    (Level.SERIES, {"Modality": "CT"}, "series_by_modality"),
    (Level.SERIES, {"Modality": "NM"}, "series_by_modality"),
    (Level.SERIES, {"Modality": "none"}, "series_by_modality"),
    (Level.SERIES, {"PatientID": "MRN-4711"}, "patient_id"),
    (Level.SERIES, {"PerformedProcedureStepStartDate": "20160101"}, "series_by_start_date"),
    (Level.SERIES, {"00400275.00401001": "RP-50"}, "series_by_request"),
    (Level.SERIES, {"00400275.00400009": "SPS-50"}, "series_by_request"),
    (
        Level.SERIES,
        {"00400275.00400009": "SPS-*", "00400275.00401001": "RP-50"},
        "series_by_request",
    ),
    (Level.INSTANCE, {}, "studies_instance_pkey"),
    (Level.INSTANCE, {"SOPClassUID": "1.2.67"}, "studies_instance_pkey"),
    (Level.INSTANCE, {"SOPClassUID": "1.2.9"}, "instance_by_sop_class"),
    (Level.INSTANCE, {"SOPInstanceUID": "1.9.4711.1.1"}, "sop_instance_uid_is_unique"),
    (Level.INSTANCE, {"AccessionNumber": "ACC-4711"}, "accession"),
]


@pytest.mark.parametrize(("level", "keys", "indexes"), SEARCHES)
def test_each_key_of_a_search_is_answered_from_an_index(viewer, level, keys, indexes):
    plan = plan_of_search(query.search(viewer, level, keys))

    assert any(index in plan for index in indexes.split("|")), plan
    assert "Seq Scan" not in plan, plan


def test_similar_names_are_found_in_the_index(viewer):
    keys, fuzzy = {"PatientName": "c4ca4238a0"}, Options(fuzzy=True)

    plan = plan_of_search(query.search(viewer, Level.STUDY, keys, options=fuzzy))

    assert "study_by_part_of_name" in plan, plan


@pytest.mark.parametrize("level", [Level.SERIES, Level.INSTANCE])
@pytest.mark.parametrize("keys", [{}, {"Modality": "CT"}, {"ModalitiesInStudy": "DX"}])
def test_a_search_through_all_studies_sorts_nothing(viewer, level, keys):
    plan = plan_of_search(query.search(viewer, level, keys))

    assert "Sort" not in plan, plan


@pytest.mark.parametrize("first", FILTERS)
def test_each_pair_of_filters_is_answered_from_indexes(viewer, first):
    queryset = narrowed(query.studies(viewer), first)
    plans = {second: plan_of(narrowed(queryset, second)) for second in FILTERS}

    assert {second: plan for second, plan in plans.items() if "Seq Scan" in plan} == {}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_is_answered_from_indexes_in_each_order(viewer, name):
    queryset = narrowed(query.studies(viewer), name)
    orders = [
        (f"{s}{column}", f"{s}id") for column in query.SORT_COLUMNS.values() for s in ("", "-")
    ]
    plans = {order: queryset.order_by(*order)[:26].explain() for order in orders}

    assert {order: plan for order, plan in plans.items() if "Seq Scan" in plan} == {}


def test_what_has_changed_in_a_list_is_found_by_the_transactions_after_its_mark(viewer):
    rows = Study.objects.order_by("pk").values_list("pk", flat=True)[:25]
    shown = query.studies(viewer).filter(pk__in=list(rows))

    with CaptureQueriesContext(connection) as captured:
        changes.changes_since(
            changes.mark(), query.with_modalities(query.studies(viewer), ["CT"]), shown,
            only_arrivals=False,
        )  # fmt: skip

    statements = [q["sql"] for q in captured.captured_queries if "studies_study" in q["sql"]]
    plans = [explain(statement) for statement in statements]
    assert len(plans) == 2
    assert "study_by_transaction" in plans[0], plans[0]
    assert all("Seq Scan" not in plan for plan in plans), plans


@pytest.mark.parametrize("are_many", [False, True])
@pytest.mark.parametrize(
    "sort", [f"{sign}{name}" for name in query.SORT_COLUMNS for sign in ("", "-")]
)
def test_a_deep_page_starts_in_the_index_and_sorts_nothing(viewer, sort, are_many):
    column = query.SORT_COLUMNS[sort.lstrip("-")]
    middle = Study.objects.order_by(column, "id")[25_000]

    rows, cursor = query.studies(viewer), query.Cursor(after=middle.pk)
    if are_many:  # without a condition that is the same as not
        rows = rows.exclude(modalities_in_study=["NM"])
    with CaptureQueriesContext(connection) as captured:
        query.page_of(viewer, rows, sort=sort, size=25, cursor=cursor, are_many=are_many)

    _place, page, *_ = [q["sql"] for q in captured.captured_queries]
    plan = explain(page)
    assert "Index Cond: (ROW(" in plan, plan
    assert "Sort" not in plan


# --- Of who does not see every study -------------------------------------------------------------

of_some_sites = pytest.mark.parametrize(
    "restricted", [SITES[:1], SITES[1:3], ()], indirect=True, ids=["rare", "common", "none"]
)


@of_some_sites
def test_the_list_of_a_restricted_person_is_answered_from_indexes(restricted):
    plan = plan_of(query.studies(restricted))

    assert re.search("study_by_site|study_newest_first|BitmapOr", plan), plan
    assert "Seq Scan" not in plan, plan


@of_some_sites
@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_of_a_restricted_person_is_answered_from_indexes(restricted, name):
    plan = plan_of(narrowed(query.studies(restricted), name))

    assert "Seq Scan" not in plan, plan


@of_some_sites
@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.INSTANCE])
@pytest.mark.parametrize("keys", [{}, {"PatientID": "MRN-4711"}, {"StudyDate": "20160101-"}])
def test_each_search_of_a_restricted_person_is_answered_from_indexes(restricted, level, keys):
    plan = plan_of_search(query.search(restricted, level, keys))

    assert "Seq Scan" not in plan, plan


@of_some_sites
def test_a_deep_page_of_a_restricted_person_starts_in_the_index(restricted):
    middle = Study.objects.filter(grants__user=restricted).latest("study_moment")

    with CaptureQueriesContext(connection) as captured:
        query.page_of(
            restricted, query.studies(restricted), sort="-date", size=25,
            cursor=query.Cursor(after=middle.pk),
        )  # fmt: skip

    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + captured.captured_queries[-1]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
