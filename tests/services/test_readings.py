"""What is judged at every reading beside losses is noted once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.desk import NOON, Desk, entry, make_desk
from tests.factories import make_balance_move, make_fill, make_position, make_risk_limit
from trading.models import Account, Breach, KillSwitch
from trading.selectors.guards import rulebook
from trading.services.readings import readings_judge

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def judged(desk: Desk) -> list[Breach]:
    account = Account.objects.get(pk=desk.account.pk)
    return readings_judge(account=account, rulebook=rulebook(), at=NOON)


def slipped(desk: Desk, ticks: int) -> None:
    """A fill so many ticks above the price expected."""
    order = entry(desk, expected_price=D("1.10000"))
    position = make_position(account=desk.account, symbol=desk.symbol)
    price = D("1.10000") + ticks * desk.symbol.tick_size
    at = NOON - timedelta(minutes=5)
    make_fill(position=position, order=order, opens=True, price=price, at=at)


def test_readings_that_differ_again_and_again_stop_the_account(desk: Desk) -> None:
    make_risk_limit(control="RECON_MISMATCH", value=D(2))
    Account.objects.update(mismatches=1)
    assert judged(desk) == []
    Account.objects.update(mismatches=2)
    assert [breach.control for breach in judged(desk)] == ["RECON_MISMATCH"]
    assert (judged(desk), KillSwitch.objects.get().mode) == ([], "HALT")


def test_money_that_moved_and_is_not_counted_is_noted(desk: Desk) -> None:
    make_risk_limit(control="BALANCE_MOVED", value=D(1), action="PAUSE")
    make_balance_move(account=desk.account)
    assert [breach.account for breach in judged(desk)] == [desk.account]


def test_a_strategy_whose_fills_slip_is_paused_alone(desk: Desk) -> None:
    make_risk_limit(control="SLIPPAGE", value=D(10))
    for ticks in (11, 12, 9):
        slipped(desk, ticks)
    assert judged(desk) == []
    slipped(desk, 20)
    assert [breach.deployment for breach in judged(desk)] == [desk.deployment]


def test_without_limits_nothing_is_asked(desk: Desk) -> None:
    Account.objects.update(mismatches=9)
    assert judged(desk) == []
