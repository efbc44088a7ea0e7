"""The index as data stewards see it. Rows mirror objects, so nobody types over them here."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html_join

from accounts.acts import Act, Action, note
from studies import query
from studies.access import may_grant, may_share, visible_to
from studies.filters import MODALITIES
from studies.granting import revoke_grant
from studies.models import (
    Addendum,
    DeletedInstance,
    Deletion,
    EmergencyAccess,
    HangingProtocol,
    Instance,
    InstanceConflict,
    Patient,
    QuarantinedInput,
    ReferringName,
    Report,
    ReportTemplate,
    Series,
    ShareLink,
    Site,
    StoredObject,
    Study,
    StudyGrant,
    StudyScope,
    Tag,
)
from studies.models.grant import LimitedQuerySet
from studies.sharing import revoke_link


class BoundedPaginator(Paginator):
    """Counts to a limit: on a million rows an exact number costs more than the page."""

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.LIMIT].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows and searches; its counts stop at a limit."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET":
            note(self.act_of_listing(request))
        told = {"subtitle": f"Counts stop at {BoundedPaginator.LIMIT:,}."}
        return super().changelist_view(request, told | (extra_context or {}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Whoever does not see every study sees here what they see elsewhere."""
        return visible_to(request.user, super().get_queryset(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            note(self.act_of_opening(row))
        return row

    def act_of_listing(self, request: HttpRequest) -> Act:
        listed = f"{self.model._meta.verbose_name_plural} listed"
        said = {name: value for name, value in request.GET.dict().items() if value}
        return Act(action=Action.SEARCH, what=listed, detail=said)

    def act_of_opening(self, row: Any) -> Act:
        """Of a record that is shown: whose it is, and of which study, as far as it says."""
        about = row
        for parent in ("report", "series", "study", "deletion"):
            about = getattr(about, parent, about)
        study_uid = getattr(about, "study_instance_uid", "")
        is_patient = isinstance(row, Patient)
        return Act(
            action=Action.VIEW,
            what=f"{row._meta.verbose_name} opened in the administration",
            study_uids=[study_uid] if study_uid else [],
            patients=[(row.patient_id, row.issuer_of_patient_id)] if is_patient else [],
            detail={"record": row._meta.label_lower, "key": str(row.pk)},
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ModalityFilter(admin.SimpleListFilter):
    """Of the listed modalities; looking for those that occur would read the whole table."""

    title = "modality"
    parameter_name = "modality"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in MODALITIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (code := self.value()):
            return queryset
        if queryset.model is Study:
            return query.with_modalities(queryset, [code])
        return queryset.filter(modality=code)


class SexFilter(admin.SimpleListFilter):
    title = "sex"
    parameter_name = "sex"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("F", "female"), ("M", "male"), ("O", "other")]  # PS3.3 C.7.1.1

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(patient_sex=self.value()) if self.value() else queryset


def _of_uid(
    queryset: QuerySet[Any], uid: str, column: str, parents: QuerySet[Any]
) -> QuerySet[Any]:
    """Rows of this UID, or below the one of `parents` that has it, whose key is looked up first.

    Put as one question across a join, it would be answered from no index.
    """
    if not uid:
        return queryset
    above = f"{parents.model._meta.model_name}_id__in"
    return queryset.filter(
        Q(**{column: uid}) | Q(**{above: [row.pk for row in parents.only("pk")]})
    )


@admin.register(Patient)
class PatientAdmin(ReadOnlyAdmin):
    list_display = ["patient_id", "issuer_of_patient_id", "patient_name", "patient_birth_date", "patient_sex"]  # fmt: skip  # noqa: E501
    list_filter = [SexFilter]
    search_fields = ["patient_id"]
    search_help_text = "The beginning of a Patient ID, or parts of a name"
    ordering = ["id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Patient], search_term: str
    ) -> tuple[QuerySet[Patient], bool]:
        return query.with_identity(queryset, search_term.strip(), ["patient_id"]), False


@admin.register(Study)
class StudyAdmin(ReadOnlyAdmin):
    list_display = [
        "study_date", "accession_number", "patient_id", "patient_name", "study_description",
        "reading_status", "modalities", "number_of_study_related_series",
        "number_of_study_related_instances", "size",
    ]  # fmt: skip
    list_display_links = ["study_date", "accession_number"]
    list_filter = ["study_date", ModalityFilter]
    search_fields = ["study_instance_uid__exact"]
    search_help_text = (
        "A Study Instance UID, the beginning of an accession number or Patient ID, parts of a name"
    )
    ordering = ["-study_moment", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Study], search_term: str
    ) -> tuple[QuerySet[Study], bool]:
        identifiers = ["patient_id", "accession_number"]
        found = query.with_identity(
            queryset, search_term.strip(), identifiers, exact=["study_instance_uid"]
        )
        return found, False

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
    list_filter = [ModalityFilter]
    search_fields = ["series_instance_uid__exact"]
    search_help_text = "The UID of a series or of its study"
    raw_id_fields = ["study"]
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Series], search_term: str
    ) -> tuple[QuerySet[Series], bool]:
        uid = search_term.strip()
        studies = Study.objects.filter(study_instance_uid=uid)
        return _of_uid(queryset, uid, "series_instance_uid", studies), False


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["sop_instance_uid", "sop_class_uid", "instance_number", "number_of_frames", "is_overlaid"]  # fmt: skip  # noqa: E501
    list_filter = ["is_overlaid"]
    search_fields = ["sop_instance_uid__exact"]
    search_help_text = "The UID of an instance or of its series"
    raw_id_fields = ["series", "stored_object"]
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Instance], search_term: str
    ) -> tuple[QuerySet[Instance], bool]:
        uid = search_term.strip()
        series = Series.objects.filter(series_instance_uid=uid)
        return _of_uid(queryset, uid, "sop_instance_uid", series), False


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnlyAdmin):
    list_display = ["object_key", "size_bytes", "transfer_syntax_uid", "source", "received_at"]
    list_filter = ["source", "received_at"]
    search_fields = ["object_key__exact", "sha256__exact"]
    ordering = ["-id"]


@admin.register(InstanceConflict)
class InstanceConflictAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "reason", "sop_instance_uid", "source", "source_detail"]
    list_filter = ["reason", "source"]
    search_fields = ["sop_instance_uid__exact", "study_instance_uid__exact", "sha256__exact"]
    ordering = ["-id"]


@admin.register(Deletion)
class DeletionAdmin(ReadOnlyAdmin):
    list_display = [
        "deleted_at", "deleted_by", "reason", "study_instance_uid", "series_instance_uid",
        "sop_instance_uid",
    ]  # fmt: skip
    exclude = ["parents"]  # of a study, drafts of its report among them
    list_filter = ["deleted_at"]
    list_select_related = ["deleted_by"]
    search_fields = ["study_instance_uid__exact"]
    ordering = ["-id"]


@admin.register(DeletedInstance)
class DeletedInstanceAdmin(ReadOnlyAdmin):
    list_display = ["sop_instance_uid", "series_instance_uid", "study_instance_uid", "deletion"]
    list_select_related = ["deletion"]
    search_fields = ["sop_instance_uid__exact", "study_instance_uid__exact"]
    raw_id_fields = ["deletion", "stored_object"]
    ordering = ["-id"]


@admin.register(QuarantinedInput)
class QuarantinedInputAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "reason", "size_bytes", "source", "source_detail"]
    list_filter = ["source", "received_at"]
    search_fields = ["sha256__exact", "source_detail"]
    ordering = ["-id"]


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ["signed_at", "signed_by", "study"]
    list_filter = ["signed_at"]
    list_select_related = ["signed_by", "study"]
    search_fields = ["study__study_instance_uid__exact"]
    search_help_text = "A Study Instance UID"
    raw_id_fields = ["study"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        """Drafts are for those who write them."""
        return super().get_queryset(request).filter(signed_at__isnull=False)


@admin.register(Addendum)
class AddendumAdmin(ReadOnlyAdmin):
    list_display = ["signed_at", "signed_by", "number", "report"]
    list_filter = ["signed_at"]
    list_select_related = ["signed_by", "report"]
    search_fields = ["report__study__study_instance_uid__exact"]
    search_help_text = "A Study Instance UID"
    raw_id_fields = ["report"]
    ordering = ["-id"]


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """The vocabulary; studies hold keys of tags, so one is retired and never deleted."""

    list_display = ["name", "colour", "is_retired"]
    list_filter = ["is_retired"]
    search_fields = ["name"]
    ordering = ["name"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ReportTemplate)
class ReportTemplateAdmin(admin.ModelAdmin):
    list_display = ["name", "modality", "body_part_examined"]
    list_filter = ["modality"]
    search_fields = ["name"]
    ordering = ["name"]


@admin.register(ReferringName)
class ReferringNameAdmin(admin.ModelAdmin):
    list_display = ["name", "institution_name", "user"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    raw_id_fields = ["user"]
    ordering = ["name"]


# --- Who may see what ----------------------------------------------------------------------------


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    """The sites that images have named, to give scopes by."""

    list_display = ["institution_name", "institutional_department_name"]
    search_fields = ["institution_name", "institutional_department_name"]
    ordering = ["institution_name", "institutional_department_name"]


@admin.register(StudyScope)
class StudyScopeAdmin(admin.ModelAdmin):
    """Administrators say here who sees the studies of which sites."""

    list_display = [
        "institution_name", "institutional_department_name", "group", "user",
    ]  # fmt: skip
    list_filter = ["group"]
    list_select_related = ["group", "user"]
    list_per_page = 50
    raw_id_fields = ["user"]
    search_fields = ["institution_name", "user__username"]
    ordering = ["institution_name", "institutional_department_name", "id"]

    def save_model(self, request: HttpRequest, obj: StudyScope, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        _note_scope("scope changed" if change else "scope given", obj)

    def delete_model(self, request: HttpRequest, obj: StudyScope) -> None:
        _note_scope("scope withdrawn", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[StudyScope]) -> None:
        for scope in queryset.select_related("user", "group"):
            _note_scope("scope withdrawn", scope)
        super().delete_queryset(request, queryset)


def _note_scope(what: str, scope: StudyScope) -> None:
    detail = {"of": str(scope), "to": str(scope.user or scope.group)}
    note(Act(action=Action.SECURITY, what=what, detail=detail, is_change=True))


@admin.register(StudyGrant)
class StudyGrantAdmin(ReadOnlyAdmin):
    list_display = ["granted_at", "user", "study", "granted_by", "reason", "expires_at", "revoked_at"]  # fmt: skip  # noqa: E501
    list_filter = ["granted_at", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "study", "granted_by"]
    raw_id_fields = ["study", "user", "granted_by"]
    search_fields = ["user__username", "study__study_instance_uid__exact"]
    ordering = ["-id"]
    actions = ["revoke"]

    @admin.action(description="Revoke the selected grants", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: LimitedQuerySet[StudyGrant]) -> None:
        for given in queryset.alive().select_related("study"):
            revoke_grant(request.user, given.study.study_instance_uid, given.pk)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return may_grant(request.user)


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(ReadOnlyAdmin):
    list_display = ["opened_at", "user", "patient_record", "reason", "expires_at", "revoked_at"]
    list_filter = ["opened_at"]
    list_select_related = ["user", "patient_record"]
    raw_id_fields = ["user", "patient_record"]
    search_fields = ["user__username", "patient_record__patient_id__exact"]
    ordering = ["-id"]


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at", "created_by", "recipient", "study", "deidentified", "opened_count",
        "expires_at", "revoked_at",
    ]  # fmt: skip
    exclude = ["digest"]
    list_filter = ["created_at", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["created_by", "study"]
    raw_id_fields = ["study", "created_by"]
    search_fields = ["created_by__username", "study__study_instance_uid__exact"]
    ordering = ["-id"]
    actions = ["revoke"]

    @admin.action(description="Revoke the selected links", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: LimitedQuerySet[ShareLink]) -> None:
        for link in queryset.alive().select_related("study"):
            revoke_link(request.user, link.study.study_instance_uid, link.pk)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return may_share(request.user)


_RULES_OF_CELLS = format_html_join(
    "",
    "<p><b>{}</b> {}</p>",
    [
        ("Cells", "row by row from the top left, as [{}, {}]; {} takes the next series."),
        ("study", "“current”, as without it, or “prior”: the newest relevant one."),
        ("modality", "as CT, where a study has several."),
        ("description", "is part of the series description, whatever its case; * stands for "
         "anything, | for or. What “without” says must not be part of it."),
        ("view", "View Position, as MLO; laterality, L or R."),
        ("plane", "axial, coronal or sagittal."),
        ("at_least", "so many instances, to pass over localizers."),
        ("number", "the how-many-th of the series that fit."),
        ("otherwise", "where no series fits: “next”, as without it, takes the next one, “empty” "
         "leaves the cell empty."),
    ],
)  # fmt: skip


@admin.register(HangingProtocol)
class HangingProtocolAdmin(admin.ModelAdmin):
    """Whoever may change protocols does it here; they mirror nothing."""

    list_display = ["name", "modality", "body_part", "priority", "grid", "shows_prior"]
    list_filter = ["modality"]
    list_per_page = 50
    ordering = ["-priority", "name"]
    search_fields = ["name", "modality", "body_part"]
    fieldsets = [
        (None, {"fields": ["name", ("modality", "body_part", "priority")]}),
        ("Layout", {"fields": [("rows", "columns"), "cells"], "description": _RULES_OF_CELLS}),
    ]

    @admin.display(description="grid")
    def grid(self, protocol: HangingProtocol) -> str:
        return f"{protocol.rows} × {protocol.columns}"

    @admin.display(description="shows a prior", boolean=True)
    def shows_prior(self, protocol: HangingProtocol) -> bool:
        return protocol.shows_prior
