"""The gate judges an entry by every limit that holds, on facts from the rows."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from tests.desk import NOON, Desk, entry, make_desk
from tests.factories import (
    make_account,
    make_account_group,
    make_balance_move,
    make_fill,
    make_loss_state,
    make_position,
    make_risk_limit,
    make_symbol,
)
from trading.engine.risk import Control
from trading.models import (
    Account,
    Breach,
    Event,
    KillSwitch,
    LossState,
    Order,
    Position,
    RiskLimit,
)
from trading.selectors.losses import TRADING_DAY
from trading.services.gate import gate_pass

pytestmark = pytest.mark.django_db
D = Decimal
FIVE = {"MAX_LOTS": 5, "MAX_SPREAD": 20, "MAX_POSITIONS": 6, "DAILY_LOSS": 5, "MARGIN_USE": 80}


@pytest.fixture
def desk() -> Desk:
    """The wished entry is 0.10 lots at 1.10006: 11000.60 of value, 366.69 of margin, a stop 1000
    ticks below the bid; the account has 100,000."""
    return make_desk()


def code(desk: Desk, **fields: Any) -> str:
    """Of the refusal of an entry; one that passes is taken as never sent."""
    order = entry(desk, **fields)
    refusal = gate_pass(order=order)
    if refusal is None:
        Order.objects.filter(pk=order.pk).update(status="REJECTED", sent_at=None)
    return refusal[0] if refusal else ""


def held(desk: Desk, **fields: Any) -> Position:
    given = {"account": desk.account, "symbol": desk.symbol, "deployment": desk.deployment}
    return make_position(**{**given, "stop": D("1.09"), **fields})


def sent(desk: Desk, **fields: Any) -> Order:
    """An entry that was filled on the desk's deployment a moment ago."""
    times = {"sent_at": now(), "quoted_at": NOON - timedelta(seconds=60)}
    done = {"status": "FILLED", "filled_lots": D("0.01"), "expected_price": D("1.1")}
    number = Order.objects.count()
    return entry(desk, **{**times, **done, "position_id": f"p{number}", **fields})


def lost(desk: Desk) -> None:
    for minute in (3, 2, 1):
        held(desk, closed_at=NOON - timedelta(minutes=minute), profit=D(-10))


def slipped(desk: Desk) -> None:
    for ticks in (30, -40, 50):
        at, order = NOON - timedelta(minutes=5), sent(desk)
        price = D("1.1") + ticks * D("0.00001")
        make_fill(position=held(desk), order=order, price=price, at=at)


def repeat(times: int, **fields: Any) -> Callable[[Desk], object]:
    return lambda desk: [sent(desk, **fields) for _ in range(times)]


def nothing(desk: Desk) -> None:
    """The desk as it is."""


# control, what forbids and what allows, the code, what has happened before
CASES: list[tuple[str, Any, Any, str, Callable[[Desk], object]]] = [
    ("MAX_LOTS", "0.09", "0.10", "ORDER_TOO_LARGE", nothing),
    ("MAX_VALUE", "11000.59", "11000.60", "VALUE_TOO_LARGE", nothing),
    ("MAX_SPREAD", 5, 6, "SPREAD_TOO_WIDE", nothing),
    ("MAX_STOP", "4.9", "5.1", "STOP_TOO_FAR", nothing),
    ("USUAL_LOTS", "4.9", 5, "UNUSUAL_SIZE", repeat(20, lots=D("0.02"))),
    ("DUPLICATE", 60, 59, "DUPLICATE", repeat(1)),
    ("DUPLICATE", 90, 80, "DUPLICATE", repeat(1, quoted_at=NOON - timedelta(seconds=85))),
    ("MAX_POSITIONS", 1, 2, "MAX_POSITIONS", held),
    ("MAX_OPEN_LOTS", "0.19", "0.20", "MAX_OPEN_LOTS", held),
    ("CURRENCY_EXPOSURE", 22, 23, "CURRENCY_EXPOSURE", held),
    ("CORRELATED_EXPOSURE", 22, 23, "CORRELATED_EXPOSURE", held),
    ("OPEN_RISK", "0.19", "0.21", "OPEN_RISK", held),
    ("EQUITY_STOP", 100_001, 100_000, "EQUITY_STOP", nothing),
    ("MARGIN_LEVEL", 27_400, 27_100, "MARGIN_LEVEL", nothing),
    ("MARGIN_USE", "0.366", "0.367", "MARGIN_USE", nothing),
    ("LOSS_STREAK", 3, 4, "LOSS_STREAK", lost),
    ("SLIPPAGE", 29, 30, "SLIPPAGE", slipped),
    ("MAX_MESSAGES", 3, 4, "TOO_MANY_MESSAGES", repeat(3)),
    ("REPEATED_ENTRIES", 3, 4, "REPEATED_ENTRIES", repeat(3)),
    ("GLOBAL_POSITIONS", 1, 2, "GLOBAL_POSITIONS", held),
    ("GLOBAL_EXPOSURE", 22, 23, "GLOBAL_EXPOSURE", held),
]


@pytest.mark.parametrize(("control", "forbids", "allows", "expected", "before"), CASES)
def test_each_control_refuses_beyond_its_value(
    desk: Desk,
    control: str,
    forbids: Any,
    allows: Any,
    expected: str,
    before: Callable[[Desk], object],
) -> None:
    before(desk)
    row = make_risk_limit(control=control, value=D(allows))
    assert code(desk) == ""
    RiskLimit.objects.filter(pk=row.pk).update(value=D(forbids))
    assert code(desk) == expected


def test_a_price_far_from_the_market_is_refused(desk: Desk) -> None:
    make_risk_limit(control="PRICE_COLLAR", value=D("0.5"))
    assert code(desk, kind="STOP", price=D("1.105")) == ""
    assert code(desk, kind="STOP", price=D("1.106")) == "PRICE_COLLAR"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"stop": None}, "STOP_REQUIRED"),
        ({"stop": D("1.101")}, "STOP_REQUIRED"),
        ({"side": -1, "stop": D("1.09")}, "STOP_REQUIRED"),
        ({"lots": D("0.105")}, "ORDER_MALFORMED"),
        ({"lots": D("0.001")}, "ORDER_MALFORMED"),
    ],
)
def test_a_malformed_entry_is_refused_without_any_row(
    desk: Desk, fields: dict[str, Any], expected: str
) -> None:
    assert code(desk, **fields) == expected


@pytest.mark.parametrize("control", ["RECON_MISMATCH", "BALANCE_MOVED"])
def test_what_the_readings_found_refuses(desk: Desk, control: str) -> None:
    make_risk_limit(control=control, value=1, action="BLOCK")
    assert code(desk) == ""
    Account.objects.update(mismatches=1)
    make_balance_move(account=desk.account)
    assert code(desk) == control


def test_a_pending_order_counts_as_much_as_a_position(desk: Desk) -> None:
    """Exposure counts when it is reserved, not when it is filled."""
    other = make_symbol(name="EURCHF", profit_currency="USD")
    waiting = {"status": "UNKNOWN", "symbol": other, "expected_price": D("1.1")}
    entry(desk, **waiting, risk_money=D(150), stop=D("1.099"))
    make_risk_limit(control="OPEN_RISK", value=D(240), unit="MONEY")
    assert code(desk) == "OPEN_RISK"
    RiskLimit.objects.update(value=D(251))
    assert code(desk) == ""
    make_risk_limit(control="MARGIN_USE", value=D("0.7"))
    assert code(desk) == "MARGIN_USE"


def test_the_reserved_risk_counts_where_it_is_more_than_the_stop_says(desk: Desk) -> None:
    make_risk_limit(control="OPEN_RISK", value=D(110), unit="MONEY")
    assert code(desk) == ""
    assert code(desk, lots=D("0.01"), risk_money=D(111)) == "OPEN_RISK"


class TestLosses:
    """Losses count from what was remembered; what is not known refuses."""

    def state(self, desk: Desk, **fields: Any) -> LossState:
        money = {name: D(100_000) for name in ("initial", "balance", "equity", "start_balance")}
        peaks = {name: D(104_000) for name in ("highest_start", "highest_balance", "start_equity")}
        given = {"account": desk.account, "highest_equity": D(105_500), **money, **peaks}
        started = TRADING_DAY.start(NOON)
        return make_loss_state(**{**given, "started": started, **fields})

    def equity(self, desk: Desk, equity: str) -> None:
        Account.objects.filter(pk=desk.account.pk).update(equity=D(equity))

    @pytest.mark.parametrize(
        ("terms", "floor"),
        [
            ({"control": "DAILY_LOSS", "value": 5, "reference": "EQUITY"}, 98_800),
            ({"control": "DAILY_LOSS", "value": 5, "reference": "BALANCE"}, 95_000),
            ({"control": "DAILY_LOSS", "value": 5, "unit": "PERCENT_INITIAL"}, 99_000),
            ({"control": "MAX_DRAWDOWN", "value": 10}, 90_000),
            ({"control": "MAX_DRAWDOWN", "value": 10, "trailing": "END_OF_DAY"}, 94_000),
            ({"control": "MAX_DRAWDOWN", "value": 10, "trailing": "INTRADAY"}, 95_500),
            ({"control": "MAX_DRAWDOWN", "value": 4, "trailing": "INTRADAY", "lock": 0}, 100_000),
        ],
    )
    def test_equity_at_the_floor_is_legal_below_it_is_not(
        self, desk: Desk, terms: dict[str, Any], floor: int
    ) -> None:
        self.state(desk)
        make_risk_limit(**terms, action="BLOCK")
        self.equity(desk, f"{floor}")
        assert code(desk) == ""
        self.equity(desk, f"{floor - 1}.99")
        assert code(desk) == terms["control"]

    def test_the_accounts_own_row_knows_the_plain_daily_loss(self, desk: Desk) -> None:
        Account.objects.update(day_start_equity=D(103_000))
        make_risk_limit(control="DAILY_LOSS", value=5, action="BLOCK")
        self.equity(desk, "97850.00")
        assert code(desk) == ""
        self.equity(desk, "97849.99")
        assert code(desk) == "DAILY_LOSS"

    @pytest.mark.parametrize("zone", ["America/New_York", "Europe/Prague"])
    def test_an_unknown_reference_refuses(self, desk: Desk, zone: str) -> None:
        Account.objects.update(day_start_equity=None)
        make_risk_limit(control="DAILY_LOSS", value=5, zone=zone)
        assert code(desk) == "INPUT_MISSING"

    def test_a_reference_from_before_the_reset_refuses(self, desk: Desk) -> None:
        self.state(desk, started=NOON - timedelta(days=2))
        make_risk_limit(control="MAX_DRAWDOWN", value=10)
        assert code(desk) == "INPUT_STALE"

    def test_a_strategy_is_judged_by_its_own_stream(self, desk: Desk) -> None:
        self.state(desk, account=None, deployment=desk.deployment, equity=D(94_999))
        make_risk_limit(control="STRATEGY_LOSS", value=5, unit="PERCENT_INITIAL", action="BLOCK")
        make_risk_limit(control="MAX_DRAWDOWN", value=1, enabled=False)
        assert code(desk) == "STRATEGY_LOSS"

    def test_the_used_share_of_the_daily_loss_refuses(self, desk: Desk) -> None:
        Account.objects.update(day_start_equity=D(100_000))
        make_risk_limit(control="DAILY_LOSS", value=5)
        make_risk_limit(control="DAILY_LOSS_USED", value=80, action="BLOCK")
        self.equity(desk, "96000.01")
        assert code(desk) == ""
        self.equity(desk, "96000.00")
        assert code(desk) == "DAILY_LOSS_USED"


class TestGroups:
    """Accounts of a group are limited together, each as last read."""

    @pytest.fixture
    def other(self, desk: Desk) -> Account:
        from tests.factories import make_lease

        account = make_account(equity=D(50_000))
        make_lease(account=account)
        make_position(account=account, symbol=desk.symbol, stop=D("1.09"))
        return account

    def test_positions_of_all_members_count(self, desk: Desk, other: Account) -> None:
        group = make_account_group(desk.account, other)
        row = make_risk_limit(control="MAX_POSITIONS", value=2, group=group)
        assert code(desk) == ""
        RiskLimit.objects.filter(pk=row.pk).update(value=1)
        assert code(desk) == "MAX_POSITIONS"

    def test_equity_and_exposure_add_up_in_the_currency_of_the_group(
        self, desk: Desk, other: Account
    ) -> None:
        group = make_account_group(desk.account, other, currency="EUR")
        row = make_risk_limit(control="CURRENCY_EXPOSURE", value=15, group=group)
        assert code(desk) == ""  # 2 x 11000 of 150000
        RiskLimit.objects.filter(pk=row.pk).update(value=14)
        assert code(desk) == "CURRENCY_EXPOSURE"

    def test_a_member_that_was_not_read_lately_refuses(self, desk: Desk, other: Account) -> None:
        other.lease.seen_tick -= 60
        other.lease.save()
        group = make_account_group(desk.account, other)
        make_risk_limit(control="OPEN_RISK", value=50, group=group)
        assert code(desk) == "INPUT_MISSING"
        Position.objects.update(closed_at=NOON)
        assert code(desk) == ""

    def test_a_group_loses_together(self, desk: Desk, other: Account) -> None:
        group = make_account_group(desk.account, other)
        money = {name: D(160_000) for name in ("initial", "start_balance", "start_equity")}
        started = TRADING_DAY.start(NOON)
        make_loss_state(group=group, started=started, **money)
        row = make_risk_limit(control="DAILY_LOSS", value=5, group=group, action="BLOCK")
        assert code(desk) == "DAILY_LOSS"
        RiskLimit.objects.filter(pk=row.pk).update(value=7)
        assert code(desk) == ""


def test_correlations_come_from_the_days_on_record(desk: Desk) -> None:
    import numpy as np

    from trading.engine.types import Bars
    from trading.services.bars import bars_store

    other = make_symbol(name="GBPUSD", base_currency="GBP")
    held(desk, symbol=other, entry_price=D("1.10"))
    make_risk_limit(control="CORRELATED_EXPOSURE", value=D(21_000), unit="MONEY")
    assert code(desk) == "INPUT_INVALID"
    start = int(NOON.timestamp()) // 86400 - 40
    times = (start + np.arange(40, dtype=np.int64)) * 86400
    for symbol, noise in ((desk.symbol, 0.0), (other, 0.001)):
        close = 1.1 + 0.01 * np.sin(np.arange(40)) + noise * np.cos(3.0 * np.arange(40))
        flat = np.full(40, 0.0001)
        bars_store(
            symbol=symbol, timeframe="D1", bars=Bars(times, close, close, close, close, flat, flat)
        )
    assert code(desk) == "CORRELATED_EXPOSURE"
    RiskLimit.objects.update(value=D(23_500))
    assert code(desk) == ""


def test_without_a_rate_nothing_that_counts_money_passes(desk: Desk) -> None:
    desk.symbol.base_currency, desk.symbol.profit_currency = "EUR", "CHF"
    desk.symbol.save()
    assert code(desk) == "INPUT_MISSING"
    pair = make_symbol(name="USDCHF", base_currency="USD", profit_currency="CHF")
    from trading.engine.types import Quote
    from trading.services.quotes import quotes_put

    quotes_put(source="simulated", quotes=[Quote(pair.name, NOON, D("0.9"), D("0.9001"))])
    assert code(desk) == ""


class TestRefusals:
    """A refusal has a code, words and all numbers, and may stop more than its order."""

    def test_everything_that_was_wrong_is_kept_with_the_order_and_told(self, desk: Desk) -> None:
        make_risk_limit(control="MAX_LOTS", value=D("0.05"), account=desk.account)
        make_risk_limit(control="MAX_VALUE", value=D(1000))
        order = entry(desk)
        gate_pass(order=order)
        evidence = order.transitions.get(target="EXPIRED").evidence
        assert evidence["numbers"] == {
            "found": "0.1",
            "limit": "0.05",
            "value": "0.05 lots",
            "control": "MAX_LOTS",
            "action": "BLOCK",
            "origin": f"account #{desk.account.pk}",
        }
        codes = [finding.split(":")[0] for finding in evidence["findings"]]
        assert codes == ["ORDER_TOO_LARGE", "VALUE_TOO_LARGE"]
        event = Event.objects.get(kind="order.denied")
        assert (event.payload["limit"], event.payload["code"]) == ("0.05", "ORDER_TOO_LARGE")

    def test_a_limit_that_makes_no_sense_refuses(self, desk: Desk) -> None:
        row = make_risk_limit()
        RiskLimit.objects.filter(pk=row.pk).update(unit="SECONDS")
        assert code(desk) == "LIMIT_INVALID"

    def test_a_throttle_pauses_the_strategy_until_a_person_lets_go(self, desk: Desk) -> None:
        make_risk_limit(control="REPEATED_ENTRIES", value=3)
        repeat(3)(desk)
        assert code(desk) == "REPEATED_ENTRIES"
        switch = KillSwitch.objects.get()
        assert (switch.mode, switch.deployment) == ("HALT", desk.deployment)
        assert code(desk) == "KILL_SWITCH"

    def test_a_limit_that_only_notifies_lets_pass_and_tells_once(self, desk: Desk) -> None:
        make_risk_limit(control="MAX_LOTS", value=D("0.05"), action="NOTIFY")
        assert code(desk) == ""
        assert code(desk) == ""
        assert Breach.objects.get().action == "NOTIFY"
        assert Event.objects.filter(kind="limit.breached").count() == 1


def test_the_simple_limits_cost_two_statements(desk: Desk) -> None:
    from django.db import connection

    for control, value in FIVE.items():
        make_risk_limit(control=control, value=value)
    with CaptureQueriesContext(connection) as statements:
        assert code(desk) == ""
    tables = [s["sql"] for s in statements if 'FROM "trading_' in s["sql"]]
    assert sum("trading_risklimit" in sql for sql in tables) == 1
    assert sum('FROM "trading_position"' in sql for sql in tables) == 1
    assert len(tables) == 5


def test_every_control_of_the_gate_has_a_case() -> None:
    """New controls of the catalogue are tested through rows too."""
    elsewhere = {
        *("SAFE_MODE", "IN_DOUBT", "SIGNAL_AGE", "QUOTE_AGE", "ORDER_FORM", "STOP_REQUIRED"),
        *("ROLLOVER_WINDOW", "NEWS_WINDOW", "NEWS_CLOSES", "WEEKEND_WINDOW", "WEEKEND_FLAT"),
        *("PRICE_COLLAR", "DAILY_LOSS", "DAILY_LOSS_USED", "MAX_DRAWDOWN", "STRATEGY_LOSS"),
        *("STRATEGY_DRAWDOWN", "RECON_MISMATCH", "BALANCE_MOVED", "GLOBAL_LOSS"),
    }
    assert {case[0] for case in CASES} | elsewhere == {control.value for control in Control}
