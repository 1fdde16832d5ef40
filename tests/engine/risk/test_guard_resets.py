"""A reset may break a limit without a move of the price: it is told before, and mended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from tests.engine.risk.guarded import Guarded, quote
from trading.engine.guarding import Terms
from trading.engine.risk import (
    Action,
    Control,
    Limit,
    Reference,
    Scope,
    Trailing,
    Unit,
    limit_of,
)
from trading.engine.risk.watching import Kind

D = Decimal
MIDNIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
"""In Prague."""
DAILY = limit_of(
    Control.DAILY_LOSS,
    5,
    action=Action.FLATTEN,
    unit=Unit.PERCENT_INITIAL,
    reference=Reference.BALANCE,
    reset=time(0),
    zone="Europe/Prague",
)
DRAWDOWN = limit_of(Control.MAX_DRAWDOWN, 5, reset=time(0), zone="Europe/Prague")
WARN = Terms(buffer_percent=0)
TRIM = Terms(buffer_percent=0, reset_trim_minutes=10)


def trapped(*limits: Limit, terms: Terms = WARN, floating: int = 6500) -> Guarded:
    """Vector (b) at half its size: 2,000 booked as profit, so much floating as loss: by day legal
    with a floor of 95,000, after midnight the floor is 97,000. 0.9 and 0.1 lots are open."""
    made = Guarded.opened(*(limits or (DAILY,)), terms=terms, made={"7": D(0)})
    made.at = MIDNIGHT - timedelta(hours=3)
    made.feed(quote("EURUSD", "1.10000", made.at))
    made.book.state.balance = 102_000
    made.read()
    made.open(1, "0.9")
    made.open(1, "0.1")
    made.feed(quote("EURUSD", f"{1.10006 - floating / 100_000:.5f}", MIDNIGHT - timedelta(hours=2)))
    made.alarms.clear()
    return made


def still(account: Guarded, minutes: float) -> list[Kind]:
    """The same price again, so many minutes before midnight (below 0: after it)."""
    price = account.book.quotes["EURUSD"].bid
    found = account.feed(quote("EURUSD", price, MIDNIGHT - timedelta(minutes=minutes)))
    found += account.read()
    return [alarm.kind for alarm in found if alarm.kind is not Kind.WORST]


def test_the_reset_breaks_it_without_a_move() -> None:
    account = trapped(terms=Terms(buffer_percent=0, reset_warn_minutes=0))
    assert still(account, 1) == []
    assert still(account, -1) == [Kind.BROKEN]
    assert (account.alarms[-1].floor, account.alarms[-1].reference) == (D(97_000), D(102_000))


def test_it_warns_half_an_hour_before_once_with_the_floor_to_come() -> None:
    account = trapped()
    assert still(account, 31) == []
    assert still(account, 30) == [Kind.RESET]
    assert still(account, 5) == []
    (alarm,) = account.alarms
    assert (alarm.equity, alarm.floor, alarm.ends) == (D(95_500), D(97_000), MIDNIGHT)


def test_it_trims_the_largest_loss_until_the_rest_fits() -> None:
    account = trapped(terms=TRIM)
    assert still(account, 11) == [Kind.RESET]
    assert still(account, 10) == [Kind.TRIM]
    assert [position.id for position in account.book.state.positions] == ["2"]
    assert still(account, -1) == []
    assert account.equity >= 100_000 - 650 + 2000 - 5850 - 5000


def test_no_more_is_trimmed_than_is_needed() -> None:
    account = trapped(terms=TRIM, floating=5200)
    still(account, 10)
    assert len(account.book.state.positions) == 1
    spared = trapped(terms=TRIM, floating=4900)
    assert still(spared, 10) == []
    assert len(spared.book.state.positions) == 2


def test_what_a_person_let_go_of_is_trimmed_no_further() -> None:
    account = trapped(terms=TRIM)
    account.obeys = False
    still(account, 10)
    assert account.guard.trims[0].positions == ("1",)
    account.guard.raised[account.guard.trims[0].key] = False
    still(account, 9)
    assert account.guard.trims == ()


@pytest.mark.parametrize(
    ("limit", "kinds"),
    [
        (replace(DAILY, reference=Reference.HIGHER), [Kind.TRIM, Kind.RESET]),
        (replace(DAILY, reference=Reference.EQUITY), []),
        (replace(DAILY, action=Action.NOTIFY), [Kind.RESET]),
        (replace(DAILY, scope=Scope.DEPLOYMENT, target="7"), [Kind.RESET]),
        (DRAWDOWN, []),
        (replace(DRAWDOWN, trailing=Trailing.END_OF_DAY), [Kind.TRIM, Kind.RESET]),
        (limit_of(Control.EQUITY_STOP, 90_000), []),
    ],
)
def test_which_limits_a_reset_can_break(limit: Limit, kinds: list[Kind]) -> None:
    account = trapped(limit, terms=TRIM)
    assert still(account, 5) == kinds


@pytest.mark.parametrize(
    ("day", "reset"), [(28, "2026-03-28 23:00"), (29, "2026-03-29 22:00"), (30, "2026-03-30 22:00")]
)
def test_midnight_in_prague_goes_with_its_clock(day: int, reset: str) -> None:
    """The 29th has 23 hours."""
    account = Guarded.opened(DAILY)
    account.feed(quote("EURUSD", "1.10000", datetime(2026, 3, day, 12, tzinfo=UTC)))
    account.open(1, "1")
    state = account.guard.states[account.guard.account, DAILY.clock]
    assert DAILY.clock.next(account.at) == datetime.fromisoformat(f"{reset}Z")
    account.tick("1.10000", minutes=12 * 60)
    after = account.guard.states[account.guard.account, DAILY.clock]
    assert after.started == datetime.fromisoformat(f"{reset}Z") > state.started


def test_the_first_quote_after_the_reset_is_read() -> None:
    account = Guarded.opened(DAILY)
    account.feed(quote("EURUSD", "1.10000", MIDNIGHT - timedelta(minutes=1)))
    before = account.guard.on_quote(quote("EURUSD", "1.10000", MIDNIGHT - timedelta(seconds=1)))
    assert (before, account.guard.on_quote(quote("USDJPY", "150", MIDNIGHT))) == (False, True)
