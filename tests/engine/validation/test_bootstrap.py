"""Resampled days: where they come from, how long blocks are, what ranges they give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import stats
from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.bootstrap import (
    block_length,
    equity_bands,
    interval_of,
    resamples,
    stationary,
)


def ar(rho: float, days: int, seed: int = 3) -> FloatArray:
    """An AR(1) process."""
    noise = np.random.default_rng(seed).standard_normal(days)
    values = noise.copy()
    for k in range(1, days):
        values[k] = rho * values[k - 1] + noise[k]
    return values


@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 80), st.floats(1.0, 30.0))
def test_every_day_is_one_of_those_seen(rows: int, paths: int, days: int, block: float) -> None:
    index = stationary(np.random.default_rng(1), rows, (paths, days), block)
    assert index.shape == (paths, days)
    assert ((index >= 0) & (index < rows)).all()


def test_blocks_go_on_with_the_next_day_and_last_as_long_as_asked() -> None:
    index = stationary(np.random.default_rng(1), 1000, (200, 1000), 10.0)
    goes_on = (np.diff(index, axis=1) - 1) % 1000 == 0
    assert 1.0 / (1.0 - goes_on.mean()) == pytest.approx(10.0, rel=0.05)


def test_after_the_last_day_comes_the_first() -> None:
    index = stationary(np.random.default_rng(1), 3, (1, 9), 1e9)
    assert (np.diff(index[0]) % 3 == 1).all()


def test_all_days_are_drawn_as_often() -> None:
    index = stationary(np.random.default_rng(1), 10, (2000, 50), 5.0)
    counts = np.bincount(index.ravel(), minlength=10)
    assert counts / counts.mean() == pytest.approx(np.ones(10), abs=0.05)


def test_there_are_no_blocks_of_nothing() -> None:
    with pytest.raises(EngineError, match="at least 1, was 5 and 0"):
        stationary(np.random.default_rng(1), 5, (1, 1), 0.5)


def test_the_same_seed_gives_the_same_paths() -> None:
    values = ar(0.2, 100)
    first, again = (list(resamples(values, paths=7, seed=1)) for _ in range(2))
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert np.concatenate(list(resamples(values, paths=7, days=5, seed=1))).shape == (7, 5)


@pytest.mark.parametrize(("rho", "days"), [(0.0, 500), (0.5, 2000), (0.9, 300)])
def test_blocks_are_longer_where_days_depend_on_each_other(rho: float, days: int) -> None:
    """For an AR(1) process the best length is (2 rho / (1 - rho^2))^(2/3) n^(1/3)."""
    ideal = max(1.0, (2.0 * rho / (1.0 - rho * rho)) ** (2.0 / 3.0) * days ** (1.0 / 3.0))
    found = np.median([block_length(ar(rho, days, seed)) for seed in range(40)])
    assert 0.5 * ideal < found < 1.7 * ideal


def test_what_does_not_vary_needs_no_blocks() -> None:
    assert block_length(np.ones(100)) == 1.0
    assert block_length(np.arange(5.0)) == 1.0


def test_the_error_of_a_mean_grows_with_dependence() -> None:
    """Of an AR(1) process it is that of independent days x sqrt((1 + rho) / (1 - rho))."""
    values = ar(0.5, 4000)
    means = np.concatenate([part.mean(axis=1) for part in resamples(values, paths=500, seed=1)])
    expected = values.std() / np.sqrt(4000) * np.sqrt(1.5 / 0.5)
    assert means.std() == pytest.approx(expected, rel=0.15)


def test_nineteen_of_twenty_intervals_hold_the_true_mean() -> None:
    rng = np.random.default_rng(1)
    held = []
    for seed in range(200):
        found = interval_of(rng.standard_normal(100), stats.mean_of, paths=200, seed=seed)
        assert found is not None
        held.append(found.low <= 0.0 <= found.high)
    assert np.mean(held) == pytest.approx(0.94, abs=0.04)


def test_an_undefined_statistic_has_no_interval() -> None:
    assert interval_of(np.zeros(50), stats.sharpe) is None
    assert interval_of(np.array([0.0, 1.0] * 5), lambda v: 1.0 if v[0] == 0 else None) is not None


def test_bands_of_certain_growth_are_one_line() -> None:
    found = equity_bands(np.full(20, 0.01), days=3, paths=10)
    np.testing.assert_allclose(found.lines, np.tile(1.01 ** np.arange(1, 4), (5, 1)))
    assert found.drawdowns.tolist() == [0.0] * 5


def test_bands_do_not_cross_and_widen() -> None:
    found = equity_bands(0.01 * ar(0.0, 250), paths=500)
    assert (np.diff(found.lines, axis=0) >= 0.0).all()
    widths = found.lines[-1] - found.lines[0]
    assert widths[-1] > widths[0]
    assert (np.diff(found.drawdowns) >= 0.0).all()
