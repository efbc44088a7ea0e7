"""The audit trail: what people and machines did, each event chained to the one before it."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now

from accounts.acts import Outcome

# Chains side by side, so that those who write at once do not wait for each other's commits.
NUMBER_OF_CHAINS = 64
_UID = 64


def _texts(verbose_name: str, max_length: int) -> "ArrayField[Any, Any]":
    return ArrayField(
        models.CharField(max_length=max_length), verbose_name=verbose_name, default=list
    )


class ActorKind(models.TextChoices):
    PERSON = "person", "Person"
    TOKEN = "token", "Program with a token"
    VISITOR = "visitor", "Visitor of a shared study"
    ANONYMOUS = "anonymous", "Nobody known"
    COMMAND = "command", "Command of the system"


class AuditEvent(models.Model):
    """One act, as `accounts.acts` tells it, in the terms of PS3.15 A.5; never changed nor deleted.

    The database itself fills in the time, the place in a chain and the digests, and refuses
    changes. What is named here may be gone since: nothing refers to other tables.
    """

    occurred_at = models.DateTimeField(db_default=Now())
    # Codes of PS3.16 CID 400 and 401, and EventActionCode (PS3.15 A.5.1.1).
    event_id = models.CharField("Event ID", max_length=6)
    event_type = models.CharField("Event Type Code", max_length=6, blank=True)
    event_action = models.CharField("Event Action Code", max_length=1)
    action = models.CharField(max_length=20)
    what = models.CharField(max_length=100)
    outcome = models.CharField(max_length=10)

    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.BigIntegerField(null=True, help_text="Of the user as they were registered.")
    actor = models.CharField("who", max_length=150, help_text="User name.")
    actor_name = models.CharField(max_length=300, blank=True)
    token = models.CharField(max_length=120, blank=True, help_text="API token, if one was shown.")
    roles = _texts("roles", 150)

    client_address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    request_id = models.UUIDField(null=True)
    route = models.CharField(
        max_length=200, blank=True, help_text="Method and pattern of the address, or command."
    )

    patient_ids = _texts("Patient IDs", _UID)
    issuers_of_patient_ids = _texts("Issuers of Patient ID", _UID)
    study_uids = _texts("Study Instance UIDs", _UID)
    object_uids = _texts("UIDs of series or instances", _UID)
    detail = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    chain = models.SmallIntegerField()
    number = models.BigIntegerField(help_text="In its chain, from 1.")
    previous_digest = models.BinaryField()
    digest = models.BinaryField("SHA-256")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "number"], name="an_audit_event_has_its_place")
        ]
        indexes = [
            GinIndex(
                fields=["patient_ids", "study_uids", "object_uids"], name="audit_events_about"
            ),
            models.Index(fields=["occurred_at", "id"], name="audit_events_in_time"),
            models.Index(fields=["actor", "occurred_at", "id"], name="audit_events_of_actor"),
            models.Index(fields=["action", "occurred_at", "id"], name="audit_events_of_action"),
            models.Index(
                fields=["outcome", "occurred_at", "id"],
                condition=~models.Q(outcome=Outcome.SUCCESS.value),
                name="audit_events_not_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} by {self.actor}"

    @property
    def patients(self) -> list[tuple[str, str]]:
        """Patient ID and its issuer."""
        return list(zip(self.patient_ids, self.issuers_of_patient_ids, strict=True))


class AuditChain(models.Model):
    """The head of a chain: what its next event has to follow. Only a trigger moves it."""

    chain = models.SmallIntegerField(primary_key=True)
    last_number = models.BigIntegerField()
    last_digest = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_number__gte=0), name="a_chain_is_not_negative"
            )
        ]

    def __str__(self) -> str:
        return str(self.chain)
