"""Which days a chart is of, and which totals add up to them."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q

ONE_DAY = datetime.timedelta(days=1)


class Grain(StrEnum):
    """A span of days that totals are kept by."""

    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    YEAR = "year"

    def start(self, day: datetime.date) -> datetime.date:
        """The first day of the span that this day is in."""
        if self is Grain.WEEK:
            return day - datetime.timedelta(days=day.weekday())
        if self is Grain.DAY:
            return day
        return day.replace(day=1, month=day.month if self is Grain.MONTH else 1)

    def after(self, start: datetime.date) -> datetime.date:
        """The first day of the next span."""
        if self is Grain.DAY:
            return start + ONE_DAY
        if self is Grain.WEEK:
            return start + 7 * ONE_DAY
        if self is Grain.YEAR:
            return start.replace(year=start.year + 1)
        return (start + 31 * ONE_DAY).replace(day=1)


DAYS = (Grain.YEAR, Grain.MONTH, Grain.DAY)
MONTHS = (Grain.YEAR, Grain.MONTH)


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` to before `end`; of all days, and of the undated, if both are None."""

    first: datetime.date | None = None
    end: datetime.date | None = None

    def __str__(self) -> str:
        if self.first is None or self.end is None:
            return "all time"
        return f"{self.first} to {self.end - ONE_DAY}"

    def aligned(self, grain: Grain) -> "Period":
        """Widened to whole spans."""
        if self.first is None or self.end is None:
            return self
        last = grain.start(self.end - ONE_DAY)
        return Period(grain.start(self.first), grain.after(last))

    def condition(self, grains: Sequence[Grain]) -> Q:
        """Rows of the fewest totals that add up to the period, which is aligned to the last grain.

        Args:
            grains: What the dimension is kept by, coarsest first, each within one of the former.
        """
        if self.first is None or self.end is None:
            return Q(grain=grains[0])
        condition = Q(pk__in=[])
        for grain, first, end in pieces(self.first, self.end, grains):
            condition |= Q(grain=grain, day__gte=first, day__lt=end)
        return condition


def pieces(
    first: datetime.date, end: datetime.date, grains: Sequence[Grain]
) -> Iterator[tuple[Grain, datetime.date, datetime.date]]:
    """What is whole by the first grain, and what is left on both sides by the others."""
    if first >= end:
        return
    grain, *finer = grains
    whole = first if grain.start(first) == first else grain.after(grain.start(first))
    rest = grain.start(end)
    if whole < rest:
        yield from pieces(first, whole, finer)
        yield grain, whole, rest
        yield from pieces(rest, end, finer)
    else:
        yield from pieces(first, end, finer)
