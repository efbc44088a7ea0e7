"""Patient (PS3.3 C.7.1): who the images are of."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper

from studies.dicom.names import PersonName, readable


class PatientIdentity(models.Model):
    """Who the patient is: on the patient's own row and again on each study's."""

    patient_id = models.CharField("Patient ID", max_length=256, blank=True)
    issuer_of_patient_id = models.CharField("Issuer of Patient ID", max_length=256, blank=True)
    patient_name = models.CharField(max_length=256, blank=True)
    patient_name_ideographic = models.CharField(max_length=256, blank=True)
    patient_name_phonetic = models.CharField(max_length=256, blank=True)
    patient_name_folded = models.CharField(max_length=800, blank=True, editable=False)
    patient_birth_date = models.DateField(null=True, blank=True)
    patient_sex = models.CharField(max_length=16, blank=True)

    class Meta:
        abstract = True

    @property
    def person_name(self) -> PersonName:
        """The patient's name in its three groups."""
        return PersonName(
            self.patient_name, self.patient_name_ideographic, self.patient_name_phonetic
        )


class Patient(PatientIdentity):
    """Identity is Patient ID together with its issuer; an empty Patient ID identifies nobody."""

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient_id", "issuer_of_patient_id"],
                condition=~models.Q(patient_id=""),
                name="patient_id_and_issuer_name_one_patient",
            ),
        ]
        indexes = [
            models.Index(OpClass(Upper("patient_id"), "text_pattern_ops"), name="patient_by_id"),
            GinIndex(
                OpClass("patient_name_folded", "gin_trgm_ops"), name="patient_by_part_of_name"
            ),
        ]

    def __str__(self) -> str:
        return f"{readable(self.patient_name) or 'Unnamed'} ({self.patient_id or 'no ID'})"
