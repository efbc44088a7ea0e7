"""Reports with addenda and templates, who is told of them, and the reading status of studies.

A column with a default of the database's own is added in a moment, however many studies there are.
"""

import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

# What is signed never changes, and goes only along with what it is of.
GUARDS = """
    CREATE FUNCTION studies_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what_is_signed_never_changes' USING ERRCODE = 'check_violation';
    END $$;
    CREATE FUNCTION studies_keep_report() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM studies_study WHERE id = OLD.study_id) THEN
            RAISE EXCEPTION 'a_signed_report_stays_with_its_study' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION studies_keep_addendum() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM studies_report WHERE id = OLD.report_id) THEN
            RAISE EXCEPTION 'an_addendum_stays_with_its_report' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER signed_report_never_changes BEFORE UPDATE ON studies_report
        FOR EACH ROW WHEN (OLD.signed_at IS NOT NULL) EXECUTE FUNCTION studies_refuse_change();
    CREATE TRIGGER addendum_never_changes BEFORE UPDATE ON studies_addendum
        FOR EACH ROW EXECUTE FUNCTION studies_refuse_change();
    CREATE CONSTRAINT TRIGGER signed_report_stays AFTER DELETE ON studies_report
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (OLD.signed_at IS NOT NULL) EXECUTE FUNCTION studies_keep_report();
    CREATE CONSTRAINT TRIGGER addendum_stays AFTER DELETE ON studies_addendum
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION studies_keep_addendum();
"""
NO_GUARDS = """
    DROP TRIGGER addendum_stays ON studies_addendum;
    DROP TRIGGER signed_report_stays ON studies_report;
    DROP TRIGGER addendum_never_changes ON studies_addendum;
    DROP TRIGGER signed_report_never_changes ON studies_report;
    DROP FUNCTION studies_keep_addendum();
    DROP FUNCTION studies_keep_report();
    DROP FUNCTION studies_refuse_change();
"""

READING = ["view_report", "view_addendum"]
STEWARDSHIP = [
    *READING, "view_reporttemplate", "add_reporttemplate", "change_reporttemplate",
    "delete_reporttemplate", "view_referringname", "add_referringname", "change_referringname",
    "delete_referringname",
]
GRANTS = {
    "clinician": READING,
    "radiologist": [*READING, "add_report"],
    "technologist": READING,
    "data steward": STEWARDSHIP,
    "administrator": STEWARDSHIP,
}


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; the groups need them now.
    config = apps.get_app_config("studies")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    for role, codenames in GRANTS.items():
        found = permissions.objects.filter(
            content_type__app_label="studies", codename__in=codenames
        )
        for group in groups.objects.filter(name=role):  # a site may have renamed it
            group.permissions.add(*found)


def withdraw(apps, schema_editor):
    ours = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="studies", codename__in=[*STEWARDSHIP, "add_report"]
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GRANTS):
        group.permissions.remove(*ours)


# Name, modality, body part: technique, findings, impression. Starting points; a site edits its own.
TEMPLATES = {
    ("CT head without contrast", "CT", "HEAD"): (
        "Helical acquisition of the head without intravenous contrast.",
        "Brain parenchyma: no haemorrhage, no territorial hypodensity.\n"
        "Ventricles and cisterns: normal in size and position.\n"
        "Midline: not displaced.\nBones and sinuses: no fracture, normally aerated.",
        "No acute intracranial finding.",
    ),
    ("CT chest", "CT", "CHEST"): (
        "Helical acquisition of the chest after intravenous contrast.",
        "Lungs: no consolidation, no suspicious nodule.\nPleura: no effusion, no pneumothorax.\n"
        "Mediastinum and hila: no enlarged nodes.\nHeart and great vessels: normal calibre.\n"
        "Bones: no destructive lesion.",
        "",
    ),
    ("CT abdomen and pelvis", "CT", "ABDOMEN"): (
        "Helical acquisition of abdomen and pelvis, portal venous phase.",
        "Liver, gallbladder, bile ducts:\nPancreas and spleen:\nKidneys and adrenals:\n"
        "Bowel and mesentery:\nVessels and nodes:\nPelvis:\nBones:",
        "",
    ),
    ("MR brain", "MR", "BRAIN"): (
        "T1, T2, FLAIR and diffusion-weighted sequences.",
        "Parenchyma: normal signal, no restricted diffusion.\nVentricles: normal.\n"
        "Vessels: normal flow voids.\nOrbits, sinuses, mastoids: normal.",
        "",
    ),
    ("MR knee", "MR", "KNEE"): (
        "Proton density sequences with fat suppression in three planes, T1 sagittal.",
        "Menisci:\nCruciate ligaments:\nCollateral ligaments:\nCartilage:\nExtensor mechanism:\n"
        "Bone marrow:\nEffusion:",
        "",
    ),
    ("Chest radiograph", "DX", "CHEST"): (
        "",
        "Lungs: clear.\nPleura: no effusion, no pneumothorax.\nHeart and mediastinum: normal contours.\n"
        "Bones: no fracture.\nLines and tubes: none.",
        "No acute cardiopulmonary finding.",
    ),
    ("Computed radiograph of the chest", "CR", "CHEST"): (
        "",
        "Lungs: clear.\nPleura: no effusion, no pneumothorax.\nHeart and mediastinum: normal contours.\n"
        "Bones: no fracture.\nLines and tubes: none.",
        "No acute cardiopulmonary finding.",
    ),
    ("Ultrasound of the abdomen", "US", "ABDOMEN"): (
        "",
        "Liver:\nGallbladder and bile ducts:\nPancreas:\nSpleen:\nKidneys:\nAorta:\nFree fluid: none.",
        "",
    ),
    ("Mammography", "MG", ""): (
        "Two views of each breast, CC and MLO.",
        "Density (ACR A to D):\nMasses:\nCalcifications:\nArchitectural distortion:\nAxillae:",
        "BI-RADS category: right , left .",
    ),
}


def ship_templates(apps, schema_editor):
    apps.get_model("studies", "ReportTemplate").objects.bulk_create(
        apps.get_model("studies", "ReportTemplate")(
            name=name, modality=modality, body_part_examined=body_part,
            technique=technique, findings=findings, impression=impression,
        )
        for (name, modality, body_part), (technique, findings, impression) in TEMPLATES.items()
    )


class Migration(migrations.Migration):

    dependencies = [
        ('studies', '0010_metadata_in_parts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Addendum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 1, in the order of signing.')),
                ('text', models.TextField(max_length=20000)),
                ('signed_at', models.DateTimeField()),
            ],
            options={
                'verbose_name_plural': 'addenda',
            },
        ),
        migrations.CreateModel(
            name='Notification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('signed', 'Report signed'), ('addendum', 'Addendum signed')], max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('read_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ReferringName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='As in the images, Family^Given^Middle^Prefix^Suffix; letters in any case.', max_length=256)),
                ('institution_name', models.CharField(blank=True, help_text='Only studies of this institution; any, where empty.', max_length=256)),
            ],
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('indication', models.TextField(blank=True, max_length=20000)),
                ('technique', models.TextField(blank=True, max_length=20000)),
                ('comparison', models.TextField(blank=True, max_length=20000)),
                ('findings', models.TextField(blank=True, max_length=20000)),
                ('impression', models.TextField(blank=True, max_length=20000)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('version', models.UUIDField(default=uuid.uuid4, help_text='Another at each saving: who saves names what they changed.')),
                ('saved_at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ReportTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('indication', models.TextField(blank=True, max_length=20000)),
                ('technique', models.TextField(blank=True, max_length=20000)),
                ('comparison', models.TextField(blank=True, max_length=20000)),
                ('findings', models.TextField(blank=True, max_length=20000)),
                ('impression', models.TextField(blank=True, max_length=20000)),
                ('name', models.CharField(max_length=100, unique=True)),
                ('modality', models.CharField(blank=True, help_text='Any, where empty.', max_length=16)),
                ('body_part_examined', models.CharField(blank=True, help_text='Any, where empty.', max_length=16)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='StudyFollower',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.AddField(
            model_name='study',
            name='reading_status',
            field=models.CharField(choices=[('unread', 'Unread'), ('in-progress', 'In progress'), ('reported', 'Reported')], db_default='unread', max_length=16, verbose_name='reading'),
        ),
        migrations.AlterField(
            model_name='deletion',
            name='parents',
            field=models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='The rows of patient, study, series and report as they were, to bring them back.'),
        ),
        migrations.AddField(
            model_name='addendum',
            name='signed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='addenda', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='notification',
            name='recipient',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='notification',
            name='study',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notifications', to='studies.study'),
        ),
        migrations.AddField(
            model_name='referringname',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='referring_names', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='report',
            name='author',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='report',
            name='saved_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='saved_reports', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='report',
            name='signed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='signed_reports', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='report',
            name='study',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='report', to='studies.study'),
        ),
        migrations.AddField(
            model_name='addendum',
            name='report',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='addenda', to='studies.report'),
        ),
        migrations.AddField(
            model_name='studyfollower',
            name='study',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='followers', to='studies.study'),
        ),
        migrations.AddField(
            model_name='studyfollower',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='followed_studies', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(fields=['recipient', '-id'], name='notifications_of_a_person'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('read_at__isnull', True)), fields=['recipient'], name='unread_notifications'),
        ),
        migrations.AddConstraint(
            model_name='referringname',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Upper('name'), django.db.models.functions.text.Upper('institution_name'), name='a_referring_name_means_one_person'),
        ),
        migrations.AddConstraint(
            model_name='referringname',
            constraint=models.CheckConstraint(condition=models.Q(('name__regex', '^[^\\^]+\\^[^\\^]')), name='a_referring_name_has_family_and_given_name', violation_error_message='A family name alone is borne by too many: Family^Given.'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by__isnull', True)), models.Q(('signed_at__isnull', False), ('signed_by__isnull', False)), _connector='OR'), name='a_signature_has_a_name_and_a_time'),
        ),
        migrations.AddConstraint(
            model_name='report',
            constraint=models.CheckConstraint(condition=models.Q(('signed_at__isnull', True), models.Q(('findings', ''), _negated=True), models.Q(('impression', ''), _negated=True), _connector='OR'), name='a_signed_report_says_something'),
        ),
        migrations.AddConstraint(
            model_name='addendum',
            constraint=models.UniqueConstraint(fields=('report', 'number'), name='addenda_are_numbered'),
        ),
        migrations.AddConstraint(
            model_name='addendum',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='an_addendum_says_something'),
        ),
        migrations.AddConstraint(
            model_name='studyfollower',
            constraint=models.UniqueConstraint(fields=('study', 'user'), name='a_study_is_followed_once'),
        ),
        migrations.RunSQL(GUARDS, NO_GUARDS),
        migrations.RunPython(grant, withdraw, elidable=True),
        migrations.RunPython(ship_templates, migrations.RunPython.noop, elidable=True),
    ]
