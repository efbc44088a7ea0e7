"""The studies of a patient in order of their age, in place of the foreign key's own index."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # The archive takes in objects while the index is made.
    atomic = False

    dependencies = [
        ('studies', '0008_hanging_protocols'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['patient_record', '-study_moment', '-id'], name='study_of_patient_newest_first'),
        ),
        migrations.AlterField(
            model_name='study',
            name='patient_record',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='studies', to='studies.patient'),
        ),
    ]
