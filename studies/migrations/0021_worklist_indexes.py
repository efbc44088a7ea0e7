"""Priority, reader and tags as filters of the study list, and the order in which studies changed."""

import django.contrib.postgres.indexes
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
        ('studies', '0020_worklist'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(condition=models.Q(('priority', 'routine'), _negated=True), fields=['priority', '-study_moment', '-id'], name='study_urgent'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(condition=models.Q(('assigned_to__isnull', False)), fields=['assigned_to', '-study_moment', '-id'], name='study_assigned'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('tags', []), _negated=True), fields=['tags'], name='study_by_tag'),
        ),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['changed_in'], name='study_by_transaction'),
        ),
        AddConstraintNotValid(
            model_name='study',
            constraint=models.CheckConstraint(condition=models.Q(('priority__in', ['routine', 'urgent', 'stat'])), name='priority_is_known'),
        ),
        ValidateConstraint(model_name='study', name='priority_is_known'),
    ]
