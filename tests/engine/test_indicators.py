"""Indicators against loops that can be read at a glance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.indicators import atr, channel, ema, memory
from trading.engine.types import FloatArray

ranges = st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 50)), max_size=60)
windows = st.integers(1, 20)


def highs_lows_closes(rows: list[tuple[int, int]]) -> tuple[FloatArray, FloatArray, FloatArray]:
    low = np.array([float(row[0]) for row in rows])
    height = np.array([float(row[1]) for row in rows])
    return low + height, low, low + height // 2


@given(ranges, windows)
def test_channel_is_the_extremes_of_each_window(rows: list[tuple[int, int]], window: int) -> None:
    high, low, _ = highs_lows_closes(rows)
    top, bottom = channel(high, low, window)
    for i in range(len(rows)):
        start = i - window + 1
        if start < 0:
            assert np.isnan(top[i])
            assert np.isnan(bottom[i])
        else:
            assert top[i] == max(high[start : i + 1])
            assert bottom[i] == min(low[start : i + 1])


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.floats(0.01, 1.0))
def test_ema_moves_by_alpha_of_the_way(values: list[float], alpha: float) -> None:
    expected: list[float] = []
    for value in values:
        before = expected[-1] if expected else value
        expected.append(before + alpha * (value - before))
    np.testing.assert_array_equal(ema(np.array(values), alpha), expected)


@given(ranges, st.integers(2, 20))
def test_atr_is_the_ema_of_the_true_range(rows: list[tuple[int, int]], window: int) -> None:
    high, low, close = highs_lows_closes(rows)
    true_ranges = [
        max(high[i], close[max(0, i - 1)]) - min(low[i], close[max(0, i - 1)])
        for i in range(len(rows))
    ]
    expected = ema(np.array(true_ranges), 1.0 / window)
    np.testing.assert_allclose(atr(high, low, close, window), expected, rtol=1e-12)


def test_true_range_includes_the_gap_from_the_close_before() -> None:
    high, low = np.array([10.0, 21.0]), np.array([8.0, 20.0])
    assert atr(high, low, np.array([9.0, 20.5]), 2).tolist() == [2.0, 2.0 + (12.0 - 2.0) / 2]


@pytest.mark.parametrize("alpha", [0.001, 0.1, 0.5, 0.9, 1.0])
def test_memory_is_how_long_a_start_is_felt(alpha: float) -> None:
    rows = memory(alpha, 1e-6)
    steps = np.zeros(rows + 1)
    steps[0] = 1.0
    felt = ema(steps, alpha)
    assert felt[rows] <= 1e-6 * (1 + 1e-9)
    assert rows == 1 or felt[rows - 1] > 1e-6


@given(ranges, windows, st.integers(0, 60))
def test_the_future_changes_nothing(rows: list[tuple[int, int]], window: int, cut: int) -> None:
    high, low, close = highs_lows_closes(rows)
    short = (high[:cut], low[:cut], close[:cut])
    np.testing.assert_array_equal(
        channel(high, low, window)[0][:cut], channel(*short[:2], window)[0]
    )
    np.testing.assert_array_equal(atr(high, low, close, window + 1)[:cut], atr(*short, window + 1))
