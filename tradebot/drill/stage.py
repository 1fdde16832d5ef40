"""What a drill trades: accounts at the venue, a strategy that turns around at every bar."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from trading.brokers.venue.feeds import VenueStream
from trading.brokers.venue.zigzag import SYMBOLS
from trading.models import Account, Deployment, Strategy
from trading.services.bars import bars_store
from trading.services.bootstrap import symbol_create

SOURCE = "venue"
HISTORY = timedelta(hours=12)
POLICIES = (Account.ManualPolicy.COUNT, Account.ManualPolicy.ADOPT)


def stage_set(*, address: str, accounts: int) -> list[Account]:
    """Accounts with one deployment on each symbol, warm from the first bar."""
    symbols = [symbol_create(name=name, source=SOURCE) for name in SYMBOLS]
    stream = VenueStream(address)
    for symbol in symbols:
        end = stream.now()
        bars = stream.history(symbol.name, "M1", end - HISTORY, end)
        bars_store(symbol=symbol, timeframe="M1", bars=bars)
    strategy = Strategy.objects.create(
        name="turns at every bar",
        kind="ewma_trend",
        params={"fast": 2, "slow": 3, "stop_atr": 5.0},
    )
    made = []
    for number in range(accounts):
        account = Account.objects.create(
            name=f"drill {number + 1}",
            kind="venue",
            external_id=f"{address}/A{number + 1}",
            source=SOURCE,
            balance=Decimal(1_000_000),
            manual_policy=POLICIES[number % len(POLICIES)],
        )
        for symbol in symbols:
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
