"""What lets somebody see a study past their sites: a grant, an emergency, a link."""

import datetime
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from studies.models.patient import Patient
from studies.models.study import Study

M = TypeVar("M", bound=models.Model)

MAX_REASON = 500


class LimitedQuerySet(models.QuerySet[M]):
    """Rows that hold until a time, unless they are ended before it."""

    def alive(self) -> Self:
        """Those that hold now, by the clock of the database, which all replicas share."""
        never = models.Q(expires_at__isnull=True)
        return self.filter(never | models.Q(expires_at__gt=Now()), revoked_at__isnull=True)


class LimitedRow(models.Model):
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Never, where empty.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = LimitedQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_alive(self) -> bool:
        has_expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.revoked_at is None and not has_expired


class StudyGrant(LimitedRow):
    """One person may see one study, because somebody who may say so has said so."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="study_grants"
    )
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="given_study_grants"
    )
    granted_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=MAX_REASON)

    class Meta:
        permissions = [("grant_study", "Can let others see a study")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="a_grant_states_its_reason")
        ]

    def __str__(self) -> str:
        return f"Grant {self.pk}"


class EmergencyAccess(LimitedRow):
    """One person sees all of one patient for a while, and answers for it (break-glass)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="emergency_accesses"
    )
    patient_record = models.ForeignKey(
        Patient, on_delete=models.CASCADE, related_name="emergency_accesses"
    )
    reason = models.CharField(max_length=MAX_REASON)
    opened_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "emergency accesses"
        permissions = [("break_glass", "Can open any patient in an emergency")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="an_emergency_states_its_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"Emergency access {self.pk}"

    @property
    def remaining(self) -> datetime.timedelta:
        return max(datetime.timedelta(), self.expires_at - timezone.now())


class ShareLink(LimitedRow):
    """Whoever has the secret of it sees one study; its digest is kept, so it is shown once."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="share_links")
    digest = models.CharField("SHA-256", max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="share_links"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    recipient = models.CharField(max_length=200, help_text="For whom it is.")
    deidentified = models.BooleanField("de-identified", default=False)
    opened_count = models.PositiveIntegerField("times opened", default=0)
    last_opened_at = models.DateTimeField(null=True, blank=True)
    max_opens = models.PositiveIntegerField(
        null=True, blank=True, help_text="How often it may be opened; any number, where empty."
    )

    class Meta:
        permissions = [("share_study", "Can share a study by a link")]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="share_link_digest_is_unique"),
            models.CheckConstraint(
                condition=~models.Q(recipient=""), name="a_share_link_names_its_recipient"
            ),
        ]

    def __str__(self) -> str:
        return f"Share link {self.pk}"
