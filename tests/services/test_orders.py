"""Orders are written first, sent once, and never lost whatever the broker answers."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.desk import NOON, Desk, ScriptedBroker, entry, make_desk, opening
from tests.factories import make_position, make_run
from trading.brokers.base import BrokerError, NotSent, Receipt, Rejected, UnknownOutcome
from trading.engine.orders import OrderStatus
from trading.engine.types import (
    AccountState,
    ExitReason,
    OrderIntent,
    OrderKind,
    PositionState,
)
from trading.models import Account, Deployment, Event, Order, Origin, Position
from trading.services.brokers import broker_for
from trading.services.fills import fills_record
from trading.services.orders import (
    client_id_new,
    close_create,
    close_request,
    entry_create,
    is_ours,
)
from trading.services.runs import run_execute
from trading.services.sending import order_send
from trading.services.transitions import Cause

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def raising(error: Exception) -> Callable[[], Receipt]:
    def answer() -> Receipt:
        raise error

    return answer


def intent(kind: OrderKind = OrderKind.MARKET) -> OrderIntent:
    return OrderIntent("EURUSD", 1, Decimal("0.1"), kind, None, Decimal("1.09"), None)


def test_a_filled_order_records_position_fill_and_event(desk: Desk) -> None:
    order = entry(desk)
    broker = ScriptedBroker(lambda: Receipt("o", "7", (opening(order.client_id),)))
    order_send(order=order, broker=broker)
    order.refresh_from_db()
    assert (order.status, order.position_id, order.filled_lots) == ("FILLED", "7", Decimal("0.1"))
    assert Position.objects.get().deployment == desk.deployment
    assert Event.objects.get().kind == "order.filled"


def test_an_order_is_sent_once_however_often_it_is_asked_for(desk: Desk) -> None:
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    order_send(order=Order.objects.get(pk=order.pk), broker=broker)
    assert broker.asked == [order.client_id]


def test_the_order_is_on_record_as_sending_before_the_broker_hears_of_it(desk: Desk) -> None:
    order = entry(desk)
    seen: list[str] = []

    def answer() -> Receipt:
        seen.append(Order.objects.get(pk=order.pk).status)
        return Receipt("o", None)

    order_send(order=order, broker=ScriptedBroker(answer))
    assert seen == ["SENDING"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Rejected("no money", "10019"), "REJECTED", "10019"),
        (NotSent("no connection"), "REJECTED", "NotSent"),
        (UnknownOutcome("timed out", "10012"), "UNKNOWN", "10012"),
        (KeyError("shape"), "UNKNOWN", "KeyError"),
    ],
)
def test_every_failure_has_a_status_a_code_and_an_event(
    desk: Desk, error: BrokerError, status: str, code: str
) -> None:
    order = entry(desk)
    order_send(order=order, broker=ScriptedBroker(raising(error)))
    order.refresh_from_db()
    assert (order.status, order.code) == (status, code)
    assert Event.objects.get().kind == f"order.{status.lower()}"


def test_an_order_in_doubt_locks_its_deployment_for_entries(desk: Desk) -> None:
    entry(desk, status=OrderStatus.UNKNOWN)
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    assert (order.status, order.code, broker.asked) == ("EXPIRED", "IN_DOUBT", [])


def test_a_paused_deployment_sends_no_entry(desk: Desk) -> None:
    order, broker = entry(desk), ScriptedBroker()
    Deployment.objects.update(state=Deployment.State.PAUSED)
    order_send(order=order, broker=broker)
    assert (order.code, broker.asked) == ("DEPLOYMENT_PAUSED", [])
    assert Event.objects.get().kind == "order.denied"


@pytest.mark.parametrize(("state", "asked"), [("REDUCING", ["7"]), ("HALTED", [])])
def test_a_reducing_account_sends_exits_only_and_a_halted_one_nothing(
    desk: Desk, state: str, asked: list[str]
) -> None:
    Account.objects.update(state=state, state_reason="by hand")
    order, broker = entry(desk), ScriptedBroker()
    closing = entry(desk, purpose="CLOSE", position_id="7")
    order_send(order=order, broker=broker)
    order_send(order=closing, broker=broker)
    assert (order.code, broker.asked) == ("ACCOUNT_NOT_ACTIVE", asked)


def test_one_decision_makes_one_order(desk: Desk) -> None:
    run = make_run(deployment=desk.deployment)
    first = entry_create(run=run, intent=intent(), expires_at=None)
    assert entry_create(run=run, intent=intent(), expires_at=None).pk == first.pk


def test_the_client_id_fits_into_the_broker_comment(desk: Desk) -> None:
    order = entry_create(run=make_run(deployment=desk.deployment), intent=intent(), expires_at=None)
    assert len(order.client_id) <= 26


def test_closing_what_is_gone_already_is_a_success(desk: Desk) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, broker_id="7")
    order = close_create(run=make_run(deployment=desk.deployment), position=position)
    order_send(order=order, broker=ScriptedBroker(lambda: Receipt("", "7")))
    assert (order.status, order.code) == ("FILLED", "ALREADY_CLOSED")


def test_a_close_that_was_answered_before_its_deal_gets_it_when_it_comes(desk: Desk) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, broker_id="7")
    order = close_request(position=position, origin=Origin.KILL, cause=Cause("x"))
    order_send(order=order, broker=ScriptedBroker(lambda: Receipt("c", "7")))
    assert (order.status, order.code) == ("FILLED", "")
    deal = replace(opening(""), deal_id="7-out", opens=False, reason=ExitReason.SIGNAL)
    fills_record(account=desk.account, fills=[deal])
    order.refresh_from_db()
    position.refresh_from_db()
    assert (order.filled_lots, position.exit_reason) == (Decimal("0.1"), "KILL")


def test_a_resting_order_is_accepted(desk: Desk) -> None:
    order = entry(desk, kind="STOP", expires_at=NOON)
    order_send(order=order, broker=ScriptedBroker(lambda: Receipt("o", None)))
    assert (order.status, order.broker_order_id) == ("ACCEPTED", "o")


def test_client_ids_are_short_name_the_deployment_and_repeat_for_no_decision(desk: Desk) -> None:
    ids = {client_id_new(deployment=desk.deployment, decision_key="same") for _ in range(50)}
    assert len(ids) == 50
    assert {len(name) for name in ids} == {22}
    assert all(is_ours(name, desk.account) for name in ids)


@pytest.mark.parametrize("foreign", ["", "hand", "zzzz_00000000_00000000", "0001-123"])
def test_other_ids_are_not_ours(desk: Desk, foreign: str) -> None:
    assert not is_ours(foreign, desk.account)


def test_every_request_to_close_is_an_order_of_its_own(desk: Desk) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, lots=Decimal("0.3"))
    cause = Cause("person", actor="somebody")
    made = [
        close_request(position=position, origin=Origin.PERSON, cause=cause, remaining=left)
        for left in (Decimal(0), Decimal("0.1"))
    ]
    assert [(o.lots, o.remaining_lots) for o in made] == [
        (Decimal("0.3"), Decimal(0)),
        (Decimal("0.2"), Decimal("0.1")),
    ]
    assert made[0].transitions.get().actor == "somebody"


@pytest.mark.parametrize("remaining", ["0.3", "-0.1"])
def test_a_close_must_close_something(desk: Desk, remaining: str) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, lots=Decimal("0.3"))
    cause = Cause("person")
    with pytest.raises(ValueError, match=r"Expected 0 to below 0.3 lots"):
        close_request(
            position=position, origin=Origin.PERSON, cause=cause, remaining=Decimal(remaining)
        )


def test_a_part_is_closed_by_its_lots_and_the_whole_by_the_position(desk: Desk) -> None:
    paper = broker_for(account=desk.account)
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    position = Position.objects.get()
    half = position.lots / 2
    cause = Cause("person")
    part = close_request(position=position, origin=Origin.PERSON, cause=cause, remaining=half)
    order_send(order=part, broker=paper)
    position.refresh_from_db()
    assert (part.status, position.lots) == ("FILLED", half)
    whole = close_request(position=position, origin=Origin.PERSON, cause=cause)
    order_send(order=whole, broker=paper)
    assert paper.account().positions == ()


@pytest.mark.parametrize(("left", "asked"), [("0.2", "0.1"), ("0.1", "")])
def test_a_part_counts_from_what_is_open_now(desk: Desk, left: str, asked: str) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, lots=Decimal("0.3"))
    order = close_request(
        position=position, origin=Origin.PERSON, cause=Cause("x"), remaining=Decimal("0.1")
    )
    broker = HoldingBroker(lots=Decimal(left), position_id=position.broker_id)
    order_send(order=order, broker=broker)
    assert broker.asked == ([f"{position.broker_id} {asked}"] if asked else [])
    assert order.status == "FILLED"


class HoldingBroker(ScriptedBroker):
    """Shows one position and closes parts of it."""

    def __init__(self, lots: Decimal, position_id: str) -> None:
        super().__init__()
        self.seen = PositionState(position_id, "EURUSD", 1, lots, Decimal("1.1"), NOON)

    def account(self) -> AccountState:
        return replace(super().account(), positions=(self.seen,))

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        self.asked.append(f"{position_id} {lots}")
        return Receipt("c", position_id)
