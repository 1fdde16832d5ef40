"""A paper account with one deployment, its history and its quotes: the smallest thing that trades.

The strategy (EWMA 2/3) turns around with every swing of the price, so that a test decides with the
next price whether there is a signal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from django.utils.timezone import now

from tests.factories import (
    make_account,
    make_deployment,
    make_lease,
    make_order,
    make_strategy,
    make_symbol,
)
from trading.brokers.base import EntryRequest, Receipt
from trading.engine.bars import Bar
from trading.engine.types import AccountState, Bars, Fill, Quote, Snapshot
from trading.models import Account, Deployment, Order, StrategyRun, Symbol
from trading.services.bars import bars_store
from trading.services.paper import paper_book_open
from trading.services.quotes import quotes_put
from trading.services.strategies import ClosedBar, bar_close

NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
"""The first bar after the stored history opens here."""
HISTORY = 700
SPREAD = Decimal("0.00006")
STOPS: dict[object, Decimal] = {1: Decimal("1.09000"), -1: Decimal("1.11000")}
"""Of entries, by side."""


@dataclass(slots=True)
class Desk:
    """What a test of the strategy loop works with."""

    account: Account
    symbol: Symbol
    deployment: Deployment

    def quote(self, price: str, at: datetime = NOON) -> Quote:
        """A quote of the desk's symbol, put where every process finds it."""
        quote = Quote(self.symbol.name, at, Decimal(price), Decimal(price) + SPREAD)
        quotes_put(source=self.symbol.source, quotes=[quote])
        return quote

    def close_bar(self, minute: int, price: float, ttl: float = 60.0) -> StrategyRun:
        """Close a flat bar `minute` minutes after NOON and return its run."""
        time = int((NOON + timedelta(minutes=minute)).timestamp())
        bar = Bar(time, price, price, price, price, 1.0, float(SPREAD))
        closed = ClosedBar(self.symbol, "M1", bar, ttl)
        bar_close(closed=closed, account_ids=[self.account.pk])
        return StrategyRun.objects.get(deployment=self.deployment, bar_open=closed.open_time)


def entry(desk: Desk, **fields: object) -> Order:
    """An approved entry of the desk's deployment, its stop where nothing reaches it."""
    given: dict[str, object] = {
        "account": desk.account,
        "deployment": desk.deployment,
        "symbol": desk.symbol,
    }
    if fields.get("purpose", "ENTRY") == "ENTRY":
        given["stop"] = STOPS[fields.get("side", 1)]
    return make_order(**{**given, **fields})


def make_desk(**deployment: object) -> Desk:
    """A desk at NOON: history that swings every minute, a fresh quote, a running deployment."""
    account = make_account(balance=Decimal(100_000), equity=Decimal(100_000))
    paper_book_open(account=account)
    make_lease(account=account)
    symbol = make_symbol(name="EURUSD")
    params = {"fast": 2, "slow": 3, "stop_atr": 5.0}
    strategy = make_strategy(kind="ewma_trend", params=params)
    given = {"account": account, "symbol": symbol, "strategy": strategy}
    desk = Desk(account, symbol, make_deployment(**{**given, **deployment}))
    bars_store(symbol=symbol, timeframe="M1", bars=swings(HISTORY))
    desk.quote("1.10000")
    return desk


def swings(count: int) -> Bars:
    """Flat bars up to NOON that alternate between 1.10000 and 1.10200; the last one is high."""
    first = int(NOON.timestamp()) - 60 * count
    times = np.arange(first, first + 60 * count, 60, dtype=np.int64)
    prices = np.where(np.arange(count) % 2 == count % 2, 1.1, 1.102)
    return Bars(times, prices, prices, prices, prices, np.ones(count), np.full(count, 0.00006))


@dataclass(slots=True)
class ScriptedBroker:
    """A `Broker` that answers as it is told and remembers what it was asked."""

    answer: Callable[[], Receipt] = lambda: Receipt("order-1", "position-1")
    asked: list[str] = field(default_factory=list)

    def account(self) -> AccountState:
        money = Decimal(10_000)
        return AccountState("USD", money, money, Decimal(0), 30)

    def snapshot(self, since: datetime) -> Snapshot:
        return Snapshot(self.account(), (), (), NOON)

    def submit(self, request: EntryRequest) -> Receipt:
        self.asked.append(request.client_id)
        return self.answer()

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        self.asked.append(position_id)
        return self.answer()

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        self.asked.append(f"modify {position_id}")

    def cancel(self, client_id: str) -> bool:
        self.asked.append(f"cancel {client_id}")
        return True

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        return []


def opening(client_id: str, magic: int = 0) -> Fill:
    """The broker's deal that opened `client_id`."""
    return Fill(
        deal_id="7-in",
        position_id="7",
        symbol="EURUSD",
        side=1,
        opens=True,
        lots=Decimal("0.10"),
        price=Decimal("1.10006"),
        at=NOON,
        commission=Decimal("0.35"),
        client_id=client_id,
        magic=magic,
    )


def expired() -> datetime:
    """A moment that has passed."""
    return now() - timedelta(seconds=1)
