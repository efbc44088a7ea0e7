"""How many studies a part of a name finds, the planner estimates from a sample of the names.

By the usual hundred it takes a part that one name in two hundred has for one of the rarest, and
sorts thousands of studies where reading the newest few would have found a page.
"""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0004_search_indexes'),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE studies_study ALTER COLUMN patient_name_folded SET STATISTICS 400",
            "ALTER TABLE studies_study ALTER COLUMN patient_name_folded SET STATISTICS -1",
        ),
    ]
