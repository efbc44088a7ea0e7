"""Who sees the charts; what they count is of all studies, whoever may see which."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = ["radiologist", "data steward", "administrator", "operator"]


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("analytics")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="analytics", codename="view_analytics"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.add(permission)


def withdraw(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="analytics"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.remove(*permissions)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_counts"), ("accounts", "0002_roles")]

    operations = [migrations.RunPython(grant, withdraw, elidable=True)]
