"""Reading totals: the fewest rows that add up to what is asked, and how they are labelled."""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.db.models import QuerySet, Sum
from django.utils import timezone

from analytics.models import ANY, Dimension, Figure
from analytics.period import ONE_DAY, Grain, Period

MAX_SPANS = 800
MEASURES = ("studies", "series", "instances", "size_bytes")
_NAMES = {"size_bytes": "Bytes"}
_UNITS = {"size_bytes": "bytes"}
_KILO = 1000
_CHOICES = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for; `modality` and `site` are as counted, or ANY."""

    period: Period
    grain: Grain
    modality: str = ANY
    site: str = ANY


@dataclass(frozen=True, slots=True)
class Line:
    """One value for each label; `modality` is what the list of studies behind it is limited to."""

    name: str
    values: list[int]
    unit: str = "studies"
    modality: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart, its table and its export show.

    Attributes:
        heading: Of the labels.
        labels: Of the bars or points.
        lines: Values by name.
        addresses: For each label the query string of the list of its studies; empty where the list
            cannot be limited to them.
        facts: Numbers that no bar shows, by name, in words.
        period: The days that were counted, which are whole spans.
    """

    heading: str
    labels: list[str]
    lines: list[Line]
    period: Period
    addresses: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


# --- Sums ----------------------------------------------------------------------------------------


def figures_of(
    dimension: Dimension,
    selection: Selection,
    *,
    grains: Sequence[Grain],
    split_by: str = "",
    both: bool = False,
) -> QuerySet[Figure]:
    """The fewest rows that add up to the period.

    Args:
        dimension: What is counted by.
        selection: What is asked for; its period is widened to the finest of the grains.
        grains: What the dimension is kept by, coarsest first.
        split_by: The column, `modality` or `site`, whose values are wanted one by one unless one
            of them is selected.
        both: The sum of them all as well.
    """
    rows = Figure.objects.filter(
        selection.period.aligned(grains[-1]).condition(grains), dimension=dimension
    )
    for column in ("modality", "site"):
        chosen = getattr(selection, column)
        if column != split_by or chosen != ANY:
            rows = rows.filter(**{column: chosen})
        elif not both:
            rows = rows.exclude(**{column: ANY})
    return rows


def over_time(dimension: Dimension, selection: Selection, period: Period) -> QuerySet[Figure]:
    """Rows of each span of the period, of all modalities."""
    rows = Figure.objects.filter(
        dimension=dimension, grain=selection.grain, site=selection.site, day__isnull=False
    )
    if period.first is not None:
        rows = rows.filter(day__gte=period.first, day__lt=period.end)
    return rows


def total(rows: QuerySet[Figure], measure: str) -> int:
    return rows.aggregate(sum=Sum(measure))["sum"] or 0


def by_measure(rows: QuerySet[Figure], column: str) -> tuple[list[str], list[Line]]:
    """Values of the column, the commonest first, and how much there is of each."""
    grouped = rows.values_list(column).annotate(*map(Sum, MEASURES))
    values = sorted((row for row in grouped if any(row[1:])), key=lambda row: (-row[1], row[0]))
    return [row[0] for row in values], lines_of(MEASURES, [row[1:] for row in values])


def lines_of(measures: Sequence[str], rows: Sequence[Sequence[int]]) -> list[Line]:
    return [
        Line(_NAMES.get(name, name.capitalize()), [row[n] for row in rows], _UNITS.get(name, name))
        for n, name in enumerate(measures)
    ]


def choices() -> dict[str, list[str]]:
    """The modalities and sites that there are, the commonest first; empty is not stated."""
    rows = Figure.objects.filter(dimension=Dimension.VOLUME, grain=Grain.YEAR)
    of_all = {"modality": rows.filter(site=ANY), "site": rows.filter(modality=ANY)}
    return {
        column: list(
            found.exclude(**{column: ANY})
            .values_list(column, flat=True)
            .alias(number=Sum("studies"))
            .filter(number__gt=0)
            .order_by("-number", column)[:_CHOICES]
        )
        for column, found in of_all.items()
    }


def spans_of(
    period: Period, grain: Grain, counted: Collection[datetime.date]
) -> list[datetime.date]:
    """The first days of all spans; of an open period, those from the first to the last counted.

    What lies in the future is left out where nothing was counted. Wrong clocks may make an open
    period too long to show: then only the spans in which something was counted.
    """
    first = period.first or min(counted, default=None)
    end = period.end or max(counted, default=None)
    if first is None or end is None:
        return []
    last = max([*counted, min(end, today())])
    spans: list[datetime.date] = []
    while first <= last and (period.end is None or first < period.end):
        if len(spans) == MAX_SPANS:
            return sorted(counted)[-MAX_SPANS:]
        spans.append(first)
        first = grain.after(first)
    return spans


def today() -> datetime.date:
    return timezone.now().date()


# --- Words ---------------------------------------------------------------------------------------


def label_of(day: datetime.date, grain: Grain) -> str:
    formats = {Grain.DAY: "%Y-%m-%d", Grain.WEEK: "%G-W%V", Grain.MONTH: "%Y-%m", Grain.YEAR: "%Y"}
    return day.strftime(formats[grain])


def list_address(selection: Selection, period: Period, modality: str = "") -> str:
    """The list cannot be limited to a site."""
    if selection.site != ANY:
        return ""
    address = {}
    if period.first and period.end:
        address = {"date_from": period.first, "date_to": period.end - ONE_DAY}
    code = modality or (selection.modality if selection.modality != ANY else "")
    return urlencode(address | ({"modality": code} if code else {}))


def readable_bytes(number: float) -> str:
    units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
    while abs(number) >= _KILO and len(units) > 1:
        number /= _KILO
        units.pop(0)
    return f"{number:.3g} {units[0]}" if abs(number) < _KILO else f"{number:,.0f} {units[0]}"
