"""Facts made of trades and of bars."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from tests.engine.sizing.asking import D, ask, ruled, size
from trading.engine.sizing import Caps, Facts, Method, Record, SizingRule
from trading.engine.sizing.caps import PerLot
from trading.engine.sizing.facts import curve_of, record_of
from trading.engine.sizing.losses import Levels, Loss
from trading.engine.sizing.measures import Measure, measure_of, measures
from trading.engine.ticks import ticks_of
from trading.engine.types import Bars

TICK = D("0.01")


def test_a_record_counts_in_what_was_at_risk() -> None:
    results = [(D(30), D(10)), (D(-10), D(10)), (D(0), D(10)), (D(5), D(20)), (D(-30), D(20))]
    assert record_of(results) == Record(5, 2, D("3.25"), D("2.5"))
    assert record_of([(D(1), D("0.5"))]) == Record(1, 1, D(2), D(0))


def test_a_trade_whose_risk_is_not_known_says_nothing() -> None:
    assert record_of([(D(30), D(0)), (D(5), D(5))]) == Record(1, 1, D(1), D(0))
    assert record_of([]) == Record()


def test_a_curve_adds_up_the_newest_twenty() -> None:
    assert curve_of([D(5), D(-2), D(3)]) == (D(5), D(3), D(6))
    assert curve_of([D(1000), *[D(1)] * 20]) == tuple(D(k) for k in range(1, 21))


# --- measures


def bars(close: list[float], high: float = 0.0, low: float = 0.0) -> Bars:
    """Bars that open at the close before; `high` and `low` reach beyond."""
    closes = np.array(close)
    opens = np.concatenate((closes[:1], closes[:-1]))
    top, bottom = np.maximum(opens, closes) + high, np.minimum(opens, closes) - low
    none = np.zeros(len(closes))
    return Bars(np.arange(len(closes)) * 3600, opens, top, bottom, closes, none, none)


def test_the_atr_is_the_plain_mean_of_true_ranges() -> None:
    rule = ruled(Method.ATR, 1, window=2)
    walk = bars([10.0, 10.5, 10.2, 10.9], high=0.1, low=0.05)
    assert measure_of(rule, walk, TICK, 3600) == Measure(atr=(D("0.45") + D("0.85")) / 2)


def test_a_gap_is_part_of_the_true_range() -> None:
    walk = bars([10.0, 10.0, 12.0])
    gap = replace(walk, open=walk.close, low=walk.close)
    assert measure_of(ruled(Method.ATR, 1, window=2), gap, TICK, 3600) == Measure(atr=D(1))


def test_volatility_of_daily_bars_is_annualised_by_252_days() -> None:
    rule = ruled(Method.VOLATILITY, 10, window=2)
    found = measure_of(rule, bars([100.0, 101.0, 100.0]), TICK, 86400).annual_volatility
    assert found is not None
    assert float(found) == pytest.approx(np.log(1.01) * np.sqrt(252), rel=1e-12)


def test_volatility_of_hours_is_annualised_by_the_hours_of_252_days() -> None:
    rule = ruled(Method.VOLATILITY, 10, window=4)
    walk = bars([100.0, 101.0, 101.0, 101.0, 100.0])
    found = measure_of(rule, walk, TICK, 3600).annual_volatility
    assert found is not None
    assert float(found) == pytest.approx(np.log(1.01) * np.sqrt(0.5 * 252 * 24), rel=1e-12)


@pytest.mark.parametrize("method", [Method.ATR, Method.VOLATILITY])
def test_too_few_bars_or_none_that_moves_measure_nothing(method: Method) -> None:
    rule = ruled(method, 1, window=3)
    assert measure_of(rule, bars([10.0, 11.0, 12.0]), TICK, 3600) == Measure()
    assert measure_of(rule, bars([10.0] * 9), TICK, 3600) == Measure()
    assert measure_of(rule, bars([10.0, 11.0, 12.0, 11.0]), TICK, 3600) != Measure()


def test_what_was_not_measured_is_not_known() -> None:
    assert Measure() == Measure(None, None)


def test_a_rule_that_needs_no_measure_has_none() -> None:
    assert measure_of(SizingRule(), bars([10.0] * 50), TICK, 3600) == Measure()
    rows = ticks_of(bars([10.0] * 50), 0.01).rows
    np.testing.assert_array_equal(measures(SizingRule(), rows, 3600), [np.nan])


@pytest.mark.parametrize("method", [Method.ATR, Method.VOLATILITY])
def test_the_newest_bars_say_what_all_history_says(method: Method) -> None:
    walk = 100.0 + np.round(np.cumsum(np.random.default_rng(1).normal(0, 0.2, 400)), 2)
    history, rule = bars(walk.tolist(), 0.03, 0.02), ruled(method, 1, window=14)
    column = measures(rule, ticks_of(history, 0.01).rows, 3600)
    for row in (14, 15, 200, 399):
        atr, volatility = measure_of(rule, history.slice(0, row + 1), TICK, 3600)
        found = volatility if atr is None else atr / TICK
        assert found is not None
        assert float(found) == pytest.approx(column[row], rel=1e-12)
    assert np.isnan(column[:14]).all()


VALUES = [
    *(SizingRule(), Caps(), Facts(), Record(), ask(), size()),
    *(PerLot(D(1), D(1), D(1)), Levels(1, D(2), D(1), 0, 0), Loss(*[D(1)] * 7)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_asked_and_answered_cannot_be_changed(value: object) -> None:
    assert not hasattr(value, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(value, next(iter(value.__dataclass_fields__)), None)  # type: ignore[attr-defined]
