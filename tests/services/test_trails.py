"""A stop that follows: decided, wanted, sent by the worker, settled by the gateway."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from tests.desk import NOON, Desk, ScriptedBroker, entry, make_desk
from tests.factories import make_kill_switch, make_position
from trading.brokers.base import BrokerError, Rejected, UnknownOutcome
from trading.engine.types import PositionState, Trail
from trading.models import Account, Event, Order, PaperBook, Position, Strategy, StrategyRun
from trading.services.positions import position_claim
from trading.services.protection import positions_protect
from trading.services.runs import run_execute
from trading.services.trails import stop_move

pytestmark = pytest.mark.django_db
D = Decimal
WAS, GOAL = D("1.08000"), D("1.09500")


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


# --- the worker, on paper


@pytest.fixture
def short(desk: Desk) -> Desk:
    """Short at 1.10000 with a stop five ranges above it that follows half a range behind."""
    Strategy.objects.update(params={"fast": 2, "slow": 3, "stop_atr": 5.0, "trail_atr": 0.5})
    desk.deployment.strategy.refresh_from_db()
    answer(desk, 0, 1.1)
    return desk


def answer(desk: Desk, minute: int, price: float) -> StrategyRun:
    """Close a bar at the price, which is also the market's, and let the worker answer."""
    desk.quote(f"{price:.5f}")
    run = desk.close_bar(minute, price)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run


def stop_at_the_broker() -> Decimal:
    [position] = PaperBook.objects.get().state["positions"]
    return D(position["stop"]) * D("0.00001")


def test_an_entry_hands_its_trail_to_the_position(short: Desk) -> None:
    trail = Order.objects.get().trail
    assert trail is not None
    assert D("0.00090") < trail < D("0.00110")  # half of the swings of 0.002
    assert Position.objects.get().trail == trail


def test_an_orphan_gets_the_trail_of_the_order_that_claims_it(desk: Desk) -> None:
    position = make_position(account=desk.account, symbol=desk.symbol, origin="ORPHAN")
    position_claim(position=position, order=entry(desk, trail=D("0.002")))
    assert Position.objects.get().trail == D("0.002")


def test_the_next_close_moves_the_stop_at_the_broker(short: Desk) -> None:
    before = stop_at_the_broker()
    run = answer(short, 1, 1.099)
    position = Position.objects.get()
    assert position.trail is not None
    goal = D("1.09906") + position.trail
    assert stop_at_the_broker() == position.wanted_stop == goal < before
    assert run.outcome == "HOLD"
    assert run.numbers["stops"] == {position.broker_id: f"{goal.normalize():f}"}
    assert kinds()[-1] == "position.stop_moved"


def test_a_close_against_it_moves_nothing(short: Desk) -> None:
    answer(short, 1, 1.099)
    before = stop_at_the_broker()
    assert "stops" not in answer(short, 2, 1.09905).numbers
    assert stop_at_the_broker() == before


def test_a_second_answer_to_the_bar_of_the_entry_moves_nothing(short: Desk) -> None:
    before = stop_at_the_broker()
    StrategyRun.objects.update(state="QUEUED", numbers={})
    run_execute(run_id=StrategyRun.objects.get().pk)
    run = StrategyRun.objects.get()
    assert (run.outcome, run.numbers) == ("ENTRY", {"signal": {"side": "-1"}})
    assert stop_at_the_broker() == before


def test_a_market_beyond_the_stop_closes_the_position(short: Desk) -> None:
    run = short.close_bar(1, 1.099)
    short.quote("1.10100")
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.outcome, Order.objects.latest("id").origin) == ("EXIT", "STRATEGY")
    position = Position.objects.get()
    assert (position.exit_reason, position.exit_price) == ("SIGNAL", D("1.10106"))


def test_a_stop_that_a_person_looks_after_stays(short: Desk) -> None:
    before = stop_at_the_broker()
    Position.objects.update(hands_off=True)
    answer(short, 1, 1.099)
    assert stop_at_the_broker() == before


@pytest.mark.parametrize("halt", ["account", "switch"])
def test_under_halt_strategies_move_nothing(short: Desk, halt: str) -> None:
    before = stop_at_the_broker()
    if halt == "account":
        Account.objects.update(state=Account.State.HALTED)
    else:
        make_kill_switch(symbol=short.symbol, mode="HALT")
    answer(short, 1, 1.099)
    assert stop_at_the_broker() == before
    assert Position.objects.get().moving_since is None


def test_the_gateway_notes_what_the_broker_shows(short: Desk) -> None:
    answer(short, 1, 1.099)
    told, shown = len(kinds()), stop_at_the_broker()
    settle(short, ScriptedBroker(), stop=shown)
    position = Position.objects.get()
    assert (position.stop, position.moving_since) == (shown, None)
    assert len(kinds()) == told


# --- the gateway, and brokers that do not do what they are asked


@dataclass(slots=True)
class MovingBroker(ScriptedBroker):
    """Refuses to move a stop, or answers nothing, where a test says so."""

    error: BrokerError | None = None

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        self.asked.append(f"{position_id} to {stop:.5f}")
        if self.error is not None:
            raise self.error


def moving(desk: Desk, **fields: object) -> Position:
    """A long whose stop is on its way for three seconds."""
    given: dict[str, object] = {
        "account": desk.account,
        "symbol": desk.symbol,
        "deployment": desk.deployment,
        "broker_id": "1",
        "stop": WAS,
        "wanted_stop": GOAL,
        "moving_since": now() - timedelta(seconds=3),
    }
    return make_position(**{**given, **fields})


def seen(stop: Decimal | None, **more: object) -> PositionState:
    state = PositionState("1", "EURUSD", 1, D("0.1"), D("1.1"), NOON, stop)
    return replace(state, **more)  # type: ignore[arg-type]  # any field


def settle(desk: Desk, broker: ScriptedBroker, stop: Decimal | None) -> list[str]:
    """What a reading that shows the stop makes the gateway ask for."""
    state = replace(ScriptedBroker().account(), positions=(seen(stop),))
    positions_protect(account=desk.account, broker=broker, state=state)
    return broker.asked


def move(position: Position, stop: Decimal, broker: ScriptedBroker) -> bool:
    trail = Trail(seen(WAS), stop, is_overtaken=False)
    return stop_move(position=position, trail=trail, broker=broker)


@pytest.mark.parametrize("shown", [WAS, D("1.09")])  # the last is the move before
def test_what_is_not_shown_in_time_is_sent_again(desk: Desk, shown: Decimal) -> None:
    moving(desk)
    assert settle(desk, MovingBroker(), shown) == ["1 to 1.09500"]


def test_what_is_on_its_way_is_waited_for(desk: Desk) -> None:
    moving(desk, moving_since=now())
    assert settle(desk, MovingBroker(), WAS) == []


@pytest.mark.parametrize("shown", [D("1.07"), D("1.096"), None])
def test_what_somebody_else_moved_is_not_sent_over(desk: Desk, shown: Decimal | None) -> None:
    moving(desk, hands_off=shown is None)
    assert settle(desk, MovingBroker(), shown) == []


def test_a_stop_is_wanted_once_and_never_loosened(desk: Desk) -> None:
    position, broker = moving(desk, moving_since=None), MovingBroker()
    assert not move(position, GOAL, broker)
    assert not move(position, D("1.09400"), broker)
    assert move(position, D("1.09600"), broker)
    assert broker.asked == ["1 to 1.09600"]
    assert kinds() == ["position.stop_moved"]


def test_a_closed_position_wants_nothing(desk: Desk) -> None:
    position = moving(desk, closed_at=NOON)
    assert not move(position, D("1.09600"), MovingBroker())
    assert settle(desk, MovingBroker(), WAS) == []
    assert Position.objects.get().moving_since is None


def test_no_answer_leaves_it_to_the_gateway(desk: Desk) -> None:
    position = moving(desk, moving_since=None)
    assert move(position, D("1.09600"), MovingBroker(error=UnknownOutcome("no answer")))
    Position.objects.update(moving_since=now() - timedelta(seconds=3))
    assert settle(desk, MovingBroker(), WAS) == ["1 to 1.09600"]


def test_a_refusal_leaves_the_stop_until_the_next_close(desk: Desk) -> None:
    moving(desk)
    assert settle(desk, MovingBroker(error=Rejected("too near", "10016")), WAS) == ["1 to 1.09500"]
    position = Position.objects.get()
    assert (position.wanted_stop, position.moving_since) == (WAS, None)
    assert kinds() == ["position.stop_refused"]
    assert not Order.objects.exists()


def test_a_refusal_because_the_market_has_passed_it_closes_the_position(desk: Desk) -> None:
    moving(desk)
    desk.quote("1.09499")
    asked = settle(desk, MovingBroker(error=Rejected("invalid stops", "10016")), WAS)
    assert asked == ["1 to 1.09500", "1"]
    order = Order.objects.get()
    assert (order.purpose, order.origin) == ("CLOSE", "STRATEGY")
    assert order.transitions.earliest("id").evidence == {"stop": "1.095", "price": "1.09499"}


def test_a_position_that_is_gone_is_no_refusal(desk: Desk) -> None:
    moving(desk)
    settle(desk, MovingBroker(error=Rejected("gone", "POSITION_NOT_FOUND")), WAS)
    assert kinds() == []
