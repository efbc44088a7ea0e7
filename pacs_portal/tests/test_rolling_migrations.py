"""A release works with the schema of the next one: during a roll-out both run, and a rollback
does not undo migrations. The rules are django-migration-linter's."""

import os
import re
import subprocess
import sys

import psycopg
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.sql_analyser import PostgresqlAnalyser, analyse_sql_statements

from pacs_portal.db.embedded_server import EmbeddedServer
from pacs_portal.tests.manifests import ROOT

OURS = {"accounts", "studies", "analytics", "monitoring"}
# Older than the first deployment: nothing ever ran beside them that did not know them.
EXCEPTED = {
    "studies.0006_all_requests_of_a_series": {"DROP_COLUMN", "NOT_NULL"},
    "studies.0016_access": {"CREATE_INDEX"},  # of notifications
}


# The linter looks at the first index only, and takes one with expressions for one of another table.
INDEX = re.compile(r'CREATE (?:UNIQUE )?INDEX "\w+" ON ("\w+")')
LINTERS_OWN = ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"]


def faults(statements: list[str]) -> set[str]:
    """Codes of what would break the release before, or lock a table while it is used."""
    errors, _, warnings = analyse_sql_statements(PostgresqlAnalyser, statements, LINTERS_OWN)
    tables = {found[1] for s in statements if (found := INDEX.match(s))}
    new = {
        table for table in tables if any(s.startswith(f"CREATE TABLE {table}") for s in statements)
    }
    locking = {"CREATE_INDEX"} if tables - new else set()
    return {issue.code for issue in (*errors, *warnings)} | locking


@pytest.fixture
def own_migrations(django_db_setup, django_db_blocker) -> dict[str, list[str]]:
    """Each migration of ours → its statements. Nothing is changed, so no transaction is opened, in
    which an index could not be made concurrently."""
    with django_db_blocker.unblock():
        loader = MigrationLoader(connection, replace_migrations=False)
        return {
            f"{app}.{name}": [
                statement
                for statement in loader.collect_sql([(migration, False)])
                if not statement.startswith("--")
            ]
            for (app, name), migration in loader.disk_migrations.items()
            if app in OURS
        }


def test_no_migration_takes_away_what_the_release_before_it_needs(own_migrations):
    found = {name: faults(statements) for name, statements in own_migrations.items()}

    assert {name: codes for name, codes in found.items() if codes} == EXCEPTED


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('ALTER TABLE "studies_study" DROP COLUMN "study_id";', "DROP_COLUMN"),
        ('ALTER TABLE "studies_study" RENAME COLUMN "study_id" TO "id_of_study";', "RENAME_COLUMN"),
        ('DROP TABLE "studies_study";', "DROP_TABLE"),
        ('ALTER TABLE "studies_study" ADD COLUMN "ward" varchar(64) NOT NULL;', "NOT_NULL"),
        ('ALTER TABLE "studies_study" ALTER COLUMN "study_id" TYPE integer;', "ALTER_COLUMN"),
        ('CREATE INDEX "ward" ON "studies_study" ("ward");', "CREATE_INDEX"),
        ('CREATE INDEX "ward" ON "studies_study" (UPPER("ward"), "id");', "CREATE_INDEX"),
    ],
)
def test_what_would_take_it_away_is_found(statement, code):
    assert faults([statement]) == {code}


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE "studies_study" ADD COLUMN "ward" varchar(64) DEFAULT \'\' NOT NULL;',
        'ALTER TABLE "studies_study" ADD COLUMN "ward" varchar(64) NULL;',
        'CREATE INDEX CONCURRENTLY "ward" ON "studies_study" ("ward");',
    ],
)
def test_what_only_adds_is_not(statement):
    assert faults([statement]) == set()


# --- Roles of the database ---------------------------------------------------------------------


@pytest.fixture
def migrated(tmp_path):
    """A database with the roles of k8s/roles.sql, made by an administrator who is no superuser, as
    nobody is in Cloud SQL; migrated as its owner."""
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    try:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE administrator LOGIN CREATEROLE")
            superuser.execute("CREATE DATABASE pacs OWNER administrator")
        with connect(server, "administrator") as administrator:
            administrator.execute((ROOT / "k8s" / "roles.sql").read_text())
        url = server.database_url("pacs").replace("postgres@", "pacs_owner@")
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
            env={"PATH": os.environ["PATH"], "PACS_DEMONSTRATION": "true", "DATABASE_URL": url,
                 "PACS_VAR_DIR": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield server
    finally:
        server.stop(force=True)


def connect(server: EmbeddedServer, user: str) -> psycopg.Connection:
    conninfo = psycopg.conninfo.make_conninfo(server.conninfo("pacs"), user=user)
    return psycopg.connect(conninfo, autocommit=True)


def test_the_portal_may_work_in_the_tables_that_the_owner_made_and_change_none(migrated):
    with connect(migrated, "pacs_2") as portal:
        portal.execute("INSERT INTO django_cache VALUES ('key', 'value', now())")
        portal.execute("DELETE FROM django_cache")
        assert portal.execute("SHOW timezone").fetchone() == ("UTC",)
        assert portal.execute("SHOW statement_timeout").fetchone() == ("1min",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            portal.execute("DROP TABLE django_cache")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            portal.execute("CREATE TABLE another (id integer)")
