"""The studies of a patient in order of their age, in place of the foreign key's own index."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Django would drop the foreign key's constraint along with its index, and validate it anew under a
# lock on all studies. The name is the one that 0001 gave the index.
OWN_INDEX = "studies_study_patient_record_id_67ac4028"

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
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {OWN_INDEX}",
                    f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {OWN_INDEX}"
                    " ON studies_study (patient_record_id)",
                ),
            ],
            state_operations=[
                migrations.AlterField(
                    model_name='study',
                    name='patient_record',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='studies', to='studies.patient'),
                ),
            ],
        ),
    ]
