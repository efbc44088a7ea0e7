"""Who may save measurements and key images, and the door by which these come."""

from django.contrib.auth.management import create_permissions
from django.db import migrations, models

# Those who look at images for a living. Each saves under their own name and changes nobody else's.
ROLES = ["clinician", "radiologist", "technologist"]
SOURCES = [('import', 'Import command'), ('seed', 'Demonstration data'), ('stow', 'DICOMweb'), ('viewer', 'Viewer')]


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("studies")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    annotate = permissions.objects.get(
        content_type__app_label="studies", codename="annotate_study"
    )
    for group in groups.objects.filter(name__in=ROLES):
        group.permissions.add(annotate)


def withdraw(apps, schema_editor):
    annotate = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="studies", codename="annotate_study"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.remove(*annotate)


class Migration(migrations.Migration):

    dependencies = [("studies", "0006_all_requests_of_a_series")]

    operations = [
        migrations.AlterModelOptions(
            name='study',
            options={'permissions': [('annotate_study', 'Can save measurements and key images')], 'verbose_name_plural': 'studies'},
        ),
        *(
            migrations.AlterField(
                model_name=model,
                name='source',
                field=models.CharField(choices=SOURCES, max_length=16),
            )
            for model in ('instanceconflict', 'quarantinedinput', 'storedobject')
        ),
        migrations.RunPython(grant, withdraw, elidable=True),
    ]
