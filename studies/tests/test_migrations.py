"""Migrations are complete, and lead back."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_migrations_lead_back_to_nothing_and_forth_again():
    executor = MigrationExecutor(connection)
    tables = {
        model._meta.db_table
        for app in ("studies", "accounts")
        for model in apps.get_app_config(app).get_models()
    } | {"django_cache"}
    try:
        executor.migrate([("studies", None), ("accounts", None)])
        remaining = set(connection.introspection.table_names())
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    assert not tables & remaining
    assert tables <= set(connection.introspection.table_names())
