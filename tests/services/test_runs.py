"""A run is claimed once and its answer is always written."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.desk import NOON, Desk, expired, make_desk
from tests.factories import make_risk_limit, make_symbol
from trading.engine.types import Quote
from trading.models import (
    Account,
    Event,
    Fill,
    Order,
    Position,
    Strategy,
    StrategyRun,
    Symbol,
)
from trading.services.quotes import quotes_put
from trading.services.runs import _bar_end, run_execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def answer(desk: Desk, minute: int, price: float) -> StrategyRun:
    """Close the bar, let the worker answer, return the run as stored."""
    run = desk.close_bar(minute, price)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run


def test_a_fresh_signal_becomes_a_position_with_a_stop(desk: Desk) -> None:
    run = answer(desk, 0, 1.1)
    assert (run.state, run.outcome) == ("DONE", "ENTRY")
    position = Position.objects.get()
    assert (position.side, position.deployment) == (-1, desk.deployment)
    assert position.stop is not None
    assert position.stop > position.entry_price


def test_the_answer_carries_signal_and_sizing_factors(desk: Desk) -> None:
    numbers = answer(desk, 0, 1.1).numbers
    assert numbers["signal"]["side"] == "-1"
    assert numbers["sizing"]["binding"] == "risk"


def test_a_reversal_closes_first_and_then_opens(desk: Desk) -> None:
    answer(desk, 0, 1.1)
    desk.quote("1.10200")
    assert answer(desk, 1, 1.102).outcome == "ENTRY"
    assert list(Order.objects.order_by("id").values_list("purpose", "side")) == [
        ("ENTRY", -1),
        ("CLOSE", -1),
        ("ENTRY", 1),
    ]
    assert Fill.objects.count() == 3


def test_a_run_is_answered_once(desk: Desk) -> None:
    run = answer(desk, 0, 1.1)
    run_execute(run_id=run.pk)
    assert Order.objects.count() == 1


def test_a_run_claimed_by_a_living_worker_is_left_alone(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    StrategyRun.objects.update(state="CLAIMED")
    run_execute(run_id=run.pk)
    assert not Order.objects.exists()


def test_an_old_signal_is_not_traded(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    StrategyRun.objects.update(expires_at=expired())
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.code, Order.objects.count()) == ("EXPIRED", "SIGNAL_TOO_OLD", 0)


def test_a_bar_that_is_not_the_newest_is_not_traded(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    desk.close_bar(1, 1.102)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.outcome, run.code) == ("DENIED", "BAR_NOT_NEWEST")


def test_without_a_fresh_quote_nothing_is_decided(desk: Desk) -> None:
    Symbol.objects.update(source="silent")
    run = desk.close_bar(0, 1.1)
    desk.symbol.refresh_from_db()
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.outcome, run.code) == ("DENIED", "QUOTE_STALE")


def test_a_limit_refuses_with_code_numbers_and_event(desk: Desk) -> None:
    make_risk_limit(control="MAX_SPREAD", value=Decimal(5))
    run = answer(desk, 0, 1.1)
    assert (run.outcome, run.code) == ("DENIED", "SPREAD_TOO_WIDE")
    assert run.numbers["refusal"] == {"spread_ticks": "6", "limit": "5"}
    assert Event.objects.get().message.endswith("Spread is 6 ticks, limit 5")


def test_the_strictest_limit_holds(desk: Desk) -> None:
    make_risk_limit(control="MAX_LOTS", value=Decimal("0.05"))
    make_risk_limit(control="MAX_LOTS", value=2, deployment=desk.deployment)
    answer(desk, 0, 1.1)
    assert Position.objects.get().lots == Decimal("0.05")


@pytest.mark.parametrize(("start", "scale"), [(103_000, None), (103_100, "0.5")])
def test_sizes_are_halved_once_the_daily_loss_warns(
    desk: Desk, start: int, scale: str | None
) -> None:
    """At 60 % of a loss of 5 %, with an equity of 100,000."""
    make_risk_limit(control="DAILY_LOSS", value=Decimal(5), action="BLOCK")
    make_risk_limit(control="DAILY_LOSS_USED", value=Decimal(60), action="NOTIFY")
    Account.objects.update(day_start_equity=start)
    run = answer(desk, 0, 1.1)
    assert run.numbers["sizing"].get("limit_scale") == scale


def test_bad_parameters_are_refused_with_the_reason(desk: Desk) -> None:
    Strategy.objects.update(params={"fast": 9, "slow": 3})
    run = answer(desk, 0, 1.1)
    assert (run.code, run.message) == ("BAD_INPUT", "Expected fast < slow, was 9 >= 3")


def test_a_reducing_account_still_closes(desk: Desk) -> None:
    answer(desk, 0, 1.1)
    Account.objects.update(state=Account.State.REDUCING)
    desk.quote("1.10200")
    answer(desk, 1, 1.102)
    assert Position.objects.get().closed_at is not None
    assert Order.objects.latest("id").code == "ACCOUNT_NOT_ACTIVE"


def test_a_resting_order_lives_for_the_bar_its_quote_is_in() -> None:
    monday = datetime(2026, 1, 19, 0, 0, 7, tzinfo=UTC)
    assert _bar_end(monday, "M1") == monday.replace(minute=1, second=0)
    assert _bar_end(monday, "H4") == monday.replace(hour=4, second=0)
    assert _bar_end(monday.replace(second=0), "M1") == monday.replace(minute=1, second=0)


def test_the_pair_that_converts_may_have_a_suffix(desk: Desk) -> None:
    Account.objects.update(currency="CHF")
    assert answer(desk, 0, 1.1).code == "BAD_INPUT"
    names = {"name": "USDCHFm", "canonical": "USDCHF"}
    make_symbol(**names, base_currency="USD", profit_currency="CHF")
    franc = Quote("USDCHFm", NOON, Decimal("0.8"), Decimal("0.80010"))
    quotes_put(source=desk.symbol.source, quotes=[franc])
    assert answer(desk, 1, 1.102).outcome == "ENTRY"
