"""Deltas, totals, and the view of both that readers ask."""

import django.db.models.deletion
from django.db import migrations, models

# By which grains each dimension is kept; a row of a site also counts for all of them together.
VIEWS = """
    CREATE VIEW analytics_delta_by_grain AS
    SELECT d.id, d.generation, d.dimension, g.grain, date_trunc(g.grain, d.day)::date AS day,
        d.modality, s.site, d.key, d.studies, d.series, d.instances, d.size_bytes
    FROM analytics_delta d
    JOIN (VALUES
        ('volume', 'day'), ('volume', 'week'), ('volume', 'month'), ('volume', 'year'),
        ('received', 'day'), ('received', 'week'), ('received', 'month'), ('received', 'year'),
        ('intake', 'day'), ('intake', 'week'), ('intake', 'month'), ('intake', 'year'),
        ('hour', 'month'), ('hour', 'year'),
        ('device', 'month'), ('device', 'year'),
        ('physician', 'month'), ('physician', 'year'),
        ('body-part', 'month'), ('body-part', 'year'),
        ('turnaround', 'month'), ('turnaround', 'year')
    ) g(dimension, grain) ON g.dimension = d.dimension
    CROSS JOIN LATERAL (VALUES (d.site), ('*')) s(site);

    CREATE VIEW analytics_figure AS
    SELECT dimension, grain, day, modality, site, key, studies, series, instances, size_bytes
    FROM analytics_total
    WHERE generation = ANY (ARRAY[0, (SELECT current FROM analytics_generation)])
    UNION ALL
    SELECT dimension, grain, day, modality, site, key, studies, series, instances, size_bytes
    FROM analytics_delta_by_grain
    WHERE generation = ANY (ARRAY[0, (SELECT current FROM analytics_generation)]);
"""
NO_VIEWS = "DROP VIEW analytics_figure; DROP VIEW analytics_delta_by_grain;"


def begin(apps, schema_editor):
    """An empty archive is counted already; any other has to be, by rebuild_rollups."""
    is_empty = not apps.get_model("studies", "Study").objects.exists()
    apps.get_model("analytics", "Generation").objects.create(pk=1, current=1 if is_empty else None)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('studies', '0013_other_groups_of_names'),
    ]

    operations = [
        migrations.CreateModel(
            name='Figure',
            fields=[
                ('dimension', models.CharField(choices=[('volume', 'Volume'), ('hour', 'Hour'), ('device', 'Device'), ('physician', 'Physician'), ('body-part', 'Body Part'), ('turnaround', 'Turnaround'), ('received', 'Received'), ('intake', 'Intake')], max_length=16)),
                ('day', models.DateField(null=True)),
                ('modality', models.CharField(max_length=16)),
                ('site', models.CharField(max_length=128)),
                ('studies', models.BigIntegerField()),
                ('series', models.BigIntegerField()),
                ('instances', models.BigIntegerField()),
                ('size_bytes', models.BigIntegerField()),
                ('key', models.CharField(max_length=128, primary_key=True, serialize=False)),
                ('grain', models.CharField(max_length=8)),
            ],
            options={
                'db_table': 'analytics_figure',
                'managed': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Delta',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.CharField(choices=[('volume', 'Volume'), ('hour', 'Hour'), ('device', 'Device'), ('physician', 'Physician'), ('body-part', 'Body Part'), ('turnaround', 'Turnaround'), ('received', 'Received'), ('intake', 'Intake')], max_length=16)),
                ('day', models.DateField(null=True)),
                ('modality', models.CharField(max_length=16)),
                ('site', models.CharField(max_length=128)),
                ('key', models.CharField(max_length=128)),
                ('studies', models.BigIntegerField()),
                ('series', models.BigIntegerField()),
                ('instances', models.BigIntegerField()),
                ('size_bytes', models.BigIntegerField()),
                ('generation', models.BigIntegerField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Generation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('current', models.BigIntegerField(help_text='Null where an archive was there before it was counted.', null=True)),
                ('next', models.BigIntegerField(help_text='What a running rebuild counts into.', null=True)),
                ('counted_to', models.BigIntegerField(default=0, help_text='The last study of that.')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='there_is_one_row_of_generations')],
            },
        ),
        migrations.CreateModel(
            name='SeriesDevice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=128)),
                ('series', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='device', to='studies.series')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Total',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.CharField(choices=[('volume', 'Volume'), ('hour', 'Hour'), ('device', 'Device'), ('physician', 'Physician'), ('body-part', 'Body Part'), ('turnaround', 'Turnaround'), ('received', 'Received'), ('intake', 'Intake')], max_length=16)),
                ('day', models.DateField(null=True)),
                ('modality', models.CharField(max_length=16)),
                ('site', models.CharField(max_length=128)),
                ('key', models.CharField(max_length=128)),
                ('studies', models.BigIntegerField()),
                ('series', models.BigIntegerField()),
                ('instances', models.BigIntegerField()),
                ('size_bytes', models.BigIntegerField()),
                ('generation', models.BigIntegerField()),
                ('grain', models.CharField(max_length=8)),
            ],
            options={
                'permissions': [('view_analytics', 'Can see analytics')],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('dimension', 'grain', 'site', 'modality', 'day', 'key', 'generation'), name='a_count_has_one_total', nulls_distinct=False)],
            },
        ),
        migrations.RunSQL(VIEWS, NO_VIEWS),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
