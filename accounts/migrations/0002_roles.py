"""The roles as groups, and what they may do with accounts."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

PERMISSIONS = {
    "clinician": [],
    "radiologist": [],
    "technologist": [],
    "data steward": [],
    "administrator": ["add_user", "change_user", "view_user"],
    "operator": [],
}


def make_roles(apps, schema_editor):
    # Permissions appear only after the last migration, and an empty database has none yet.
    config = apps.get_app_config("accounts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None

    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    for name, codenames in PERMISSIONS.items():
        group, _ = groups.get_or_create(name=name)
        group.permissions.add(
            *permissions.filter(content_type__app_label="accounts", codename__in=codenames)
        )


def remove_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=PERMISSIONS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, remove_roles)]
