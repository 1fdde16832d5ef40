"""A kill switch is latched, stops what it covers and nothing else, and needs a person to let go."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied, ValidationError

from tests.desk import Desk, ScriptedBroker, entry, make_desk
from tests.factories import make_account, make_order, make_symbol
from trading.brokers.base import Receipt, Rejected
from trading.models import Event, KillMode, KillSwitch, Order, Position
from trading.services.brokers import broker_for
from trading.services.gate import gate_pass
from trading.services.kills import kills_apply
from trading.services.runs import run_execute
from trading.services.sending import order_send
from trading.services.switches import Scope, kill_pull, kill_rearm

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def pull(scope: Scope, mode: KillMode = KillMode.HALT) -> KillSwitch:
    return kill_pull(scope=scope, mode=mode, reason="drill", actor="tester")


@pytest.mark.parametrize(
    "covering",
    [
        lambda desk: Scope(),
        lambda desk: Scope(account=desk.account),
        lambda desk: Scope(deployment=desk.deployment),
        lambda desk: Scope(symbol=desk.symbol),
    ],
)
def test_no_entry_passes_in_its_scope(desk: Desk, covering: Callable[[Desk], Scope]) -> None:
    pull(covering(desk))
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    assert (order.status, order.code, broker.asked) == ("EXPIRED", "KILL_SWITCH", [])
    assert order.message.endswith("pulled by tester: drill")


def test_an_entry_behind_the_gate_is_still_caught(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, broker = entry(desk), ScriptedBroker()

    def pass_and_pull(*, order: Order) -> tuple[str, str] | None:
        refusal = gate_pass(order=order)
        pull(Scope())
        return refusal

    monkeypatch.setattr("trading.services.sending.gate_pass", pass_and_pull)
    order_send(order=order, broker=broker)
    assert (order.status, order.code, broker.asked) == ("REJECTED", "KILL_SWITCH", [])


def test_entries_outside_its_scope_pass(desk: Desk) -> None:
    pull(Scope(account=make_account()))
    pull(Scope(symbol=make_symbol()))
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    assert broker.asked == [order.client_id]


@pytest.mark.parametrize(
    ("mode", "origin", "asked"),
    [
        (KillMode.HALT, "STRATEGY", []),
        (KillMode.REDUCE, "STRATEGY", ["7"]),
        (KillMode.FLATTEN, "STRATEGY", ["7"]),
        (KillMode.HALT, "KILL", ["7"]),
        (KillMode.HALT, "PROTECTION", ["7"]),
        (KillMode.HALT, "PERSON", ["7"]),
    ],
)
def test_halt_stops_the_exits_of_strategies_and_no_other_close(
    desk: Desk, mode: KillMode, origin: str, asked: list[str]
) -> None:
    pull(Scope(), mode)
    broker = ScriptedBroker()
    close = make_order(
        account=desk.account,
        deployment=desk.deployment,
        symbol=desk.symbol,
        purpose="CLOSE",
        position_id="7",
        origin=origin,
    )
    order_send(order=close, broker=broker)
    assert broker.asked == asked


def test_pulling_twice_is_one_switch_and_one_alarm(desk: Desk) -> None:
    assert pull(Scope()).pk == pull(Scope()).pk
    assert [e.kind for e in Event.objects.all()] == ["kill.pulled"]


def test_only_a_permitted_person_with_a_reason_re_arms(desk: Desk, staff: User) -> None:
    switch = pull(Scope())
    with pytest.raises(PermissionDenied):
        kill_rearm(switch=switch, actor=staff, reason="all clear")
    staff.user_permissions.add(Permission.objects.get(codename="rearm_killswitch"))
    staff = User.objects.get(pk=staff.pk)
    with pytest.raises(ValidationError, match="Expected a reason"):
        kill_rearm(switch=switch, actor=staff, reason=" ")
    assert kill_rearm(switch=switch, actor=staff, reason="all clear")
    assert not kill_rearm(switch=switch, actor=staff, reason="again")
    assert Event.objects.latest("id").kind == "kill.rearmed"


def test_entries_pass_again_once_it_is_re_armed(desk: Desk, owner: User) -> None:
    kill_rearm(switch=pull(Scope()), actor=owner, reason="all clear")
    order, broker = entry(desk), ScriptedBroker()
    order_send(order=order, broker=broker)
    assert broker.asked == [order.client_id]


def test_flatten_closes_every_covered_position_and_leaves_no_entry(desk: Desk) -> None:
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    broker = broker_for(account=desk.account)
    pull(Scope(account=desk.account), KillMode.FLATTEN)
    assert kills_apply(account=desk.account, broker=broker, state=broker.account()) == 1
    assert Position.objects.get().exit_reason == "KILL"
    assert broker.account().positions == ()
    assert kills_apply(account=desk.account, broker=broker, state=broker.account()) == 0


def test_halt_leaves_positions_open(desk: Desk) -> None:
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    broker = broker_for(account=desk.account)
    pull(Scope(), KillMode.HALT)
    assert kills_apply(account=desk.account, broker=broker, state=broker.account()) == 0
    assert len(broker.account().positions) == 1


def test_a_close_that_failed_is_tried_again_after_a_pause(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_execute(run_id=desk.close_bar(0, 1.1).pk)
    state = broker_for(account=desk.account).account()
    pull(Scope(), KillMode.FLATTEN)

    def refuse() -> Receipt:
        raise Rejected("market closed", "10018")

    broker = ScriptedBroker(refuse)
    sent = [kills_apply(account=desk.account, broker=broker, state=state) for _ in range(2)]
    monkeypatch.setattr("trading.services.kills.AGAIN_AFTER", timedelta(0))
    sent.append(kills_apply(account=desk.account, broker=broker, state=state))
    assert sent == [1, 0, 1]


def test_resting_entries_are_taken_back(desk: Desk) -> None:
    order = entry(desk)
    Order.objects.filter(pk=order.pk).update(status="SENDING")
    Order.objects.filter(pk=order.pk).update(status="ACCEPTED")
    pull(Scope())
    broker = ScriptedBroker()
    assert kills_apply(account=desk.account, broker=broker, state=broker.account()) == 1
    order.refresh_from_db()
    assert (order.status, broker.asked) == ("CANCELLED", [f"cancel {order.client_id}"])
    assert order.lots == Decimal("0.10")


def test_a_switch_has_one_scope(desk: Desk) -> None:
    with pytest.raises(ValidationError, match="Expected one scope"):
        Scope(account=desk.account, symbol=desk.symbol)
