"""The one way to ask: every search of pages, API and DICOMweb compiles here (PS3.4 C.2.2.2)."""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import BooleanField, Exists, F, Func, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Upper
from django.db.models.lookups import Contains, StartsWith

from studies.access import Viewer, visible_to
from studies.dicom.attributes import (
    BY_KEYWORD,
    BY_TAG,
    REQUEST_ATTRIBUTES_SEQUENCE,
    Attribute,
    Level,
    is_uid,
)
from studies.dicom.names import fold
from studies.dicom.parse import to_date, to_time
from studies.errors import InvalidQueryError
from studies.models import Instance, Series, Study

MAX_RESULTS = 1000

M = TypeVar("M", bound=Model)
T = TypeVar("T", datetime.date, datetime.time)

# --- The study list ------------------------------------------------------------------------------


def studies(viewer: Viewer) -> QuerySet[Study]:
    return visible_to(viewer, Study.objects.all())


def with_patient_id(queryset: QuerySet[Study], text: str) -> QuerySet[Study]:
    """Patient ID that begins so, whatever its case."""
    return queryset.filter(_begins("patient_id", text))


def with_accession_number(queryset: QuerySet[Study], text: str) -> QuerySet[Study]:
    """Accession number that begins so, whatever its case."""
    return queryset.filter(_begins("accession_number", text))


def with_patient_name(queryset: QuerySet[Study], text: str) -> QuerySet[Study]:
    """Every word is part of the name, in any order, case, accent and script."""
    for word in fold(text).split():
        queryset = queryset.filter(patient_name_folded__contains=word)
    return queryset


def with_description(queryset: QuerySet[Study], text: str) -> QuerySet[Study]:
    """Every word is part of the study description."""
    for word in text.split():
        queryset = queryset.filter(Contains(Upper("study_description"), _upper(word)))
    return queryset


def _begins(column: str, text: str) -> StartsWith:
    return StartsWith(Upper(column), _upper(text))


def _upper(text: str) -> Upper:
    """In capitals as the database makes them; Python's differ for some letters, ß among them."""
    return Upper(Value(text))


def with_identity(
    queryset: "QuerySet[M, Any]", text: str, identifiers: Iterable[str], exact: Iterable[str] = ()
) -> "QuerySet[M, Any]":
    """Patients or studies of which an identifier begins so, or a name that holds every word.

    Args:
        queryset: Of rows that have a patient's name.
        text: As it was typed.
        identifiers: Columns that may begin with it.
        exact: Columns that must be it.
    """
    if not text:
        return queryset
    condition = Q(*((column, text) for column in exact), _connector=Q.OR)
    for column in identifiers:
        condition |= Q(_begins(column, text))
    if words := fold(text).split():
        condition |= Q(*(Q(patient_name_folded__contains=word) for word in words))
    return queryset.filter(condition)


def with_modalities(queryset: QuerySet[Study], modalities: Iterable[str]) -> QuerySet[Study]:
    """At least one series of one of these modalities."""
    return queryset.filter(modalities_in_study__overlap=list(modalities))


def since(queryset: QuerySet[Study], day: datetime.date) -> QuerySet[Study]:
    return queryset.filter(study_moment__gte=_midnight(day))


def until(queryset: QuerySet[Study], day: datetime.date) -> QuerySet[Study]:
    """Up to the end of the day; a study without a date is in no range."""
    return queryset.filter(study_moment__lte=_end_of(day), study_date__isnull=False)


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.min, datetime.UTC)


def _end_of(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.max, datetime.UTC)


# --- Pages of a list, as fast at any depth -------------------------------------------------------

SORT_COLUMNS = {
    "date": "study_moment",
    "name": "patient_name_folded",
    "mrn": "patient_id",
    "accession": "accession_number",
    "description": "study_description",
}
DEFAULT_SORT = "-date"
# Beyond this the count says "more than"; counting on would cost more than the page.
COUNT_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an ordered list: behind or before a study, or before the end of the list."""

    after: int | None = None
    before: int | None = None
    from_end: bool = False


@dataclass(frozen=True)
class Page:
    studies: list[Study]
    has_previous: bool
    has_next: bool


def page_of(queryset: QuerySet[Study], *, sort: str, size: int, cursor: Cursor) -> Page:
    """One page by position in the index instead of by counting rows off.

    Args:
        queryset: Filtered studies, in no order.
        sort: A key of SORT_COLUMNS, with `-` for descending.
        size: Rows of a page.
        cursor: Where the page lies. One whose study is gone gives the first page.
    """
    column, descending = SORT_COLUMNS[sort.lstrip("-")], sort.startswith("-")
    backwards = cursor.before is not None or cursor.from_end
    towards_smaller = descending != backwards
    sign = "-" if towards_smaller else ""
    rows = queryset.order_by(f"{sign}{column}", f"{sign}id")
    edge = cursor.before if backwards else cursor.after
    place = Study.objects.filter(pk=edge).values_list(column, "pk").first() if edge else None
    if place:
        rows = rows.filter(_beyond(column, place, "<" if towards_smaller else ">"))
    found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        return Page(found[::-1], has_previous=more, has_next=bool(place))
    return Page(found, has_previous=bool(place), has_next=more)


def _beyond(column: str, place: tuple[Any, int], operator: str) -> Func:
    """Row-wise comparison, which PostgreSQL answers from the index of the order."""
    here = Func(F(column), F("id"), function="ROW", output_field=BooleanField())
    there = Func(Value(place[0]), Value(place[1]), function="ROW", output_field=BooleanField())
    return Func(
        here, there, template="%(expressions)s", arg_joiner=f" {operator} ",
        output_field=BooleanField(),
    )  # fmt: skip


def count(queryset: QuerySet[Study]) -> int:
    """Exact up to COUNT_LIMIT; COUNT_LIMIT + 1 says that there are more."""
    return queryset.order_by()[: COUNT_LIMIT + 1].count()


def other_studies_of_patient(viewer: Viewer, study: Study) -> QuerySet[Study]:
    others = Study.objects.filter(patient_record_id=study.patient_record_id).exclude(pk=study.pk)
    return visible_to(viewer, others).order_by("-study_moment", "-id")


# --- QIDO-RS: attribute matching (PS3.4 C.2.2.2) -------------------------------------------------

_SEQUENCES = {
    "": "",
    "RequestAttributesSequence": REQUEST_ATTRIBUTES_SEQUENCE,
    REQUEST_ATTRIBUTES_SEQUENCE: REQUEST_ATTRIBUTES_SEQUENCE,
}
_PATHS = {
    Level.STUDY: {Level.PATIENT: "", Level.STUDY: ""},
    Level.SERIES: {Level.PATIENT: "study__", Level.STUDY: "study__", Level.SERIES: ""},
    Level.INSTANCE: {
        Level.PATIENT: "series__study__",
        Level.STUDY: "series__study__",
        Level.SERIES: "series__",
        Level.INSTANCE: "",
    },
}


def search(
    viewer: Viewer, level: Level, keys: Mapping[str, str]
) -> "QuerySet[Study] | QuerySet[Series] | QuerySet[Instance]":
    """Rows of one level that match every key, in a total order.

    Args:
        viewer: Who asks.
        level: STUDY, SERIES or INSTANCE.
        keys: Keyword or tag → value in the notation of PS3.18 8.3.4.1.

    Raises:
        InvalidQueryError: On an unknown key, one of a lower level or a malformed value.
    """
    queryset, order = _rows(level)
    for name, value in keys.items():
        attribute = _attribute(name, level)
        if "\0" in value:
            raise InvalidQueryError(f"{attribute.keyword} holds a character that no value has")
        wanted = value.strip(" ")  # padding (PS3.5 6.2)
        if wanted not in ("", "*"):
            path = _PATHS[level][attribute.level] + attribute.column
            queryset = queryset.filter(_MATCHERS[attribute.vr](path, wanted, attribute))
    return visible_to(viewer, queryset).order_by(*order)


def _rows(level: Level) -> tuple[QuerySet[Any], tuple[str, ...]]:
    if level is Level.STUDY:
        return Study.objects.all(), ("-study_moment", "-id")
    if level is Level.SERIES:
        return Series.objects.select_related("study"), ("study_id", "series_number", "id")
    instances = Instance.objects.select_related("series__study")
    return instances, ("series_id", "instance_number", "id")


def _attribute(name: str, level: Level) -> Attribute:
    sequence, _, plain = name.rpartition(".")
    attribute = BY_KEYWORD.get(plain) or BY_TAG.get(plain.upper())
    if attribute is None or not attribute.matches or _SEQUENCES.get(sequence) != attribute.sequence:
        raise InvalidQueryError(f"{name} is not a key that this archive matches")
    if attribute.level not in _PATHS[level]:
        raise InvalidQueryError(f"{name} belongs to a lower level than the one searched")
    return attribute


def _match_uid(path: str, value: str, attribute: Attribute) -> Q:
    uids = re.split(r"[,\\]", value)
    if not all(is_uid(uid) for uid in uids):
        raise InvalidQueryError(f"{attribute.keyword} is not a list of UIDs")
    return Q(**{f"{path}__in": uids})


def _match_text(path: str, value: str, attribute: Attribute) -> Q:
    """Single value or wildcards, case-sensitive (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    if attribute.derived:
        return _match_modality(path, value)
    if "*" in value or "?" in value:
        return Q(**{f"{path}__regex": f"^{_wildcard_regex(value)}$"})
    return Q(**{path: value})


def _match_modality(path: str, value: str) -> Q:
    """Modalities in Study: of at least one of the study's series (PS3.4 C.3.4)."""
    if "*" not in value and "?" not in value:
        return Q(**{f"{path}__contains": [value]})
    study = OuterRef(path.removesuffix("modalities_in_study") + "pk")
    pattern = f"^{_wildcard_regex(value)}$"
    return Q(Exists(Series.objects.filter(study=study, modality__regex=pattern)))


def _match_name(path: str, value: str, _: Attribute) -> Q:
    """Whole component groups, without case and accents (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    condition = Q()
    for group in filter(None, value.split("=")):
        pattern = _wildcard_regex(group, plain=_fold_piece, any_character="[^=]")
        condition &= Q(**{f"{path}_folded__regex": f"(^|=){pattern}($|=)"})
    return condition


def _wildcard_regex(
    value: str, *, plain: Callable[[str], str] = str, any_character: str = "."
) -> str:
    special = {"*": f"{any_character}*", "?": any_character}
    pieces = re.split(r"([*?])", value)
    return "".join(special.get(piece) or re.escape(plain(piece)) for piece in pieces)


def _fold_piece(piece: str) -> str:
    """As `fold`, but separators at its edges stay: they matter next to a wildcard."""
    core = fold(piece)
    before = " " if core and piece[:1] in "^ " else ""
    after = " " if core and piece[-1:] in "^ " else ""
    return f"{before}{core}{after}" if core else (" " if piece else "")


def _match_date(path: str, value: str, attribute: Attribute) -> Q:
    first, last = _ends(value, attribute, to_date, to_date)
    condition = _between(path, first, last)
    if attribute.keyword == "StudyDate":  # the same in terms of the column that has an index
        moment = path.removesuffix("study_date") + "study_moment"
        condition &= _between(moment, first and _midnight(first), last and _end_of(last))
    return condition


def _match_time(path: str, value: str, attribute: Attribute) -> Q:
    return _between(path, *_ends(value, attribute, to_time, _last_time))


def _last_time(text: str) -> datetime.time | None:
    """The last moment that a TM value of reduced precision stands for (PS3.5 6.2)."""
    digits = re.sub("[:.]", "", text)
    latest = digits + "235959999999"[len(digits) :]
    return to_time(text) and to_time(f"{latest[:6]}.{latest[6:]}")


def _ends(
    value: str,
    attribute: Attribute,
    first_of: Callable[[str], T | None],
    last_of: Callable[[str], T | None],
) -> tuple[T | None, T | None]:
    """Of `a`, `a-b`, `a-` or `-b`, both included (PS3.4 C.2.2.2.5); None where it is open."""
    start, dash, end = value.partition("-")
    end = end if dash else start
    first, last = first_of(start) if start else None, last_of(end) if end else None
    if (start and first is None) or (end and last is None):
        raise InvalidQueryError(f"{attribute.keyword} is not a value or a range")
    return first, last


def _between(path: str, first: object, last: object) -> Q:
    condition = Q(**{f"{path}__isnull": False})
    if first is not None:
        condition &= Q(**{f"{path}__gte": first})
    if last is not None:
        condition &= Q(**{f"{path}__lte": last})
    return condition


def _match_number(path: str, value: str, attribute: Attribute) -> Q:
    try:
        return Q(**{path: int(value)})
    except ValueError as error:
        raise InvalidQueryError(f"{attribute.keyword} is not a number") from error


_MATCHERS: dict[str, Callable[[str, str, Attribute], Q]] = {
    "UI": _match_uid, "PN": _match_name, "DA": _match_date, "TM": _match_time,
    "IS": _match_number, "LO": _match_text, "SH": _match_text, "CS": _match_text,
}  # fmt: skip
