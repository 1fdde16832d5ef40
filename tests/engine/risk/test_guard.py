"""The equity guard: tables worked out by hand, and what holds whatever the prices do."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.risk.guarded import Guarded, quote
from trading.engine.guarding import Terms
from trading.engine.risk import (
    Action,
    Control,
    Period,
    Scope,
    Subject,
    Trailing,
    Unit,
    limit_of,
)
from trading.engine.risk.guard import Others
from trading.engine.risk.watching import Kind, Owner
from trading.engine.types import EngineError

D = Decimal
PRAGUE = {"reset": time(0), "zone": "Europe/Prague"}
DAILY = limit_of(Control.DAILY_LOSS, 5, action=Action.FLATTEN, unit=Unit.PERCENT_INITIAL)
DRAWDOWN = limit_of(Control.MAX_DRAWDOWN, 10)
BARE = Terms(buffer_percent=0)


def price(lost: float) -> str:
    """The bid at which one lot, bought at 1.10006, has lost so much money."""
    return f"{1.10006 - lost / 100_000:.5f}"


def long(*limits: object, lots: str = "1", **more: object) -> Guarded:
    """One lot bought at 1.10006; equity 99,994."""
    made = Guarded.opened(*limits, **more)  # type: ignore[arg-type]  # limits
    made.feed(quote("EURUSD", "1.10000"))
    made.open(1, lots)
    return made


# --- floors and buffers


def test_it_closes_everything_a_buffer_above_the_floor() -> None:
    """5 % of 100,000: floor 95,000, and 2 % of these 5,000 above it."""
    account = long(DAILY)
    account.tick(price(4899))
    assert account.book.state.positions
    (alarm,) = account.tick(price(4900))
    assert (alarm.kind, alarm.floor, alarm.buffer) == (Kind.BROKEN, D(95_000), D(100))
    assert account.book.state.positions == []
    assert account.equity == 95_100


def test_the_buffer_pays_for_closing() -> None:
    from tests.engine.risk.test_valuation import COSTS  # 3 ticks and 3.50 each lot

    account = long(DAILY, terms=BARE, costs=COSTS)
    account.tick(price(4980))
    (alarm,) = account.tick(price(4987))
    assert alarm.buffer == D("6.50")
    assert account.equity >= 95_000


def test_a_buffer_takes_no_more_than_half_the_room() -> None:
    account = long(replace(DAILY, value=D("0.1")), terms=Terms(buffer_percent=90))
    assert account.tick(price(49)) == []
    (alarm,) = account.tick(price(50))
    assert alarm.buffer == 50


@pytest.mark.parametrize("action", [Action.NOTIFY, Action.BLOCK])
def test_what_only_tells_tells_below_the_floor_itself(action: Action) -> None:
    """DL1: equity at the floor is legal, a cent below is not."""
    account = long(replace(DAILY, action=action))
    account.tick(price(5000))
    assert Kind.BROKEN not in [alarm.kind for alarm in account.alarms]
    account.tick(price(5001))
    assert account.alarms[-1].kind is Kind.BROKEN
    assert len(account.book.state.positions) == 1


@pytest.mark.parametrize(
    ("limit", "lost"),
    [
        (replace(DAILY, unit=Unit.MONEY, value=D(2000)), 2000),
        (replace(DAILY, unit=Unit.PERCENT_REFERENCE, value=D(1)), 1000),
        (DRAWDOWN, 10_000),
        (limit_of(Control.EQUITY_STOP, 97_000), 3000),
        (limit_of(Control.MAX_DRAWDOWN, 3, trailing=Trailing.CLOSED_BALANCE), 3000),
        (limit_of(Control.DAILY_LOSS, 2, action=Action.FLATTEN, period=Period.WEEK), 2000),
    ],
)
def test_every_loss_has_its_floor(limit: object, lost: int) -> None:
    account = long(limit, terms=BARE)
    account.tick(price(lost - 1))
    assert account.book.state.positions
    account.tick(price(lost + 1))
    assert not account.book.state.positions


def test_an_intraday_drawdown_follows_the_peak_of_every_quote() -> None:
    account = long(limit_of(Control.MAX_DRAWDOWN, 3, trailing=Trailing.INTRADAY), terms=BARE)
    account.tick(price(-2000))
    account.tick(price(999))
    assert account.told() == [("MAX_DRAWDOWN WARNED", 80)]
    (alarm,) = account.tick(price(1001))
    assert (alarm.reference, alarm.floor) == (D(102_000), D(99_000))


# --- warnings


def test_it_warns_at_60_and_80_percent_before_it_acts() -> None:
    account = long(DAILY, terms=BARE)
    for lost in (2999, 3000, 3500, 4000, 4500, 4999, 5001, 6000):
        account.tick(price(lost))
    assert account.told() == [
        ("DAILY_LOSS WARNED", 60),
        ("DAILY_LOSS WARNED", 80),
        ("DAILY_LOSS BROKEN", 100),
    ]


def test_a_leap_tells_of_the_most_severe_alone() -> None:
    account = long(DAILY)
    account.tick(price(4500))
    account.tick(price(3500))
    assert account.told() == [("DAILY_LOSS WARNED", 80)]


def test_shares_of_the_daily_loss_take_the_place_of_warnings() -> None:
    used = [
        limit_of(Control.DAILY_LOSS_USED, 60, action=Action.NOTIFY),
        limit_of(Control.DAILY_LOSS_USED, 75),
    ]
    account = long(DAILY, *used)
    for lost in (3000, 3750, 4000):
        account.tick(price(lost))
    assert account.told() == [
        ("DAILY_LOSS_USED BROKEN", 100),
        ("DAILY_LOSS_USED BROKEN", 100),
        ("DAILY_LOSS WARNED", 80),
    ]
    assert [alarm.floor for alarm in account.alarms[1:3]] == [97_000, 96_250]


def test_it_warns_when_the_stops_together_would_break_it() -> None:
    account = long(DAILY)
    account.open(1, "1", stop="1.07000")
    assert account.alarms == [] or account.alarms[-1].kind is Kind.WORST
    account = Guarded.opened(DAILY)
    account.feed(quote("EURUSD", "1.10000"))
    account.open(1, "1", stop="1.07500")
    account.open(1, "1", stop="1.07500")
    (alarm,) = account.alarms
    assert (alarm.kind, alarm.worst) == (Kind.WORST, D(94_988))
    assert len(account.book.state.positions) == 2


def test_without_a_stop_the_worst_is_the_stop_out() -> None:
    account = long(DAILY)
    (alarm,) = account.alarms
    margin = account.book.account().margin
    assert (alarm.kind, alarm.worst) == (Kind.WORST, margin / 2)


# --- once in a period


def test_a_new_day_may_break_again() -> None:
    account = long(DAILY, obeys=False)
    account.tick(price(5001))
    account.tick(price(6000))
    account.tick(price(6000), minutes=24 * 60)
    account.tick(price(12_000))
    told = [name for name, _ in account.told()]
    assert told.count("DAILY_LOSS BROKEN") == 2


def test_what_a_person_let_go_of_breaks_again_once_it_was_whole() -> None:
    account = long(DAILY, obeys=False)
    (alarm,) = account.tick(price(5001))
    account.guard.raised[alarm.key] = False
    assert account.tick(price(5500)) == []
    account.tick(price(1000))
    account.read()
    assert [found.kind for found in account.tick(price(5001))] == [Kind.BROKEN]


def test_another_guard_that_recalls_raises_nothing_again() -> None:
    account = long(DAILY, obeys=False)
    account.tick(price(5001))
    fresh = long(DAILY, obeys=False)
    fresh.guard.raised.update(account.guard.raised)
    fresh.guard.states.update(account.guard.states)
    fresh.tick(price(5500))
    assert fresh.told() == []


def test_another_value_is_another_limit() -> None:
    account = long(DAILY, obeys=False)
    account.tick(price(5001))
    account.follow(replace(DAILY, value=D(7)))
    account.tick(price(7000))
    assert account.told()[-1] == ("DAILY_LOSS BROKEN", 100)
    assert account.alarms[-1].floor == 93_000


# --- what is not there


def test_a_position_that_was_closed_elsewhere_is_not_judged() -> None:
    """Nobody has told the guard; the fresh reading does, and what it saw meanwhile is void."""
    account = long(DAILY)
    account.book.close("1")
    assert account.tick(price(7000)) == []
    assert account.guard.states[account.guard.account, DAILY.clock].highest_equity == 100_000


def test_the_brokers_word_counts_too() -> None:
    account = Guarded.opened(DAILY)
    account.feed(quote("EURUSD", "1.10000"))
    account.book.state.balance = 94_000
    assert [alarm.kind for alarm in account.read()] == [Kind.BROKEN]


# --- whose equity


def test_a_strategy_is_stopped_by_what_it_made_itself() -> None:
    loss = limit_of(Control.STRATEGY_LOSS, 1000, unit=Unit.MONEY)
    account = Guarded.opened(loss, made={"7": D(0), "8": D(0)}, terms=BARE)
    account.follow(loss)
    account.feed(quote("EURUSD", "1.10000"))
    account.open(1, "1", magic=7)
    account.open(-1, "1", magic=8)
    account.tick(price(1010))
    (alarm,) = [alarm for alarm in account.alarms if alarm.kind is Kind.BROKEN]
    assert alarm.rule.stops == Owner(Subject.DEPLOYMENT, "7")
    assert (alarm.equity, alarm.floor) == (D(98_990), D(99_000))


def test_a_loss_set_for_a_deployment_stops_it_alone() -> None:
    loss = replace(DAILY, scope=Scope.DEPLOYMENT, target="7", value=D(1))
    account = long(loss, made={"7": D(0)}, obeys=False)
    account.tick(price(1000))
    assert account.alarms[-1].rule.owner == account.guard.account
    assert account.alarms[-1].rule.stops == Owner(Subject.DEPLOYMENT, "7")


@pytest.mark.parametrize(("rate", "lost"), [("1", 3000), ("0.5", 6000)])
def test_a_group_counts_its_other_accounts(rate: str, lost: int) -> None:
    loss = limit_of(
        Control.DAILY_LOSS,
        3000,
        unit=Unit.MONEY,
        scope=Scope.GROUP,
        target="g",
        action=Action.FLATTEN,
    )
    group = Owner(Subject.GROUP, "g")
    others = {group: Others(D(50_000), D(50_000), D(50_000), rate=D(rate))}
    account = long(loss, terms=BARE, others=others)
    account.tick(price(lost - 2))
    assert Kind.BROKEN not in [alarm.kind for alarm in account.alarms]
    account.tick(price(lost + 2))
    assert account.alarms[-1].rule.owner == group


def test_a_group_of_which_somebody_is_missing_is_not_judged() -> None:
    loss = limit_of(Control.GLOBAL_LOSS, 1)
    account = long(loss)
    account.tick(price(9000))
    assert account.alarms == []


# --- margin


def test_the_ladder_of_the_margin_level() -> None:
    """20 lots at 1.1 and 1:100 use 22,001 of margin."""
    steps = [(300, Action.NOTIFY), (200, Action.BLOCK), (150, Action.REDUCE), (120, Action.FLATTEN)]
    limits = [limit_of(Control.MARGIN_LEVEL, level, action=action) for level, action in steps]
    account = long(*limits, lots="20", obeys=False)
    for level in (310, 290, 210, 190, 160, 140, 130, 110):
        account.tick(price((100_000 - 22_001.2 * level / 100) / 20))
    assert [alarm.limit.value for alarm in account.alarms] == [300, 200, 150, 120]


def test_margin_is_shed_by_the_largest_position_first() -> None:
    account = Guarded.opened(limit_of(Control.MARGIN_LEVEL, 150, action=Action.REDUCE))
    account.feed(quote("EURUSD", "1.10000"))
    for lots in ("2", "12", "6"):
        account.open(1, lots)
    account.tick(price(3500))
    assert [position.id for position in account.book.state.positions] == ["1", "3"]
    state = account.book.account()
    assert state.equity / state.margin >= D("1.5")


# --- deposits and withdrawals


def test_a_withdrawal_is_no_loss() -> None:
    account = long(DAILY, DRAWDOWN)
    account.book.state.balance -= 20_000
    assert account.read(moved="-20000") == []
    assert account.tick(price(3900)) == [] or account.alarms[-1].kind is Kind.WARNED
    state = account.guard.states[account.guard.account, DAILY.clock]
    assert (state.initial, state.start_balance) == (D(80_000), D(80_000))


# --- what always holds

losses = st.lists(st.integers(-9000, 14_000), min_size=1, max_size=25)
trailings = st.sampled_from(Trailing)


def limits_for(kind: Trailing) -> list[object]:
    return [
        DAILY,
        replace(DAILY, value=D(3), action=Action.REDUCE),
        limit_of(Control.MAX_DRAWDOWN, 8, trailing=kind),
        limit_of(Control.DAILY_LOSS_USED, 75),
        limit_of(Control.MARGIN_LEVEL, 1000, action=Action.NOTIFY),
    ]


@given(losses, trailings)
def test_nothing_is_raised_twice(lost: list[int], kind: Trailing) -> None:
    account = long(*limits_for(kind), obeys=False)
    for amount in lost:
        account.tick(price(amount))
    keys = [alarm.key for alarm in account.alarms]
    assert len(keys) == len(set(keys))


@given(losses, trailings, st.randoms(use_true_random=False))
def test_the_order_of_limits_does_not_matter(
    lost: list[int], kind: Trailing, random: object
) -> None:
    limits = limits_for(kind)
    shuffled = limits[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = long(*limits, obeys=False), long(*shuffled, obeys=False)
    for amount in lost:
        keys = [{alarm.key for alarm in account.tick(price(amount))} for account in (one, other)]
        assert keys[0] == keys[1]


@given(losses, st.lists(st.integers(0, 3000), min_size=25, max_size=25))
def test_who_loses_more_is_told_no_less(lost: list[int], extra: list[int]) -> None:
    one, other = long(DAILY, DRAWDOWN, obeys=False), long(DAILY, DRAWDOWN, obeys=False)
    for amount, more in zip(lost, extra, strict=False):
        one.tick(price(amount))
        other.tick(price(amount + more))
    severe = [{key for key in account.guard.raised if "BROKEN" in key} for account in (one, other)]
    assert severe[0] <= severe[1]


@given(losses, trailings)
def test_every_quote_is_as_if_it_had_been_read(lost: list[int], kind: Trailing) -> None:
    """The floats of a quote never hide what a reading would find."""
    quick, thorough = long(*limits_for(kind), obeys=False), long(*limits_for(kind), obeys=False)
    for amount in lost:
        quick.tick(price(amount))
        thorough.tick(price(amount))
        thorough.read()
    assert [a.key for a in quick.alarms] == [a.key for a in thorough.alarms]


@pytest.mark.parametrize("name", ["buffer_percent", "reset_warn_minutes", "stop_out_percent"])
def test_terms_are_numbers_of_at_least_0(name: str) -> None:
    with pytest.raises(EngineError, match=f"Expected {name} of at least 0, was -1"):
        Terms(**{name: -1})
