"""Limits that make sense, and which of them hold."""

from dataclasses import replace
from datetime import time
from decimal import Decimal
from itertools import permutations

import pytest

from trading.engine.risk import (
    Action,
    Control,
    Limit,
    LimitIndex,
    Limits,
    LimitSet,
    Period,
    Place,
    Reference,
    Scope,
    Subject,
    Trailing,
    Unit,
    effective,
    limit_of,
)
from trading.engine.types import EngineError

D = Decimal
DAILY = limit_of(Control.DAILY_LOSS, 5)
DRAWDOWN = limit_of(Control.MAX_DRAWDOWN, 10)
LOTS = limit_of(Control.MAX_LOTS, 3)
SPREAD = limit_of(Control.MAX_SPREAD, 30, origin="global")


def on(scope: Scope, limit: Limit, value: int, target: str = "1") -> Limit:
    return replace(limit, scope=scope, value=D(value), target=target, origin=f"{scope} {target}")


def values(limits: LimitSet, control: Control) -> list[Decimal]:
    return [limit.value for limit in limits.of(control)]


@pytest.mark.parametrize(
    ("limit", "change", "message"),
    [
        (LOTS, {"value": D("NaN")}, "a value of at least 0, was NaN"),
        (LOTS, {"value": D(-1)}, "a value of at least 0, was -1"),
        (LOTS, {"unit": Unit.TICKS}, "a unit of LOTS, was TICKS"),
        (LOTS, {"scope": Scope.CURRENCY, "target": "EUR"}, "a scope of .*, was CURRENCY"),
        (LOTS, {"action": Action.FLATTEN}, "an action of BLOCK or NOTIFY, was FLATTEN"),
        (LOTS, {"scope": Scope.ACCOUNT}, "a target unless it is global, was ACCOUNT ''"),
        (LOTS, {"target": "1"}, "a target unless it is global, was GLOBAL '1'"),
        (LOTS, {"hedge_credit": False}, "hedge_credit, .* was none"),
        (LOTS, {"period": Period.DAY}, "no period, was DAY"),
        (LOTS, {"window": 60}, "no window, was 60"),
        (LOTS, {"reference": Reference.EQUITY}, "no reference, was EQUITY"),
        (LOTS, {"trailing": Trailing.INTRADAY}, "no trailing, was INTRADAY"),
        (DAILY, {"value": D("100.01")}, "a value of at most 100 %, was 100.01"),
        (DAILY, {"period": None}, "a period, was None"),
        (DAILY, {"zone": "Europe/Atlantis"}, "an IANA time zone, was 'Europe/Atlantis'"),
        (DAILY, {"zone": ""}, "an IANA time zone, was ''"),
        (DRAWDOWN, {"lock": D(0)}, "a lock only where the floor trails, was 0"),
        (DRAWDOWN, {"lock": D(-1), "trailing": Trailing.INTRADAY}, "a lock of at least 0 %"),
        (limit_of(Control.MAX_MESSAGES, 6), {"window": 0}, "a window above 0 s, was 0"),
        (limit_of(Control.MAX_MESSAGES, 6), {"window": None}, "a window, was None"),
        (limit_of(Control.MAX_POSITIONS, 1), {"value": D("1.5")}, "a whole number, was 1.5"),
        (limit_of(Control.IN_DOUBT, 1), {"value": D(0)}, "a value of 1, was 0"),
        (limit_of(Control.MARGIN_USE, 80), {"value": D(101)}, "at most 100 %, was 101"),
    ],
)
def test_a_limit_makes_sense(limit: Limit, change: dict[str, object], message: str) -> None:
    with pytest.raises(EngineError, match=f"{limit.control}: expected .*{message}"):
        replace(limit, **change)  # type: ignore[arg-type]  # any field


def test_a_limit_is_read_with_its_unit() -> None:
    assert DAILY.words == "5 % of the reference"
    assert replace(LOTS, value=D("2.50")).words == "2.5 lots"
    assert limit_of(Control.MAX_POSITIONS, 10).words == "10"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_nearest_scope_wins(order: tuple[int, ...]) -> None:
    rows = [SPREAD, on(Scope.ACCOUNT, SPREAD, 20), on(Scope.SYMBOL, SPREAD, 50, "XAUUSD")]
    (found,) = effective(rows[n] for n in order).of(Control.MAX_SPREAD)
    assert (found.value, found.origin) == (D(50), "SYMBOL XAUUSD")


def test_the_strictest_wins_where_a_nearer_one_must_not_loosen() -> None:
    rows = [LOTS, on(Scope.ACCOUNT, LOTS, 2), on(Scope.DEPLOYMENT, LOTS, 5)]
    (found,) = effective(rows).of(Control.MAX_LOTS)
    assert (found.value, found.origin) == (D(2), "ACCOUNT 1")


def test_the_strictest_of_a_least_value_is_the_largest() -> None:
    stop = limit_of(Control.EQUITY_STOP, 9000)
    assert values(effective([stop, on(Scope.ACCOUNT, stop, 9500)]), stop.control) == [9500]


def test_limits_of_other_periods_units_and_subjects_hold_beside_each_other() -> None:
    month = replace(DAILY, period=Period.MONTH, value=D(8))
    money = replace(DAILY, unit=Unit.MONEY, value=D(300))
    group = on(Scope.GROUP, DAILY, 4)
    found = effective([DAILY, month, money, group]).of(Control.DAILY_LOSS)
    assert set(found) == {DAILY, month, money, group}
    assert {limit.subject for limit in found} == {Subject.ACCOUNT, Subject.GROUP}


def test_each_currency_has_its_own_limit() -> None:
    every = limit_of(Control.CURRENCY_EXPOSURE, 300)
    own = [on(Scope.CURRENCY, every, 100, "EUR"), on(Scope.CURRENCY, every, 50, "JPY")]
    assert values(effective([every, *own]), every.control) == [50, 100, 300]


def test_rungs_of_a_ladder_hold_together() -> None:
    rungs = [
        limit_of(Control.MARGIN_LEVEL, value, action=action)
        for value, action in ((300, Action.NOTIFY), (120, Action.FLATTEN), (200, Action.BLOCK))
    ]
    assert values(effective(rungs), Control.MARGIN_LEVEL) == [300, 200, 120]


def test_a_standing_default_holds_until_somebody_sets_it() -> None:
    (default,) = effective([]).of(Control.MARGIN_USE)
    assert (default.value, default.origin) == (D(80), "default")
    assert values(effective([limit_of(Control.MARGIN_USE, 90)]), Control.MARGIN_USE) == [90]


def test_what_only_notifies_replaces_nothing() -> None:
    told = limit_of(Control.MARGIN_USE, 50, action=Action.NOTIFY)
    near = replace(on(Scope.SYMBOL, SPREAD, 5), action=Action.NOTIFY)
    found = effective([told, SPREAD, near])
    assert values(found, Control.MARGIN_USE) == [50, 80]
    assert values(found, Control.MAX_SPREAD) == [5, 30]
    assert found.for_decision() == Limits(max_spread=D(30))


def test_limits_come_in_the_order_of_the_gate() -> None:
    found = [limit.control for limit in effective([DAILY, LOTS, SPREAD])]
    assert found == sorted(found, key=list(Control).index)
    assert found[0] is Control.SAFE_MODE


def test_a_decision_gets_what_it_can_judge() -> None:
    rows = [LOTS, SPREAD, DAILY, limit_of(Control.MAX_POSITIONS, 4)]
    told = Limits(
        max_lots=D(3), max_spread=D(30), max_positions=4, daily_loss=D(5), margin_use=D(80)
    )
    assert effective(rows).for_decision() == told


@pytest.mark.parametrize(
    "limit",
    [
        replace(DAILY, reference=Reference.BALANCE),
        replace(DAILY, zone="Europe/Prague", reset=time(0)),
        replace(DAILY, unit=Unit.PERCENT_INITIAL),
        replace(DAILY, period=Period.WEEK),
        on(Scope.GROUP, DAILY, 5),
        on(Scope.DEPLOYMENT, limit_of(Control.MAX_POSITIONS, 4), 1),
        limit_of(Control.MAX_SPREAD, 3, unit=Unit.MEDIANS),
    ],
)
def test_a_decision_is_spared_what_only_the_gate_can_judge(limit: Limit) -> None:
    assert effective([limit]).for_decision() == Limits()


def test_limits_are_found_by_where_an_order_stands() -> None:
    rows = [
        LOTS,
        on(Scope.ACCOUNT, LOTS, 2, "7"),
        on(Scope.ACCOUNT, LOTS, 1, "8"),
        on(Scope.GROUP, DAILY, 4, "3"),
        on(Scope.SYMBOL, SPREAD, 9, "EURUSD"),
    ]
    here = Place("7", "11", "EURUSD", groups=("3",), currencies=("EUR", "USD"))
    found = LimitIndex(rows).at(here)
    assert values(found, Control.MAX_LOTS) == [2]
    assert values(found, Control.MAX_SPREAD) == [9]
    assert values(found, Control.DAILY_LOSS) == [4]
    assert values(LimitIndex(rows).at(Place("9")), Control.MAX_LOTS) == [3]
