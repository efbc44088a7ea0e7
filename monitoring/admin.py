"""The audit trail as those see it who answer for it; that they do is in it too."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.dateparse import parse_date
from django.utils.html import format_html_join

from accounts.acts import Act, Action, Outcome, note
from monitoring.audit import reading
from monitoring.audit.codes import MEANINGS
from monitoring.audit.message import write_messages
from monitoring.models import AuditEvent
from studies.admin import ReadOnlyAdmin
from studies.models import Patient

Events = QuerySet[AuditEvent]


class ActionFilter(admin.SimpleListFilter):
    """Of all there are; looking for those that occur would read the whole trail."""

    title = parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action.value, action.value) for action in Action]

    def queryset(self, request: HttpRequest, queryset: Events) -> Events:
        return queryset.filter(action=self.value()) if self.value() else queryset


class OutcomeFilter(admin.SimpleListFilter):
    title = parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(outcome.value, outcome.value) for outcome in Outcome]

    def queryset(self, request: HttpRequest, queryset: Events) -> Events:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


class PeriodFilter(admin.ListFilter):
    """From a day to another, both within; days as UTC has them."""

    title = "period"
    template = "admin/period_filter.html"
    _NAMES = ("since", "until")

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self._NAMES:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self._NAMES)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        others = changelist.get_filters_params().items()
        kept = [(name, value) for name, value in others if name not in self._NAMES]
        yield {"kept": kept, **{name: self._day(name) for name in self._NAMES}}

    def queryset(self, request: HttpRequest, queryset: Events) -> Events:
        return reading.in_period(queryset, self._day("since"), self._day("until"))

    def _day(self, name: str) -> Any:
        try:
            return parse_date(str(self.used_parameters.get(name, "")))
        except ValueError:
            return None


class AboutFilter(admin.SimpleListFilter):
    """What another page links to; there is nothing to choose from."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(str(self.parameter_name))
        return [(chosen, chosen)] if chosen else []


class PatientFilter(AboutFilter):
    """By the key of the record, so that no address holds a Patient ID."""

    title = parameter_name = "patient"

    def queryset(self, request: HttpRequest, queryset: Events) -> Events:
        if not (key := self.value()):
            return queryset
        is_key = key.isascii() and key.isdecimal() and len(key) < 19  # noqa: PLR2004 - bigint
        patient = Patient.objects.filter(pk=key).first() if is_key else None
        return reading.about_patient(queryset, patient) if patient else queryset.none()


class StudyFilter(AboutFilter):
    title = parameter_name = "study"

    def queryset(self, request: HttpRequest, queryset: Events) -> Events:
        return reading.about_study(queryset, self.value() or "") if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = [
        "occurred_at", "actor", "actor_name", "client_address", "what", "outcome", "patient",
        "studies",
    ]  # fmt: skip
    list_filter = [PeriodFilter, ActionFilter, OutcomeFilter, PatientFilter, StudyFilter]
    search_fields = ["actor__exact"]
    search_help_text = "A user name, a Patient ID, or the UID of a study, a series or an instance"
    ordering = ["-occurred_at", "-id"]
    sortable_by = ()
    actions = ["export"]
    fieldsets = [
        (None, {"fields": ["occurred_at", "what", "outcome", "event"]}),
        ("Who", {"fields": ["actor", "actor_name", "actor_kind", "token", "roles"]}),
        ("From where", {"fields": ["client_address", "user_agent", "route", "request_id"]}),
        ("About", {"fields": ["patient", "studies", "objects", "said"]}),
        ("Place in the trail", {"fields": ["chain", "number", "sha256", "sha256_before"]}),
    ]
    readonly_fields = ["event", "patient", "studies", "objects", "said", "sha256", "sha256_before"]

    def act_of_listing(self, request: HttpRequest) -> Act:
        said = {name: value for name, value in request.GET.dict().items() if value}
        return Act(action=Action.READ_AUDIT, what="audit trail searched", detail=said)

    def act_of_opening(self, row: AuditEvent) -> Act:
        place = {"chain": str(row.chain), "number": str(row.number)}
        return Act(action=Action.READ_AUDIT, what="audit event opened", detail=place)

    def get_search_results(
        self, request: HttpRequest, queryset: Events, search_term: str
    ) -> tuple[Events, bool]:
        word = search_term.strip()
        return (reading.with_word(queryset, word) if word else queryset), False

    @admin.action(description="Export as audit messages (PS3.15 A.5)", permissions=["view"])
    def export(self, request: HttpRequest, queryset: Events) -> StreamingHttpResponse:
        note(Act(action=Action.READ_AUDIT, what="audit trail exported"))
        return StreamingHttpResponse(
            write_messages(reading.in_order(queryset)),
            content_type="application/xml",
            headers={"Content-Disposition": 'attachment; filename="audit-trail.xml"'},
        )

    @admin.display(description="patient")
    def patient(self, event: AuditEvent) -> str:
        return format_html_join(", ", "{} {}", event.patients)

    @admin.display(description="study")
    def studies(self, event: AuditEvent) -> str:
        return ", ".join(event.study_uids)

    @admin.display(description="series or instances")
    def objects(self, event: AuditEvent) -> str:
        return ", ".join(event.object_uids)

    @admin.display(description="event (PS3.16 CID 400, 401)")
    def event(self, event: AuditEvent) -> str:
        codes = [event.event_id, event.event_type] if event.event_type else [event.event_id]
        said = "; ".join(f"{code} {MEANINGS[code]}" for code in codes)
        return f"{said}; {event.event_action}"

    @admin.display(description="detail")
    def said(self, event: AuditEvent) -> str:
        return format_html_join("", "<p><b>{}</b> {}</p>", event.detail.items())

    @admin.display(description="SHA-256")
    def sha256(self, event: AuditEvent) -> str:
        return bytes(event.digest).hex()

    @admin.display(description="SHA-256 of the one before it")
    def sha256_before(self, event: AuditEvent) -> str:
        return bytes(event.previous_digest).hex()
