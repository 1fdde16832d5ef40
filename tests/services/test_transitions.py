"""Every move of an order is on record, with its cause; the row is what the moves add up to."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.factories import make_order
from trading.engine.orders import FINAL, OPEN, SOFT_FINAL, TRANSITIONS, OrderStatus, sources
from trading.models import Order, OrderTransition
from trading.services.transitions import Cause, order_move


def test_final_states_lead_nowhere_and_soft_ones_only_to_late_fills() -> None:
    assert all(not TRANSITIONS[status] for status in FINAL)
    assert all(TRANSITIONS[status] == {OrderStatus.LATE_FILLED} for status in SOFT_FINAL)


def test_every_open_state_can_end() -> None:
    ends = FINAL | SOFT_FINAL
    reachable = set(ends)
    for _ in OrderStatus:
        reachable |= {s for s in OPEN if TRANSITIONS[s] & reachable}
    assert reachable == set(OrderStatus)


def test_sending_is_entered_from_approved_alone() -> None:
    assert sources(OrderStatus.SENDING) == {OrderStatus.APPROVED}


class Moves(TestCase):
    """Random wishes: only legal ones happen, and the transitions form one unbroken chain."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.sampled_from(list(OrderStatus)), max_size=12))
    def test_the_row_is_the_projection_of_its_transitions(self, wishes: list[OrderStatus]) -> None:
        order = make_order(status="PROPOSED")
        for wish in wishes:
            legal = wish in TRANSITIONS[OrderStatus(order.status)]
            assert order_move(order=order, to=wish, cause=Cause("test")) == legal
        chain = list(order.transitions.values_list("source", "target"))
        visited = ["PROPOSED", *(target for _, target in chain)]
        assert chain == list(pairwise(visited))
        stored = Order.objects.get(pk=order.pk).status
        assert stored == visited[-1]


@pytest.mark.django_db(transaction=True)
def test_of_many_movers_one_wins() -> None:
    order = make_order(status="APPROVED")

    def move(_: int) -> bool:
        try:
            mine = Order.objects.get(pk=order.pk)
            return order_move(order=mine, to=OrderStatus.SENDING, cause=Cause("race"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(move, range(8))) == [False] * 7 + [True]
    assert OrderTransition.objects.count() == 1
