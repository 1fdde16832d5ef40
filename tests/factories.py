"""One row of each model: `make_<model>(**fields)` fills in what a test does not care about.

Names and ids are counted up, so that two calls make two rows; related rows are made unless given.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils.timezone import now

from trading.engine.risk import Control, day_start
from trading.models import (
    Account,
    AccountGroup,
    BalanceMove,
    BarChunk,
    Breach,
    Candle,
    Challenge,
    Connection,
    DayMark,
    Deployment,
    EquityPoint,
    Event,
    Fill,
    HistoryBackfill,
    HistoryImport,
    KillSwitch,
    Lease,
    Lock,
    LossState,
    NewsEvent,
    Order,
    PaperBook,
    Position,
    ProtectionRule,
    Purpose,
    RiskLimit,
    Severity,
    Side,
    SimulatedMarket,
    Strategy,
    StrategyRun,
    Symbol,
    SymbolSpecification,
)
from trading.services.clock import clock_read
from trading.services.events import Happening, event_append
from trading.services.limits import limit_create

MONDAY = datetime(2024, 1, 8, 12, tzinfo=UTC)
"""A quiet moment on the market's clock."""
_numbers = count(1)


def make_connection(**fields: Any) -> Connection:
    given = {"name": f"Connection {next(_numbers)}", "token": "token-of-a-test"}
    return Connection.objects.create(**{**given, **fields})


def make_account(**fields: Any) -> Account:
    given = {
        "name": f"Account {next(_numbers):04}",
        "kind": "paper",
        "state": Account.State.ACTIVE,
        "balance": Decimal(10_000),
        "equity": Decimal(10_000),
        "day_start_equity": Decimal(10_000),
    }
    return Account.objects.create(**{**given, **fields})


def make_lease(**fields: Any) -> Lease:
    """A lease that a gateway holds, reconciled and seen just now."""
    moment = clock_read()
    given = {
        "owner": "gateway of a test",
        "boot": moment.boot,
        "epoch": 1,
        "expires_tick": moment.tick + 3600,
        "seen_tick": moment.tick,
        "state": Lease.State.READY,
    }
    return Lease.objects.create(**{**given, **fields})


def make_symbol(**fields: Any) -> Symbol:
    given = {
        "source": "simulated",
        "name": f"SYM{next(_numbers)}",
        "digits": 5,
        "tick_size": Decimal("0.00001"),
        "contract_size": Decimal(100_000),
        "base_currency": "EUR",
        "profit_currency": "USD",
    }
    return Symbol.objects.create(**{**given, **fields})


def make_strategy(**fields: Any) -> Strategy:
    given = {"name": f"Strategy {next(_numbers)}", "kind": "donchian", "params": {}}
    return Strategy.objects.create(**{**given, **fields})


def make_deployment(**fields: Any) -> Deployment:
    given = {
        "account": fields.get("account") or make_account(),
        "strategy": fields.get("strategy") or make_strategy(),
        "symbol": fields.get("symbol") or make_symbol(),
        "timeframe": "M1",
        "state": Deployment.State.RUNNING,
    }
    return Deployment.objects.create(**{**given, **fields})


def make_run(**fields: Any) -> StrategyRun:
    given = {
        "deployment": fields.get("deployment") or make_deployment(),
        "bar_open": MONDAY + timedelta(minutes=next(_numbers)),
        "state": StrategyRun.State.DONE,
        "outcome": "HOLD",
        "message": "no new signal",
        "deadline": MONDAY,
        "expires_at": now() + timedelta(minutes=1),
    }
    return StrategyRun.objects.create(**{**given, **fields})


def make_order(**fields: Any) -> Order:
    number = next(_numbers)
    given = {
        "account": fields.get("account") or make_account(),
        "symbol": fields.get("symbol") or make_symbol(),
        "decision_key": f"key-{number}",
        "client_id": f"client-{number}",
        "purpose": Purpose.ENTRY,
        "side": Side.LONG,
        "lots": Decimal("0.10"),
        "status": "APPROVED",
    }
    return Order.objects.create(**{**given, **fields})


def make_position(**fields: Any) -> Position:
    given = {
        "account": fields.get("account") or make_account(),
        "symbol": fields.get("symbol") or make_symbol(),
        "broker_id": f"{next(_numbers)}",
        "side": Side.LONG,
        "lots": Decimal("0.10"),
        "entry_price": Decimal("1.10000"),
        "opened_at": MONDAY,
    }
    return Position.objects.create(**{**given, **fields})


def make_fill(**fields: Any) -> Fill:
    position = fields.get("position") or make_position()
    given = {
        "account": position.account,
        "symbol": position.symbol,
        "position": position,
        "deal_id": f"{next(_numbers)}",
        "opens": True,
        "side": position.side,
        "lots": position.lots,
        "price": position.entry_price,
        "at": position.opened_at,
    }
    return Fill.objects.create(**{**given, **fields})


def make_event(**fields: Any) -> Event:
    """An event written the way every event is, so the chain stays whole."""
    given: dict[str, Any] = {
        "kind": "test.happened",
        "message": f"Happening {next(_numbers)}",
        "severity": Severity.INFO,
    }
    return event_append(happening=Happening(**{**given, **fields}))


def make_equity_point(**fields: Any) -> EquityPoint:
    given = {
        "account": fields.get("account") or make_account(),
        "at": MONDAY + timedelta(minutes=next(_numbers)),
        "balance": Decimal(10_000),
        "equity": Decimal(10_000),
    }
    return EquityPoint.objects.create(**{**given, **fields})


def make_paper_book(**fields: Any) -> PaperBook:
    given: dict[str, Any] = {"account": fields.get("account") or make_account(), "state": {}}
    return PaperBook.objects.create(**{**given, **fields})


def make_candle(**fields: Any) -> Candle:
    given = {
        "symbol": fields.get("symbol") or make_symbol(),
        "timeframe": "M1",
        "open_time": MONDAY + timedelta(minutes=next(_numbers)),
        "open": 1.1,
        "high": 1.2,
        "low": 1.0,
        "close": 1.15,
        "volume": 10.0,
        "spread": 0.0001,
    }
    return Candle.objects.create(**{**given, **fields})


def make_chunk(**fields: Any) -> BarChunk:
    """A chunk for lists; its data is no real column file."""
    given = {
        "symbol": fields.get("symbol") or make_symbol(),
        "timeframe": "M1",
        "month": date(2024, 1, 1),
        "first": MONDAY,
        "last": MONDAY,
        "rows": 1,
        "data": b"",
        "sha256": "0" * 64,
    }
    return BarChunk.objects.create(**{**given, **fields})


def make_history_import(**fields: Any) -> HistoryImport:
    given = {
        "symbol": fields.get("symbol") or make_symbol(),
        "timeframe": "M1",
        "file_name": "bars.csv",
        "sha256": f"{next(_numbers):064x}",
        "rows": 1,
    }
    return HistoryImport.objects.create(**{**given, **fields})


def make_backfill(**fields: Any) -> HistoryBackfill:
    given = {
        "symbol": fields.get("symbol") or make_symbol(),
        "timeframe": "M1",
        "start": MONDAY - timedelta(days=2),
        "end": MONDAY,
        "reached": MONDAY - timedelta(days=1),
        "state": HistoryBackfill.State.FAILED,
    }
    return HistoryBackfill.objects.create(**{**given, **fields})


def make_specification(**fields: Any) -> SymbolSpecification:
    given = {
        "symbol": fields.get("symbol") or make_symbol(),
        "content": {"digits": 5},
        "sha256": f"{next(_numbers):064x}",
    }
    return SymbolSpecification.objects.create(**{**given, **fields})


def make_simulated_market(**fields: Any) -> SimulatedMarket:
    given = {"source": f"simulated-{next(_numbers)}", "market_time": MONDAY}
    return SimulatedMarket.objects.create(**{**given, **fields})


def make_kill_switch(**fields: Any) -> KillSwitch:
    given = {"mode": "HALT", "reason": "drill", "pulled_by": "tester"}
    return KillSwitch.objects.create(**{**given, **fields})


def make_risk_limit(**fields: Any) -> RiskLimit:
    given = {"control": "MAX_LOTS", "value": Decimal(5), **fields}
    return limit_create(**{**given, "control": Control(given["control"])})


def make_account_group(*accounts: Account, **fields: Any) -> AccountGroup:
    group = AccountGroup.objects.create(**{"name": f"Group {next(_numbers)}", **fields})
    group.accounts.add(*accounts)
    return group


def make_day_mark(**fields: Any) -> DayMark:
    given = {
        "account": fields.get("account") or make_account(),
        "began": MONDAY,
        "balance": Decimal(10_000),
        "equity": Decimal(10_000),
    }
    return DayMark.objects.create(**{**given, **fields})


def make_balance_move(**fields: Any) -> BalanceMove:
    given = {
        "account": fields.get("account") or make_account(),
        "deal_id": f"{next(_numbers)}",
        "amount": Decimal(500),
        "at": MONDAY,
    }
    return BalanceMove.objects.create(**{**given, **fields})


def make_loss_state(**fields: Any) -> LossState:
    """Of an account that has neither won nor lost since it was opened."""
    money = ("initial", "balance", "equity", "highest_start", "highest_balance")
    more = ("highest_equity", "start_balance", "start_equity")
    given = dict.fromkeys((*money, *more), Decimal(10_000))
    times = {"started": day_start(now()), "read_at": now()}
    return LossState.objects.create(**{**given, **times, **fields})


def make_breach(**fields: Any) -> Breach:
    given = {"control": "DAILY_LOSS", "action": "PAUSE", "began": MONDAY, "code": "DAILY_LOSS"}
    return Breach.objects.create(**{**given, **fields})


def make_challenge(**fields: Any) -> Challenge:
    given = {"account": fields.get("account") or make_account(), "name": "Phase 1"}
    return Challenge.objects.create(**{**given, **fields})


def make_protection(**fields: Any) -> ProtectionRule:
    """A rest of an hour on the account after every close."""
    given = {"kind": "COOLDOWN", "lock_minutes": 60}
    return ProtectionRule.objects.create(**{**given, **fields})


def make_lock(**fields: Any) -> Lock:
    given = {"reason": "drill", "locked_by": "tester"}
    return Lock.objects.create(**{**given, **fields})


def make_news(**fields: Any) -> NewsEvent:
    given = {"at": MONDAY, "currency": "USD", "title": f"Release {next(_numbers)}"}
    return NewsEvent.objects.create(**{**given, **fields})
