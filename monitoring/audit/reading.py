"""Asking the audit trail, from an index however long it is."""

import datetime
from collections.abc import Iterator

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, BooleanField, F, Func, Q, QuerySet

from monitoring.models import AuditEvent
from studies.models import Patient

Events = QuerySet[AuditEvent]
_PAGE = 500


def about_patient(events: Events, patient: Patient) -> Events:
    """Events of which this patient is one."""
    key, issuer = patient.patient_id, patient.issuer_of_patient_id
    return _found_first(
        events, Q(patient_ids__contains=[key], issuers_of_patient_ids__contains=[issuer])
    )


def about_study(events: Events, study_uid: str) -> Events:
    return _found_first(events, Q(study_uids__contains=[study_uid]))


def with_word(events: Events, word: str) -> Events:
    """Events of the user of that name; else of that Patient ID or UID."""
    if AuditEvent.objects.filter(actor=word).exists():
        return events.filter(actor=word)
    return _found_first(
        events,
        Q(patient_ids__contains=[word])
        | Q(study_uids__contains=[word])
        | Q(object_uids__contains=[word]),
    )


def _found_first(events: Events, condition: Q) -> Events:
    """Those of them that are about something, which are looked up before anything else.

    Else the planner may walk the whole trail in its order and hope to meet some soon.
    """
    keys = ArraySubquery(AuditEvent.objects.filter(condition).values("pk"))
    is_one = Func(
        F("pk"), Func(keys, function="ANY", output_field=BigIntegerField()),
        template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField(),
    )  # fmt: skip
    return events.filter(is_one)


def in_period(events: Events, since: datetime.date | None, until: datetime.date | None) -> Events:
    """Events of the days from one to another, both within, as UTC has them."""
    if since:
        events = events.filter(occurred_at__gte=_midnight(since))
    if until:
        events = events.filter(occurred_at__lt=_midnight(until) + datetime.timedelta(days=1))
    return events


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.min, datetime.UTC)


def in_order(events: Events) -> Iterator[AuditEvent]:
    """The oldest first, few in memory at once, of however many."""
    last = 0
    while True:
        page = list(events.filter(pk__gt=last).order_by("pk")[:_PAGE])
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].pk
