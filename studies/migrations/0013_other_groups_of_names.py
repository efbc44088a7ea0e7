"""A search by the beginning of a name looks for it in each group; few names have more than one."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('studies', '0012_reports_index'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='study',
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass('patient_name_folded', 'gin_trgm_ops'),
                condition=models.Q(patient_name_folded__contains='='),
                name='study_by_other_groups_of_name',
            ),
        ),
    ]
