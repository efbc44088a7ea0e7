"""Prepared metadata become parts of answers, to be joined with others without compressing again.

What is kept so far is dropped: it is made again by the next one who asks. The release before this
one still writes rows while it is replaced; it knows neither column, so the database fills them in.
Its rows have ETags of their own and are never taken for parts.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0009_studies_of_a_patient'),
    ]

    operations = [
        migrations.RunSQL(
            "TRUNCATE studies_seriesmetadata", "TRUNCATE studies_seriesmetadata"
        ),
        migrations.AlterField(
            model_name='seriesmetadata',
            name='content',
            field=models.BinaryField(help_text='Elements of a JSON array, deflated.'),
        ),
        migrations.AddField(
            model_name='seriesmetadata',
            name='crc32',
            field=models.BigIntegerField(db_default=0, help_text='Of the elements, not deflated.', verbose_name='CRC-32'),
        ),
        migrations.AddField(
            model_name='seriesmetadata',
            name='length',
            field=models.BigIntegerField(db_default=0, help_text='Bytes of the elements, not deflated.'),
        ),
    ]
