"""All items of Request Attributes Sequence, and an index of birth dates.

Series that are there keep the one item that was known of them. Tables are locked for moments only,
to add and to drop columns; rows of series that answer a request, while they are carried over.
"""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

TO_ITEMS = """
    UPDATE studies_series SET request_attributes = jsonb_build_array(jsonb_strip_nulls(
        jsonb_build_object(
            'ScheduledProcedureStepID', NULLIF(left(scheduled_procedure_step_id, 64), ''),
            'RequestedProcedureID', NULLIF(left(requested_procedure_id, 64), ''))))
    WHERE scheduled_procedure_step_id <> '' OR requested_procedure_id <> ''
"""
TO_COLUMNS = """
    UPDATE studies_series SET
        scheduled_procedure_step_id =
            COALESCE(request_attributes -> 0 ->> 'ScheduledProcedureStepID', ''),
        requested_procedure_id = COALESCE(request_attributes -> 0 ->> 'RequestedProcedureID', '')
    WHERE request_attributes <> '[]'
"""


class Migration(migrations.Migration):

    # The archive takes in objects while indexes are made.
    atomic = False

    dependencies = [
        ('studies', '0005_finer_statistics_of_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='series',
            name='request_attributes',
            field=models.JSONField(blank=True, default=list, help_text='Of each item of Request Attributes Sequence the IDs that it has, by keyword.'),
        ),
        migrations.RunSQL(TO_ITEMS, TO_COLUMNS),
        AddIndexConcurrently(
            model_name='series',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('request_attributes', 'jsonb_path_ops'), name='series_by_request'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['patient_birth_date'], name='study_by_birth_date'),
        ),
        RemoveIndexConcurrently(
            model_name='series',
            name='series_by_scheduled_step',
        ),
        RemoveIndexConcurrently(
            model_name='series',
            name='series_by_requested_procedure',
        ),
        migrations.RemoveField(
            model_name='series',
            name='scheduled_procedure_step_id',
        ),
        migrations.RemoveField(
            model_name='series',
            name='requested_procedure_id',
        ),
    ]
