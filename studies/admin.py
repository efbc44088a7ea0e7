"""The index as data stewards see it. Rows mirror objects, so nobody types over them here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from studies.models import (
    Instance,
    InstanceConflict,
    Patient,
    QuarantinedInput,
    Series,
    StoredObject,
    Study,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows and searches; counts nothing that would read a whole table."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Patient)
class PatientAdmin(ReadOnlyAdmin):
    list_display = ["patient_id", "issuer_of_patient_id", "patient_name", "patient_birth_date", "patient_sex"]  # fmt: skip  # noqa: E501
    list_filter = ["patient_sex", "issuer_of_patient_id"]
    search_fields = ["=patient_id", "patient_name_folded"]
    ordering = ["id"]


@admin.register(Study)
class StudyAdmin(ReadOnlyAdmin):
    list_display = [
        "study_date", "accession_number", "patient_id", "patient_name", "study_description",
        "modalities", "number_of_study_related_series", "number_of_study_related_instances",
        "size",
    ]  # fmt: skip
    list_display_links = ["study_date", "accession_number"]
    list_filter = ["study_date", "institution_name"]
    search_fields = [
        "=study_instance_uid",
        "=accession_number",
        "=patient_id",
        "patient_name_folded",
    ]
    ordering = ["-study_moment", "-id"]

    @admin.display(description="modalities")
    def modalities(self, study: Study) -> str:
        return ", ".join(study.modalities_in_study)

    @admin.display(description="size", ordering="size_bytes")
    def size(self, study: Study) -> str:
        return filesizeformat(study.size_bytes)

    def view_on_site(self, study: Study) -> str:
        return reverse("studies:detail", args=[study.study_instance_uid])


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    list_display = [
        "series_instance_uid", "modality", "series_number", "series_description",
        "body_part_examined", "number_of_series_related_instances",
    ]  # fmt: skip
    list_filter = ["modality"]
    search_fields = ["=series_instance_uid", "=study__study_instance_uid"]
    ordering = ["-id"]


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["sop_instance_uid", "sop_class_uid", "instance_number", "number_of_frames", "is_overlaid"]  # fmt: skip  # noqa: E501
    list_filter = ["is_overlaid"]
    search_fields = ["=sop_instance_uid", "=series__series_instance_uid"]
    raw_id_fields = ["series", "stored_object"]
    ordering = ["-id"]


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnlyAdmin):
    list_display = ["object_key", "size_bytes", "transfer_syntax_uid", "source", "received_at"]
    list_filter = ["source", "transfer_syntax_uid"]
    search_fields = ["=object_key", "=sha256"]
    ordering = ["-id"]


@admin.register(InstanceConflict)
class InstanceConflictAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "reason", "sop_instance_uid", "source", "source_detail"]
    list_filter = ["reason", "source"]
    search_fields = ["=sop_instance_uid", "=study_instance_uid", "=sha256"]
    ordering = ["-id"]


@admin.register(QuarantinedInput)
class QuarantinedInputAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "reason", "size_bytes", "source", "source_detail"]
    list_filter = ["source"]
    search_fields = ["=sha256", "source_detail"]
    ordering = ["-id"]
