"""API tokens, which administrators see and revoke."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

CODENAMES = ["view_apitoken", "change_apitoken"]


def grant(apps, schema_editor):
    # Permissions appear only after the last migration; the group needs them now.
    config = apps.get_app_config("accounts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = None
    _administrators(apps).permissions.add(*_permissions(apps))


def withdraw(apps, schema_editor):
    _administrators(apps).permissions.remove(*_permissions(apps))


def _administrators(apps):
    return apps.get_model("auth", "Group").objects.get(name="administrator")


def _permissions(apps):
    return apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="accounts", codename__in=CODENAMES
    )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_cache_table'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What uses it, and where.', max_length=100)),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('prefix', models.CharField(help_text='How the token begins, to tell it by.', max_length=16)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='Never, where empty.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='To a minute or so.', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'constraints': [models.UniqueConstraint(fields=('digest',), name='api_token_digest_is_unique'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='an_api_token_has_a_name')],
            },
        ),
        migrations.RunPython(grant, withdraw),
    ]
