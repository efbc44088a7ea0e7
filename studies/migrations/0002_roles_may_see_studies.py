"""What each role may do in the archive; the roles themselves are made by accounts."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

ARCHIVE = ["patient", "study", "series", "instance"]
STEWARDSHIP = ["instanceconflict", "quarantinedinput", "storedobject"]

GRANTS = {
    "clinician": [f"view_{model}" for model in ARCHIVE],
    "radiologist": [f"view_{model}" for model in ARCHIVE],
    "technologist": [f"view_{model}" for model in ARCHIVE],
    "data steward": [f"view_{model}" for model in ARCHIVE + STEWARDSHIP],
    "administrator": [f"view_{model}" for model in ARCHIVE + STEWARDSHIP],
}


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("studies")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for role, codenames in GRANTS.items():
        found = permissions.objects.filter(
            content_type__app_label="studies", codename__in=codenames
        )
        groups.objects.get(name=role).permissions.add(*found)


def withdraw(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission")
    ours = permissions.objects.filter(content_type__app_label="studies")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GRANTS):
        group.permissions.remove(*ours)


class Migration(migrations.Migration):
    dependencies = [("studies", "0001_information_model"), ("accounts", "0002_roles")]

    operations = [migrations.RunPython(grant, withdraw, elidable=True)]
