"""What each role may do with the worklist, and the search that everybody has."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

READERS = ["radiologist", "data steward", "administrator"]
EVERYBODY = ["clinician", "technologist", *READERS]
GRANTS = {
    "assign_study": READERS,
    "export_studies": READERS,
    "prioritise_study": EVERYBODY,
    "tag_study": EVERYBODY,
    "comment_study": EVERYBODY,
    # A tag is retired and never deleted: studies hold its key.
    **{f"{act}_tag": ["data steward", "administrator"] for act in ("view", "add", "change")},
}
MY_WORKLIST = {"name": "My worklist", "parameters": {"assigned_to": ["me"], "reading_status": ["unread"]}}


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("studies")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for codename, roles in GRANTS.items():
        permission = permissions.objects.get(
            content_type__app_label="studies", codename=codename
        )
        for group in groups.objects.filter(name__in=roles):
            group.permissions.add(permission)
    apps.get_model("studies", "SavedSearch").objects.create(**MY_WORKLIST)


def withdraw(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="studies", codename__in=GRANTS
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=EVERYBODY):
        group.permissions.remove(*permissions)
    apps.get_model("studies", "SavedSearch").objects.filter(owner=None).delete()


class Migration(migrations.Migration):

    dependencies = [("studies", "0021_worklist_indexes")]

    operations = [migrations.RunPython(grant, withdraw, elidable=True)]
