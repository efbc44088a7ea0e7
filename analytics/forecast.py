"""How the archive will grow, from how it grew."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes, and the interval that holds 95 of 100 such forecasts if days go on as they were."""

    size_bytes: int
    low: int
    high: int


def forecast(daily: Sequence[int], *, held: int, days: int) -> Forecast:
    """What will be held in so many days.

    The least-squares estimate of a steady daily growth is the mean of the days. Its error and that
    of the days to come add up; a line through the sums would understate both, since each sum
    contains the one before.

    Args:
        daily: Bytes of each of the last days, at least two.
        held: Bytes now.
        days: How far ahead.
    """
    number, mean, spread = len(daily), fmean(daily), stdev(daily)
    error = _NORMAL_95 * spread * math.sqrt(days + days * days / number)
    expected = held + mean * days
    return Forecast(round(expected), max(0, round(expected - error)), round(expected + error))
