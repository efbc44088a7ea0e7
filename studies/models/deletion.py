"""Deletions, and what remains of what was deleted: nothing in the index, all in the store."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from studies.models.objects import StoredObject


class Deletion(models.Model):
    """One act of deleting a study, a series or an instance: who, when and why."""

    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    series_instance_uid = models.CharField(
        "Series Instance UID", max_length=64, blank=True, help_text="Empty where a study was."
    )
    sop_instance_uid = models.CharField(
        "SOP Instance UID", max_length=64, blank=True, help_text="Only where one instance was."
    )
    reason = models.CharField(max_length=500)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="deletions"
    )
    deleted_at = models.DateTimeField(auto_now_add=True)
    parents = models.JSONField(
        encoder=DjangoJSONEncoder,
        help_text="The rows of patient, study, series and report as they were, to bring them back.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="a_deletion_states_its_reason"
            )
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid or self.series_instance_uid or self.study_instance_uid


class DeletedInstance(models.Model):
    """The tombstone of an instance: its object stays until it is purged, its row is kept here."""

    deletion = models.ForeignKey(Deletion, on_delete=models.PROTECT, related_name="instances")
    stored_object = models.ForeignKey(
        StoredObject, on_delete=models.PROTECT, related_name="deleted_instances"
    )
    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    series_instance_uid = models.CharField("Series Instance UID", max_length=64)
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=64)
    row = models.JSONField(
        encoder=DjangoJSONEncoder, help_text="The row of the instance as it was."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sop_instance_uid"], name="an_instance_is_deleted_once")
        ]
        indexes = [
            models.Index(
                fields=["study_instance_uid", "series_instance_uid"], name="deleted_of_a_study"
            ),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid
