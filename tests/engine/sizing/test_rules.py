"""What a rule accepts, and what it says it needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sizing.asking import D, ask, ruled
from trading.engine.sizing import (
    Base,
    Method,
    SizingRequest,
    SizingRule,
    fractional,
    rule_of,
)
from trading.engine.types import EngineError


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"value": D(0)}, "Expected value above 0, at most 100, was 0"),
        ({"value": D("100.01")}, "Expected value above 0, at most 100, was 100.01"),
        ({"value": D("NaN")}, "Expected value above 0, at most 100, was NaN"),
        ({"method": Method.FIXED, "value": D("Infinity")}, "Expected value above 0, was Infinity"),
        ({"atr_multiple": D(0)}, "Expected atr_multiple above 0, at most 100, was 0"),
        ({"atr_multiple": D(101)}, "Expected atr_multiple above 0, at most 100, was 101"),
        ({"window": 1}, "Expected window at least 2, at most 500, was 1"),
        ({"window": 501}, "Expected window at least 2, at most 500, was 501"),
        ({"start_percent": D(-1)}, "Expected start_percent at least 0, at most 100, was -1"),
        ({"start_percent": D(101)}, "Expected start_percent at least 0, at most 100, was 101"),
        ({"gap_ticks": -1}, "Expected gap_ticks at least 0, was -1"),
        ({"nights": -1}, "Expected nights at least 0, at most 365, was -1"),
        ({"nights": 366}, "Expected nights at least 0, at most 365, was 366"),
        (
            {"max_risk_coefficient": D("0.9")},
            "Expected max_risk_coefficient at least 1, at most 10, was 0.9",
        ),
        (
            {"max_risk_coefficient": D(11)},
            "Expected max_risk_coefficient at least 1, at most 10, was 11",
        ),
        ({"max_leverage": D(0)}, "Expected max_leverage above 0, was 0"),
        ({"curve_factor": D(-1)}, "Expected curve_factor at least 0, at most 1, was -1"),
        ({"curve_factor": D(2)}, "Expected curve_factor at least 0, at most 1, was 2"),
    ],
    ids=str,
)
def test_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EngineError) as found:
        SizingRule(**fields)
    assert str(found.value) == complaint


@pytest.mark.parametrize(
    "ends", [(4, None), (None, 10), (10, 10), (10, 4), (-1, 4), (4, 101)], ids=str
)
def test_drawdown_ends_come_in_order(ends: tuple[int | None, int | None]) -> None:
    start, end = (None if n is None else D(n) for n in ends)
    message = rf"0 <= drawdown_from < drawdown_to <= 100, was {start} and {end}$"
    with pytest.raises(EngineError, match=f"^Expected {message}"):
        SizingRule(drawdown_from=start, drawdown_to=end)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": D(100)},
        {"method": Method.FIXED, "value": D(500)},
        {"method": Method.MONEY, "value": D(10**7)},
        {"window": 2, "atr_multiple": D(100), "start_percent": D(100)},
        {"window": 500, "gap_ticks": 10**6, "nights": 365, "max_risk_coefficient": D(10)},
        {"max_leverage": D(500)},
        {"curve_factor": D(0)},
        {"curve_factor": D(1)},
        {"drawdown_from": D(0), "drawdown_to": D(100)},
    ],
    ids=str,
)
def test_accepted(fields: dict[str, Any]) -> None:
    rule = SizingRule(**fields)
    assert {name: getattr(rule, name) for name in fields} == fields


def test_the_usual_rule_is_half_a_percent_of_the_smaller_of_balance_and_equity() -> None:
    rule = SizingRule()
    assert (rule.method, rule.value, rule.base) == (Method.FRACTIONAL, D("0.5"), Base.LESSER)
    assert rule.start_percent == rule.gap_ticks == rule.nights == 0
    assert (rule.drawdown_from, rule.drawdown_to, rule.curve_factor) == (None, None, None)
    assert (rule.atr_multiple, rule.window) == (D(2), 20)
    assert rule.max_risk_coefficient == 1
    assert fractional("0.5") == rule


def test_a_request_without_a_rule_has_the_usual_one() -> None:
    given = ask()
    bare = SizingRequest(given.instrument, given.account, given.side, given.price, given.stop)
    assert bare == ask(rule=SizingRule())


@pytest.mark.parametrize(("method", "bars"), [("ATR", 15), ("VOLATILITY", 15), ("KELLY", 0)])
def test_only_measures_need_bars_and_one_before_them(method: str, bars: int) -> None:
    assert ruled(Method(method), 1, window=14).bars == bars


def test_words_that_are_stored_stay() -> None:
    assert [m.value for m in Method] == [
        "FIXED",
        "FRACTIONAL",
        "MONEY",
        "ATR",
        "VOLATILITY",
        "KELLY",
    ]
    assert [b.value for b in Base] == [
        "LESSER",
        "BALANCE",
        "EQUITY",
        "FREE_MARGIN",
        "DAY_START",
        "LOSS_ROOM",
    ]


@pytest.mark.parametrize("word", [*Method, *Base])
def test_every_choice_has_a_label(word: Method | Base) -> None:
    assert word.label.capitalize()[:2] == word.label[:2]


def test_a_rule_is_what_its_settings_say() -> None:
    rule = ruled(
        Method.ATR, "1.50", atr_multiple=D(3), gap_ticks=7, drawdown_from=D(4), drawdown_to=D(9)
    )
    assert rule.settings == {
        "method": "ATR",
        "value": "1.5",
        "base": "LESSER",
        "atr_multiple": "3",
        "drawdown_from": "4",
        "drawdown_to": "9",
        "gap_ticks": "7",
    }
    assert rule_of(rule.settings) == rule
    assert rule_of({}) == SizingRule()
    usual = {"method": "FRACTIONAL", "value": "0.5", "base": "LESSER"}
    assert SizingRule().settings == usual
    assert rule_of({"method": "FIXED", "value": 0.1, "nights": 2}) == ruled(
        Method.FIXED, "0.1", nights=2
    )


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"method": "MARTINGALE"}, "method: expected a value of its kind, was 'MARTINGALE'"),
        ({"value": "much"}, "value: expected a value of its kind, was 'much'"),
        ({"nights": "1.5"}, "nights: expected a value of its kind, was '1.5'"),
        ({"lots": 1, "size": 2}, "Expected of a sizing rule method, value, .*, was lots, size"),
        ({"value": -1}, "Expected value above 0"),
    ],
)
def test_settings_that_are_no_rule_are_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(EngineError, match=f"^{complaint}"):
        rule_of(settings)
