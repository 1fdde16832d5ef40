"""Floors of losses and drawdowns: vectors worked out by hand, and what always holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.risk import (
    Clock,
    Control,
    DrawdownState,
    Limit,
    Period,
    Reading,
    Reference,
    Trailing,
    Unit,
    floor_of,
    limit_of,
)
from trading.engine.types import EngineError

D = Decimal
PRAGUE = Clock(Period.DAY, time(0), "Europe/Prague")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAILY = limit_of(Control.DAILY_LOSS, 5, unit=Unit.PERCENT_INITIAL, reference=Reference.BALANCE)
DRAWDOWN = limit_of(Control.MAX_DRAWDOWN, 10)


def played(initial: int, *readings: tuple[float, int, int]) -> DrawdownState:
    """The state after readings: days from the first noon, balance, equity."""
    state = DrawdownState.opened(D(initial), Reading(NOON, D(initial), D(initial)), PRAGUE)
    for days, balance, equity in readings:
        at = NOON + timedelta(days=days)
        state = state.advance(Reading(at, D(balance), D(equity)), PRAGUE)
    return state


def trailing(kind: Trailing, **terms: object) -> Limit:
    return replace(DRAWDOWN, trailing=kind, **terms)  # type: ignore[arg-type]  # any field


def floor(limit: Limit, state: DrawdownState) -> Decimal:
    return floor_of(limit, state).floor


def test_a_daily_loss_from_the_balance_at_midnight() -> None:
    """DL1 and (a): midnight balance 104,000, initial 100,000, 5 % of it: 99,000."""
    state = played(100_000, (0.2, 104_000, 104_000), (1, 104_000, 104_000))
    assert floor_of(DAILY, state).floor == 99_000
    assert not floor_of(DAILY, state, D("99000.00")).is_breached
    assert floor_of(DAILY, state, D("98999.99")).is_breached


def test_a_floating_loss_may_breach_at_midnight_without_a_move() -> None:
    """(b) 200,000: closed +4,000, floating -13,000 is legal until the reset."""
    before = played(200_000, (0.4, 204_000, 191_000))
    assert floor(DAILY, before) == 190_000
    assert not floor_of(DAILY, before).is_breached
    midnight = Reading(datetime(2026, 3, 2, 23, tzinfo=UTC), D(204_000), D(191_000))
    after = before.advance(midnight, PRAGUE)
    assert floor(DAILY, after) == 194_000
    assert floor_of(DAILY, after).is_breached


@pytest.mark.parametrize("balances", [(104_000,), (104_000, 103_000)])
def test_the_floor_of_ends_of_days_never_falls(balances: tuple[int, ...]) -> None:
    """TD1 and (c): balances of 104,000 and 103,000 at midnight keep the floor at 94,000."""
    state = played(100_000, *((n + 1, b, b) for n, b in enumerate(balances)))
    assert floor(trailing(Trailing.END_OF_DAY), state) == 94_000


def test_a_daily_loss_from_the_higher_of_balance_and_equity() -> None:
    """DL2 and (d): max(100,000, 103,000) less 5 % of itself is 97,850."""
    limit = replace(DAILY, unit=Unit.PERCENT_REFERENCE, reference=Reference.HIGHER)
    state = played(100_000, (0.1, 100_000, 103_000), (1, 100_000, 103_000))
    assert floor(limit, state) == 97_850
    assert floor(replace(limit, reference=Reference.EQUITY), state) == 97_850
    assert floor(replace(limit, reference=Reference.BALANCE), state) == 95_000


def test_each_rule_set_has_its_own_midnight() -> None:
    """(e) between the clock changes Prague's midnight is two hours after New York's close."""
    at = datetime(2026, 3, 10, 12, tzinfo=UTC)
    close = Clock(Period.DAY, time(17), "America/New_York")
    assert PRAGUE.start(at) - close.start(at) == timedelta(hours=2)
    winter = datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert PRAGUE.start(winter) - close.start(winter) == timedelta(hours=1)


def test_a_static_drawdown_ignores_profit() -> None:
    """TD2."""
    assert floor(DRAWDOWN, played(100_000, (1, 104_000, 105_000))) == 90_000


def test_an_intraday_drawdown_follows_equity() -> None:
    """A peak of 105,500 less 10 % of itself is 94,950."""
    limit = trailing(Trailing.INTRADAY, unit=Unit.PERCENT_REFERENCE)
    state = played(100_000, (0.1, 100_000, 105_500), (0.2, 100_000, 101_000))
    assert floor(limit, state) == 94_950


def test_a_closed_balance_trails_within_the_day() -> None:
    state = played(100_000, (0.1, 103_000, 107_000), (0.2, 102_000, 102_000))
    assert floor(trailing(Trailing.CLOSED_BALANCE), state) == 93_000
    assert floor(trailing(Trailing.END_OF_DAY), state) == 90_000


@pytest.mark.parametrize(
    ("balance", "lock", "expected"), [(103, 0, 97), (106, 0, 100), (120, 0, 100), (120, 1, 101)]
)
def test_a_floor_rises_up_to_its_lock(balance: int, lock: int, expected: int) -> None:
    limit = trailing(Trailing.CLOSED_BALANCE, value=D(6), lock=D(lock))
    state = played(100_000, (0.1, balance * 1000, balance * 1000))
    assert floor(limit, state) == expected * 1000


def test_money_is_money_and_an_equity_stop_is_the_floor_itself() -> None:
    state = played(100_000, (1, 104_000, 104_000))
    assert floor(replace(DAILY, unit=Unit.MONEY, value=D(1234)), state) == 102_766
    assert floor(limit_of(Control.EQUITY_STOP, 70_000), state) == 70_000


@pytest.mark.parametrize(
    ("equity", "used"), [(104_000, 0), (106_000, 0), (101_500, 50), (99_000, 100)]
)
def test_used_is_the_lost_part_of_the_room(equity: int, used: int) -> None:
    assert floor_of(DAILY, played(100_000, (1, 104_000, 104_000)), D(equity)).used == used


@pytest.mark.parametrize(("equity", "used"), [("100", 0), ("99.99", 200)])
def test_without_room_any_loss_is_more_than_all_of_it(equity: str, used: int) -> None:
    assert floor_of(replace(DRAWDOWN, value=D(0)), played(100), D(equity)).used == used


def test_only_losses_have_a_floor() -> None:
    with pytest.raises(EngineError, match="Expected a limit of losses, was MAX_LOTS"):
        floor_of(limit_of(Control.MAX_LOTS, 1), played(100))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "sNaN"])
def test_a_reading_is_of_numbers(value: str) -> None:
    with pytest.raises(EngineError, match="Expected a finite equity"):
        Reading(NOON, D(1), D(value))
    with pytest.raises(EngineError, match="Expected a finite equity"):
        replace(played(100), equity=D(value))


def test_a_reading_of_an_earlier_day_changes_nothing() -> None:
    state = played(100, (1, 101, 101))
    assert state.advance(Reading(NOON, D(500), D(500)), PRAGUE) is state


# --- deposits and withdrawals


def test_a_deposit_is_no_profit() -> None:
    state = played(100_000, (1, 102_000, 99_000))
    deposit = Reading(NOON + timedelta(days=1.1), D(112_000), D(109_000), D(10_000))
    after = state.advance(deposit, PRAGUE)
    assert after.initial == 110_000
    assert after.start_balance == after.highest_balance == 112_000
    assert floor(replace(DAILY, unit=Unit.MONEY, value=D(5000)), after) == 107_000


@pytest.mark.parametrize(
    ("balance", "amount", "initial", "static"),
    [
        (110_000, -10_000, 100_000, 90_000),  # profit
        (110_000, -30_000, 80_000, 72_000),  # profit, then capital
        (95_000, -5_000, 95_000, 85_500),  # capital: the loss stays a loss
    ],
)
def test_a_withdrawal_takes_the_profit_first(
    balance: int, amount: int, initial: int, static: int
) -> None:
    after = played(100_000, (1, balance, balance)).moved(D(amount))
    assert after.initial == initial
    assert floor(DRAWDOWN, after) == static
    assert floor(trailing(Trailing.END_OF_DAY), after) == static


amounts = st.decimals(-50_000, 50_000, places=2)
money = st.decimals(50_000, 150_000, places=2)
kinds = st.sampled_from(Trailing)


@given(amounts, money, money, kinds)
def test_a_move_leaves_no_more_room_and_a_deposit_no_less(
    amount: Decimal, balance: Decimal, equity: Decimal, kind: Trailing
) -> None:
    start = played(100_000).advance(Reading(NOON, balance, equity), PRAGUE)
    for loss in (trailing(kind), DAILY):
        limit = replace(loss, unit=Unit.MONEY, value=D(20_000))
        before, after = floor_of(limit, start), floor_of(limit, start.moved(amount))
        gained = (after.equity - after.floor) - (before.equity - before.floor)
        assert gained == 0 if amount >= 0 else gained <= 0


@given(st.lists(st.tuples(st.integers(1, 30), money, money)), kinds)
def test_floors_that_trail_never_fall_and_replay_the_same(
    rows: list[tuple[int, Decimal, Decimal]], kind: Trailing
) -> None:
    limit, state, at = trailing(kind), played(100_000), NOON
    for hours, balance, equity in rows:
        at += timedelta(hours=hours)
        following = state.advance(Reading(at, balance, equity), PRAGUE)
        assert floor(limit, following) >= floor(limit, state)
        assert following == following.advance(Reading(at, balance, equity), PRAGUE)
        state = following
    assert state.highest_equity == max(D(100_000), *(equity for _, _, equity in rows), D(0))
