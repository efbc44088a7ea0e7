"""The table of the database cache: sign-in limits live in it where there is no Redis."""

from django.core.management import call_command
from django.db import migrations

TABLE = "django_cache"


def create_table(apps, schema_editor):
    # By name: made also where Redis is configured today, so that it may be switched off later.
    call_command(
        "createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0
    )


def drop_table(apps, schema_editor):
    schema_editor.execute(f"DROP TABLE {schema_editor.quote_name(TABLE)}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_roles")]

    operations = [migrations.RunPython(create_table, drop_table)]
