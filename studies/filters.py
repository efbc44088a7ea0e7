"""The filters of the study list, the same for page and API."""

import re
from typing import cast

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from studies import query
from studies.models import ReadingStatus, Study

# At hand, and behind "More"; an address may name any other code as well (PS3.3 C.7.3.1.1.1).
COMMON_MODALITIES = ("CT", "MR", "US", "DX", "CR", "MG", "NM", "PT", "XA", "RF")
OTHER_MODALITIES = (
    "BMD", "ECG", "ES", "IO", "IVUS", "KO", "OCT", "OP", "OPT", "OT", "PR", "PX", "REG", "RTDOSE",
    "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "XC",
)  # fmt: skip
MODALITIES = (*COMMON_MODALITIES, *OTHER_MODALITIES)

BEGINNING = "Its beginning is enough."

# What identifies a patient must not stand in an address, a bookmark or a log.
PATIENT_FIELDS = ("patient_id", "accession_number", "patient_name")


class ModalityField(django_filters.fields.MultipleChoiceField):
    """Any code string, listed or not."""

    def valid_value(self, value: str) -> bool:
        return re.fullmatch("[A-Z0-9_]{1,16}", value) is not None


class ModalityFilter(django_filters.MultipleChoiceFilter):
    field_class = ModalityField


class StudyFilter(django_filters.FilterSet):
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

    def by_date_from(self, queryset: QuerySet[Study], _: str, value: "object") -> QuerySet[Study]:
        return query.since(queryset, value)  # type: ignore[arg-type]

    def by_date_to(self, queryset: QuerySet[Study], _: str, value: "object") -> QuerySet[Study]:
        return query.until(queryset, value)  # type: ignore[arg-type]
