"""Administrators see what programs were granted, and revoke it."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

CODENAMES = ["view_grant", "change_grant"]


def grant(apps, schema_editor):
    # Permissions appear only after the last migration; the group needs them now.
    config = apps.get_app_config("accounts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    _administrators(apps).permissions.add(*_permissions(apps))


def withdraw(apps, schema_editor):
    _administrators(apps).permissions.remove(*_permissions(apps))


def _administrators(apps):
    return apps.get_model("auth", "Group").objects.get(name="administrator")


def _permissions(apps):
    return apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="accounts", codename__in=CODENAMES
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_sessions_grants_limits")]

    operations = [migrations.RunPython(grant, withdraw)]
