"""The numbers of the papers, and what must hold for any returns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import stats
from trading.engine.stats import SharpeSample, Tally
from trading.engine.types import EngineError

PAPER = SharpeSample(2.5 / math.sqrt(250), 1250, -3.0, 10.0)
"""Bailey and Lopez de Prado 2014: five years of days, annual ratio 2.5, fat left tail."""
ratios = st.lists(st.floats(-1.0, 1.0), max_size=30)


def tally(count: int, variance: float) -> Tally:
    return Tally(count, count, 0.0, variance * (count - 1))


def test_the_deflated_ratio_of_the_paper() -> None:
    """A hundred trials whose annual ratios have a variance of one half."""
    trials = tally(100, 0.5 / 250)
    assert trials.benchmark() == pytest.approx(0.1132, abs=5e-5)
    assert stats.deflated_sharpe(PAPER, trials) == pytest.approx(0.9004, abs=5e-5)


def test_forty_six_trials_are_the_most_the_paper_lets_pass_at_95_percent() -> None:
    passed = [
        n for n in (45, 46, 47) if (stats.deflated_sharpe(PAPER, tally(n, 0.002)) or 0) > 0.95
    ]
    assert passed == [45, 46]


def test_with_normal_returns_the_paper_lets_88_trials_pass() -> None:
    normal = SharpeSample(PAPER.sharpe, PAPER.count)
    assert stats.deflated_sharpe(normal, tally(88, 0.002)) == pytest.approx(0.9505, abs=5e-5)


def test_a_ratio_that_convinces_alone_does_not_after_a_hundred_trials() -> None:
    """0.1 a day over 500 days, skewness -0.5, kurtosis 5; ratios of the trials scatter by 0.05."""
    sample = SharpeSample(0.1, 500, -0.5, 5.0)
    assert stats.probabilistic_sharpe(sample) == pytest.approx(0.985, abs=5e-4)
    assert stats.deflated_sharpe(sample, tally(100, 0.05**2)) == pytest.approx(0.282, abs=5e-4)
    assert stats.least_track_record(sample) == pytest.approx(288.0, abs=0.5)


def test_the_probabilistic_ratio_of_the_hedge_fund_of_the_paper() -> None:
    """Bailey and Lopez de Prado 2012: 24 months of mean 3.6 % and deviation 7.9 %."""
    normal = SharpeSample(0.458, 24)
    assert stats.probabilistic_sharpe(normal) == pytest.approx(0.982, abs=5e-4)
    fat = SharpeSample(0.458, 24, -2.448, 10.164)
    assert stats.probabilistic_sharpe(fat) == pytest.approx(0.913, abs=5e-4)


def test_the_least_track_record_of_the_paper() -> None:
    """2.73 years of days tell an annual ratio of 2 from 1 at 95 %."""
    year = math.sqrt(250)
    days = stats.least_track_record(SharpeSample(2.0 / year, 1), 1.0 / year)
    assert days is not None
    assert days / 250 == pytest.approx(2.73, abs=5e-3)


def test_no_track_record_is_long_enough_for_less_than_the_benchmark() -> None:
    assert stats.least_track_record(SharpeSample(0.05, 500), 0.05) is None


@pytest.mark.parametrize(("trials", "best"), [(1, 0.0), (10, 1.57), (100, 2.53), (1000, 3.26)])
def test_the_best_of_noise(trials: int, best: float) -> None:
    assert stats.expected_maximum(trials) == pytest.approx(best, abs=5e-3)


def test_the_best_of_noise_is_what_simulation_finds() -> None:
    best = np.random.default_rng(1).standard_normal((20_000, 50)).max(axis=1).mean()
    assert stats.expected_maximum(50) == pytest.approx(best, rel=0.02)


def test_forty_five_trials_need_five_years() -> None:
    """Bailey, Borwein, Lopez de Prado and Zhu 2014."""
    assert stats.least_backtest_years(45) == pytest.approx(5.0, abs=5e-3)
    assert stats.least_backtest_years(45, 2.0) == pytest.approx(1.25, abs=5e-3)
    with pytest.raises(EngineError, match="Expected an annual Sharpe ratio > 0, was 0"):
        stats.least_backtest_years(45, 0.0)


@given(ratios, ratios)
def test_tallies_add_up(first: list[float], second: list[float]) -> None:
    together, whole = Tally.of(first) + Tally.of(second), Tally.of(first + second)
    assert (together.count, together.measured) == (whole.count, whole.measured)
    assert together.mean == pytest.approx(whole.mean, abs=1e-12)
    assert together.squares == pytest.approx(whole.squares, abs=1e-9)


def test_trials_without_a_ratio_count() -> None:
    found = Tally.of([0.1, None, 0.3])
    assert (found.count, found.measured) == (3, 2)
    assert found.variance == pytest.approx(0.02)
    assert Tally.of([None, None]).benchmark() is None


def test_a_single_trial_is_not_deflated() -> None:
    sample = SharpeSample(0.1, 500)
    found = stats.deflated_sharpe(sample, Tally.of([0.1]))
    assert found == stats.probabilistic_sharpe(sample)


@given(st.integers(2, 500))
def test_more_trials_deflate_more(count: int) -> None:
    few, more = (stats.deflated_sharpe(PAPER, tally(n, 0.002)) for n in (count, count + 1))
    assert few is not None
    assert more is not None
    assert more <= few


def test_copies_of_one_trial_are_one_trial() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 1000, 1))
    assert stats.effective_trials(np.tile(one, 5)) == pytest.approx(1.0)
    assert stats.effective_trials(np.hstack([one, other])) == pytest.approx(2.0, abs=0.02)


def test_trials_that_never_traded_count_one_each() -> None:
    rng = np.random.default_rng(1)
    assert stats.effective_trials(np.zeros((10, 3))) == 3.0
    assert stats.effective_trials(np.hstack([rng.random((10, 1)), np.zeros((10, 2))])) == 3.0


def test_the_sample_of_returns() -> None:
    returns = np.array([0.02, -0.01, 0.03, 0.00])
    found = stats.sharpe_sample(returns)
    assert found is not None
    assert found.sharpe * math.sqrt(252) == pytest.approx(stats.sharpe(returns))
    assert (found.count, found.skewness, found.kurtosis) == pytest.approx((4, 0.0, 1.36))
    assert stats.sharpe_sample(np.full(9, 0.001)) is None


@given(st.lists(st.floats(-0.1, 0.1), min_size=3, max_size=50))
def test_the_variance_of_a_ratio_is_never_negative(values: list[float]) -> None:
    """Kurtosis is at least 1 + skewness^2, so the quadratic has no two roots."""
    found = stats.sharpe_sample(np.array(values))
    assert found is None or found.variance > -1e-9


def test_the_probability_is_that_of_its_simulation() -> None:
    """A true ratio at the benchmark is estimated above it half the time, and at 95 % in 5 %."""
    rng = np.random.default_rng(1)
    draws = 0.1 + rng.standard_normal((2000, 250))
    found = [stats.probabilistic_sharpe(s, 0.1) for s in map(stats.sharpe_sample, draws) if s]
    assert np.mean(np.array(found) > 0.95) == pytest.approx(0.05, abs=0.02)
