"""Hanging protocols with those that the portal brings along, and how people left studies."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

PERMISSIONS = [f"{act}_hangingprotocol" for act in ("view", "add", "change", "delete")]

WITH_PRIOR = [{"at_least": 10}, {"study": "prior", "at_least": 10}]
BEFORE_AND_NOW = [{}, {"study": "prior"}]
DARK_FLUID = "flair|dark fluid"
CONTRAST = "contrast|post|gad"
# Name, modality, body part, priority, rows, columns, cells.
SHIPPED = [
    ("Mammography, four views", "MG", "", 10, 2, 2, [
        {"laterality": "R", "view": "CC", "otherwise": "empty"},
        {"laterality": "L", "view": "CC", "otherwise": "empty"},
        {"laterality": "R", "view": "MLO", "otherwise": "empty"},
        {"laterality": "L", "view": "MLO", "otherwise": "empty"},
    ]),
    ("PET/CT", "PT", "", 10, 1, 2, [{"modality": "CT", "at_least": 10}, {"modality": "PT"}]),
    ("CT with prior", "CT", "", 0, 1, 2, WITH_PRIOR),
    ("MR of the brain", "MR", "BRAIN", 0, 2, 2, [
        {"description": DARK_FLUID},
        {"description": "t2", "without": DARK_FLUID},
        {"description": "t1", "without": CONTRAST},
        {"description": CONTRAST},
    ]),
    ("MR", "MR", "", 0, 2, 2, [{}, {}, {}, {}]),
    ("Ultrasound", "US", "", 0, 2, 2, [{}, {}, {}, {}]),
    ("Radiograph with prior", "DX", "", 0, 1, 2, BEFORE_AND_NOW),
    ("Computed radiograph with prior", "CR", "", 0, 1, 2, BEFORE_AND_NOW),
    ("One series", "", "", -10, 1, 1, [{}]),
]  # fmt: skip


def ship(apps, schema_editor):
    protocols = apps.get_model("studies", "HangingProtocol").objects
    names = ["name", "modality", "body_part", "priority", "rows", "columns", "cells"]
    for row in SHIPPED:
        protocols.create(**dict(zip(names, row, strict=True)))


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the group needs them now.
    config = apps.get_app_config("studies")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    # A site may have renamed its roles.
    for group in apps.get_model("auth", "Group").objects.filter(name="administrator"):
        group.permissions.add(*_permissions(apps))


def withdraw(apps, schema_editor):
    group = apps.get_model("auth", "Group").objects.filter(name="administrator").first()
    if group:
        group.permissions.remove(*_permissions(apps))


def _permissions(apps):
    return apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="studies", codename__in=PERMISSIONS
    )


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0007_annotating'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HangingProtocol',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('modality', models.CharField(blank=True, help_text='As CT; empty fits every one.', max_length=16)),
                ('body_part', models.CharField(blank=True, help_text='Body Part Examined, as CHEST; empty fits every one.', max_length=16)),
                ('priority', models.SmallIntegerField(default=0, help_text='The highest that fits is taken.')),
                ('rows', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3)])),
                ('columns', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3)])),
                ('cells', models.JSONField(blank=True, default=list, help_text='One object for each cell, row by row; {} takes the next series.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('columns__range', (1, 3)), ('rows__range', (1, 3))), name='a_grid_has_one_to_three_rows_and_columns')],
            },
        ),
        migrations.CreateModel(
            name='Presentation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.JSONField(help_text='Of frontend/src/presentation.js.')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('study', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='presentations', to='studies.study')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='presentations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'study'), name='one_presentation_of_a_study_for_each_user')],
            },
        ),
        migrations.RunPython(ship, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(grant, withdraw, elidable=True),
    ]
