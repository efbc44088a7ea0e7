"""A forecast says how far it may be wrong."""

import random

import pytest

from analytics.forecast import Forecast, forecast


def test_a_steady_growth_goes_on_without_a_doubt():
    assert forecast([10] * 90, held=900, days=30) == Forecast(1200, 1200, 1200)


def test_the_doubt_grows_with_the_spread_and_the_distance():
    # Spread 10: 1.96 · 10 · √(30 + 900/90), by hand.
    ahead = forecast([0, 20] * 45, held=0, days=30)

    assert (ahead.size_bytes, ahead.high - ahead.size_bytes) == (300, pytest.approx(124.7, abs=1.5))
    assert forecast([0, 20] * 45, held=0, days=90).high - 900 > ahead.high - 300


def test_nothing_is_forecast_below_nothing():
    assert forecast([0, 2000] * 45, held=0, days=1).low == 0


def test_of_a_hundred_forecasts_about_ninety_five_hold():
    draw = random.Random(5)
    hits = 0
    for _ in range(400):
        days = [draw.randrange(1000) for _ in range(120)]
        ahead = forecast(days[:90], held=0, days=30)
        hits += ahead.low <= sum(days[90:]) <= ahead.high

    assert 0.92 < hits / 400 < 0.98
