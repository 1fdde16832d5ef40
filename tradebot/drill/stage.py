"""What a drill trades: accounts at a market place, a strategy that turns around at every bar."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tradebot.drill.places import Place
from trading.brokers.venue.zigzag import SYMBOLS
from trading.models import Account, Deployment, Strategy, Symbol
from trading.services.bars import bars_store
from trading.services.bootstrap import symbol_create

HISTORY = timedelta(hours=12)
POLICIES = (Account.ManualPolicy.COUNT, Account.ManualPolicy.ADOPT)


def stage_set(*, place: Place, accounts: int) -> list[Account]:
    """Accounts with one deployment on each symbol, warm from the first bar."""
    strategy = Strategy.objects.create(
        name="turns at every bar",
        kind="ewma_trend",
        params={"fast": 2, "slow": 3, "stop_atr": 5.0},
    )
    symbols: dict[str, list[Symbol]] = {}
    made = []
    for number in range(1, accounts + 1):
        account = Account.objects.create(
            name=f"drill {number}",
            balance=Decimal(1_000_000),
            manual_policy=POLICIES[(number - 1) % len(POLICIES)],
            **place.columns(number),
        )
        if account.source not in symbols:
            symbols[account.source] = _symbols(place, account.source)
        for symbol in symbols[account.source]:
            Deployment.objects.create(
                account=account,
                strategy=strategy,
                symbol=symbol,
                timeframe="M1",
                risk_percent=Decimal("0.02"),
                state=Deployment.State.RUNNING,
            )
        made.append(account)
    return made


def _symbols(place: Place, source: str) -> list[Symbol]:
    """Symbols of a price source, with their history."""
    symbols = [symbol_create(name=name, source=source) for name in SYMBOLS]
    for symbol in symbols:
        bars = place.history(symbol.name, HISTORY)
        bars_store(symbol=symbol, timeframe="M1", bars=bars)
    return symbols
