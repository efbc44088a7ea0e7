"""Study (PS3.3 C.7.2): one row holds all that a line of the study list shows."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from studies.dicom.names import PersonName
from studies.models.patient import Patient, PatientIdentity
from studies.models.site import Site

_UID = r"^[0-9.]{1,64}$"


# Date and time of day as one sortable value; the undated sort before all others.
_MOMENT = models.Func(
    template="(COALESCE(study_date, DATE '0001-01-01') + COALESCE(study_time, TIME '00:00'))"
    " AT TIME ZONE 'UTC'",
    output_field=models.DateTimeField(),
)


class ReadingStatus(models.TextChoices):
    """How far the report of a study is; moved with it, in one transaction."""

    UNREAD = "unread", "Unread"
    IN_PROGRESS = "in-progress", "In progress"
    REPORTED = "reported", "Reported"


class Priority(models.TextChoices):
    """How soon a study wants to be read."""

    ROUTINE = "routine", "Routine"
    URGENT = "urgent", "Urgent"
    STAT = "stat", "Stat"


class TransactionField(models.Field):  # type: ignore[type-arg]  # only stubs know its types
    """Number of a transaction that wrote a row: which snapshots see it, and which do not yet."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        return "xid8"


_THIS_TRANSACTION = models.Func(function="pg_current_xact_id", output_field=TransactionField())


class StudyQuerySet(models.QuerySet["Study"]):
    def newest_first(self) -> Self:
        """By study date and time, undated last, in a total order."""
        return self.order_by("-study_moment", "-id")


class Study(PatientIdentity):
    """The patient's identity is repeated here, so that a list joins nothing.

    The aggregates are the archive's own (PS3.4 C.3.4), moved in the transaction of each ingest
    under the lock of this row; a sender's values for them are never believed.
    """

    # Not called `patient`, because its column would then take the name of Patient ID.
    patient_record = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="studies", db_index=False
    )

    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    study_date = models.DateField(null=True, blank=True)
    study_time = models.TimeField(null=True, blank=True)
    # What the modality's clock showed, as if it were UTC: for order and ranges, never for display.
    study_moment = models.GeneratedField(
        expression=_MOMENT, output_field=models.DateTimeField(), db_persist=True
    )
    timezone_offset_from_utc = models.CharField(
        "timezone offset from UTC", max_length=256, blank=True
    )
    accession_number = models.CharField(max_length=256, blank=True)
    study_id = models.CharField("Study ID", max_length=256, blank=True)
    study_description = models.CharField(max_length=256, blank=True)
    referring_physician_name = models.CharField(max_length=256, blank=True)
    referring_physician_name_ideographic = models.CharField(max_length=256, blank=True)
    referring_physician_name_phonetic = models.CharField(max_length=256, blank=True)
    referring_physician_name_folded = models.CharField(max_length=800, blank=True, editable=False)
    institution_name = models.CharField(max_length=256, blank=True)
    # By which is decided who may see it; unknown as long as no object has named an institution.
    site = models.ForeignKey(
        Site,
        on_delete=models.PROTECT,
        related_name="studies",
        null=True,
        blank=True,
        db_index=False,
    )

    modalities_in_study = ArrayField(models.CharField(max_length=256), default=list, blank=True)
    number_of_study_related_series = models.IntegerField(default=0)
    number_of_study_related_instances = models.IntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    # Whoever writes rows past Django need not know of it.
    reading_status = models.CharField(
        "reading", max_length=16, choices=ReadingStatus.choices, db_default=ReadingStatus.UNREAD
    )

    priority = models.CharField(
        max_length=16, choices=Priority.choices, db_default=Priority.ROUTINE
    )
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        related_name="assigned_studies",
        null=True,
        blank=True,
        db_index=False,
    )
    # Keys of `Tag`: here, so that a list of studies of a tag joins nothing. A tag is never deleted.
    tags = ArrayField(models.IntegerField(), blank=True, db_default=[])
    number_of_comments = models.IntegerField(db_default=0)

    received_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # When it came, and when last changed by what may bring it into somebody's list: a trigger
    # moves the latter. Transactions and not times, since one that commits late is later for others.
    arrived_in = TransactionField(null=True, editable=False, db_default=_THIS_TRANSACTION)
    changed_in = TransactionField(null=True, editable=False, db_default=_THIS_TRANSACTION)

    objects = StudyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "studies"
        permissions = [
            ("annotate_study", "Can save measurements and key images"),
            ("view_every_study", "Can see the studies of every site"),
            ("assign_study", "Can assign a study to a reader"),
            ("prioritise_study", "Can say how soon a study wants to be read"),
            ("tag_study", "Can tag a study"),
            ("comment_study", "Can comment on a study"),
            ("export_studies", "Can export lists of studies"),
        ]
        constraints = [
            # Not unique=True, which brings a second index for patterns that nobody searches by.
            models.UniqueConstraint(
                fields=["study_instance_uid"], name="study_instance_uid_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(study_instance_uid__regex=_UID),
                name="study_instance_uid_is_a_uid",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    number_of_study_related_series__gte=0,
                    number_of_study_related_instances__gte=0,
                    size_bytes__gte=0,
                ),
                name="study_counts_are_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(reading_status__in=ReadingStatus.values),
                name="reading_status_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(priority__in=Priority.values), name="priority_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["-study_moment", "-id"], name="study_newest_first"),
            # Serves the foreign key, and finds priors.
            models.Index(
                fields=["patient_record", "-study_moment", "-id"],
                name="study_of_patient_newest_first",
            ),
            models.Index(fields=["-received_at", "-id"], name="study_latest_received_first"),
            # Of few different values, which a B-tree keeps once each.
            models.Index(fields=["site"], name="study_by_site"),
            # One for each status: as one index with the status first, searches by day alone would
            # be answered from it, and then have to be sorted.
            models.Index(
                fields=["-study_moment", "-id"],
                condition=models.Q(reading_status=ReadingStatus.UNREAD),
                name="study_unread",
            ),
            models.Index(
                fields=["-study_moment", "-id"],
                condition=models.Q(reading_status=ReadingStatus.IN_PROGRESS),
                name="study_in_progress",
            ),
            models.Index(
                fields=["-study_moment", "-id"],
                condition=models.Q(reading_status=ReadingStatus.REPORTED),
                name="study_reported",
            ),
            # Few studies are urgent, assigned or tagged: those that are not cost nothing here.
            models.Index(
                fields=["priority", "-study_moment", "-id"],
                condition=~models.Q(priority=Priority.ROUTINE),
                name="study_urgent",
            ),
            models.Index(
                fields=["assigned_to", "-study_moment", "-id"],
                condition=models.Q(assigned_to__isnull=False),
                name="study_assigned",
            ),
            GinIndex(fields=["tags"], condition=~models.Q(tags=[]), name="study_by_tag"),
            models.Index(fields=["changed_in"], name="study_by_transaction"),
            models.Index(fields=["patient_name_folded", "id"], name="study_in_order_of_name"),
            models.Index(fields=["patient_id", "id"], name="study_in_order_of_patient_id"),
            models.Index(fields=["accession_number", "id"], name="study_in_order_of_accession"),
            models.Index(fields=["study_description", "id"], name="study_in_order_of_description"),
            models.Index(
                OpClass(Upper("patient_id"), "text_pattern_ops"), name="study_by_patient_id"
            ),
            models.Index(
                OpClass(Upper("accession_number"), "text_pattern_ops"), name="study_by_accession"
            ),
            GinIndex(OpClass("patient_name_folded", "gin_trgm_ops"), name="study_by_part_of_name"),
            # Of the names with a second group, which a search by the beginning has to look for too.
            GinIndex(
                OpClass("patient_name_folded", "gin_trgm_ops"),
                name="study_by_other_groups_of_name",
                condition=models.Q(patient_name_folded__contains="="),
            ),
            GinIndex(
                OpClass(Upper("study_description"), "gin_trgm_ops"),
                name="study_by_part_of_description",
            ),
            GinIndex(fields=["modalities_in_study"], name="study_by_modality"),
            # Equality and beginnings, whatever the collation of the database.
            models.Index(OpClass("study_id", "text_pattern_ops"), name="study_by_study_id"),
            models.Index(fields=["study_time"], name="study_by_time_of_day"),
            models.Index(fields=["patient_birth_date"], name="study_by_birth_date"),
            GinIndex(
                OpClass("referring_physician_name_folded", "gin_trgm_ops"),
                name="study_by_referring_physician",
            ),
        ]

    def without_identity(self) -> "Study":
        """Not to be saved: the same study, of which only its key, UID and modalities are told."""
        return Study(
            pk=self.pk,
            study_instance_uid=self.study_instance_uid,
            patient_record_id=self.patient_record_id,
            modalities_in_study=self.modalities_in_study,
        )

    def __str__(self) -> str:
        return self.accession_number or self.study_instance_uid

    @property
    def referring_physician(self) -> PersonName:
        return PersonName(
            self.referring_physician_name,
            self.referring_physician_name_ideographic,
            self.referring_physician_name_phonetic,
        )
