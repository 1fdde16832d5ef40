"""Intent -> broker write: what stands between a decision and the first byte to the broker.

`python -m bench.gate [--orders 500] [--database sqlite|postgresql]`

One sample is the time from the beginning of `entry_create` to the moment the broker is asked: the
commit of the intent, the gate and the commit of SENDING. The account holds up to ten positions,
one of each symbol, and a lease that is renewed as a gateway does; the broker fills at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

from bench import floor
from bench.harness import busy, database_option, execution_django, report, spread_of
from trading.brokers.base import EntryRequest, Receipt
from trading.engine.types import (
    AccountState,
    ExitReason,
    Fill,
    OrderIntent,
    OrderKind,
    Quote,
    Snapshot,
)

if TYPE_CHECKING:
    from trading.models import Deployment, StrategyRun
    from trading.services.leases import Grip

SYMBOLS = 10
WARM_UP = 20
RENEW_SECONDS = 0.5
LOTS = Decimal("0.10")
MONEY = Decimal(100_000)


@dataclass(slots=True)
class TimedBroker:
    """A `Broker` that notes when it is asked and fills at once."""

    asked_at: float = 0.0
    filled: list[Fill] = field(default_factory=list)

    def submit(self, request: EntryRequest) -> Receipt:
        self.asked_at = time.perf_counter()
        position = str(len(self.filled) + 1)
        fill = Fill(
            deal_id=f"{position}-in",
            position_id=position,
            symbol=request.symbol,
            side=request.side,
            opens=True,
            lots=request.lots,
            price=floor.price(0) + floor.SPREAD,
            at=floor.START,
            client_id=request.client_id,
            magic=request.magic,
        )
        self.filled.append(fill)
        return Receipt(request.client_id, position, (fill,))

    def account(self) -> AccountState:
        return AccountState("USD", MONEY, MONEY, Decimal(0), 30)

    def snapshot(self, since: datetime) -> Snapshot:
        return Snapshot(self.account(), (), (), floor.START)

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        return Receipt("close", position_id)

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """Levels do not matter here."""

    def cancel(self, client_id: str) -> bool:
        return False

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    database_option(parser)
    options = parser.parse_args()
    with execution_django(options.database):
        measure(options.orders, options.database)


def measure(orders: int, database: str) -> None:
    """Send orders one after the other, print the distribution."""
    desk, load = Desk.opened(), busy()
    samples = [desk.one_order(number) for number in range(WARM_UP + orders)][WARM_UP:]
    sent, kept = zip(*samples, strict=True)
    figures = {
        "runs": orders,
        "database": database,
        **spread_of(sent),
        "result_ms": round(1000 * median(kept), 2),
        "load": load,
    }
    report("gate", median(sent), figures)


@dataclass(slots=True)
class Desk:
    """An account under a lease, with one deployment for each symbol."""

    deployments: list[Deployment]
    grip: Grip
    broker: TimedBroker = field(default_factory=TimedBroker)
    renewed_at: float = 0.0

    @classmethod
    def opened(cls) -> Desk:
        from trading.services.leases import lease_acquire, lease_ready

        account = floor.account_open(1)
        symbols = floor.symbols_open(SYMBOLS)
        deployments = floor.deployments_open([account], floor.strategy_open(), symbols)
        grip = lease_acquire(account=account)
        assert grip is not None
        lease_ready(grip=grip)
        return cls(deployments, grip)

    def one_order(self, number: int) -> tuple[float, float]:
        """Seconds from the intent to the broker, and from its answer to the record of it."""
        from trading.services.orders import entry_create
        from trading.services.sending import order_send

        run, intent = self._decision(number)
        began = time.perf_counter()
        order = entry_create(run=run, intent=intent, expires_at=None)
        order_send(order=order, broker=self.broker)
        ended = time.perf_counter()
        if order.status != "FILLED":
            raise SystemExit(f"Expected a filled order, was {order.status}: {order.message}")
        return self.broker.asked_at - began, ended - self.broker.asked_at

    def _decision(self, number: int) -> tuple[StrategyRun, OrderIntent]:
        """The run and what it wants; the deployment's position of before is closed."""
        from django.utils.timezone import now

        from trading.models import StrategyRun
        from trading.services.quotes import quotes_put

        deployment = self.deployments[number % SYMBOLS]
        name = deployment.symbol.name
        self._renew()
        self._close(number - SYMBOLS)
        quotes_put(source=floor.SOURCE, quotes=[floor.quote(name, 0, floor.START)])
        run = StrategyRun.objects.create(
            deployment=deployment,
            bar_open=floor.START + timedelta(minutes=number),
            state="CLAIMED",
            deadline=now() + timedelta(minutes=1),
            expires_at=now() + timedelta(minutes=1),
        )
        stop = floor.price(0) - Decimal("0.00500")
        lots = LOTS + number // SYMBOLS * Decimal("0.01")  # equal ones would be duplicates
        return run, OrderIntent(name, 1, lots, OrderKind.MARKET, None, stop, None)

    def _renew(self) -> None:
        from trading.services.leases import lease_renew

        if time.monotonic() - self.renewed_at > RENEW_SECONDS:
            self.renewed_at = time.monotonic()
            lease_renew(grip=self.grip, seen=True)

    def _close(self, index: int) -> None:
        """Record that the broker has closed the position of its fill `index`."""
        from dataclasses import replace

        from trading.services.fills import fills_record

        if index >= 0:
            opened = self.broker.filled[index]
            deal = f"{opened.position_id}-out"
            fill = replace(opened, deal_id=deal, opens=False, reason=ExitReason.STOP)
            fills_record(account=self.deployments[0].account, fills=[fill])


if __name__ == "__main__":
    main()
