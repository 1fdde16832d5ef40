"""Bars as whole ticks, and the bars that are refused."""

from dataclasses import replace

import numpy as np
import pytest

from tests.bars import random_bars
from trading.engine.ticks import spreads_in, ticks_of
from trading.engine.types import Bars, EngineError

TICK = 0.00001


def spoilt(row: int, **values: float) -> Bars:
    """Ten good bars with other values in one row."""
    bars = random_bars(10)
    columns = {name: getattr(bars, name).copy() for name in values}
    for name, value in values.items():
        columns[name][row] = value
    return replace(bars, **columns)


def test_prices_become_the_nearest_ticks() -> None:
    bars = random_bars(200)
    rows = ticks_of(bars, TICK).rows
    for name in ("open", "high", "low", "close", "spread"):
        assert rows[name].tolist() == np.rint(getattr(bars, name) / TICK).tolist()


def test_halves_of_a_tick_round_up() -> None:
    bars = Bars(np.array([0]), *(np.array([p]) for p in (10.5, 12.0, 9.5, 11.4, 0.0, 0.5)))
    assert ticks_of(bars, 1.0).rows[0].tolist() == (11, 12, 10, 11, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("open", float("nan")),
        ("high", float("inf")),
        ("close", float("nan")),
        ("low", 0.0),
        ("low", -1.0),
        ("high", 1.0),
        ("open", 2.0),
        ("close", 0.5),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_its_row(name: str, value: float) -> None:
    with pytest.raises(EngineError, match=r"Bar 3 \(2024-01-01T03:00:00\): expected .* <= low"):
        ticks_of(spoilt(3, **{name: value}), TICK)


@pytest.mark.parametrize("value", [-TICK, float("nan"), float("inf")])
def test_a_spread_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(EngineError, match=r"Bar 4 .*: expected a spread >= 0, was"):
        ticks_of(spoilt(4, spread=value), TICK)


@pytest.mark.parametrize("back", [0, 3600])
def test_times_that_do_not_ascend_are_refused(back: int) -> None:
    bars = random_bars(10)
    time = bars.time.copy()
    time[5] = time[4] - back
    with pytest.raises(EngineError, match="Bar 5: expected a time after 2024-01-01T04:00:00, was"):
        ticks_of(replace(bars, time=time), TICK)


def test_a_tick_far_too_small_is_refused() -> None:
    with pytest.raises(EngineError, match="Bar 0 "):
        ticks_of(random_bars(3), 1e-10)


def test_spreads_are_summed_and_missing_ones_counted() -> None:
    bars = replace(random_bars(4), spread=np.array([0.0, 2 * TICK, 0.0, 5 * TICK]))
    assert spreads_in(ticks_of(bars, TICK).rows) == (7, 2)
