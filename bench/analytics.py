"""How long each chart takes from totals, beside adding up the rows of the studies themselves.

    .venv/bin/python -m bench.analytics [--studies 50000 1000000] [--requests 60]

Runs on an embedded PostgreSQL of its own in a temporary directory, whose rows are made by SQL: ten
years of studies with their series, and reports of every fifth. Asks whole requests of the portal's
own views in this process, with filters in turn; prints one table in Markdown.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

FILTERS = (
    "", "period=five-years", "period=all", "period=month", "modality=CT",
    "period=five-years&modality=MR", "site=Site+2", "date_from=2021-02-03&date_to=2024-11-27",
    "period=five-years&granularity=week",
)  # fmt: skip
# Neither counting nor the sums below use them, and making a million rows without is much faster.
UNUSED_INDEXES = (
    "SELECT format('DROP INDEX %I', indexname) FROM pg_indexes WHERE tablename = 'studies_study'"
    " AND indexdef NOT LIKE '%UNIQUE%' AND indexname NOT IN ('study_newest_first')"
)
STUDIES = """
    INSERT INTO studies_study (id, patient_record_id, study_instance_uid, study_date, study_time,
        referring_physician_name, institution_name, modalities_in_study, size_bytes,
        number_of_study_related_series, number_of_study_related_instances, received_at, updated_at,
        {empty})
    SELECT n, 1, '1.' || n, day, time '07:00' + (n % 700) * interval '1 minute',
        'Physician^' || n % 251, 'Site ' || n % 5,
        CASE n % 9 WHEN 8 THEN ARRAY['CT', 'PT'] ELSE ARRAY[code] END,
        200000000, 2, 200, day + interval '1 day', now(), {values}
    FROM generate_series({first}, {last}) n,
        LATERAL (SELECT DATE '2026-11-26' - (n * 7919 % 3652)::int AS day,
            (ARRAY['CT', 'MR', 'DX', 'CR', 'US', 'MG', 'NM', 'XA'])[1 + n % 8] AS code) drawn
"""
SERIES = """
    INSERT INTO studies_series (id, study_id, series_instance_uid, modality, body_part_examined,
        number_of_series_related_instances, size_bytes, received_at, updated_at, request_attributes,
        {empty})
    SELECT s.id * 2 + k, s.id, s.study_instance_uid || '.' || k, s.modalities_in_study[
            1 + k % cardinality(s.modalities_in_study)], 'PART ' || s.id % 17, 100, 100000000,
        s.received_at, now(), '[]', {values}
    FROM studies_study s, generate_series(0, 1) k WHERE s.id BETWEEN {first} AND {last}
"""
DEVICES = """
    INSERT INTO analytics_seriesdevice (series_id, name)
    SELECT id, 'Device ' || study_id % 61 FROM studies_series
    WHERE study_id BETWEEN {first} AND {last}
"""
REPORTS = """
    INSERT INTO studies_report (study_id, author_id, saved_by_id, signed_by_id, signed_at, saved_at,
        created_at, version, indication, technique, comparison, findings, impression)
    SELECT id, 1, 1, 1, study_moment + id % 3000 * interval '1 minute', now(), now(),
        gen_random_uuid(), '', '', '', 'None.', ''
    FROM studies_study WHERE id % 5 = 0 AND id BETWEEN {first} AND {last}
"""
# The same sums from the rows, for five years.
SINCE = "s.study_date >= DATE '2021-11-27'"
_STUDIES = "studies_study s"
_SERIES = "studies_series e JOIN studies_study s ON s.id = e.study_id"
_EACH = "unnest(ARRAY['*'] || modalities_in_study::text[]) m"
PLAIN = {
    "volume": f"SELECT date_trunc('month', study_date), m, count(*) FROM {_STUDIES}, {_EACH}"
    f" WHERE {SINCE} GROUP BY 1, 2",
    "modalities": f"SELECT e.modality, count(DISTINCT s.id), count(*), sum(e.size_bytes)"
    f" FROM {_SERIES} WHERE {SINCE} GROUP BY 1",
    "hours": "SELECT extract(isodow FROM study_date), extract(hour FROM study_time), count(*)"
    f" FROM {_STUDIES} WHERE {SINCE} GROUP BY 1, 2",
    "sites": "SELECT institution_name, count(*), sum(size_bytes)"
    f" FROM {_STUDIES} WHERE {SINCE} GROUP BY 1",
    "devices": f"SELECT d.name, count(*) FROM {_SERIES} JOIN analytics_seriesdevice d"
    f" ON d.series_id = e.id WHERE {SINCE} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "body-parts": f"SELECT body_part_examined, count(*) FROM {_SERIES}"
    f" WHERE {SINCE} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "physicians": f"SELECT referring_physician_name, count(*) FROM {_STUDIES}"
    f" WHERE {SINCE} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    "turnaround": "SELECT m, percentile_cont(0.5) WITHIN GROUP (ORDER BY signed_at - study_moment)"
    f" FROM studies_report r JOIN {_STUDIES} ON s.id = r.study_id, {_EACH}"
    f" WHERE {SINCE} GROUP BY 1",
    "storage": "SELECT date_trunc('month', received_at), sum(size_bytes)"
    " FROM studies_series GROUP BY 1",
}


def execute(statement: str) -> list[Any]:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def prepare() -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from studies.models import Patient  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    for (statement,) in execute(UNUSED_INDEXES):
        execute(statement)
    Patient.objects.create(pk=1)
    User.objects.create_superuser("reader", pk=1)


def fill(first: int, last: int) -> None:
    for table, statement in (
        ("studies_study", STUDIES), ("studies_series", SERIES),
        ("analytics_seriesdevice", DEVICES), ("studies_report", REPORTS),
    ):  # fmt: skip
        named = statement.split("(")[1].split(")")[0].split(",")
        empty = unnamed_texts(table, {name.strip() for name in named})
        columns, values = ", ".join(empty), ", ".join(["''"] * len(empty))
        execute(statement.format(empty=columns, values=values, first=first, last=last))
        execute(f"ANALYZE {table}")


def unnamed_texts(table: str, named: set[str]) -> list[str]:
    """Columns of text that must not be null, have no default and are not filled in."""
    rows = execute(
        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        " AND is_nullable = 'NO' AND column_default IS NULL AND data_type = 'character varying'"
    )
    return [f'"{name}"' for (name,) in rows if name not in named]


def milliseconds(act: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    act(*arguments)
    return (time.perf_counter() - started) * 1000


def ask(client: Any, chart: str, query: str) -> None:
    answer = client.get(f"/api/analytics/{chart}/?{query}")
    if answer.status_code != 200:
        raise SystemExit(f"{chart}?{query}: {answer.status_code} {answer.content[:200]}")


def measure(studies: int, requests: int) -> None:
    from django.test import Client  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from analytics.aggregates import KINDS  # noqa: PLC0415

    client = Client()
    client.force_login(User.objects.get(pk=1))
    for chart in KINDS:
        queries = list(islice(cycle(FILTERS), requests))
        for query in FILTERS:
            ask(client, chart, query)
        times = [milliseconds(ask, client, chart, query) for query in queries]
        p95 = statistics.quantiles(times, n=20)[-1]
        line = f"| {chart} | {studies:,} | {statistics.median(times):.1f} / {p95:.1f} |"
        if chart in PLAIN:
            execute(PLAIN[chart])
            plain = statistics.median(milliseconds(execute, PLAIN[chart]) for _ in range(3))
            line += f" {plain:,.0f} | {plain / statistics.median(times):.1f} |"
        else:
            line += " | |"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=60)
    options = parser.parse_args()
    prepare()
    from analytics import rollup  # noqa: PLC0415

    there = 0
    for studies in sorted(options.studies):
        fill(there + 1, studies)
        there = studies
        seconds = milliseconds(lambda: list(rollup.rebuild())) / 1000
        execute("VACUUM ANALYZE analytics_total")
        ((rows, size),) = execute(
            "SELECT count(*), pg_size_pretty(pg_total_relation_size('analytics_total'))"
            " FROM analytics_total"
        )
        print(f"\nCounting {studies:,} studies again: {seconds:.0f} s; {rows:,} totals, {size}.\n")
        print("| chart | studies | p50 / p95 ms | rows added up, ms | times faster |")
        print("|---|--:|--:|--:|--:|", flush=True)
        measure(studies, options.requests)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "pacs_portal.settings", "PACS_DEMONSTRATION": "true",
            "PACS_VAR_DIR": directory, "DATABASE_URL": "", "ALLOWED_HOSTS": "testserver",
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        import django

        django.setup()
        main()
        from django.db import connections

        from pacs_portal.db.embedded.base import embedded_server

        settings_dict = connections["default"].settings_dict
        connections.close_all()
        embedded_server(settings_dict).stop()
