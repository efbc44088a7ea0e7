"""Grants of single studies, emergency access, links to share; and who may see, give and open what."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

# Clinicians see the sites that they are given.
GRANTS = {
    "clinician": ["break_glass"],
    "radiologist": ["view_every_study", "grant_study", "share_study", "break_glass"],
    "technologist": ["view_every_study"],
    "data steward": [
        "view_every_study", "grant_study", "share_study",
        "view_site", "view_studygrant", "view_emergencyaccess", "view_sharelink",
    ],
    "administrator": [
        "view_every_study", "grant_study", "share_study",
        "view_site", "view_studygrant", "view_emergencyaccess", "view_sharelink",
        *(f"{act}_studyscope" for act in ("view", "add", "change", "delete")),
    ],
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
    for role, codenames in GRANTS.items():
        found = permissions.objects.filter(
            content_type__app_label="studies", codename__in=codenames
        )
        apps.get_model("auth", "Group").objects.get(name=role).permissions.remove(*found)


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0015_sites_of_studies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StudyGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('expires_at', models.DateTimeField(blank=True, help_text='Never, where empty.', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('granted_at', models.DateTimeField(auto_now_add=True)),
                ('reason', models.CharField(max_length=500)),
            ],
            options={
                'permissions': [('grant_study', 'Can let others see a study')],
            },
        ),
        migrations.AlterField(
            model_name='notification',
            name='event',
            field=models.CharField(choices=[('signed', 'Report signed'), ('addendum', 'Addendum signed'), ('emergency', 'Emergency access')], max_length=16),
        ),
        migrations.CreateModel(
            name='EmergencyAccess',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(max_length=500)),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('patient_record', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='emergency_accesses', to='studies.patient')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='emergency_accesses', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'emergency accesses',
                'permissions': [('break_glass', 'Can open any patient in an emergency')],
            },
        ),
        migrations.AddField(
            model_name='notification',
            name='emergency_access',
            field=models.ForeignKey(blank=True, help_text="Where it is of one; the study is then the patient's newest.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='studies.emergencyaccess'),
        ),
        migrations.CreateModel(
            name='ShareLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('recipient', models.CharField(help_text='For whom it is.', max_length=200)),
                ('deidentified', models.BooleanField(default=False, verbose_name='de-identified')),
                ('opened_count', models.PositiveIntegerField(default=0, verbose_name='times opened')),
                ('last_opened_at', models.DateTimeField(blank=True, null=True)),
                ('max_opens', models.PositiveIntegerField(blank=True, help_text='How often it may be opened; any number, where empty.', null=True)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='share_links', to=settings.AUTH_USER_MODEL)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='share_links', to='studies.study')),
            ],
            options={
                'permissions': [('share_study', 'Can share a study by a link')],
            },
        ),
        migrations.AddField(
            model_name='studygrant',
            name='granted_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='given_study_grants', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='studygrant',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='studies.study'),
        ),
        migrations.AddField(
            model_name='studygrant',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='study_grants', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='emergencyaccess',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='an_emergency_states_its_reason'),
        ),
        migrations.AddConstraint(
            model_name='sharelink',
            constraint=models.UniqueConstraint(fields=('digest',), name='share_link_digest_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='sharelink',
            constraint=models.CheckConstraint(condition=models.Q(('recipient', ''), _negated=True), name='a_share_link_names_its_recipient'),
        ),
        migrations.AddConstraint(
            model_name='studygrant',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='a_grant_states_its_reason'),
        ),
        migrations.RunPython(grant, withdraw, elidable=True),
    ]
