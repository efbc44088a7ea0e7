"""Indexes of the keys that a search has to match (PS3.18 Table 10.6.1-5)."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # The archive takes in objects while they are made.
    atomic = False

    dependencies = [
        ('studies', '0003_metadata_and_deletions'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='instance',
            index=models.Index(fields=['sop_class_uid'], name='instance_by_sop_class'),
        ),
        AddIndexConcurrently(
            model_name='series',
            index=models.Index(fields=['modality', '-id'], name='series_by_modality'),
        ),
        AddIndexConcurrently(
            model_name='series',
            index=models.Index(fields=['performed_procedure_step_start_date'], name='series_by_start_date'),
        ),
        AddIndexConcurrently(
            model_name='series',
            index=models.Index(condition=models.Q(('scheduled_procedure_step_id', ''), _negated=True), fields=['scheduled_procedure_step_id'], name='series_by_scheduled_step'),
        ),
        AddIndexConcurrently(
            model_name='series',
            index=models.Index(condition=models.Q(('requested_procedure_id', ''), _negated=True), fields=['requested_procedure_id'], name='series_by_requested_procedure'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(django.contrib.postgres.indexes.OpClass('study_id', 'text_pattern_ops'), name='study_by_study_id'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['study_time'], name='study_by_time_of_day'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('referring_physician_name_folded', 'gin_trgm_ops'), name='study_by_referring_physician'),
        ),
    ]
