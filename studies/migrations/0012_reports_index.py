"""The reading status as a filter of the study list: its index, and which values there are."""

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):

    # The archive takes in objects while the index is made.
    atomic = False

    dependencies = [
        ('studies', '0011_reports'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['reading_status', '-study_moment', '-id'], name='study_by_reading_status'),
        ),
        AddConstraintNotValid(
            model_name='study',
            constraint=models.CheckConstraint(condition=models.Q(('reading_status__in', ['unread', 'in-progress', 'reported'])), name='reading_status_is_known'),
        ),
        ValidateConstraint(model_name='study', name='reading_status_is_known'),
    ]
