"""Rows per second of seeding, beside a plain COPY of the very same rows into the same tables.

    .venv/bin/python -m bench.seed [STUDIES]

Runs on an embedded PostgreSQL of its own in a temporary directory. Phantoms are made beforehand and
not counted: they are made once, whatever the number of studies.
"""

import datetime
import os
import sys
import tempfile
import time
from collections.abc import Iterator

PIECE_BYTES = 2_000_000
TABLES = ("studies_patient", "studies_study", "studies_series", "studies_instance")


def main(studies: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415

    from studies import seeding  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    phantoms = seeding.store_phantoms(lambda _: None)

    _checkpoint()
    started = time.perf_counter()
    written = seeding.seed_studies(
        studies,
        random_seed=1,
        until=datetime.date(2026, 1, 1),
        phantoms=phantoms,
        progress=lambda _: None,
    )
    seeding_seconds = time.perf_counter() - started
    rows = written.patients + written.studies + written.series + written.instances

    content = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            columns = _columns(cursor, table)
            with cursor.copy(f"COPY {table} ({columns}) TO STDOUT") as copy:
                content[table] = (columns, b"".join(copy))
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}")
    _checkpoint()
    started = time.perf_counter()
    for table, (columns, lines) in content.items():
        for piece in _pieces(lines):
            with (
                transaction.atomic(),
                connection.cursor() as cursor,
                cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
            ):
                copy.write(piece)
    copy_seconds = time.perf_counter() - started

    print(f"{studies} studies, {rows} rows")
    print(f"seed        {seeding_seconds:7.1f} s  {rows / seeding_seconds:10,.0f} rows/s")
    print(f"plain COPY  {copy_seconds:7.1f} s  {rows / copy_seconds:10,.0f} rows/s")
    print(f"ratio       {seeding_seconds / copy_seconds:7.2f}")


def _pieces(lines: bytes) -> Iterator[bytes]:
    """A transaction for each, as `seed` does; one for all takes longer to commit."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + PIECE_BYTES) + 1 or len(lines)
        yield lines[start:end]
        start = end


def _checkpoint() -> None:
    """Both start with a log to fill and nothing to write from before."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def _columns(cursor: object, table: str) -> str:
    """All columns but those that the database computes."""
    cursor.execute(
        "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) "
        "FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
        [table],
    )
    return cursor.fetchone()[0]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "pacs_portal.settings",
            "PACS_DEMONSTRATION": "true",
            "PACS_VAR_DIR": directory,
            "DATABASE_URL": "",
        }
        import django

        django.setup()
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
        from django.db import connections

        connections.close_all()
