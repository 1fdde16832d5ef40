"""What the MetaApi adapter adds to a trade, over the time the emulator itself takes.

`python -m bench.metaapi_trade [--orders 200]`

One sample is the round trip of a worker's broker: an entry sent and its deal read, then the whole
closed and its deal read. The emulator's own time is that of the same four requests over a bare
connection that is kept open, taken in turns with the samples. The gate is no part of it
(`bench.gate`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import Any

from bench.harness import busy, report, spread_of
from tests.metaapi_emulator.running import EmulatorSite, emulator_process
from trading.brokers.base import EntryRequest
from trading.brokers.metaapi import Hosts, MetaApiBroker, MetaApiClient, Money
from trading.brokers.metaapi.budget import Allowance, Budget
from trading.engine.types import OrderKind

WARM_UP = 20
SYMBOL = "EURUSD"
LOTS = Decimal("0.10")
TRADES = 2
"""In one sample: an entry and a close."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    options = parser.parse_args()
    with emulator_process("--speed", "1") as site:
        measure(site, options.orders)


def measure(site: EmulatorSite, orders: int) -> None:
    """Trade in turns with and without the adapter, print both distributions."""
    load, remote = busy(), site.open_account()
    broker = broker_at(site, remote)
    ours, own = [], []
    for number in range(WARM_UP + orders):
        ours.append(timed(lambda number=number: by_adapter(broker, number)) / TRADES)  # type: ignore[misc]
        own.append(timed(lambda: by_hand(site, remote)) / TRADES)
    ours, own = ours[WARM_UP:], own[WARM_UP:]
    overhead = median(ours) - median(own)
    figures = {
        "runs": orders,
        **spread_of(ours),
        "own_p50_ms": spread_of(own)["p50_ms"],
        "overhead_p50_ms": round(1000 * overhead, 2),
        "load": load,
    }
    report("metaapi_trade", overhead, figures)


def broker_at(site: EmulatorSite, remote: str) -> MetaApiBroker:
    """The broker of a worker, without having to wait for a turn."""
    budget = Budget(Allowance(rate=1000.0, burst=1000.0, reserve=10.0))
    client = MetaApiClient(site.token, remote, Hosts(base_url=site.url), budget=budget)
    return MetaApiBroker(client, Money("USD", 100))


def by_adapter(broker: MetaApiBroker, number: int) -> None:
    """Open and close."""
    receipt = broker.submit(
        EntryRequest(f"TB{number:08}", SYMBOL, 1, LOTS, OrderKind.MARKET, None, None, None, 1)
    )
    if receipt.position_id is None or not receipt.fills:
        raise SystemExit(f"Expected an order with its fill, was {receipt}")
    if not broker.close(receipt.position_id).fills:
        raise SystemExit("Expected a close with its fill, was none")


def by_hand(site: EmulatorSite, remote: str) -> None:
    """The same requests with nothing around them."""
    position = str(site.buy(remote, float(LOTS))["positionId"])
    deals_of(site, remote, position)
    site.trade(remote, "POSITION_CLOSE_ID", positionId=position)
    deals_of(site, remote, position)


def deals_of(site: EmulatorSite, remote: str, position: str) -> Any:
    return site.read(remote, f"history-deals/position/{position}")


def timed(act: Callable[[], None]) -> float:
    """Seconds it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
