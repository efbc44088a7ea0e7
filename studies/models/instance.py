"""Instance (PS3.3 C.12.1): a SOP instance, and the stored object that holds its content."""

from django.db import models

from studies.models.objects import StoredObject
from studies.models.series import Series


class Instance(models.Model):
    """Usually one stored object each; seeded instances share objects and differ in identity."""

    series = models.ForeignKey(
        Series, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    stored_object = models.ForeignKey(
        StoredObject, on_delete=models.PROTECT, related_name="instances"
    )
    # True where the row's identity differs from the object's: retrieval then lays it over.
    is_overlaid = models.BooleanField(default=False)
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=64)
    sop_class_uid = models.CharField("SOP Class UID", max_length=64)
    instance_number = models.IntegerField(null=True, blank=True)
    number_of_frames = models.IntegerField(null=True, blank=True)
    rows = models.IntegerField(null=True, blank=True)
    columns = models.IntegerField(null=True, blank=True)
    bits_allocated = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sop_instance_uid"], name="sop_instance_uid_is_unique"),
            models.CheckConstraint(
                condition=models.Q(sop_instance_uid__regex=r"^[0-9.]{1,64}$"),
                name="sop_instance_uid_is_a_uid",
            ),
            models.CheckConstraint(
                condition=models.Q(number_of_frames__gte=0)
                & models.Q(rows__gte=0)
                & models.Q(columns__gte=0),
                name="instance_counts_are_not_negative",
            ),
        ]
        indexes = [
            # Serves the foreign key and the order in which a series is shown.
            models.Index(
                fields=["series", "instance_number", "id"], name="instance_in_series_order"
            ),
            # Of few different values, which a B-tree keeps once each.
            models.Index(fields=["sop_class_uid"], name="instance_by_sop_class"),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid
