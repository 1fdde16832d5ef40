"""The database itself refuses illegal moves, on SQLite and on PostgreSQL."""

import pytest
from django.db import IntegrityError, transaction

from tests.factories import make_event, make_order
from trading.engine.orders import OrderStatus, legal_pairs
from trading.models import Event, Order, OrderTransition
from trading.services.transitions import Cause, order_move

pytestmark = pytest.mark.django_db
PAIRS = [(a.value, b.value) for a in OrderStatus for b in OrderStatus if a is not b]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_move_is_possible_exactly_where_it_is_legal(source: str, target: str) -> None:
    order = make_order(status=source)
    try:
        with transaction.atomic():
            Order.objects.filter(pk=order.pk).update(status=target)
        moved = True
    except IntegrityError:
        moved = False
    assert moved == ((source, target) in set(legal_pairs()))


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_order(status="DREAMT")


def test_an_order_cannot_enter_sending_twice() -> None:
    order = make_order(status="APPROVED")
    assert order_move(order=order, to=OrderStatus.SENDING, cause=Cause("gate"))
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderTransition.objects.create(
            order=order, source="APPROVED", target="SENDING", cause="gate", actor="x"
        )


def test_transitions_and_events_cannot_be_changed() -> None:
    order_move(order=make_order(status="APPROVED"), to=OrderStatus.SENDING, cause=Cause("gate"))
    make_event()
    for rows, column in ((OrderTransition.objects, "cause"), (Event.objects, "message")):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            rows.update(**{column: "forged"})
