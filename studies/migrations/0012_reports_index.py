"""The reading status as a filter of the study list: its indexes, and which values there are."""

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):

    # The archive takes in objects while indexes are made.
    atomic = False

    dependencies = [
        ('studies', '0011_reports'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(condition=models.Q(('reading_status', 'unread')), fields=['-study_moment', '-id'], name='study_unread'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(condition=models.Q(('reading_status', 'in-progress')), fields=['-study_moment', '-id'], name='study_in_progress'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(condition=models.Q(('reading_status', 'reported')), fields=['-study_moment', '-id'], name='study_reported'),
        ),
        AddConstraintNotValid(
            model_name='study',
            constraint=models.CheckConstraint(condition=models.Q(('reading_status__in', ['unread', 'in-progress', 'reported'])), name='reading_status_is_known'),
        ),
        ValidateConstraint(model_name='study', name='reading_status_is_known'),
    ]
