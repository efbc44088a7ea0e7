"""Prepared metadata of series, deletions with their tombstones, and who may store and delete."""

import django.core.serializers.json
import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

STEWARDSHIP = ["add_instance", "delete_study", "view_deletion", "view_deletedinstance"]
GRANTS = {
    "technologist": ["add_instance"],
    "data steward": STEWARDSHIP,
    "administrator": STEWARDSHIP,
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
    ours = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="studies", codename__in=STEWARDSHIP
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GRANTS):
        group.permissions.remove(*ours)


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0002_roles_may_see_studies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='instanceconflict',
            name='reason',
            field=models.CharField(choices=[('content', 'Same SOP Instance UID, other content'), ('study', 'The instance is already in another series or study'), ('series', 'The series is already in another study'), ('patient', 'The study is already of another patient'), ('deleted', 'The instance was deleted from this archive')], max_length=16),
        ),
        migrations.AlterField(
            model_name='instanceconflict',
            name='source',
            field=models.CharField(choices=[('import', 'Import command'), ('seed', 'Demonstration data'), ('stow', 'DICOMweb')], max_length=16),
        ),
        migrations.AlterField(
            model_name='quarantinedinput',
            name='source',
            field=models.CharField(choices=[('import', 'Import command'), ('seed', 'Demonstration data'), ('stow', 'DICOMweb')], max_length=16),
        ),
        migrations.AlterField(
            model_name='storedobject',
            name='source',
            field=models.CharField(choices=[('import', 'Import command'), ('seed', 'Demonstration data'), ('stow', 'DICOMweb')], max_length=16),
        ),
        migrations.CreateModel(
            name='Deletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('study_instance_uid', models.CharField(max_length=64, verbose_name='Study Instance UID')),
                ('series_instance_uid', models.CharField(blank=True, help_text='Empty where a study was.', max_length=64, verbose_name='Series Instance UID')),
                ('sop_instance_uid', models.CharField(blank=True, help_text='Only where one instance was.', max_length=64, verbose_name='SOP Instance UID')),
                ('reason', models.CharField(max_length=500)),
                ('deleted_at', models.DateTimeField(auto_now_add=True)),
                ('parents', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='The rows of patient, study and series as they were, to bring them back.')),
                ('deleted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deletions', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DeletedInstance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('study_instance_uid', models.CharField(max_length=64, verbose_name='Study Instance UID')),
                ('series_instance_uid', models.CharField(max_length=64, verbose_name='Series Instance UID')),
                ('sop_instance_uid', models.CharField(max_length=64, verbose_name='SOP Instance UID')),
                ('row', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='The row of the instance as it was.')),
                ('stored_object', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deleted_instances', to='studies.storedobject')),
                ('deletion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='instances', to='studies.deletion')),
            ],
        ),
        migrations.CreateModel(
            name='SeriesMetadata',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_url', models.CharField(max_length=300, verbose_name='base URL')),
                ('etag', models.CharField(max_length=64, verbose_name='ETag')),
                ('content', models.BinaryField(help_text='Compressed by gzip.')),
                ('prepared_at', models.DateTimeField(auto_now=True)),
                ('series', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='prepared_metadata', to='studies.series')),
            ],
            options={
                'verbose_name_plural': 'series metadata',
            },
        ),
        migrations.AddConstraint(
            model_name='deletion',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='a_deletion_states_its_reason'),
        ),
        migrations.AddIndex(
            model_name='deletedinstance',
            index=models.Index(fields=['study_instance_uid', 'series_instance_uid'], name='deleted_of_a_study'),
        ),
        migrations.AddConstraint(
            model_name='deletedinstance',
            constraint=models.UniqueConstraint(fields=('sop_instance_uid',), name='an_instance_is_deleted_once'),
        ),
        migrations.AddConstraint(
            model_name='seriesmetadata',
            constraint=models.UniqueConstraint(fields=('series', 'base_url'), name='series_metadata_is_kept_once_per_address'),
        ),
        migrations.RunPython(grant, withdraw, elidable=True),
    ]
