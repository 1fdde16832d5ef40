"""A market and accounts that trade on it: what the benchmarks of order execution work with.

Prices go up and down every minute by far more than the spread; the strategy (EWMA 2/3) turns
around each time, and its stop lies so near that the next minute's first quote hits it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from trading.engine.types import Bars, Quote

if TYPE_CHECKING:
    from trading.models import Account, Deployment, Strategy, Symbol

SOURCE = "bench"
START = datetime(2026, 1, 14, 13, 0, tzinfo=UTC)
HISTORY = 700
SPREAD = Decimal("0.00006")


class StillStream:
    """A `Stream` without a clock of its own: the benchmark feeds the session by hand."""

    speed = 1.0

    def __init__(self) -> None:
        self.time = START

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        """Nothing is delivered."""

    def stop(self) -> None:
        """Nothing to release."""

    def now(self) -> datetime:
        """The time of the last quote that was fed."""
        return self.time

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """No history beside what is stored."""
        return Bars.empty()


def symbols_open(count: int) -> list[Symbol]:
    """EURUSD under so many names, each with minutes of history that end at START."""
    from trading.models import Symbol
    from trading.services.bars import bars_store
    from trading.services.bootstrap import symbol_create

    symbols = [symbol_create(name="EURUSD", source=SOURCE)]
    for number in range(1, count):
        twin = Symbol.objects.get(pk=symbols[0].pk)
        twin.pk, twin.name = None, f"EURUSD.{number}"
        twin.save(force_insert=True)
        symbols.append(twin)
    for symbol in symbols:
        bars_store(symbol=symbol, timeframe="M1", bars=zigzag(HISTORY))
    return symbols


def account_open(number: int) -> Account:
    """An active paper account with its book."""
    from trading.models import Account
    from trading.services.paper import paper_book_open

    account = Account.objects.create(
        name=f"bench {number}",
        kind="paper",
        source=SOURCE,
        balance=100_000,
        equity=100_000,
        day_start_equity=100_000,
        state=Account.State.ACTIVE,
    )
    paper_book_open(account=account)
    return account


def strategy_open() -> Strategy:
    """The strategy that changes its mind at every bar."""
    from trading.models import Strategy

    params = {"fast": 2, "slow": 3, "stop_atr": 0.5}
    return Strategy.objects.create(name="flip", kind="ewma_trend", params=params)


def deployments_open(
    accounts: Sequence[Account], strategy: Strategy, symbols: Sequence[Symbol]
) -> list[Deployment]:
    """The strategy on every symbol of every account, running."""
    from trading.models import Deployment

    return [
        Deployment.objects.create(
            account=account,
            strategy=strategy,
            symbol=symbol,
            timeframe="M1",
            risk_percent=Decimal("0.05"),
            state=Deployment.State.RUNNING,
        )
        for account in accounts
        for symbol in symbols
    ]


def price(number: int) -> Decimal:
    """Up in even minutes, down in odd ones, by far more than the spread."""
    return Decimal("1.10000") + Decimal("0.00200") * (number % 2)


def quote(symbol: str, number: int, at: datetime) -> Quote:
    return Quote(symbol, at, price(number), price(number) + SPREAD)


def zigzag(count: int) -> Bars:
    """History that ends right before START and goes up and down as the quotes will."""
    first = int(START.timestamp()) - 60 * count
    times = np.arange(first, first + 60 * count, 60, dtype=np.int64)
    prices = np.array([float(price(n)) for n in range(count)])
    spreads = np.full(count, float(SPREAD))
    return Bars(times, prices, prices, prices, prices, np.ones(count), spreads)
