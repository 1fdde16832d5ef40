"""Facts for the sizing rule, out of deals, positions and bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.factories import (
    make_deployment,
    make_fill,
    make_order,
    make_position,
    make_risk_limit,
    make_symbol,
)
from trading.engine.risk import LimitSet
from trading.engine.sizing import Base, Caps, Facts, Method, Record, SizingRule
from trading.engine.types import AccountState, Bars, Market, Quote
from trading.models import Deployment, Position
from trading.selectors.risk import limit_set_of
from trading.selectors.sizing import caps_of, facts_of

pytestmark = pytest.mark.django_db
D = Decimal
NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
DAY_START = datetime(2026, 1, 13, 22, tzinfo=UTC)
STATE = AccountState("USD", D(10_000), D(9_900), D(0), 30)
FIELDS: dict[str, Any] = {"profit": D(0), "swap": D(0), "commission": D(0)}


@pytest.fixture
def deployment() -> Deployment:
    return make_deployment()


def facts(deployment: Deployment, rule: SizingRule) -> Facts:
    quote = Quote(deployment.symbol.name, NOON, D("1.1"), D("1.1001"))
    market = Market(deployment.symbol.instrument(), quote)
    return facts_of(deployment=deployment, rule=rule, bars=Bars.empty(), market=market, state=STATE)


def caps(deployment: Deployment, rule: SizingRule = SizingRule()) -> Caps:
    limits = limit_set_of(deployment=deployment)
    return caps_of(deployment=deployment, rule=rule, limits=limits, equity=STATE.equity)


def deal(deployment: Deployment, at: datetime, **money: object) -> None:
    position = make_position(account=deployment.account, symbol=deployment.symbol)
    given = {"account": deployment.account, "symbol": deployment.symbol, "position": position}
    make_fill(**given, at=at, **{**FIELDS, **money})


def closed(deployment: Deployment, minute: int, profit: object, risk: object = 0) -> Position:
    """A closed position of an entry that had so much at risk."""
    position = make_position(
        account=deployment.account,
        symbol=deployment.symbol,
        deployment=deployment,
        closed_at=NOON + timedelta(minutes=minute),
        **{**FIELDS, "profit": D(str(profit)), "swap": D("-0.5"), "commission": D("1.5")},
    )
    make_order(
        account=deployment.account,
        symbol=deployment.symbol,
        deployment=deployment,
        position_id=position.broker_id,
        risk_money=D(str(risk)),
    )
    return position


def test_the_usual_rule_asks_nothing(
    deployment: Deployment, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert facts(deployment, SizingRule()) == Facts()
        nothing = caps_of(
            deployment=deployment, rule=SizingRule(), limits=LimitSet(), equity=STATE.equity
        )
        assert nothing == Caps()


def test_the_day_began_with_the_balance_less_what_was_booked_since(deployment: Deployment) -> None:
    deal(deployment, DAY_START - timedelta(seconds=1), profit=D(77))
    deal(deployment, DAY_START, commission=D(4))
    deal(deployment, NOON, profit=D(100), swap=D(-6), commission=D(4))
    found = facts(deployment, SizingRule(base=Base.DAY_START))
    assert found.day_start_balance == 10_000 - (100 - 6 - 4 - 4)


def test_without_deals_the_day_began_as_it_is(deployment: Deployment) -> None:
    assert facts(deployment, SizingRule(base=Base.DAY_START)).day_start_balance == 10_000


SCALED = SizingRule(drawdown_from=D(4), drawdown_to=D(10))


def test_the_peak_is_the_balance_and_what_deals_have_lost_since_their_best(
    deployment: Deployment,
) -> None:
    for minute, profit in enumerate((50, 300, -120, 40, -30)):
        deal(deployment, NOON + timedelta(minutes=minute), profit=D(profit))
    deal(make_deployment(), NOON, profit=D(-999))
    assert facts(deployment, SCALED).peak_balance == 10_000 + (120 - 40 + 30)


def test_an_account_that_only_lost_was_at_its_best_before(deployment: Deployment) -> None:
    assert facts(deployment, SCALED).peak_balance == 10_000
    deal(deployment, NOON, profit=D(-70), commission=D(2))
    assert facts(deployment, SCALED).peak_balance == 10_072


def test_the_record_is_of_the_deployment_s_closed_positions_in_r(deployment: Deployment) -> None:
    closed(deployment, 1, 32, risk=10)  # nets 30
    closed(deployment, 2, -18, risk=10)  # nets -20
    closed(deployment, 3, 500, risk=0)  # its risk is not known
    closed(make_deployment(), 4, 500, risk=1)
    make_position(account=deployment.account, symbol=deployment.symbol, deployment=deployment)
    found = facts(deployment, SizingRule(Method.KELLY)).record
    assert found == Record(2, 1, D(3), D(2))


def test_the_curve_adds_up_the_newest_twenty_in_order(deployment: Deployment) -> None:
    for minute in (3, 1, 2):
        closed(deployment, minute, 10 * minute + 2)
    rule = SizingRule(curve_factor=D("0.5"))
    assert facts(deployment, rule).curve == (D(10), D(30), D(60))
    for minute in range(4, 24):
        closed(deployment, minute, 3)
    assert facts(deployment, rule).curve == tuple(D(k) for k in range(1, 21))


def test_the_broker_s_tick_value_is_told_at_the_rate_of_now(deployment: Deployment) -> None:
    deployment.symbol.tick_value_ratio = D("1.25")
    assert facts(deployment, SizingRule()).broker_tick_value == D("1.25")


def test_what_is_on_its_way_counts_in_the_volume_limit(deployment: Deployment) -> None:
    deployment.symbol.volume_limit = D(5)
    given = {"account": deployment.account, "symbol": deployment.symbol, "lots": D("0.3")}
    make_order(**given, status="ACCEPTED")
    make_order(**given, status="SENDING")
    make_order(**given, status="FILLED")
    make_order(**given, status="ACCEPTED", position_id="7")
    make_order(**given, status="ACCEPTED", purpose="CLOSE")
    make_order(**{**given, "symbol": make_deployment().symbol}, status="ACCEPTED")
    assert caps(deployment) == Caps(volume_open=D("0.6"))


def held(at: Deployment, risk: str, **fields: Any) -> None:
    """A long lot of the symbol, which is not quoted, that loses so much at its stop."""
    entry = D("1.1")
    money = {"lots": D(1), "entry_price": entry, "stop": entry - D(risk) / 100_000}
    make_position(**{"account": at.account, "symbol": at.symbol, **money, **fields})


@pytest.mark.parametrize(
    ("unit", "value", "room"), [("MONEY", 700, "399.99"), ("PERCENT_EQUITY", 6, "293.99")]
)
def test_open_risk_leaves_what_the_stops_of_others_do_not_take(
    deployment: Deployment, unit: str, value: int, room: str
) -> None:
    held(deployment, "300")
    held(deployment, "50", deployment=deployment)
    make_risk_limit(control="OPEN_RISK", unit=unit, value=value)
    make_risk_limit(control="OPEN_RISK", unit="MONEY", value=1, action="NOTIFY")
    assert caps(deployment).open_risk_room == D(room)


def test_open_risk_that_cannot_be_told_is_left_to_the_gate(deployment: Deployment) -> None:
    make_risk_limit(control="OPEN_RISK", unit="MONEY", value=700)
    held(deployment, "300", symbol=make_symbol(base_currency="EUR", profit_currency="CHF"))
    assert caps(deployment) == Caps(notional_open=None, open_risk_room=None)


def test_leverage_counts_what_others_hold(deployment: Deployment) -> None:
    held(deployment, "300")
    held(deployment, "50", deployment=deployment)
    rule = SizingRule(max_leverage=D(20))
    assert caps(deployment, rule) == Caps(notional_open=D(110_000))
