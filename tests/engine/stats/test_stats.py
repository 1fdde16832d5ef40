"""Formulas against numbers worked out by hand; what is undefined is None."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import risk, stats
from trading.engine.stats import DAYS_PER_YEAR, Drawdown

YEAR = math.sqrt(DAYS_PER_YEAR)
RETURNS = np.array([0.02, -0.01, 0.03, 0.00])
"""Mean 0.01; sum of squared deviations 0.001; downside 0.01 in one day of four."""


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_daily_returns_are_growth_less_one() -> None:
    assert stats.daily_returns(np.array([100.0, 110.0, 99.0])) == pytest.approx([0.1, -0.1])


def test_an_account_that_was_lost_has_no_returns() -> None:
    assert len(stats.daily_returns(np.array([100.0, 0.0, 10.0]))) == 0


def test_sharpe() -> None:
    assert stats.sharpe(RETURNS) == pytest.approx(0.01 / math.sqrt(0.001 / 3) * YEAR)


def test_sharpe_interval_of_lo() -> None:
    low, high = stats.sharpe_interval(YEAR, 400)
    error = 1.959964 * math.sqrt(1.5 / 400) * YEAR
    assert (low, high) == pytest.approx((YEAR - error, YEAR + error))


def test_sortino_counts_every_day_in_its_mean() -> None:
    assert stats.sortino(RETURNS) == pytest.approx(0.01 / math.sqrt(0.0001 / 4) * YEAR)


def test_omega_is_gains_over_losses() -> None:
    assert stats.omega(RETURNS) == pytest.approx(5.0)


def test_volatility() -> None:
    assert stats.volatility(RETURNS) == pytest.approx(math.sqrt(0.001 / 3) * YEAR)


def test_ulcer_is_the_root_of_mean_squared_drawdowns() -> None:
    daily = np.array([100.0, 90.0, 100.0, 80.0])
    assert stats.ulcer(daily) == pytest.approx(math.sqrt((0.01 + 0.04) / 4))


def test_cagr_of_two_years() -> None:
    assert stats.cagr(100.0, 121.0, 730.0) == pytest.approx(0.1)


@pytest.mark.parametrize(("end", "days"), [(120.0, 29.0), (0.0, 365.0), (-5.0, 365.0)])
def test_no_cagr_of_a_month_or_of_a_lost_account(end: float, days: float) -> None:
    assert stats.cagr(100.0, end, days) is None


@pytest.mark.parametrize("returns", [np.empty(0), np.array([0.01]), np.full(9, 0.001)])
def test_without_variation_there_is_no_sharpe(returns: np.ndarray) -> None:
    assert stats.sharpe(returns) is None


def test_without_losses_there_is_no_sortino_and_no_omega() -> None:
    gains = np.array([0.01, 0.02])
    assert (stats.sortino(gains), stats.omega(gains)) == (None, None)


def test_wilson_interval_of_wilson_s_textbook_case() -> None:
    """10 of 20: centre 0.5, half width 1.96 sqrt(0.0125 + 0.0024) / 1.192 = 0.2007."""
    assert stats.wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)


def test_wilson_interval_without_a_win_begins_at_zero() -> None:
    low, high = stats.wilson(0, 10)
    assert low == pytest.approx(0.0, abs=1e-12)
    assert high == pytest.approx(0.2775, abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share(case: tuple[int, int]) -> None:
    wins, count = case
    low, high = stats.wilson(wins, count)
    assert low is not None
    assert high is not None
    assert -1e-12 <= low <= wins / count + 1e-12 <= high + 2e-12 <= 1.0 + 4e-12


def test_sqn_counts_at_most_a_hundred_trades() -> None:
    r = np.tile([2.0, -1.0], 200)
    assert stats.sqn(r) == pytest.approx(10.0 * 0.5 / r.std(ddof=1))


def test_mean_interval() -> None:
    low, high = stats.mean_interval(np.array([1.0, 3.0]))
    assert (low, high) == pytest.approx((2.0 - 1.959964, 2.0 + 1.959964))


@pytest.mark.parametrize(("flags", "longest"), [("", 0), ("000", 0), ("1", 1), ("1101110", 3)])
def test_longest_run(flags: str, longest: int) -> None:
    assert stats.longest_run(np.array([flag == "1" for flag in flags], bool)) == longest


def drawdown(*equity: float) -> Drawdown:
    time = np.arange(len(equity), dtype=np.int64) * 60
    return stats.deepest_drawdown(time, np.array(equity), 100.0)


def test_drawdown_from_the_start() -> None:
    assert drawdown(90.0, 95.0, 100.0) == Drawdown(10.0, 0.1, 120, 2)


def test_deepest_money_and_deepest_share_may_be_two_drawdowns() -> None:
    found = drawdown(80.0, 100.0, 400.0, 350.0, 500.0)
    assert (found.money, found.share) == (50.0, 0.2)


def test_a_drawdown_that_lasts_counts_to_the_end() -> None:
    found = drawdown(120.0, 110.0, 115.0, 119.0)
    assert (found.seconds, found.rows, found.money) == (180, 3, 10.0)


def test_without_a_fall_there_is_no_drawdown() -> None:
    assert drawdown(100.0, 101.0, 101.0) == Drawdown(0.0, 0.0, 0, 0)
    assert drawdown() == Drawdown(0.0, 0.0, 0, 0)


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=40))
def test_drawdowns_against_their_definition(equity: list[float]) -> None:
    found = drawdown(*equity)
    peaks = np.maximum.accumulate([100.0, *equity])[1:]
    falls = peaks - np.array(equity)
    assert found.money == pytest.approx(falls.max())
    assert found.share == pytest.approx((falls / peaks).max())
    assert found.rows == (falls > 0.0).sum()


def test_days_end_at_five_in_new_york() -> None:
    """Hourly bars over a winter boundary (22:00 UTC) and on to the next day."""
    time = np.arange(epoch("2024-01-08T20:00"), epoch("2024-01-09T23:00"), 3600, dtype=np.int64)
    ends = stats.day_ends(time, risk.rollovers(int(time[0]), int(time[-1])))
    hours = [datetime.fromtimestamp(int(t), UTC).strftime("%d %H") for t in time[ends]]
    assert hours == ["08 21", "09 21", "09 22"]


def test_days_without_bars_do_not_count() -> None:
    friday, monday = epoch("2024-01-05T21:00"), epoch("2024-01-08T10:00")
    time = np.array([friday, monday], np.int64)
    assert stats.day_ends(time, risk.rollovers(friday, monday)).tolist() == [0, 1]
