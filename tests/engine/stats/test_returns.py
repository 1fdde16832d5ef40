"""Tails, penalties and benchmarks of daily returns, worked out by hand."""

import math
from datetime import UTC, datetime, time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import stats
from trading.engine.risk.days import day_begins
from trading.engine.types import EngineError

RETURNS = np.array([0.02, -0.01, 0.03, 0.00])
HUNDRED = np.arange(-40.0, 61.0) / 1000
"""-4 % to 6 % in steps of 0.1 %."""


def test_gain_to_pain() -> None:
    assert stats.gain_to_pain(RETURNS) == pytest.approx(0.04 / 0.01)
    assert stats.gain_to_pain(np.array([0.01])) is None


def test_moments_of_a_coin() -> None:
    coin = np.array([1.0, -1.0, 1.0, -1.0])
    assert (stats.skewness(coin), stats.kurtosis(coin)) == pytest.approx((0.0, 1.0))
    assert stats.skewness(np.ones(3)) is None


def test_skewness_has_the_sign_of_the_long_tail() -> None:
    assert stats.skewness(np.array([0.0, 0.0, 0.0, 4.0])) == pytest.approx(2.0 / math.sqrt(3.0))


def test_the_value_at_risk_is_what_nineteen_days_of_twenty_stay_under() -> None:
    assert stats.value_at_risk(HUNDRED, 0.95) == pytest.approx(0.035)
    assert stats.expected_shortfall(HUNDRED, 0.95) == pytest.approx(0.0375)
    assert stats.tail_ratio(HUNDRED) == pytest.approx(0.055 / 0.035)


def test_of_no_days_there_is_no_tail() -> None:
    nothing = np.empty(0)
    assert stats.value_at_risk(nothing, 0.95) is None
    assert stats.expected_shortfall(nothing, 0.95) is None
    assert stats.tail_ratio(nothing) is None
    assert stats.tail_ratio(np.full(5, 0.01)) is None


@given(st.lists(st.floats(-0.1, 0.1), min_size=1), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_shortfall_is_at_least_the_value_at_risk(values: list[float], share: float) -> None:
    returns = np.array(values)
    risk, beyond = stats.value_at_risk(returns, share), stats.expected_shortfall(returns, share)
    assert risk is not None
    assert beyond is not None
    assert beyond >= risk - 1e-12


def test_autocorrelation_by_hand() -> None:
    assert stats.autocorrelation(np.array([1.0, 2.0, 3.0])) == pytest.approx(0.0)
    assert stats.autocorrelation(np.array([1.0, -1.0, 1.0, -1.0])) == pytest.approx(-0.75)
    assert stats.autocorrelation(np.array([1.0])) is None


def test_days_that_follow_each_other_lower_the_ratio() -> None:
    """rho = 0.25 of four days: 1 + 2 (3/4 / 4 + 2/4 / 16 + 1/4 / 64) = 1.4453."""
    returns = np.array([3.0, 3.0, 1.0, 1.0])
    assert stats.autocorrelation(returns) == pytest.approx(0.25)
    plain, smart = stats.sharpe(returns), stats.smart_sharpe(returns)
    assert plain is not None
    assert smart == pytest.approx(plain / math.sqrt(1.4453125))


def test_days_that_alternate_earn_no_premium() -> None:
    assert stats.smart_sharpe(RETURNS) == stats.sharpe(RETURNS)


def test_the_deviation_of_sums_is_what_the_penalty_says() -> None:
    """An AR(1) process of rho 0.3: sums of 50 vary 1 + 2 sum (50 - k) / 50 rho^k as much."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((20_000, 51))
    values = np.empty((20_000, 50))
    values[:, 0] = noise[:, 0]
    for k in range(1, 50):
        values[:, k] = 0.3 * values[:, k - 1] + math.sqrt(1 - 0.09) * noise[:, k]
    penalty = 1.0 + 2.0 * sum((50 - k) / 50 * 0.3**k for k in range(1, 50))
    assert values.sum(axis=1).var() / 50 == pytest.approx(penalty, rel=0.05)


def test_a_straight_line_of_log_equity_has_no_k_ratio() -> None:
    """Its slope has no error to be measured in."""
    assert stats.k_ratio(np.exp(np.arange(9.0))) is None
    assert stats.k_ratio(np.array([1.0, -1.0, 1.0, 2.0])) is None


def test_the_k_ratio_by_hand() -> None:
    """Log equity 0, 1, 1: slope 1/2, rest -1/6, 1/3, -1/6, error sqrt(1/6 / 2)."""
    daily = np.exp([0.0, 1.0, 1.0])
    expected = 0.5 * math.sqrt(252) / 3 / math.sqrt(1 / 12)
    assert stats.k_ratio(daily) == pytest.approx(expected)


def test_twice_the_benchmark_and_a_little() -> None:
    benchmark = np.array([0.01, -0.01, 0.02, 0.00])
    found = stats.compared(0.001 + 2.0 * benchmark, benchmark)
    assert found is not None
    assert (found.alpha, found.beta) == pytest.approx((0.252, 2.0))
    excess = 0.001 + benchmark
    assert found.tracking_error == pytest.approx(excess.std(ddof=1) * math.sqrt(252))
    assert found.treynor == pytest.approx(252 * (0.001 + 2.0 * 0.005) / 2.0)
    assert stats.compared(benchmark, np.zeros(4)) is None


def test_what_is_paid_in_is_no_gain() -> None:
    """100 grows to 110, 90 come in, the 200 grow to 220."""
    equity, flows = np.array([110.0, 200.0, 220.0]), np.array([0.0, 90.0, 0.0])
    assert stats.without_flows(equity, flows, 100.0) == pytest.approx([110.0, 110.0, 121.0])


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=30), st.floats(1.0, 1e6))
def test_without_flows_the_equity_stays_as_it_is(values: list[float], start: float) -> None:
    equity = np.array(values)
    assert stats.without_flows(equity, np.zeros(len(equity)), start) == pytest.approx(equity)


def test_an_account_that_was_empty_has_no_growth() -> None:
    with pytest.raises(EngineError, match=r"Expected equity > 0 before each row, was 0\.0"):
        stats.without_flows(np.array([0.0, 10.0]), np.zeros(2), 100.0)


@pytest.mark.parametrize(
    ("reset", "zone"),
    [(time(17), "America/New_York"), (time(0), "Europe/Athens"), (time(2, 30), "Europe/Berlin")],
)
def test_days_begin_by_the_clock_of_the_account(reset: time, zone: str) -> None:
    """Also where the clock skips 02:30 on 2024-03-31."""
    start, end = (datetime(2024, 3, day, 12, tzinfo=UTC) for day in (28, 31))
    found = stats.resets(int(start.timestamp()), int(end.timestamp()), reset, zone)
    days = [datetime(2024, 3, day, tzinfo=UTC).date() for day in (28, 29, 30, 31)]
    begins = [day_begins(day, reset, zone) for day in days] + [day_begins(days[-1], reset, zone)]
    expected = sorted({int(b.timestamp()) for b in begins if start < b <= end})
    assert found.tolist() == expected
    assert len(found) == 3


def test_no_time_has_no_reset() -> None:
    assert len(stats.resets(100, 100, time(0), "UTC")) == 0
