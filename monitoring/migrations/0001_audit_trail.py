"""The audit trail: events in hash chains, which the database itself writes and keeps from change."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.serializers.json
import django.db.models.functions.datetime
from django.db import migrations, models

# Of several that write at once each takes a chain that nobody holds, so that none waits for the
# commit of another. The same text is hashed by monitoring/audit/chain.py, which checks it.
GUARDS = """
    CREATE FUNCTION monitoring_chain_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        head monitoring_auditchain;
        own_turn integer := pg_backend_pid() % 64;
    BEGIN
        SELECT * INTO head FROM monitoring_auditchain
            ORDER BY (chain - own_turn + 64) % 64 LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            SELECT * INTO head FROM monitoring_auditchain WHERE chain = own_turn FOR UPDATE;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the_audit_trail_has_no_chains';
        END IF;
        NEW.chain := head.chain;
        NEW.number := head.last_number + 1;
        NEW.previous_digest := head.last_digest;
        NEW.digest := sha256(convert_to(jsonb_build_array(
            NEW.chain, NEW.number, encode(NEW.previous_digest, 'hex'), NEW.id,
            to_char(NEW.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
            NEW.event_id, NEW.event_type, NEW.event_action, NEW.action, NEW.what,
            NEW.outcome, NEW.actor_kind, NEW.actor_id, NEW.actor, NEW.actor_name,
            NEW.token, to_jsonb(NEW.roles), NEW.client_address, NEW.user_agent,
            NEW.request_id, NEW.route, to_jsonb(NEW.patient_ids),
            to_jsonb(NEW.issuers_of_patient_ids), to_jsonb(NEW.study_uids),
            to_jsonb(NEW.object_uids), NEW.detail
        )::text, 'UTF8'));
        UPDATE monitoring_auditchain SET last_number = NEW.number, last_digest = NEW.digest
            WHERE chain = NEW.chain;
        RETURN NEW;
    END $$;
    CREATE FUNCTION monitoring_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the_audit_trail_never_changes' USING ERRCODE = 'check_violation';
    END $$;
    CREATE TRIGGER audit_event_is_chained BEFORE INSERT ON monitoring_auditevent
        FOR EACH ROW EXECUTE FUNCTION monitoring_chain_event();
    CREATE TRIGGER audit_event_never_changes BEFORE UPDATE OR DELETE ON monitoring_auditevent
        FOR EACH ROW EXECUTE FUNCTION monitoring_refuse_change();
    CREATE TRIGGER audit_trail_is_never_emptied BEFORE TRUNCATE ON monitoring_auditevent
        FOR EACH STATEMENT EXECUTE FUNCTION monitoring_refuse_change();
    CREATE TRIGGER audit_chain_moves_with_its_events BEFORE UPDATE ON monitoring_auditchain
        FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW AND pg_trigger_depth() = 0)
        EXECUTE FUNCTION monitoring_refuse_change();
    CREATE TRIGGER audit_chain_stays BEFORE DELETE ON monitoring_auditchain
        FOR EACH ROW EXECUTE FUNCTION monitoring_refuse_change();
    CREATE TRIGGER audit_chains_are_never_emptied BEFORE TRUNCATE ON monitoring_auditchain
        FOR EACH STATEMENT EXECUTE FUNCTION monitoring_refuse_change();
    INSERT INTO monitoring_auditchain (chain, last_number, last_digest)
        SELECT chain, 0, '' FROM generate_series(0, 63) chain;
"""
NO_GUARDS = """
    DROP TRIGGER audit_chains_are_never_emptied ON monitoring_auditchain;
    DROP TRIGGER audit_chain_stays ON monitoring_auditchain;
    DROP TRIGGER audit_chain_moves_with_its_events ON monitoring_auditchain;
    DROP TRIGGER audit_trail_is_never_emptied ON monitoring_auditevent;
    DROP TRIGGER audit_event_never_changes ON monitoring_auditevent;
    DROP TRIGGER audit_event_is_chained ON monitoring_auditevent;
    DROP FUNCTION monitoring_refuse_change();
    DROP FUNCTION monitoring_chain_event();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='AuditChain',
            fields=[
                ('chain', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('last_number', models.BigIntegerField()),
                ('last_digest', models.BinaryField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('last_number__gte', 0)), name='a_chain_is_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('occurred_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('event_id', models.CharField(max_length=6, verbose_name='Event ID')),
                ('event_type', models.CharField(blank=True, max_length=6, verbose_name='Event Type Code')),
                ('event_action', models.CharField(max_length=1, verbose_name='Event Action Code')),
                ('action', models.CharField(max_length=20)),
                ('what', models.CharField(max_length=100)),
                ('outcome', models.CharField(max_length=10)),
                ('actor_kind', models.CharField(choices=[('person', 'Person'), ('token', 'Program with a token'), ('visitor', 'Visitor of a shared study'), ('anonymous', 'Nobody known'), ('command', 'Command of the system')], max_length=10)),
                ('actor_id', models.BigIntegerField(help_text='Of the user as they were registered.', null=True)),
                ('actor', models.CharField(help_text='User name.', max_length=150, verbose_name='who')),
                ('actor_name', models.CharField(blank=True, max_length=300)),
                ('token', models.CharField(blank=True, help_text='API token, if one was shown.', max_length=120)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=150), default=list, size=None, verbose_name='roles')),
                ('client_address', models.CharField(blank=True, max_length=45)),
                ('user_agent', models.CharField(blank=True, max_length=200)),
                ('request_id', models.UUIDField(null=True)),
                ('route', models.CharField(blank=True, help_text='Method and pattern of the address, or command.', max_length=200)),
                ('patient_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='Patient IDs')),
                ('issuers_of_patient_ids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='Issuers of Patient ID')),
                ('study_uids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='Study Instance UIDs')),
                ('object_uids', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None, verbose_name='UIDs of series or instances')),
                ('detail', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('chain', models.SmallIntegerField()),
                ('number', models.BigIntegerField(help_text='In its chain, from 1.')),
                ('previous_digest', models.BinaryField()),
                ('digest', models.BinaryField(verbose_name='SHA-256')),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['patient_ids', 'study_uids', 'object_uids'], name='audit_events_about'), models.Index(fields=['occurred_at', 'id'], name='audit_events_in_time'), models.Index(fields=['actor', 'occurred_at', 'id'], name='audit_events_of_actor'), models.Index(fields=['action', 'occurred_at', 'id'], name='audit_events_of_action'), models.Index(condition=models.Q(('outcome', 'success'), _negated=True), fields=['outcome', 'occurred_at', 'id'], name='audit_events_not_done')],
                'constraints': [models.UniqueConstraint(fields=('chain', 'number'), name='an_audit_event_has_its_place')],
            },
        ),
        migrations.RunSQL(GUARDS, NO_GUARDS),
    ]
