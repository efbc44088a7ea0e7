"""A period is added up from the fewest totals, each day once."""

import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.contributions import FIRST_YEAR, LAST_YEAR
from analytics.period import DAYS, MONTHS, ONE_DAY, Grain, Period, pieces

days = st.dates(datetime.date(FIRST_YEAR, 1, 1), datetime.date(LAST_YEAR, 12, 31))

few = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def covered(first, end, grains):
    """Day by day, how often the pieces contain it."""
    found = []
    for grain, start, stop in pieces(first, end, grains):
        assert grain.start(start) == start
        assert grain.start(stop) == stop
        found += [start + n * ONE_DAY for n in range((stop - start).days)]
    return sorted(found)


@few
@given(days, st.integers(0, 1500))
def test_each_day_of_a_period_is_in_one_piece(first, number):
    end = first + number * ONE_DAY

    assert covered(first, end, DAYS) == [first + n * ONE_DAY for n in range(number)]


def test_ten_years_and_a_bit_are_few_pieces():
    found = list(pieces(datetime.date(2014, 11, 29), datetime.date(2025, 2, 3), DAYS))

    assert [grain.value for grain, _, _ in found] == ["day", "month", "year", "month", "day"]


@few
@given(days, days, st.sampled_from(Grain))
def test_a_period_is_widened_to_whole_spans(one, other, grain):
    period = Period(min(one, other), max(one, other) + ONE_DAY)

    wide = period.aligned(grain)

    assert wide.first <= period.first < grain.after(wide.first)
    assert grain.start(wide.end - ONE_DAY) < period.end <= wide.end
    assert wide == wide.aligned(grain)


def test_without_bounds_it_is_all_days_and_the_undated():
    assert str(Period().condition(MONTHS)) == "(AND: ('grain', <Grain.YEAR: 'year'>))"
