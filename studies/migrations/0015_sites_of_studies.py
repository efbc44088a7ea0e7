"""The site of every study that is here already, by its institution.

Their departments stand only in the stored headers, which are not read for it: scopes of a whole
institution hold for them, those of a department begin with what comes from now on. What the release
before still takes in meanwhile has no site until the next object of the study comes.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Rows of one transaction: whoever sends an object of one of them waits for so many.
BATCH = 5000

NEXT = """
    SELECT max(id) FROM (
        SELECT id FROM studies_study WHERE id > %s ORDER BY id LIMIT %s
    ) batch
"""
MAKE_SITES = """
    INSERT INTO studies_site (institution_name, institutional_department_name)
    SELECT DISTINCT institution_name, '' FROM studies_study
    WHERE id > %s AND id <= %s AND site_id IS NULL AND institution_name <> ''
    ON CONFLICT DO NOTHING
"""
FILL = """
    UPDATE studies_study study SET site_id = site.id FROM studies_site site
    WHERE study.id > %s AND study.id <= %s AND study.site_id IS NULL
        AND site.institution_name = study.institution_name
        AND site.institutional_department_name = ''
"""


def fill(apps, schema_editor):
    after = 0
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT, [after, BATCH])
            (last,) = cursor.fetchone()
            if last is None:
                return
            cursor.execute(MAKE_SITES, [after, last])
            cursor.execute(FILL, [after, last])
            after = last


class Migration(migrations.Migration):

    # The archive takes in objects meanwhile.
    atomic = False

    dependencies = [
        ('studies', '0014_sites'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
        AddIndexConcurrently(
            model_name='study',
            index=models.Index(fields=['site'], name='study_by_site'),
        ),
    ]
