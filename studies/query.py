"""The one way to ask: every search of pages, API and DICOMweb compiles here (PS3.4 C.2.2.2)."""

import datetime
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db import connection
from django.db.models import (
    BooleanField,
    Exists,
    F,
    Func,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Upper
from django.db.models.lookups import Contains, StartsWith

from studies.access import Viewer, visible_to
from studies.access import condition as visibility
from studies.dicom.attributes import Level
from studies.dicom.names import fold
from studies.matching import ROWS, Options, Sql, condition, equals
from studies.models import Series, StoredObject, Study
from studies.noting import note_search

M = TypeVar("M", bound=Model)

# Words of fewer letters have no trigram of their own, by which a part of a text is found.
_INDEXED_LETTERS = 3

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
        queryset = queryset.filter(_in_name(word))
    return queryset


def _in_name(word: str) -> Q:
    """A folded word is part of the name; one too short for the index begins a part of it."""
    if len(word) < _INDEXED_LETTERS:
        return Q(patient_name_folded__regex=f"(^|[ =]){re.escape(word)}")
    return Q(patient_name_folded__contains=word)


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
        condition |= Q(*map(_in_name, words))
    return queryset.filter(condition)


def with_modalities(queryset: QuerySet[Study], modalities: Iterable[str]) -> QuerySet[Study]:
    """At least one series of one of these modalities."""
    return queryset.filter(modalities_in_study__overlap=list(modalities))


def with_reading_status(queryset: QuerySet[Study], *statuses: str) -> QuerySet[Study]:
    """How far the report is, see `ReadingStatus`: one of these."""
    return queryset.filter(_is_one_of("reading_status", statuses))


def with_priority(queryset: QuerySet[Study], *priorities: str) -> QuerySet[Study]:
    """How soon it wants to be read, see `Priority`: one of these."""
    return queryset.filter(_is_one_of("priority", priorities))


def _is_one_of(column: str, values: Sequence[str]) -> Q:
    """Equality where there is but one, by which an index of that value alone is found."""
    return Q(**{column: values[0]}) if len(values) == 1 else Q(**{f"{column}__in": values})


def with_reader(queryset: QuerySet[Study], reader: int | None) -> QuerySet[Study]:
    """Assigned to the user with this key; None for those assigned to nobody."""
    return queryset.filter(assigned_to=reader) if reader else queryset.filter(assigned_to=None)


def with_tag(queryset: QuerySet[Study], tag: int) -> QuerySet[Study]:
    """Tagged with the tag of this key; its index holds no study without tags."""
    return queryset.filter(~Q(tags=[]), tags__contains=[tag])


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
COUNT_LIMIT = 1000


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


def page_of(
    viewer: Viewer,
    queryset: QuerySet[Study],
    *,
    sort: str,
    size: int,
    cursor: Cursor,
    are_many: bool = False,
) -> Page:
    """One page by position in the index instead of by counting rows off.

    Args:
        viewer: Who asks; a cursor at a study that they may not see says nothing of it.
        queryset: Filtered studies, in no order.
        sort: A key of SORT_COLUMNS, with `-` for descending.
        size: Rows of a page.
        cursor: Where the page lies. One whose study is gone gives the first page.
        are_many: Whether more than COUNT_LIMIT match.
    """
    column, descending = SORT_COLUMNS[sort.lstrip("-")], sort.startswith("-")
    backwards = cursor.before is not None or cursor.from_end
    towards_smaller = descending != backwards
    sign = "-" if towards_smaller else ""
    edge = cursor.before if backwards else cursor.after
    edges = studies(viewer).values_list(column, "pk")
    place = edges.filter(pk=edge).first() if edge else None
    beyond = Q(_beyond(column, place, "<" if towards_smaller else ">")) if place else Q()
    order = (f"{sign}{column}", f"{sign}id")
    found = _nearest(queryset, beyond, order, size + 1) if are_many else []
    if len(found) <= size:
        rows = queryset.filter(beyond).order_by(*order).prefetch_related("assigned_to")
        found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        return Page(found[::-1], has_previous=more, has_next=bool(place))
    return Page(found, has_previous=bool(place), has_next=more)


# So many rows of the order are read in hope of a page of those that match.
_NEAREST = 5000


def _nearest(
    queryset: QuerySet[Study], beyond: Q, order: tuple[str, str], limit: int
) -> list[Study]:
    """The first matching rows among the next few thousand of the order; maybe too few.

    The planner takes the words of a description for independent. Where it expects few matches and
    there are tens of thousands, it would read and sort them all.
    """
    query = queryset.query
    if not query.where or len(query.alias_map) > 1:  # all match, or other tables are joined
        return []
    rows, values = Study.objects.filter(beyond).order_by(*order)[:_NEAREST].query.sql_with_params()
    where, conditions = query.get_compiler(connection=connection).compile(query.where)
    by = ", ".join(f"{name.lstrip('-')}{' DESC' * name.startswith('-')}" for name in order)
    statement = (
        f"SELECT * FROM ({rows}) AS studies_study"  # noqa: S608 - compiled, its values apart
        f" WHERE {where} ORDER BY {by} LIMIT %s"
    )
    raw = Study.objects.raw(statement, [*values, *conditions, limit])
    return list(raw.prefetch_related("assigned_to"))


def _beyond(column: str, place: tuple[Any, int], operator: str) -> Func:
    """Row-wise comparison, which PostgreSQL answers from the index of the order."""
    here = Func(F(column), F("id"), function="ROW", output_field=BooleanField())
    there = Func(Value(place[0]), Value(place[1]), function="ROW", output_field=BooleanField())
    return Func(
        here, there, template="%(expressions)s", arg_joiner=f" {operator} ",
        output_field=BooleanField(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CountedPage:
    """A page, and how many studies the list has: more than that, if not `is_exact`."""

    page: Page
    total: int
    is_exact: bool


def counted_page_of(
    viewer: Viewer, queryset: QuerySet[Study], *, sort: str, size: int, cursor: Cursor
) -> CountedPage:
    """As `page_of`, of a list that is counted first.

    The count finds the keys of all studies where these are few, and then only those are sorted;
    where they are many, the order is read. Else the planner would have to guess which it is, and
    of filters that hardly meet, or never one without the other, it cannot know.
    """
    keys = list(queryset.order_by().values_list("pk", flat=True)[: COUNT_LIMIT + 1])
    is_exact = len(keys) <= COUNT_LIMIT
    found = Study.objects.filter(pk__in=keys) if is_exact else queryset
    page = page_of(viewer, found, sort=sort, size=size, cursor=cursor, are_many=not is_exact)
    return CountedPage(page, min(len(keys), COUNT_LIMIT), is_exact)


def other_studies_of_patient(viewer: Viewer, study: Study) -> QuerySet[Study]:
    others = Study.objects.filter(patient_record_id=study.patient_record_id).exclude(pk=study.pk)
    return visible_to(viewer, others).order_by("-study_moment", "-id")


def earlier_studies_of_patient(
    viewer: Viewer, study: Study, *, modalities: Iterable[str], body_parts: Iterable[str]
) -> QuerySet[Any]:
    """Dated studies before this one that have one of the modalities, newest first.

    Each says with `names_a_part` whether it knows a body part, and with `is_of_these_parts`
    whether it is one of those given.
    """
    series = Series.objects.filter(study=OuterRef("pk"))
    place = (study.study_moment, study.pk)
    earlier = Study.objects.filter(
        _beyond("study_moment", place, "<"),
        patient_record_id=study.patient_record_id,
        study_date__isnull=False,
        modalities_in_study__overlap=list(modalities),
    ).annotate(
        names_a_part=Exists(series.exclude(body_part_examined="")),
        is_of_these_parts=Exists(series.filter(body_part_examined__in=list(body_parts))),
    )
    return visible_to(viewer, earlier).order_by("-study_moment", "-id")


# --- QIDO-RS -------------------------------------------------------------------------------------

# Rows of one answer, whatever its client asks for, and before it: the database walks over those.
MAX_RESULTS = 1000
MAX_OFFSET = 100_000
# Headers of one answer, and their bytes if there is more than one: each may have megabytes.
MAX_HEADERS = 50
MAX_HEADER_BYTES = 64 * 1024 * 1024
# Matches are counted up to here: ten times as many would cost more than most pages.
MATCH_COUNT_LIMIT = 1000

# Tables from the one that is searched upwards, each joined where something is said of its rows.
_TABLES = {
    Level.STUDY: ["studies_study study"],
    Level.SERIES: ["studies_series series", "studies_study study ON study.id = series.study_id"],
    Level.INSTANCE: [
        "studies_instance instance",
        "studies_series series ON series.id = instance.series_id",
        "studies_study study ON study.id = series.study_id",
    ],
}
_NEWEST_STUDIES_FIRST = ["study.study_moment DESC", "study.id DESC"]
_PARENTS = ("study.study_instance_uid", "series.series_instance_uid")
_SEARCHED = {
    Level.STUDY: "studies searched",
    Level.SERIES: "series searched",
    Level.INSTANCE: "instances searched",
}


@dataclass(frozen=True, slots=True)
class Search:
    """Rows of one level that match, in a total order that an index gives.

    Attributes:
        level: What is searched for: STUDY, SERIES or INSTANCE.
        condition: What its rows have to be.
        order: What they are ordered by.
    """

    level: Level
    condition: Sql
    order: Sequence[str]

    def rows(self, columns: Sequence[str], *, offset: int, limit: int) -> Sql:
        """A statement for some rows in their order.

        Args:
            columns: As `matching.column_of` names them.
            offset: Rows before the first.
            limit: How many rows.
        """
        statement = f"{self._select(columns)} ORDER BY {', '.join(self.order)} LIMIT %s OFFSET %s"
        return Sql(statement, (*self.condition.values, limit, offset))

    def page(self, columns: Sequence[str], *, offset: int, limit: int) -> Sql:
        """The same, with the tables above joined to these rows only.

        Else the planner would prepare for joining all rows, and sort whole ones.
        """
        if self.level is Level.STUDY:
            return self.rows(columns, offset=offset, limit=limit)
        key, order = f"{ROWS[self.level]}.id", ", ".join(self.order)
        keys = self.rows([key], offset=offset, limit=limit)
        tables = _joined(self.level, *columns)
        statement = (
            f"SELECT {', '.join(columns)} FROM {tables}"  # noqa: S608 - of our own words
            f" WHERE {key} IN ({keys.text}) ORDER BY {order}"
        )
        return Sql(statement, keys.values)

    def counted(self) -> Sql:
        """A statement for the number of rows, up to MATCH_COUNT_LIMIT and one more."""
        rows = f"{self._select(['1'])} LIMIT {MATCH_COUNT_LIMIT + 1}"
        return Sql(f"SELECT count(*) FROM ({rows}) counted", self.condition.values)  # noqa: S608 - the same

    def _select(self, columns: Sequence[str]) -> str:
        where = f" WHERE {self.condition.text}" if self.condition.text else ""
        tables = _joined(self.level, *columns, self.condition.text)
        return f"SELECT {', '.join(columns)} FROM {tables}{where}"  # noqa: S608 - the same


def _joined(level: Level, *texts: str) -> str:
    """The tables from the one of this level up to the highest that these texts name."""
    first, *above = _TABLES[level]
    named = " ".join(texts)
    needed = (i for i, table in enumerate(above, 1) if f"{table.split()[1]}." in named)
    return " JOIN ".join([first, *above[: max(needed, default=0)]])


def search(
    viewer: Viewer,
    level: Level,
    keys: Mapping[str, str],
    *,
    parents: Sequence[str] = (),
    options: Options = Options(),  # noqa: B008 - it cannot be changed
) -> Search:
    """Rows of one level that match every key, in a total order that an index gives.

    Studies come newest first, as do series and instances from more than one study, whose age is
    the order in which they were received; within one study the order is that of the numbers.

    Args:
        viewer: Who asks.
        level: STUDY, SERIES or INSTANCE.
        keys: Keyword, tag or path of them → value in the notation of PS3.18 8.3.4.1.
        parents: UIDs of the study and of the series that the rows belong to, as far as given.
        options: How to match.

    Raises:
        InvalidQueryError: As `matching.condition`.
    """
    matching = condition(level, keys, options) & visibility(viewer)
    for column, uid in zip(_PARENTS, parents, strict=False):
        matching &= equals(column, uid)
    order = _order(level, is_nested=bool(parents))
    note_search(viewer, _SEARCHED[level], keys, study_uids=parents[:1])
    return Search(level, matching, order)


def _order(level: Level, *, is_nested: bool) -> list[str]:
    if level is Level.STUDY:
        return _NEWEST_STUDIES_FIRST
    if not is_nested:
        return [f"{ROWS[level]}.id DESC"]
    if level is Level.SERIES:
        return ["series.series_number", "series.id"]
    return ["instance.series_id", "instance.instance_number", "instance.id"]


@dataclass(frozen=True, slots=True)
class Matches:
    """Some rows of a search, and how many it has: at least so many, if not `is_exact`."""

    rows: list[tuple[Any, ...]]
    total: int
    is_exact: bool


def read_matches(
    search: Search, columns: Sequence[str], *, offset: int = 0, limit: int = MAX_RESULTS
) -> Matches:
    """A page of a search and its total by one statement, which counts only where rows remain.

    Args:
        search: From `search`.
        columns: Of each row, as `matching.column_of` names them.
        offset: Rows before the page.
        limit: Rows of the page, at most MAX_RESULTS.
    """
    limit = min(limit, MAX_RESULTS)
    counted, page = search.counted(), search.page(columns, offset=offset, limit=limit + 1)
    # A subquery that depends on no row is run when its value is first needed, hence never for a
    # page that is not full.
    rows = _run(
        f"SELECT page.*, CASE WHEN row_number() OVER () > %s THEN ({counted.text}) END"  # noqa: S608 - of our words
        f" FROM ({page.text}) page",
        (limit, *counted.values, *page.values),
    )
    seen = offset + len(rows)
    if len(rows) <= limit and (rows or not offset):
        return Matches(rows, seen, is_exact=True)
    total = rows[limit][-1] if len(rows) > limit else _run(counted.text, counted.values)[0][0]
    if total <= MATCH_COUNT_LIMIT:
        return Matches(rows[:limit], total, is_exact=True)
    return Matches(rows[:limit], max(seen, MATCH_COUNT_LIMIT), is_exact=False)


def _run(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def with_headers(matches: Matches, column: int) -> Matches:
    """The first rows of a page, with the stored header in place of the key of its object.

    Args:
        matches: Rows with the key.
        column: Where in each row.

    Returns:
        Fewer rows where the headers have more than MAX_HEADER_BYTES, but one at least.
    """
    keys = [row[column] for row in matches.rows]
    objects = StoredObject.objects.filter(pk__in=keys)
    size = Func("header_json", function="octet_length", output_field=IntegerField())
    sizes = dict(objects.values_list("pk", size))
    totals = itertools.accumulate(sizes.get(key, 0) for key in keys)
    rows = matches.rows[: max(1, sum(total <= MAX_HEADER_BYTES for total in totals))]
    fitting = objects.filter(pk__in=[row[column] for row in rows])
    headers = dict(fitting.values_list("pk", "header_json"))
    return replace(
        matches,
        # An object may have been purged meanwhile.
        rows=[(*row[:column], headers.get(row[column], "{}"), *row[column + 1 :]) for row in rows],
    )
