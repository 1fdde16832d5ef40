"""The checker can fail: each sort of fault is found where it is planted."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.desk import make_desk
from tests.factories import make_order, make_position
from tradebot.drill.verdict import Verdict, verdict_of
from trading.engine.orders import OrderStatus
from trading.models import Account, Event, Order
from trading.services.events import GENESIS
from trading.services.runs import run_execute
from trading.services.transitions import Cause, order_move

pytestmark = pytest.mark.django_db


@dataclass
class Scene:
    """An account, and what the venue's ledger says of it."""

    account: Account
    deals: list[dict[str, Any]]

    def deal(self, client_id: str, position_id: str) -> None:
        """One more position, in the ledger alone."""
        self.deals.append(opening(client_id, position_id))

    def verdict(self) -> Verdict:
        return verdict_of(executions=self.deals, accounts={"A1": self.account})


def opening(client_id: str, position_id: str) -> dict[str, Any]:
    return {
        "account": "A1",
        "opens": True,
        "client_id": client_id,
        "position_id": position_id,
        "by_hand": not client_id,
    }


@pytest.fixture
def scene() -> Scene:
    """One entry, executed and recorded as it should be."""
    desk = make_desk()
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    order = Order.objects.get()
    return Scene(desk.account, [opening(order.client_id, order.position_id)])


def test_a_faultless_record_has_no_faults(scene: Scene) -> None:
    assert scene.verdict().faults == {}
    assert scene.verdict().executions == 1
    assert set(scene.verdict().counts.values()) == {0}


def test_an_order_that_opened_twice_is_found(scene: Scene) -> None:
    client_id = Order.objects.get().client_id
    scene.deal(client_id, "elsewhere")
    assert scene.verdict().duplicates == (client_id,)


def test_a_position_without_a_row_is_found(scene: Scene) -> None:
    scene.deal("", "77")
    assert len(scene.verdict().unbound_positions) == 1
    make_position(account=scene.account, broker_id="77")
    assert scene.verdict().unbound_positions == ()


def test_a_position_of_no_order_of_its_own_is_found(scene: Scene) -> None:
    scene.deal("lost", "78")
    make_position(account=scene.account, broker_id="78")
    assert "78 of lost" in scene.verdict().unbound_positions[0]


def test_an_execution_nobody_knows_of_is_found(scene: Scene) -> None:
    scene.deal("lost", "78")
    assert scene.verdict().false_fills == ("lost is no order of ours",)


def test_a_fill_that_never_happened_is_found(scene: Scene) -> None:
    scene.deals.clear()
    assert scene.verdict().false_fills == (f"{Order.objects.get().client_id} is FILLED",)


def test_an_execution_taken_for_dead_is_found(scene: Scene) -> None:
    order = make_order(account=scene.account, status=OrderStatus.NOT_EXECUTED, position_id="79")
    scene.deal(order.client_id, "79")
    assert scene.verdict().false_fills == (f"{order.client_id} is NOT_EXECUTED",)


@pytest.mark.parametrize("status", [OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.PARTIAL])
def test_an_order_without_an_end_is_found(scene: Scene, status: OrderStatus) -> None:
    order = make_order(account=scene.account, status=status)
    assert scene.verdict().unresolved_orders == (f"{order.client_id} {status}",)


def test_a_rejection_that_is_not_verified_is_found(scene: Scene) -> None:
    make_order(account=scene.account, status=OrderStatus.REJECTED, verify_stage=1)
    assert len(scene.verdict().unresolved_orders) == 1


def test_an_end_that_no_event_tells_is_found(scene: Scene) -> None:
    order = make_order(account=scene.account)
    order_move(order=order, to=OrderStatus.EXPIRED, cause=Cause("silence"))
    found = scene.verdict()
    assert found.missing_events == (f"end of order {order.pk}: ENTRY EXPIRED ",)
    assert found.broken_invariants  # the live checker sees it too


def test_a_broken_chain_is_found(scene: Scene) -> None:
    last = Event.objects.latest("id")
    forged = Event(kind="x", message="x", at=last.at, previous_hash=GENESIS, hash="1" * 64)
    forged.save(force_insert=True)
    assert scene.verdict().missing_events == (f"before event {forged.pk}",)


def test_counts_tell_how_many_of_each(scene: Scene) -> None:
    scene.deal("lost", "78")
    counts = scene.verdict().counts
    assert (counts["unbound_positions"], counts["false_fills"], counts["duplicates"]) == (1, 1, 0)
