"""What lies in the object store: stored objects, conflicts and quarantined input."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Source(models.TextChoices):
    """The doors by which an object came."""

    IMPORT = "import", "Import command"
    SEED = "seed", "Demonstration data"
    STOW = "stow", "DICOMweb"
    VIEWER = "viewer", "Viewer"


class ReceivedObject(models.Model):
    """Bytes that were received: where they lie, what they are, where they came from."""

    object_key = models.CharField(max_length=200, unique=True)
    sha256 = models.CharField("SHA-256", max_length=64)
    size_bytes = models.BigIntegerField()
    source = models.CharField(max_length=16, choices=Source.choices)
    source_detail = models.CharField(
        max_length=500, blank=True, help_text="Who or what sent it, in the door's own terms."
    )
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class StoredObject(ReceivedObject):
    """One Part 10 file as it was received, never rewritten, and what retrieval needs of it.

    Positions count from the start of the file (of the inflated data set where the transfer syntax
    is deflated).
    """

    transfer_syntax_uid = models.CharField("Transfer Syntax UID", max_length=64)
    header_json = models.TextField(
        help_text="The data set without pixel data and long binary values (PS3.18 F)."
    )
    bulk_values = models.JSONField(
        default=dict, help_text="Long binary values by tag: VR, position, length."
    )
    pixel_data_offset = models.BigIntegerField(null=True)
    pixel_data_vr = models.CharField("pixel data VR", max_length=2, blank=True)
    pixel_data_length = models.BigIntegerField(null=True)
    frame_length = models.BigIntegerField(default=0, help_text="Bytes of a native frame, else 0.")
    frame_starts = ArrayField(
        models.BigIntegerField(), default=list, help_text="Encapsulated frames, then the end."
    )
    thumbnail_key = models.CharField(  # noqa: DJ001 - three states
        max_length=200, null=True, help_text="Empty where none can be drawn, null before a try."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(size_bytes__gt=0, frame_length__gte=0),
                name="stored_object_sizes_are_plausible",
            ),
        ]
        indexes = [models.Index(fields=["sha256"], name="stored_object_by_sha256")]

    def __str__(self) -> str:
        return self.object_key


class InstanceConflict(ReceivedObject):
    """An object that contradicts what the archive already holds, kept apart for a steward."""

    class Reason(models.TextChoices):
        CONTENT = "content", "Same SOP Instance UID, other content"
        STUDY = "study", "The instance is already in another series or study"
        SERIES = "series", "The series is already in another study"
        PATIENT = "patient", "The study is already of another patient"
        DELETED = "deleted", "The instance was deleted from this archive"

    reason = models.CharField(max_length=16, choices=Reason.choices)
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=64)
    study_instance_uid = models.CharField("Study Instance UID", max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sop_instance_uid", "sha256"], name="conflicting_content_is_kept_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}: {self.sop_instance_uid}"


class QuarantinedInput(ReceivedObject):
    """Input that is no instance this archive can hold, with the reason; nothing is thrown away."""

    # What could not be gathered whole is described, not kept: then there is no object, and the
    # digest and size are of what came of it.
    object_key = models.CharField(max_length=200, unique=True, null=True, blank=True)  # type: ignore[assignment]
    reason = models.CharField(max_length=500)

    class Meta:
        verbose_name_plural = "quarantined input"
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"],
                condition=models.Q(object_key__isnull=False),
                name="quarantined_content_is_kept_once",
            )
        ]

    def __str__(self) -> str:
        return self.reason
