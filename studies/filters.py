"""The filters of the study list, the same for page and API."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from studies import query, worklist
from studies.models import Priority, ReadingStatus, Study, Tag
from studies.search_words import MAX_WORDS, ME, NOBODY, Kind, Word, read

# At hand, and behind "More"; an address may name any other code as well (PS3.3 C.7.3.1.1.1).
COMMON_MODALITIES = ("CT", "MR", "US", "DX", "CR", "MG", "NM", "PT", "XA", "RF")
OTHER_MODALITIES = (
    "BMD", "ECG", "ES", "IO", "IVUS", "KO", "OCT", "OP", "OPT", "OT", "PR", "PX", "REG", "RTDOSE",
    "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "XC",
)  # fmt: skip
MODALITIES = (*COMMON_MODALITIES, *OTHER_MODALITIES)

BEGINNING = "Its beginning is enough."

# What identifies a patient must not stand in an address, a bookmark or a log.
PATIENT_FIELDS = ("text", "patient_id", "accession_number", "patient_name")


def words_of(text: str) -> list[Word]:
    """What the text of the search box means today."""
    return read(text, today=timezone.localdate(), modalities=MODALITIES)


def _have_few_words(text: str) -> None:
    if len(words_of(text)) > MAX_WORDS:
        raise ValidationError(f"Search for at most {MAX_WORDS} words.")


def reader_choices() -> list[tuple[str, str]]:
    people = [(str(reader.pk), reader.display_name) for reader in worklist.readers()]
    return [(ME, "Me"), (NOBODY, "Nobody"), *people]


def tag_choices() -> list[tuple[str, str]]:
    """Retired ones among them: studies keep them."""
    return [(str(tag.pk), tag.name) for tag in Tag.objects.order_by("name")]


class ModalityField(django_filters.fields.MultipleChoiceField):
    """Any code string, listed or not."""

    def valid_value(self, value: str) -> bool:
        return re.fullmatch("[A-Z0-9_]{1,16}", value) is not None


class ModalityFilter(django_filters.MultipleChoiceFilter):
    field_class = ModalityField


class StudyFilter(django_filters.FilterSet):
    """With `request`, of whose user `me` speaks."""

    text = django_filters.CharFilter(
        label="Search", max_length=200, method="by_text", validators=[_have_few_words]
    )
    patient_id = django_filters.CharFilter(
        label="MRN", max_length=64, method="by_patient_id", help_text=BEGINNING
    )
    accession_number = django_filters.CharFilter(
        label="Accession number",
        max_length=64,
        method="by_accession_number",
        help_text=BEGINNING,
    )
    patient_name = django_filters.CharFilter(
        label="Patient name", max_length=200, method="by_patient_name"
    )
    study_description = django_filters.CharFilter(
        label="Description", max_length=200, method="by_description"
    )
    date_from = django_filters.DateFilter(
        label="From", method="by_date_from", widget=forms.DateInput(attrs={"type": "date"})
    )
    date_to = django_filters.DateFilter(
        label="To", method="by_date_to", widget=forms.DateInput(attrs={"type": "date"})
    )
    reading_status = django_filters.ChoiceFilter(
        label="Reading",
        choices=ReadingStatus.choices,
        empty_label="Any",
        method="by_reading_status",
    )
    priority = django_filters.ChoiceFilter(
        label="Priority", choices=Priority.choices, empty_label="Any", method="by_priority"
    )
    assigned_to = django_filters.ChoiceFilter(
        label="Reader", choices=reader_choices, empty_label="Any", method="by_reader"
    )
    tag = django_filters.ChoiceFilter(
        label="Tag", choices=tag_choices, empty_label="Any", method="by_tag"
    )
    modality = ModalityFilter(
        label="Modality",
        choices=[(code, code) for code in MODALITIES],
        method="by_modality",
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Study
        fields: list[str] = []

    def get_form_class(self) -> type[forms.Form]:
        """With a choice for each unlisted modality that is asked for: the next search keeps it."""
        form: type[forms.Form] = super().get_form_class()
        field = cast("ModalityField", form.base_fields["modality"])
        asked = self.data.getlist("modality") if isinstance(self.data, QueryDict) else []
        unlisted = sorted(set(asked).difference(MODALITIES))
        own = [(code, code) for code in unlisted if field.valid_value(code)]
        field.choices = [*field.choices, *own]
        return form

    def by_patient_id(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_patient_id(queryset, value)

    def by_accession_number(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_accession_number(queryset, value)

    def by_patient_name(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_patient_name(queryset, value)

    def by_description(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_description(queryset, value)

    def by_modality(self, queryset: QuerySet[Study], _: str, value: list[str]) -> QuerySet[Study]:
        return query.with_modalities(queryset, value) if value else queryset

    def by_reading_status(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_reading_status(queryset, value)

    def by_priority(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_priority(queryset, value)

    def by_tag(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        return query.with_tag(queryset, int(value))

    def by_reader(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        if value == ME:
            return query.with_reader(queryset, self.request.user.pk)
        return query.with_reader(queryset, None if value == NOBODY else int(value))

    def by_text(self, queryset: QuerySet[Study], _: str, value: str) -> QuerySet[Study]:
        """Each word narrows; of several modalities, statuses or priorities one has to fit."""
        words = words_of(value)
        for kind, restrict in _ANY_OF.items():
            if values := [word.value for word in words if word.kind is kind]:
                queryset = restrict(queryset, values)
        for word in words:
            if word.kind in _EACH:
                queryset = _EACH[word.kind](queryset, word.value)
            elif word.kind is Kind.READER:
                queryset = _with_reader_named(queryset, word.value, self.request.user)
            elif word.kind is Kind.DATE:
                first, last = word.span
                queryset = query.since(queryset, first) if first else queryset
                queryset = query.until(queryset, last) if last else queryset
        return queryset

    def by_date_from(self, queryset: QuerySet[Study], _: str, value: "object") -> QuerySet[Study]:
        return query.since(queryset, value)  # type: ignore[arg-type]

    def by_date_to(self, queryset: QuerySet[Study], _: str, value: "object") -> QuerySet[Study]:
        return query.until(queryset, value)  # type: ignore[arg-type]


def _with_tag_named(queryset: QuerySet[Study], name: str) -> QuerySet[Study]:
    tag = Tag.objects.filter(name__iexact=name).first()
    return query.with_tag(queryset, tag.pk) if tag else queryset.none()


def _with_reader_named(queryset: QuerySet[Study], name: str, viewer: Any) -> QuerySet[Study]:
    """By user name, which is shorter to type than a name and means one person."""
    if name.lower() in (ME, NOBODY):
        return query.with_reader(queryset, viewer.pk if name.lower() == ME else None)
    reader = worklist.readers().filter(username__iexact=name).first()
    return query.with_reader(queryset, reader.pk) if reader else queryset.none()


_ANY_OF: dict[Kind, Callable[[QuerySet[Study], list[str]], QuerySet[Study]]] = {
    Kind.MODALITY: query.with_modalities,
    Kind.READING: lambda queryset, values: query.with_reading_status(queryset, *values),
    Kind.PRIORITY: lambda queryset, values: query.with_priority(queryset, *values),
}
_EACH: dict[Kind, Callable[[QuerySet[Study], str], QuerySet[Study]]] = {
    Kind.MRN: query.with_patient_id,
    Kind.ACCESSION: query.with_accession_number,
    Kind.NAME: query.with_patient_name,
    Kind.DESCRIPTION: query.with_description,
    Kind.TAG: _with_tag_named,
    Kind.IDENTITY: partial(query.with_identity, identifiers=["patient_id", "accession_number"]),
}
