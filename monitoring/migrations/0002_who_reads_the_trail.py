"""Data stewards and administrators answer for who saw what, so they read the audit trail."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

READERS = ["data steward", "administrator"]


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("monitoring")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission")
    reading = permissions.objects.get(
        content_type__app_label="monitoring", codename="view_auditevent"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=READERS):
        group.permissions.add(reading)


def withdraw(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission")
    reading = permissions.objects.filter(
        content_type__app_label="monitoring", codename="view_auditevent"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=READERS):
        group.permissions.remove(*reading)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_audit_trail"), ("accounts", "0002_roles")]

    operations = [migrations.RunPython(grant, withdraw, elidable=True)]
