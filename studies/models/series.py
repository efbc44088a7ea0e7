"""Series (PS3.3 C.7.3)."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from studies.models.study import Study


class Series(models.Model):
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="series")
    series_instance_uid = models.CharField("Series Instance UID", max_length=64)
    modality = models.CharField(max_length=256, blank=True)
    series_number = models.IntegerField(null=True, blank=True)
    series_description = models.CharField(max_length=256, blank=True)
    body_part_examined = models.CharField(max_length=256, blank=True)
    institution_name = models.CharField(max_length=256, blank=True)
    frame_of_reference_uid = models.CharField("Frame of Reference UID", max_length=256, blank=True)
    performed_procedure_step_start_date = models.DateField(null=True, blank=True)
    performed_procedure_step_start_time = models.TimeField(null=True, blank=True)
    request_attributes = models.JSONField(
        default=list,
        blank=True,
        help_text="Of each item of Request Attributes Sequence the IDs that it has, by keyword.",
    )
    number_of_series_related_instances = models.IntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    received_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["series_instance_uid"], name="series_instance_uid_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(series_instance_uid__regex=r"^[0-9.]{1,64}$"),
                name="series_instance_uid_is_a_uid",
            ),
            models.CheckConstraint(
                condition=models.Q(number_of_series_related_instances__gte=0, size_bytes__gte=0),
                name="series_counts_are_not_negative",
            ),
        ]
        indexes = [
            # In the order of a search through all studies: a common modality needs no sorting.
            models.Index(fields=["modality", "-id"], name="series_by_modality"),
            models.Index(
                fields=["performed_procedure_step_start_date"], name="series_by_start_date"
            ),
            GinIndex(OpClass("request_attributes", "jsonb_path_ops"), name="series_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.modality} {self.series_number or ''} {self.series_description}".strip()
