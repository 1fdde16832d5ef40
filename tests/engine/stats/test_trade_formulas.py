"""What a list of trades says, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import stats

WINS, LOSSES = np.array([3.0, 1.0]), np.array([-1.0, -1.0])
"""Half of them win twice what the others lose."""


def test_kelly_and_expectancy_of_a_good_coin() -> None:
    assert stats.kelly(WINS, LOSSES) == pytest.approx(0.5 - 0.5 / 2.0)
    assert stats.expectancy_ratio(WINS, LOSSES) == pytest.approx(0.5)


def test_without_losses_or_wins_nothing_is_claimed() -> None:
    assert stats.kelly(WINS, np.empty(0)) is None
    assert stats.kelly(np.empty(0), LOSSES) is None
    assert stats.expectancy_ratio(WINS, np.empty(0)) is None


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.1, 5.0))
def test_expectancy_is_the_mean_in_average_losses(wins: int, losses: int, payoff: float) -> None:
    gains, falls = np.full(wins, payoff), np.full(losses, -1.0)
    mean = np.concatenate([gains, falls]).mean()
    assert stats.expectancy_ratio(gains, falls) == pytest.approx(mean)


def test_the_t_test_of_a_mean() -> None:
    """Mean 2, deviation 2, five of them: t = sqrt(5), and 4.5 % of chance."""
    values = np.array([0.0, 1.0, 2.0, 2.0, 5.0])
    t, probability = stats.t_test(values)
    assert t == pytest.approx(2.0 / math.sqrt(14.0 / 4.0 / 5.0))
    assert probability == pytest.approx(0.0374, abs=5e-4)
    assert stats.t_test(np.array([1.0])) == (None, None)


def test_wins_that_alternate_with_losses_have_a_high_z() -> None:
    """40 trades, 20 wins: P = 800, 40 runs."""
    found = stats.runs_test(np.tile([1.0, -1.0], 20))
    assert found is not None
    assert found.z == pytest.approx((40 * 39.5 - 800) / math.sqrt(800 * 760 / 39))
    assert found.probability < 1e-8


def test_wins_that_follow_wins_have_a_low_z() -> None:
    found = stats.runs_test(np.repeat([1.0, -1.0], 20))
    assert found is not None
    assert found.z == pytest.approx((40 * 1.5 - 800) / math.sqrt(800 * 760 / 39))


def test_few_trades_have_no_z() -> None:
    assert stats.runs_test(np.tile([1.0, -1.0], 14)) is None
    assert stats.runs_test(np.ones(40)) is None


def test_runs_of_chance_are_rarely_told() -> None:
    rng = np.random.default_rng(1)
    found = [stats.runs_test(rng.standard_normal(100)) for _ in range(1000)]
    assert np.mean([f.probability < 0.05 for f in found if f]) == pytest.approx(0.05, abs=0.02)


def test_the_line_of_the_balance() -> None:
    """0, 1, 0 around its mean: no slope; the rest is -1/3, 2/3, -1/3."""
    found = stats.line_of(np.array([0.0, 1.0, 0.0]))
    assert found is not None
    assert (found.correlation, found.error) == pytest.approx((0.0, math.sqrt(6.0 / 9.0)))
    straight = stats.line_of(np.array([1.0, 2.0, 3.0, 4.0]))
    assert straight is not None
    assert (straight.slope, straight.correlation, straight.error) == pytest.approx((1.0, 1.0, 0.0))
    assert stats.line_of(np.ones(5)) is None


@given(st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=9))
def test_holding_returns_lead_from_the_start_to_the_end(nets: list[float]) -> None:
    growth = stats.holding_returns(np.array(nets), 1000.0)
    assert 1000.0 * growth.prod() == pytest.approx(1000.0 + sum(nets))


def test_a_lost_balance_has_no_growth() -> None:
    assert len(stats.holding_returns(np.array([-100.0, 50.0]), 100.0)) == 0


def test_the_best_trades_are_left_out() -> None:
    nets = np.array([5.0, -1.0, 9.0, 1.0])
    assert stats.without_best(nets) == 5.0
    assert stats.without_best(nets, 0.5) == 0.0
    assert stats.without_best(np.empty(0)) == 0.0
