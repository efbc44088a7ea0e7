"""Sites of studies, and who may see the studies of which; old code leaves the site empty."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('studies', '0013_other_groups_of_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Site',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('institution_name', models.CharField(max_length=256)),
                ('institutional_department_name', models.CharField(blank=True, max_length=256)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('institution_name', 'institutional_department_name'), name='a_site_is_kept_once'), models.CheckConstraint(condition=models.Q(('institution_name', ''), _negated=True), name='a_site_names_its_institution')],
            },
        ),
        migrations.CreateModel(
            name='StudyScope',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('institution_name', models.CharField(help_text='As the images name it; letters in any case.', max_length=256)),
                ('institutional_department_name', models.CharField(blank=True, help_text='The whole institution, where empty.', max_length=256)),
            ],
        ),
        migrations.AlterModelOptions(
            name='study',
            options={'permissions': [('annotate_study', 'Can save measurements and key images'), ('view_every_study', 'Can see the studies of every site')], 'verbose_name_plural': 'studies'},
        ),
        migrations.AddField(
            model_name='study',
            name='site',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='studies', to='studies.site'),
        ),
        migrations.AddField(
            model_name='studyscope',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='study_scopes', to='auth.group'),
        ),
        migrations.AddField(
            model_name='studyscope',
            name='user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='study_scopes', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='studyscope',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('group__isnull', False), ('user__isnull', True)), models.Q(('group__isnull', True), ('user__isnull', False)), _connector='OR'), name='a_scope_is_of_a_user_or_of_a_group', violation_error_message='Choose either a user or a group.'),
        ),
        migrations.AddConstraint(
            model_name='studyscope',
            constraint=models.CheckConstraint(condition=models.Q(('institution_name', ''), _negated=True), name='a_scope_names_an_institution'),
        ),
        migrations.AddConstraint(
            model_name='studyscope',
            constraint=models.UniqueConstraint(models.F('user'), models.F('group'), django.db.models.functions.text.Upper('institution_name'), django.db.models.functions.text.Upper('institutional_department_name'), name='a_scope_is_given_once', nulls_distinct=False, violation_error_message='This scope has been given already.'),
        ),
    ]
