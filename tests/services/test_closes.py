"""Closes that a person asks for, and that they are sent with or without a worker."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django_q.models import OrmQ

from tests.desk import ScriptedBroker, make_desk
from tests.factories import make_account, make_order, make_position, make_symbol
from trading.models import Event, Order, Origin, Position
from trading.services.closes import CloseRefused, position_close
from trading.services.positions import position_hands
from trading.services.sending import order_dispatch, orders_nudge

pytestmark = pytest.mark.django_db


def aged(order: Order, seconds: float) -> Order:
    Order.objects.filter(pk=order.pk).update(
        created_at=order.created_at - timedelta(seconds=seconds)
    )
    return order


def test_close_is_written_told_and_queued(owner: User) -> None:
    position = make_position()
    order = position_close(position=position, actor=owner)
    assert (order.status, order.origin) == ("APPROVED", Origin.PERSON)
    assert order.remaining_lots == 0
    assert order.good_until is not None
    assert order.transitions.get().actor == "owner"
    assert Event.objects.get().message.startswith("Asked for by owner: Close long 0.1 ")
    (task,) = OrmQ.objects.all()
    assert (task.task["func"], task.task["args"]) == ("trading.tasks.send_order", (order.pk,))


@pytest.mark.parametrize(
    ("lots", "remaining"), [("0.10", "0.05"), ("0.03", "0.02"), ("0.02", "0.01"), ("1.01", "0.51")]
)
def test_half_is_whole_steps_rounded_down(owner: User, lots: str, remaining: str) -> None:
    position = make_position(lots=Decimal(lots))
    order = position_close(position=position, actor=owner, half=True)
    assert order.remaining_lots == Decimal(remaining)
    assert order.lots + order.remaining_lots == Decimal(lots)


def test_half_below_the_smallest_volume_is_refused(owner: User) -> None:
    symbol = make_symbol(volume_min=Decimal("0.10"), volume_step=Decimal("0.01"))
    position = make_position(symbol=symbol, lots=Decimal("0.15"))
    with pytest.raises(CloseRefused, match=r"at least 0\.1 lots, was 0\.07"):
        position_close(position=position, actor=owner, half=True)
    assert not Order.objects.exists()


def test_second_request_is_refused_while_the_first_is_on_its_way(owner: User) -> None:
    position = make_position()
    position_close(position=position, actor=owner, half=True)
    for half in (True, False):
        with pytest.raises(CloseRefused, match="on its way already, APPROVED"):
            position_close(position=position, actor=owner, half=half)


def test_doubt_about_a_close_forbids_a_half_and_not_the_whole(owner: User) -> None:
    position = make_position()
    make_order(
        account=position.account,
        symbol=position.symbol,
        purpose="CLOSE",
        position_id=position.broker_id,
        status="UNKNOWN",
    )
    with pytest.raises(CloseRefused, match="UNKNOWN"):
        position_close(position=position, actor=owner, half=True)
    assert position_close(position=position, actor=owner).status == "APPROVED"


def test_closed_position_is_refused(owner: User) -> None:
    position = make_position()
    Position.objects.update(closed_at=position.opened_at)
    with pytest.raises(CloseRefused, match="Expected an open position"):
        position_close(position=position, actor=owner)


def test_close_needs_its_permission(staff: User) -> None:
    with pytest.raises(PermissionDenied):
        position_close(position=make_position(), actor=staff)


@pytest.mark.django_db(transaction=True)
def test_worker_sends_it_once_however_often_it_is_asked(owner: User) -> None:
    desk = make_desk()
    position = make_position(account=desk.account, symbol=desk.symbol)
    order = position_close(position=position, actor=owner)
    for _ in range(2):
        order_dispatch(order_id=order.pk)
    order.refresh_from_db()
    assert (order.status, order.code) == ("FILLED", "ALREADY_CLOSED")  # the book has no such one
    assert order.transitions.filter(target="SENDING").count() == 1


@pytest.mark.django_db(transaction=True)
def test_gateway_sends_what_no_worker_has_sent_for_a_while(owner: User) -> None:
    account, broker = make_account(), ScriptedBroker()
    symbol = make_symbol()
    orders = [
        position_close(position=make_position(account=account, symbol=symbol), actor=owner)
        for _ in range(2)
    ]
    old = aged(orders[0], 3)
    assert orders_nudge(account=account, broker=broker) == 1
    assert broker.asked == [old.position_id]
    assert orders_nudge(account=account, broker=broker) == 0


def test_gateway_leaves_orders_of_strategies_and_other_accounts_alone(owner: User) -> None:
    order = aged(make_order(), 30)
    aged(position_close(position=make_position(), actor=owner), 30)
    broker = ScriptedBroker()
    assert orders_nudge(account=order.account, broker=broker) == 0
    assert broker.asked == []


def test_nudge_finds_its_orders_by_an_index() -> None:
    account = make_account()
    waiting = Order.objects.filter(account=account, created_at__gt=account.created_at)
    if connection.vendor == "sqlite":
        assert "order_by_time" in waiting.explain()


def test_hands_are_taken_off_and_put_on_once_and_told(owner: User) -> None:
    position = make_position()
    assert [position_hands(position=position, off=off, actor=owner) for off in (True, True)] == [
        True,
        False,
    ]
    assert position_hands(position=position, off=False, actor=owner)
    kinds = [event.kind for event in Event.objects.order_by("id")]
    assert kinds == ["position.hands_off", "position.hands_on"]
    assert "by owner" in Event.objects.latest("id").message


def test_hands_stay_on_what_is_closed(owner: User) -> None:
    position = make_position()
    Position.objects.update(closed_at=position.opened_at)
    assert not position_hands(position=position, off=True, actor=owner)
