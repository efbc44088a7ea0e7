"""Priority, reader, tags and comments of a study; searches and columns of a person."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import studies.models.study

# In two steps: with its default at once, the column would be written to each row under a lock.
ADD_TRANSACTIONS = """
    ALTER TABLE studies_study ADD COLUMN arrived_in xid8, ADD COLUMN changed_in xid8;
    ALTER TABLE studies_study
        ALTER COLUMN arrived_in SET DEFAULT pg_current_xact_id(),
        ALTER COLUMN changed_in SET DEFAULT pg_current_xact_id();
"""
DROP_TRANSACTIONS = "ALTER TABLE studies_study DROP COLUMN arrived_in, DROP COLUMN changed_in"

# By the database, since ingest, reports, corrections and the worklist all change studies.
CHANGED = (
    "modalities_in_study", "reading_status", "priority", "assigned_to_id", "tags",
    "number_of_comments", "study_date", "study_description", "patient_id", "patient_name_folded",
    "accession_number",
)
OLD, NEW = (", ".join(f"{row}.{column}" for column in CHANGED) for row in ("OLD", "NEW"))
ADD_TRIGGER = f"""
    CREATE FUNCTION study_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.changed_in := pg_current_xact_id();
            NEW.updated_at := now();
            RETURN NEW;
        END
    $$;
    CREATE TRIGGER study_changed BEFORE UPDATE ON studies_study FOR EACH ROW
        WHEN (({OLD}) IS DISTINCT FROM ({NEW})) EXECUTE FUNCTION study_note_change();
"""
DROP_TRIGGER = "DROP TRIGGER study_changed ON studies_study; DROP FUNCTION study_note_change()"


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0016_access'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ListPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), default=list, help_text='Shown, in this order.', size=None)),
                ('page_size', models.PositiveSmallIntegerField(null=True)),
                ('density', models.CharField(choices=[('comfortable', 'Comfortable'), ('compact', 'Compact')], default='comfortable', max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='SavedSearch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('parameters', models.JSONField()),
            ],
            options={
                'verbose_name_plural': 'saved searches',
            },
        ),
        migrations.CreateModel(
            name='StudyComment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=4000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('colour', models.CharField(choices=[('grey', 'Grey'), ('blue', 'Blue'), ('green', 'Green'), ('amber', 'Amber'), ('red', 'Red'), ('violet', 'Violet')], default='grey', max_length=16)),
                ('is_retired', models.BooleanField(default=False, help_text='No study is tagged with it any more; those that are stay so.')),
            ],
        ),
        migrations.AlterModelOptions(
            name='study',
            options={'permissions': [('annotate_study', 'Can save measurements and key images'), ('view_every_study', 'Can see the studies of every site'), ('assign_study', 'Can assign a study to a reader'), ('prioritise_study', 'Can say how soon a study wants to be read'), ('tag_study', 'Can tag a study'), ('comment_study', 'Can comment on a study'), ('export_studies', 'Can export lists of studies')], 'verbose_name_plural': 'studies'},
        ),
        migrations.AddField(
            model_name='study',
            name='assigned_to',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assigned_studies', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='study',
            name='number_of_comments',
            field=models.IntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name='study',
            name='priority',
            field=models.CharField(choices=[('routine', 'Routine'), ('urgent', 'Urgent'), ('stat', 'Stat')], db_default='routine', max_length=16),
        ),
        migrations.AddField(
            model_name='study',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, db_default=[], size=None),
        ),
        migrations.AddField(
            model_name='listpreference',
            name='user',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='list_preference', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='savedsearch',
            name='owner',
            field=models.ForeignKey(blank=True, help_text='Nobody: it came with the portal, and everybody has it.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='saved_searches', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='savedsearch',
            name='shared_with',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='saved_searches', to='auth.group'),
        ),
        migrations.AddField(
            model_name='listpreference',
            name='default_search',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studies.savedsearch'),
        ),
        migrations.AddField(
            model_name='studycomment',
            name='author',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='study_comments', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='studycomment',
            name='study',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='studies.study'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='a_tag_is_named_once'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='a_tag_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='savedsearch',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='a_person_names_a_search_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='savedsearch',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='a_search_has_a_name'),
        ),
        migrations.AddIndex(
            model_name='studycomment',
            index=models.Index(fields=['study', 'id'], name='comments_of_a_study'),
        ),
        migrations.AddConstraint(
            model_name='studycomment',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='a_comment_says_something'),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(ADD_TRANSACTIONS, DROP_TRANSACTIONS)],
            state_operations=[
                migrations.AddField(
                    model_name='study',
                    name='arrived_in',
                    field=studies.models.study.TransactionField(db_default=models.Func(function='pg_current_xact_id', output_field=studies.models.study.TransactionField()), editable=False, null=True),
                ),
                migrations.AddField(
                    model_name='study',
                    name='changed_in',
                    field=studies.models.study.TransactionField(db_default=models.Func(function='pg_current_xact_id', output_field=studies.models.study.TransactionField()), editable=False, null=True),
                ),
            ],
        ),
        migrations.RunSQL(ADD_TRIGGER, DROP_TRIGGER),
    ]
