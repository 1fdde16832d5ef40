"""Each drawdown by itself, and what all of them say of a curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import stats
from trading.engine.stats import Episode, Episodes


def episodes(*equity: float) -> Episodes:
    time = np.arange(len(equity), dtype=np.int64) * 60
    return stats.drawdown_episodes(time, np.array(equity), 100.0)


def test_each_drawdown_has_a_peak_a_trough_and_an_end() -> None:
    found = episodes(90.0, 95.0, 110.0, 88.0, 99.0, 120.0)
    assert found.worst == (
        Episode(22.0 / 110.0, 22.0, peak=120, trough=180, end=300),
        Episode(0.1, 10.0, peak=0, trough=0, end=120),
    )
    assert (found.count, found.seconds) == (2, 300)


def test_a_drawdown_that_lasts_has_no_end() -> None:
    found = episodes(120.0, 60.0, 90.0)
    assert found.worst == (Episode(0.5, 60.0, peak=0, trough=60, end=None),)
    assert found.seconds == 120


def test_without_a_fall_there_is_none() -> None:
    assert episodes(100.0, 101.0) == Episodes(0, 0, ())
    assert episodes() == Episodes(0, 0, ())


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=60))
def test_the_five_deepest_come_first(equity: list[float]) -> None:
    found = episodes(*equity)
    shares = [episode.share for episode in found.worst]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == min(found.count, 5)
    time = np.arange(len(equity), dtype=np.int64) * 60
    deepest = stats.deepest_drawdown(time, np.array(equity), 100.0)
    assert max(shares, default=0.0) == pytest.approx(deepest.share)


def test_the_conditional_drawdown_is_the_mean_of_the_deepest() -> None:
    daily = np.concatenate([[100.0], 100.0 - np.arange(19.0)])
    assert stats.conditional_drawdown(daily, 0.1) == pytest.approx(0.175)
    assert stats.conditional_drawdown(np.array([100.0])) is None


def test_serenity_by_hand() -> None:
    """Falls 0, 10 %, 0, 0: ulcer 0.05; the deepest day is 10 %."""
    daily = np.array([100.0, 90.0, 100.0, 110.0])
    returns = daily[1:] / daily[:-1] - 1.0
    expected = returns.sum() / (0.05 * 0.1 / returns.std(ddof=1))
    assert stats.serenity(daily) == pytest.approx(expected)
    assert stats.serenity(np.array([100.0, 110.0])) is None


def test_the_absolute_drawdown_is_below_the_start() -> None:
    assert stats.absolute_drawdown(np.array([120.0, 95.0, 130.0]), 100.0) == 5.0
    assert stats.absolute_drawdown(np.array([120.0]), 100.0) == 0.0
