"""The cells of the study list: what a column shows of a study.

Made here and not by a template, which takes several times as long for some hundred cells of a page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from studies.models import Study, Tag
from studies.portal.columns import Column
from studies.templatetags.dicom_format import other_scripts, person_name

Tags = Mapping[int, Tag]
_NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Row:
    """One study of the list, its cells as HTML in the order of the columns."""

    study: Study
    name: str
    cells: SafeString


def rows(studies: Sequence[Study], columns: Sequence[Column], tags: Tags) -> list[Row]:
    return [_row(study, columns, tags) for study in studies]


def _row(study: Study, columns: Sequence[Column], tags: Tags) -> Row:
    cells = [
        format_html(
            '<td role="cell" data-label="{}"{}>{}</td>',
            column.label, _ATTRIBUTES.get(column.name, _NOTHING), _shown(study, column.name, tags),
        )
        for column in columns
    ]  # fmt: skip
    return Row(study, person_name(study.person_name), mark_safe("".join(cells)))  # noqa: S308 - of formatted HTML


_NUMBER = SafeString(' class="number"')
_ATTRIBUTES = {
    "images": _NUMBER,
    "series": _NUMBER,
    "comments": SafeString(' class="number" data-field="comments"'),
    "reader": SafeString(' data-field="reader"'),
}


def _shown(study: Study, column: str, tags: Tags) -> object:  # noqa: PLR0911 - a line for each column
    match column:
        case "date":
            return _date(study)
        case "patient":
            return _patient(study)
        case "reading":
            return _state("reading", study.reading_status, study.get_reading_status_display())
        case "priority":
            return _state("priority", study.priority, study.get_priority_display())
        case "modality":
            codes = ((code,) for code in study.modalities_in_study)
            badges = format_html_join("", '<span class="badge">{}</span>', codes)
            return format_html('<span class="badges">{}</span>', badges)
        case "tags":
            return _tags(study, tags)
        case "referring":
            return format_html("<bdi>{}</bdi>", person_name(study.referring_physician))
        case _:
            return _TEXTS[column](study)


_TEXTS: dict[str, Callable[[Study], str]] = {
    "mrn": lambda study: study.patient_id,
    "accession": lambda study: study.accession_number,
    "description": lambda study: study.study_description,
    "site": lambda study: study.institution_name,
    "images": lambda study: intcomma(study.number_of_study_related_instances),
    "series": lambda study: str(study.number_of_study_related_series),
    "comments": lambda study: str(study.number_of_comments),
    "reader": lambda study: study.assigned_to.display_name if study.assigned_to else "",
    "received": lambda study: f"{study.received_at:%Y-%m-%d %H:%M}",
}


def _date(study: Study) -> SafeString:
    time = f"{study.study_time:%H:%M}" if study.study_time else ""
    day = study.study_date.isoformat() if study.study_date else "undated"
    return format_html('<span>{} <span class="muted">{}</span></span>', day, time)


def _state(kind: str, value: str, label: str) -> SafeString:
    return format_html(
        '<span class="badge {0}-{1}" data-field="{0}">{2}</span>', kind, value, label
    )


def _patient(study: Study) -> SafeString:
    born = study.patient_birth_date.isoformat() if study.patient_birth_date else ""
    return format_html(
        '<span><a class="row-link" href="{}"><bdi>{}</bdi></a> <span class="muted"><bdi>{}</bdi>'
        ' <span class="nowrap">{} {}</span></span></span>',
        reverse("studies:detail", args=[study.study_instance_uid]),
        person_name(study.person_name) or "No name",
        other_scripts(study.person_name),
        born,
        study.patient_sex,
    )


def _tags(study: Study, tags: Tags) -> SafeString:
    known = [tags[key] for key in study.tags if key in tags]
    return format_html_join(
        " ", '<span class="badge tag-{}">{}</span>', ((tag.colour, tag.name) for tag in known)
    )
