"""Every strategy of the registry: no look-ahead, a sufficient warm-up, checked parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trading.engine.strategies import REGISTRY, build, get, params_from
from trading.engine.strategies.base import Strategy
from trading.engine.types import BAR_COLUMNS, Bars, EngineError, FloatArray, Signals

KINDS = sorted(REGISTRY)
SIGNAL_COLUMNS = [f.name for f in fields(Signals)]
LARGEST = 30
"""Windows are drawn up to here, so that a few hundred bars outlast the warm-up."""


def walk(rng: np.random.Generator, count: int) -> FloatArray:
    return np.cumsum(rng.integers(-20, 21, count), dtype=np.float64) * 1e-5 + 1.0


def trend(rng: np.random.Generator, count: int) -> FloatArray:
    return np.cumsum(rng.integers(-5, 12, count), dtype=np.float64) * 1e-5 + 1.0


def flat(rng: np.random.Generator, count: int) -> FloatArray:
    return np.full(count, 1.1)


def dead_after_a_jump(rng: np.random.Generator, count: int) -> FloatArray:
    return np.where(np.arange(count) < 5, 1.0, 1.1)


SHAPES: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    shape.__name__: shape for shape in (walk, trend, flat, dead_after_a_jump)
}


def bars_of_shape(shape: str, count: int, seed: int) -> Bars:
    """Bars around closes of that shape; a flat one has no range at all."""
    rng = np.random.default_rng(seed)
    close = np.round(SHAPES[shape](rng, count), 5)
    open_ = np.concatenate([close[:1], close[:-1]])
    up, down = rng.integers(0, 8, (2, count)) * 1e-5 * (shape in ("walk", "trend"))
    high, low = np.maximum(open_, close) + up, np.minimum(open_, close) - down
    return Bars(60 * np.arange(count), open_, high, low, close, np.ones(count), np.zeros(count))


@st.composite
def strategies(draw: st.DrawFn, kind: str) -> Strategy:
    """A strategy with random parameters within their ranges."""
    values: dict[str, object] = {}
    for field in fields(get(kind).params_type):
        low, high = field.metadata["low"], field.metadata["high"]
        if isinstance(field.default, int):
            values[field.name] = draw(st.integers(low, min(high, LARGEST)))
        else:
            values[field.name] = draw(st.floats(low, high))
    try:
        return build(kind, values)
    except EngineError:
        assume(False)
        raise


seeds, shapes = st.integers(0, 2**32), st.sampled_from(sorted(SHAPES))


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), shapes, seeds)
def test_cutting_the_future_off_changes_no_row(
    kind: str, data: st.DataObject, shape: str, seed: int
) -> None:
    strategy = data.draw(strategies(kind))
    bars = bars_of_shape(shape, strategy.warmup + 100, seed)
    cut = data.draw(st.integers(0, len(bars)))
    whole, part = strategy.signals(bars), strategy.signals(bars.slice(0, cut))
    for name in SIGNAL_COLUMNS:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:cut])


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), shapes, seeds)
def test_the_warm_up_window_gives_the_rows_of_the_full_history(
    kind: str, data: st.DataObject, shape: str, seed: int
) -> None:
    strategy = data.draw(strategies(kind))
    window = strategy.warmup + 2
    bars = bars_of_shape(shape, window + 300, seed)
    last = data.draw(st.integers(window, len(bars)))
    whole = strategy.signals(bars)
    part = strategy.signals(bars.slice(last - window, last))
    np.testing.assert_array_equal(part.side[-2:], whole.side[last - 2 : last])
    for name in ("stop", "take", "trail", "entry" if shape == "dead_after_a_jump" else "score"):
        recent, true = getattr(part, name)[-2:], getattr(whole, name)[last - 2 : last]
        np.testing.assert_allclose(recent, true, rtol=strategy.tolerance, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data(), shapes, seeds)
def test_signals_are_complete_and_leave_the_bars_alone(
    kind: str, data: st.DataObject, shape: str, seed: int
) -> None:
    strategy = data.draw(strategies(kind))
    bars = bars_of_shape(shape, strategy.warmup + 50, seed)
    before = [getattr(bars, name).copy() for name in BAR_COLUMNS]
    signals = strategy.signals(bars)
    for name, column in zip(BAR_COLUMNS, before, strict=True):
        np.testing.assert_array_equal(getattr(bars, name), column)
    assert {len(getattr(signals, name)) for name in SIGNAL_COLUMNS} == {len(bars)}
    assert signals.side.dtype == np.int8
    assert set(signals.side.tolist()) <= {-1, 0, 1}
    assert not signals.side[: strategy.warmup].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_market_without_movement_is_not_entered(kind: str) -> None:
    strategy = build(kind, {})
    signals = strategy.signals(bars_of_shape("flat", strategy.warmup + 50, 1))
    assert not signals.side.any()
    assert np.isfinite(signals.score[strategy.warmup :]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_bars_give_few_flat_rows(kind: str, count: int) -> None:
    signals = build(kind, {}).signals(bars_of_shape("walk", count, 1))
    assert signals.side.tolist() == [0] * count


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_are_wanted_in_a_long_walk(kind: str) -> None:
    signals = build(kind, {}).signals(bars_of_shape("walk", 5000, 1))
    assert set(signals.side.tolist()) >= {-1, 1}
    wanted = signals.side != 0
    assert (signals.stop[wanted] > 0).all()


# --- parameters


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_default_in_its_range_and_a_word_of_help(kind: str) -> None:
    params = params_from(kind, {})
    for field in fields(params):
        assert field.metadata["low"] <= getattr(params, field.name) <= field.metadata["high"]
        assert field.metadata["help"]
    assert get(kind).label


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"window": 3}, "Expected parameters among .*, was also .'window'."),
    "text": ({"atr": "20"}, "atr: expected an integer, was '20'"),
    "fraction": ({"atr": 20.0}, r"atr: expected an integer, was 20\.0"),
    "truth": ({"atr": True}, "atr: expected an integer, was True"),
    "nothing": ({"stop_atr": None}, "stop_atr: expected a number, was None"),
    "too small": ({"atr": 1}, "atr: expected 2 to 500, was 1"),
    "too large": ({"stop_atr": 20.5}, r"stop_atr: expected 0\.1 to 20\.0, was 20\.5"),
    "no number": ({"stop_atr": float("nan")}, r"stop_atr: expected 0\.1 to 20\.0, was nan"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("values", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_bad_parameters_are_told(kind: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        build(kind, values)


def test_parameters_that_contradict_each_other_are_told() -> None:
    with pytest.raises(EngineError, match="Expected exit <= entry, was 21 > 20"):
        build("donchian", {"entry": 20, "exit": 21})
    with pytest.raises(EngineError, match="Expected fast < slow, was 20 >= 20"):
        build("ewma_trend", {"fast": 20, "slow": 20})


def test_an_unknown_kind_is_told() -> None:
    with pytest.raises(EngineError, match=f"Expected a strategy among .*{KINDS[0]}.*, was 'x'"):
        get("x")


# --- each by itself


def bars_at(closes: list[float]) -> Bars:
    """Bars of no range at these closes."""
    close = np.array(closes)
    count = len(close)
    return Bars(60 * np.arange(count), close, close, close, close, np.ones(count), np.zeros(count))


def sides(kind: str, values: dict[str, object], closes: list[float]) -> list[int]:
    """The sides after the warm-up, which is spent at the first close."""
    strategy = build(kind, values)
    signals = strategy.signals(bars_at([closes[0]] * strategy.warmup + closes))
    result: list[int] = signals.side[strategy.warmup :].tolist()
    return result


DONCHIAN: dict[str, object] = {"entry": 3, "exit": 2, "hold": 5, "atr": 2}


def test_donchian_follows_a_break_until_the_opposite_exit_channel() -> None:
    closes = [10.0, 11, 11, 11, 12, 11, 11, 10, 10, 10]
    assert sides("donchian", DONCHIAN, closes) == [0, 1, 1, 1, 1, 1, 1, -1, -1, -1]
    assert sides("donchian", DONCHIAN, [10.0, 12, 13, 14, 12.5]) == [0, 1, 1, 1, 0]


def test_donchian_forgets_a_break_without_a_newer_one() -> None:
    assert sides("donchian", DONCHIAN, [10.0, *[11.0] * 7]) == [0, 1, 1, 1, 1, 1, 0, 0]


def test_donchian_measures_stop_take_and_trail_in_ranges() -> None:
    distances = {"stop_atr": 2.0, "take_atr": 3.0, "trail_atr": 1.5}
    strategy = build("donchian", {**DONCHIAN, **distances})
    signals = strategy.signals(bars_at([10.0] * strategy.warmup + [14.0]))
    assert signals.stop[-1] == 2.0 * 2.0
    assert signals.take[-1] == 3.0 * 2.0
    assert signals.trail[-1] == 1.5 * 2.0
    plain = build("donchian", DONCHIAN).signals(bars_at([1.0]))
    assert np.isnan([plain.take, plain.trail]).all()


def test_ewma_trend_is_on_the_side_of_the_fast_mean() -> None:
    values: dict[str, object] = {"fast": 2, "slow": 4, "atr": 2}
    assert sides("ewma_trend", values, [10.0, 11, 12, 5, 4]) == [0, 1, 1, -1, -1]


def test_ewma_trend_stays_out_within_the_band() -> None:
    values: dict[str, object] = {"fast": 2, "slow": 4, "atr": 2}
    closes = [10.0, 11, 11, 11, 11]
    assert sides("ewma_trend", {**values, "band": 5.0}, closes) == [0] * 5
    assert sides("ewma_trend", {**values, "band": 0.1}, closes) == [0, 1, 1, 1, 1]
