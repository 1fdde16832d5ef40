"""One decision: what is closed, what is entered, what is refused and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.engine.tables import instrument
from tests.parity import Scripted
from trading.engine.decide import Decision, Plan, decide
from trading.engine.risk import Limits
from trading.engine.sizing import fractional
from trading.engine.types import (
    AccountState,
    Bars,
    Costs,
    Denied,
    Hold,
    Market,
    OrderIntent,
    OrderKind,
    PositionState,
    Quote,
    Signals,
)

D = Decimal
NAN = float("nan")
NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
MARKET = Market(instrument(), Quote("TEST", NOW, D(1000), D(1002)))
ACCOUNT = AccountState("USD", D(10000), D(10000), D(0), 1000, day_start_equity=D(10000))


def bars(count: int) -> Bars:
    flat = np.full(count, 1000.0)
    return Bars(np.arange(count), flat, flat, flat, flat, flat, np.zeros(count))


def plan(
    side: list[int],
    stop: float = 20.0,
    take: float = NAN,
    entry: float = NAN,
    trail: float = NAN,
) -> Plan:
    """A plan whose strategy says the same distances at every bar."""
    count = len(side)
    columns = (np.full(count, value) for value in (stop, take, trail, entry, 0.5))
    rows = Signals(np.array(side, np.int8), *columns)
    return Plan(Scripted(range(count), rows), "TEST", fractional(1), magic=7)


def position(side: int, **more: object) -> PositionState:
    values: dict[str, object] = {
        "id": "1",
        "symbol": "TEST",
        "side": side,
        "lots": D(3),
        "entry_price": D(1010),
        "opened_at": NOW,
        "magic": 7,
    }
    return PositionState(**{**values, **more})  # type: ignore[arg-type]


def holding(*positions: PositionState, margin: str = "3.03") -> AccountState:
    """An account whose floating profits are those of the positions."""
    floating = sum((p.profit + p.swap for p in positions), D(0))
    return replace(ACCOUNT, equity=D(10000) + floating, margin=D(margin), positions=positions)


def ask(
    wanted: Plan, market: Market = MARKET, account: AccountState = ACCOUNT
) -> OrderIntent | Denied | Hold:
    return decision(wanted, market, account).entry


def decision(wanted: Plan, market: Market = MARKET, account: AccountState = ACCOUNT) -> Decision:
    strategy = wanted.strategy
    assert isinstance(strategy, Scripted)
    return decide(wanted, bars(len(strategy.time)), market, account)


def intent(wanted: Plan, market: Market = MARKET, account: AccountState = ACCOUNT) -> OrderIntent:
    entry = ask(wanted, market, account)
    assert isinstance(entry, OrderIntent), entry
    return entry


def denial(wanted: Plan, market: Market = MARKET, account: AccountState = ACCOUNT) -> Denied:
    entry = ask(wanted, market, account)
    assert isinstance(entry, Denied), entry
    return entry


def hold(wanted: Plan, account: AccountState = ACCOUNT) -> str:
    entry = ask(wanted, MARKET, account)
    assert isinstance(entry, Hold), entry
    return entry.reason


def test_a_fresh_side_becomes_a_market_order_with_levels_from_the_touch() -> None:
    order = intent(plan([0, 1], take=30.0))
    assert (order.symbol, order.side, order.kind, order.price) == (
        "TEST",
        1,
        OrderKind.MARKET,
        None,
    )
    assert (order.lots, order.stop, order.take) == (D(5), D(982), D(1032))
    order = intent(plan([1, -1], take=30.0))
    assert (order.side, order.stop, order.take) == (-1, D(1020), D(970))


def test_an_order_tells_every_factor() -> None:
    numbers = intent(plan([0, 1])).numbers
    assert numbers["base"] == "10000"
    assert numbers["risk_money"] == "100"
    assert numbers["loss_per_lot"] == "20.000000"
    assert numbers["money_at_risk"] == "100.00"
    signal = decision(plan([0, 1])).signal
    assert signal == {"side": "1", "before": "0", "stop": "20", "score": "0.5"}


@pytest.mark.parametrize(
    ("side", "entry", "kind", "stop"),
    [
        (1, 1010.0, OrderKind.STOP, 990),
        (1, 1001.0, OrderKind.LIMIT, 981),
        (-1, 990.0, OrderKind.STOP, 1010),
        (-1, 1001.0, OrderKind.LIMIT, 1021),
    ],
)
def test_a_price_beyond_the_market_is_a_stop_order_before_it_a_limit(
    side: int, entry: float, kind: OrderKind, stop: int
) -> None:
    order = intent(plan([0, side], entry=entry))
    assert (order.kind, order.price, order.stop) == (kind, D(int(entry)), D(stop))


@pytest.mark.parametrize(("side", "entry"), [(1, 1002.0), (-1, 1000.0), (1, 1001.5)])
def test_a_price_at_the_touch_is_a_market_order(side: int, entry: float) -> None:
    order = intent(plan([0, side], entry=entry))
    assert (order.kind, order.price) == (OrderKind.MARKET, None)


def test_nothing_is_done_without_a_change() -> None:
    assert hold(plan([0, 0])) == "No position wanted"
    assert hold(plan([1, 1])) == "The signal is not fresh: an entry needs a change of side"
    assert hold(plan([0, 1]), holding(position(1))) == "Already in the wanted position"


def test_too_few_bars_are_told() -> None:
    decided = decide(plan([0, 1]), bars(0), MARKET, ACCOUNT)
    assert decided.entry == Hold("Expected 1 bars to warm up, was 0")


def test_the_first_row_after_the_warm_up_counts_as_a_change() -> None:
    assert intent(plan([1])).lots == 5


def test_only_own_positions_are_closed() -> None:
    own = position(1)
    others = (position(1, id="2", magic=8), position(1, id="3", symbol="OTHER"))
    decided = decision(plan([1, 0]), account=holding(own, *others))
    assert decided.closes == (own,)


def test_a_reversal_closes_and_sizes_by_what_is_left() -> None:
    """Long 3 from 1010 closes at 1000: 9,970 are left, of which 1 % buys 4 at 20."""
    decided = decision(plan([1, -1]), account=holding(position(1, profit=D(-30))))
    assert [p.id for p in decided.closes] == ["1"]
    assert isinstance(decided.entry, OrderIntent)
    assert (decided.entry.lots, decided.entry.numbers["base"]) == (D(4), "9970")


def test_a_close_is_projected_with_slippage_swap_and_commission() -> None:
    market = replace(MARKET, costs=Costs(commission_per_lot=D("2.5"), slippage_ticks=2))
    account = holding(position(-1, profit=D(24), swap=D("-1.25")))
    # 3 x (1010 - 1002 - 2) = 18, less 1.25 of swap and 3.75 of commission
    assert intent(plan([-1, 1]), market, account).numbers["base"] == "10013.00"


def test_a_reversal_frees_the_margin_of_what_it_closes() -> None:
    wanted = replace(plan([1, -1]), limits=Limits(margin_use=D(1)))
    account = holding(position(1, profit=D(-30)), margin="99")
    assert intent(wanted, account=account).lots == 4


def test_the_margin_of_other_positions_stays_in_use() -> None:
    other = position(1, id="2", magic=8)
    wanted = replace(plan([1, -1]), limits=Limits(margin_use=D(1)))
    account = holding(position(1, profit=D(-30)), other, margin="97.03")
    # 3.03 are freed, 94 of the allowed 99.70 stay in use: room for 5 lots at 1.00
    assert intent(wanted, account=account).numbers["binding"] == "risk"
    poorer = replace(account, margin=D("99.03"))
    assert intent(wanted, account=poorer).lots == 3


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_spread=D(1)), "SPREAD_TOO_WIDE"),
        (Limits(max_positions=0), "MAX_POSITIONS"),
        (Limits(max_lots=D(0)), "VOLUME_BELOW_MIN"),
        (Limits(margin_use=D(0)), "VOLUME_BELOW_MIN"),
    ],
)
def test_limits_refuse(limits: Limits, code: str) -> None:
    assert denial(replace(plan([0, 1]), limits=limits)).code == code


def test_a_refused_reversal_still_closes() -> None:
    wanted = replace(plan([1, -1]), limits=Limits(max_spread=D(0)))
    decided = decision(wanted, account=holding(position(1)))
    assert len(decided.closes) == 1
    assert isinstance(decided.entry, Denied)


def test_daily_loss_is_judged_after_the_close() -> None:
    wanted = replace(plan([1, -1]), limits=Limits(daily_loss=D("0.2")))
    account = holding(position(1, profit=D(-30)))
    assert denial(wanted, account=account).code == "DAILY_LOSS"


@pytest.mark.parametrize("stop", [NAN, 0.0, -1.0, float("inf"), 2.0, 1002.0])
def test_an_entry_needs_a_stop_beyond_the_closing_side(stop: float) -> None:
    assert denial(plan([0, 1], stop=stop)).code == "STOP_REQUIRED"


@pytest.mark.parametrize("take", [0.0, -1.0, float("inf")])
def test_a_take_is_none_or_a_distance(take: float) -> None:
    assert denial(plan([0, 1], take=take)).code == "STOP_REQUIRED"


def test_the_broker_s_least_distance_holds_for_stop_and_take() -> None:
    market = replace(MARKET, instrument=instrument(stops_level=10))
    assert intent(plan([0, 1], stop=12.0, take=8.0), market).stop == 990
    assert denial(plan([0, 1], stop=11.0), market).code == "STOP_REQUIRED"
    assert denial(plan([0, 1], stop=12.0, take=7.0), market).code == "STOP_REQUIRED"


@pytest.mark.parametrize("entry", [float("inf"), -5.0, 0.0])
def test_an_entry_price_that_is_none_is_bad_input(entry: float) -> None:
    assert denial(plan([0, 1], entry=entry)).code == "BAD_INPUT"


@pytest.mark.parametrize("field", ["balance", "equity", "margin", "day_start_equity"])
def test_money_that_is_no_number_is_bad_input(field: str) -> None:
    wanted = replace(plan([0, 1]), limits=Limits(daily_loss=D(5)))
    broken = replace(ACCOUNT, **{field: D("NaN")})  # type: ignore[arg-type]
    assert denial(wanted, account=broken).code == "BAD_INPUT"


def test_a_position_in_broken_lots_is_closed_and_nothing_is_entered() -> None:
    decided = decision(plan([1, -1]), account=holding(position(1, lots=D("0.5"))))
    assert len(decided.closes) == 1
    assert isinstance(decided.entry, Denied)
    assert decided.entry.code == "BAD_INPUT"


def test_only_the_window_is_read() -> None:
    wanted = plan([0] * 50 + [1])
    last_two = bars(51).slice(49)
    assert decide(wanted, bars(51), MARKET, ACCOUNT) == decide(wanted, last_two, MARKET, ACCOUNT)
