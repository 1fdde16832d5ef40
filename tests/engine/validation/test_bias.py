"""A column that knows the future is found; so is one that needs more past than it says."""

import numpy as np
import pytest

from tests.bars import random_bars
from trading.engine.indicators import ema
from trading.engine.strategies import REGISTRY, build
from trading.engine.types import Bars, EngineError, FloatArray
from trading.engine.validation.bias import (
    look_ahead,
    signal_columns,
    warm_up,
    warm_up_needed,
)

BARS = random_bars(1500)


def columns(bars: Bars) -> dict[str, FloatArray]:
    """One that sees the next close, one that is centred by all closes, one that is causal."""
    return {
        "next": np.append(bars.close[1:], np.nan),
        "centred": bars.close - bars.close.mean(),
        "past": np.append(np.nan, bars.close[:-1]),
    }


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_the_strategies_do_not_know_the_future(kind: str) -> None:
    assert look_ahead(signal_columns(build(kind, {})), BARS) == ()


def test_a_column_that_knows_the_future_is_named_with_its_row() -> None:
    leaks = look_ahead(columns, BARS, cuts=[1000])
    assert {leak.column: leak.row for leak in leaks} == {"next": 999, "centred": 0}
    assert {leak.cut for leak in leaks} == {1000}
    told = next(leak for leak in leaks if leak.column == "next")
    assert told.whole == BARS.close[1000]
    assert np.isnan(told.part)


def test_by_default_the_ends_of_many_histories_are_looked_at() -> None:
    assert len({leak.cut for leak in look_ahead(columns, BARS)}) == 29  # the last one cuts nothing


def test_small_deviations_may_be_let_pass() -> None:
    assert look_ahead(lambda b: {"mean": b.close * 0 + b.close.mean()}, BARS, tolerance=0.1) == ()


def test_a_slow_mean_needs_a_long_warm_up() -> None:
    """A mean of alpha 0.1 keeps 0.9^w of its start."""

    def mean(bars: Bars) -> dict[str, FloatArray]:
        return {"mean": ema(bars.close, 0.1)}

    found = warm_up(mean, BARS, [20, 100, 300])
    worst = [item.worst for item in found]
    assert worst[0] > worst[1] > worst[2]
    assert worst[2] < 1e-12
    assert warm_up_needed(found) == 300
    assert warm_up_needed(found, 1.0) == 20
    assert warm_up_needed(found[:1]) is None


def test_the_strategies_need_no_more_than_they_say() -> None:
    strategy = build("donchian", {"atr": 10})
    window = strategy.warmup + 2
    found = warm_up(signal_columns(strategy), BARS, [window], ends=range(window, 1500, 97))
    assert warm_up_needed(found, strategy.tolerance) == window


def test_what_is_undefined_in_a_window_is_infinitely_off() -> None:
    def fifth(bars: Bars) -> dict[str, FloatArray]:
        return {"fifth": np.where(np.arange(len(bars)) < 5, np.nan, bars.close)}

    (short, long) = warm_up(fifth, BARS, [5, 6])
    assert (short.worst, long.worst) == (np.inf, 0.0)


def test_a_window_longer_than_history_is_an_error() -> None:
    with pytest.raises(EngineError, match="Expected windows of up to 1500 bars, was"):
        warm_up(columns, BARS, [1501])
