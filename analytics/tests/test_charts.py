"""Each chart for a few studies, exactly; who may ask, and for what."""

import datetime
import io

import pytest
from django.db import connection
from django.utils import timezone

from accounts.acts import acted
from analytics import rollup
from analytics.models import Delta, Generation, Total
from studies.ingest import Provenance, store_instance
from studies.models import Series, Source
from studies.reports import writing
from studies.tests.builders import make_file

pytestmark = pytest.mark.django_db

STUDIES = (
    {
        "StudyDate": "20240105", "StudyTime": "101500", "InstitutionName": "North",
        "Modality": "CT", "BodyPartExamined": "HEAD", "StationName": "CT01",
        "ManufacturerModelName": "Spiral", "ReferringPhysicianName": "Curie^Marie",
    },
    {
        "StudyDate": "20240212", "StudyTime": "233000", "InstitutionName": "South",
        "Modality": "MR", "BodyPartExamined": "KNEE", "Manufacturer": "Maker", "StationName": "=1+1",
        "ReferringPhysicianName": "山田",
    },
    {"StudyDate": None, "StudyTime": None, "InstitutionName": None, "Modality": "CT", "BodyPartExamined": None, "ReferringPhysicianName": None},
)  # fmt: skip
YEAR_2024 = "date_from=2024-01-01&date_to=2024-12-31&granularity=month"


def store(number, series=0, **attributes):
    uid = f"1.{number}"
    uids = {
        "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.{series}",
        "SOPInstanceUID": f"{uid}.{series}.1",
    }
    content = make_file(**(STUDIES[number] | uids | attributes))
    return store_instance(io.BytesIO(content), provenance=Provenance(Source.STOW))


@pytest.fixture
def archive():
    """Two studies of 2024, the first of two modalities, and one undated."""
    for number in range(3):
        store(number)
    store(0, series=1, Modality="PT", BodyPartExamined="CHEST", StationName=None)


def ask(client, chart, query=YEAR_2024):
    answer = client.get(f"/api/analytics/{chart}/?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def rows(answer):
    """Its table: label, then a number of each line."""
    return [
        [label, *numbers]
        for label, *numbers in zip(answer["labels"], *(line["values"] for line in answer["lines"]), strict=True)
    ]  # fmt: skip


# --- What is counted -----------------------------------------------------------------------------


def test_a_study_of_two_modalities_counts_once_in_all_and_under_each(client, archive):
    answer = ask(client, "volume")

    assert [line["name"] for line in answer["lines"]] == ["All studies", "CT", "MR", "PT"]
    assert rows(answer)[:3] == [
        ["2024-01", 1, 1, 0, 1],
        ["2024-02", 1, 0, 1, 0],
        ["2024-03", 0, 0, 0, 0],
    ]
    assert answer["facts"] == {"Studies": "2"}
    assert answer["period"] == {"date_from": "2024-01-01", "date_to": "2024-12-31"}


@pytest.mark.parametrize(
    ("granularity", "label"),
    [("day", "2024-01-05"), ("week", "2024-W01"), ("month", "2024-01"), ("year", "2024")],
)
def test_studies_are_counted_by_day_week_month_and_year(client, archive, granularity, label):
    query = f"date_from=2024-01-05&date_to=2024-01-05&granularity={granularity}"

    assert rows(ask(client, "volume", query))[0][:2] == [label, 2 if granularity == "year" else 1]


def test_the_undated_are_counted_as_such(client, archive):
    answer = ask(client, "volume", "period=all")

    assert rows(answer)[0] == ["2024", 2, 1, 1, 1]
    assert answer["facts"] == {"Studies": "2", "Undated, besides": "1"}
    assert rows(ask(client, "modalities", "period=all"))[0][:2] == ["CT", 2]


def test_modalities_are_counted_in_studies_series_instances_and_bytes(client, archive):
    answer = ask(client, "modalities")

    size = dict(
        Series.objects.filter(study__study_instance_uid__lt="1.2").values_list(
            "modality", "size_bytes"
        )
    )
    assert [line["name"] for line in answer["lines"]] == ["Studies", "Series", "Instances", "Bytes"]
    assert rows(answer) == [[code, 1, 1, 1, size[code]] for code in ("CT", "MR", "PT")]


def test_sites_are_counted_and_filtered_by(client, archive):
    assert [row[:3] for row in rows(ask(client, "sites", "period=all"))] == [
        ["Not stated", 1, 1], ["North", 1, 2], ["South", 1, 1],
    ]  # fmt: skip
    assert ask(client, "modalities", f"{YEAR_2024}&site=South")["labels"] == ["MR"]
    assert ask(client, "modalities", "period=all&site=-")["labels"] == ["CT"]


def test_hours_and_weekdays_are_those_of_the_modality(client, archive):
    answer = ask(client, "hours", "period=all")

    busy = {
        (line["name"], hour)
        for line in answer["lines"]
        for hour, number in zip(answer["labels"], line["values"], strict=True)
        if number
    }
    assert busy == {("Fri", "10"), ("Mon", "23")}
    assert answer["facts"] == {"Without date or time": "1"}


def test_devices_are_named_by_the_first_instance_of_each_series(client, archive):
    store(0, series=0, StationName="ANOTHER", SOPInstanceUID="1.0.0.2")

    assert [row[:3] for row in rows(ask(client, "devices"))] == [
        ["=1+1 · Maker", 1, 1], ["CT01 · Spiral", 1, 2], ["Spiral", 1, 1],
    ]  # fmt: skip


def test_body_parts_and_referring_physicians_are_ranked(client, archive):
    assert [row[:2] for row in rows(ask(client, "body-parts", "period=all"))] == [
        ["Not stated", 1], ["CHEST", 1], ["HEAD", 1], ["KNEE", 1],
    ]  # fmt: skip
    assert ask(client, "physicians", f"{YEAR_2024}&modality=CT")["labels"] == ["Marie Curie"]


def test_beyond_the_commonest_the_others_are_counted_together(client):
    Total.objects.bulk_create(
        Total(generation=1, dimension="physician", grain="year", day=datetime.date(2024, 1, 1), modality="*",
              site="*", key=f"P{n:02}", studies=100 - n, series=0, instances=0, size_bytes=0)
        for n in range(25)
    )  # fmt: skip

    answer = ask(client, "physicians")

    assert (len(answer["labels"]), rows(answer)[0], rows(answer)[-1]) == (
        21,
        ["P00", 100],
        ["All others", 390],
    )


def test_storage_is_held_from_the_day_of_arrival_on(client, archive):
    size = sum(Series.objects.values_list("size_bytes", flat=True))
    today = timezone.now().date()

    answer = ask(client, "storage", f"date_from={today}&date_to={today}&granularity=day")
    earlier = ask(client, "storage", "date_from=2024-01-01&date_to=2024-01-02&granularity=day")

    assert rows(answer) == [[str(today), size, size]]
    assert rows(earlier) == [["2024-01-01", 0, 0], ["2024-01-02", 0, 0]]
    assert answer["facts"]["Forecast"] == "none: nothing came in the last 90 days"


def test_turnaround_is_from_acquisition_to_signature_by_modality(
    client, archive, django_user_model
):
    reader = django_user_model.objects.create_superuser("reader")
    now = timezone.now().replace(microsecond=0) - datetime.timedelta(hours=3)
    store(0, StudyInstanceUID="1.5", SeriesInstanceUID="1.5.1", SOPInstanceUID="1.5.1.1", StudyDate=f"{now:%Y%m%d}", StudyTime=f"{now:%H%M%S}")  # fmt: skip
    store(0, series=0, StudyInstanceUID="1.6", SeriesInstanceUID="1.6.1", SOPInstanceUID="1.6.1.1",
          StudyDate=f"{now:%Y%m%d}", StudyTime=f"{now:%H%M%S}", TimezoneOffsetFromUTC="+0500")  # fmt: skip
    for uid in ("1.2", "1.5", "1.6"):
        writing.sign(reader, uid, version=None, sections={"findings": "None."})

    answer = ask(client, "turnaround", "period=all")

    assert [row[:2] for row in rows(answer) if row[1]] == [["2 h – 4 h", 1], ["8 h – 12 h", 1]]
    assert answer["facts"]["Without date or time"] == "1"
    assert answer["facts"]["Median, All studies"] == "4 h"
    assert [line["name"] for line in answer["lines"]] == ["All studies", "CT"]


def test_uploads_are_counted_by_source_and_result(client, archive):
    store(0)
    answer = ask(client, "intake", "period=month")

    assert {line["name"]: sum(line["values"]) for line in answer["lines"]} == {
        "DICOMweb: already stored": 1, "DICOMweb: stored": 4,
    }  # fmt: skip


def test_deltas_and_totals_are_added(client, archive):
    rollup.fold_all()
    store(0, series=7)

    assert rows(ask(client, "modalities"))[0][:3] == ["CT", 1, 2]


# --- What may be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("period=century", "period"),
        ("granularity=hour", "granularity"),
        ("date_from=yesterday", "date_from"),
        ("date_from=0001-01-01", "date_from"),
        ("date_from=2024-02-01&date_to=2024-01-01", "date_to"),
        ("modality=ct%3B", "modality"),
        (f"site={'x' * 129}", "site"),
        ("date_from=2000-01-01&date_to=2024-01-01&granularity=day", "granularity"),
        ("period=all&granularity=day", "granularity"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_its_name(client, query, field):
    answer = client.get(f"/api/analytics/volume/?{query}")
    page = client.get(f"/analytics/?{query}")

    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert (page.status_code, b"These charts cannot be drawn" in page.content) == (200, True)


def test_an_unknown_chart_is_not_found(client):
    assert client.get("/api/analytics/salaries/").status_code == 404


@pytest.mark.parametrize(
    ("role", "status"),
    [("radiologist", 200), ("data steward", 200), ("administrator", 200), ("operator", 200), ("clinician", 403), ("technologist", 403), (None, 403)],
)  # fmt: skip
def test_certain_roles_see_analytics(sign_in, role, status):
    client = sign_in(role)

    assert client.get("/analytics/").status_code == status
    assert client.get("/api/analytics/physicians/").status_code == status
    assert (b'href="/analytics/"' in client.get("/").content) == (status == 200)


def test_a_stranger_sees_none(django_client):
    assert django_client.get("/api/analytics/volume/").status_code == 401
    assert django_client.get("/analytics/").status_code == 302


def test_an_archive_that_was_not_counted_says_how_to_count_it(client):
    Generation.objects.update(current=None)

    answer = client.get("/api/analytics/volume/")

    assert (answer.status_code, "rebuild_rollups" in answer.json()["detail"]) == (503, True)
    assert b"rebuild_rollups" in client.get("/analytics/").content


# --- Where it leads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "query", "address"),
    [
        ("volume", YEAR_2024, "date_from=2024-01-01&date_to=2024-01-31"),
        (
            "volume",
            f"{YEAR_2024}&modality=CT",
            "date_from=2024-01-01&date_to=2024-01-31&modality=CT",
        ),
        ("modalities", YEAR_2024, "date_from=2024-01-01&date_to=2024-12-31&modality=CT"),
        ("modalities", "period=all", "modality=CT"),
    ],
)
def test_a_bar_leads_to_as_many_studies_as_it_counts(client, archive, chart, query, address):
    answer = ask(client, chart, query)

    assert answer["addresses"][0] == address
    assert client.get(f"/?{address}").context["total"] == answer["lines"][0]["values"][0]


def test_a_chart_of_one_site_leads_nowhere_since_the_list_knows_no_sites(client, archive):
    assert set(ask(client, "volume", f"{YEAR_2024}&site=North")["addresses"]) == {""}


def test_a_chart_is_exported_as_csv_without_formulas(client, archive):
    told = []

    def listen(act, **_):
        told.append((act.what, act.detail))

    acted.connect(listen)

    answer = client.get(f"/api/analytics/devices/?{YEAR_2024}&modality=MR&format=csv")

    size = Series.objects.get(modality="MR").size_bytes
    assert answer["Content-Disposition"] == 'attachment; filename="devices.csv"'
    assert (
        answer.content.decode() == f"Device,Series,Instances,Bytes\r\n'=1+1 · Maker,1,1,{size}\r\n"
    )
    assert told == [("figures exported", {"chart": "devices"})]


# --- What it costs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chart", "queries"),
    [("volume", 1), ("modalities", 1), ("sites", 1), ("hours", 1), ("devices", 2), ("physicians", 2),
     ("body-parts", 2), ("turnaround", 1), ("storage", 3), ("intake", 1)],
)  # fmt: skip
def test_a_chart_costs_a_fixed_number_of_queries(
    client, archive, django_assert_num_queries, chart, queries
):
    # Session, user, permissions; whether it is counted, folding.
    with django_assert_num_queries(3 + 2 + queries):
        ask(client, chart)


def test_the_totals_of_a_chart_are_found_by_their_index():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_total (generation, dimension, grain, day, modality, site, key, studies, series, instances, size_bytes)"
            " SELECT 1, d, 'day', DATE '2000-01-01' + n, m, s, '', 1, 1, 1, 1 FROM generate_series(1, 300) n,"
            " unnest(ARRAY['volume', 'received']) d, unnest(ARRAY['*', 'CT', 'MR']) m, unnest(ARRAY['*', 'North', 'South']) s"
        )  # fmt: skip
        cursor.execute("ANALYZE analytics_total")
        cursor.execute(
            "EXPLAIN SELECT day, modality, sum(studies) FROM analytics_figure WHERE dimension = 'volume'"
            " AND grain = 'day' AND site = '*' AND day >= '2000-02-01' AND day < '2000-02-20' GROUP BY 1, 2"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "a_count_has_one_total" in plan
    assert "Seq Scan on analytics_total" not in plan
    assert Delta.objects.count() == 0
