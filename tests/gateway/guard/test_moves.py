"""Deposits and withdrawals are neither won nor lost; trades are."""

from datetime import timedelta

import pytest

from tests.desk import NOON, Desk
from tests.factories import make_balance_move, make_risk_limit
from tests.gateway.guard.market import (
    D,
    bought,
    kinds,
    limited,
    moved,
    open_positions,
    paid,
    started,
)
from trading.gateway.session import Session
from trading.models import Account, BalanceMove, Breach, DayMark, KillSwitch, LossState
from trading.services.brokers import broker_for

pytestmark = pytest.mark.django_db


def test_a_withdrawal_is_no_loss_and_losses_count_anew(desk: Desk, session: Session) -> None:
    limited(desk)
    bought(desk, "1")
    moved(desk, session, 0)
    paid(-20_000)
    moved(desk, session, 0, 0, at=NOON + timedelta(minutes=2))
    assert (open_positions(), kinds("account.moved")) == (1, ["account.moved"])
    state = LossState.objects.get()
    assert (state.initial, state.start_balance) == (D(80_000), D(80_000))
    assert (BalanceMove.objects.get().amount, DayMark.objects.get().moved) == (D(-20_000),) * 2
    moved(desk, session, 3950, at=NOON + timedelta(minutes=3))
    assert open_positions() == 0


def test_what_the_broker_has_told_of_a_deposit_is_counted_not_repeated(
    desk: Desk, session: Session
) -> None:
    Account.objects.update(initial_balance=100_000)
    moved(desk, session, 0)
    paid(5000)
    make_balance_move(account=desk.account, amount=D(5000))
    moved(desk, session, 0, 0, at=NOON + timedelta(minutes=2))
    assert BalanceMove.objects.get().counted_at is not None
    assert Account.objects.get().initial_balance == 105_000


def test_trades_are_no_deposits(desk: Desk, session: Session) -> None:
    bought(desk, "1", "0.5")
    moved(desk, session, 100, -400)
    broker_for(account=desk.account).close("1")
    moved(desk, session, -400, at=NOON + timedelta(minutes=2))
    session._seats[desk.account.pk].drop()
    broker_for(account=desk.account).close("2")
    moved(desk, started(desk), -400, -400, at=NOON + timedelta(minutes=3))
    assert not BalanceMove.objects.exists()
    assert LossState.objects.get().initial == 100_000


def test_a_fee_is_lost(desk: Desk, session: Session) -> None:
    moved(desk, session, 0)
    paid(-30)
    moved(desk, session, 0, 0, at=NOON + timedelta(minutes=2))
    state = LossState.objects.get()
    assert (state.balance, state.start_balance, BalanceMove.objects.count()) == (
        D(99_970),
        D(100_000),
        0,
    )


def test_an_old_row_of_the_account_does_not_undo_a_move(desk: Desk, session: Session) -> None:
    Account.objects.update(initial_balance=100_000)
    session.load()
    moved(desk, session, 0)
    (seat,) = session._seats.values()
    old = Account.objects.get()
    paid(-20_000)
    moved(desk, session, 0, 0, at=NOON + timedelta(minutes=2))
    seat.account = old
    session.observe()
    assert (LossState.objects.get().initial, seat.account.initial_balance) == (D(80_000),) * 2


def test_a_withdrawal_while_nobody_watched_is_seen_afterwards(desk: Desk, session: Session) -> None:
    moved(desk, session, 0)
    session._seats[desk.account.pk].drop()
    paid(-1000)
    moved(desk, started(desk), 0, 0, 0, at=NOON + timedelta(minutes=3))
    assert BalanceMove.objects.get().amount == -1000


def test_a_deposit_stops_the_account_where_a_limit_says_so(desk: Desk, session: Session) -> None:
    make_risk_limit(control="BALANCE_MOVED", value=D(1), action="PAUSE", account=desk.account)
    moved(desk, session, 0)
    paid(5000)
    moved(desk, session, 0, 0, at=NOON + timedelta(minutes=2))
    assert (Breach.objects.get().control, KillSwitch.objects.get().mode) == (
        "BALANCE_MOVED",
        "HALT",
    )


def test_an_initial_balance_that_a_person_gives_later_counts(desk: Desk, session: Session) -> None:
    moved(desk, session, 0)
    Account.objects.update(initial_balance=120_000)
    session.load()
    moved(desk, session, 0, at=NOON + timedelta(minutes=2))
    assert LossState.objects.get().initial == 120_000
