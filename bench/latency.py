"""Bar close in the gateway -> order accepted by the paper broker, through the queue and a worker.

`python -m bench.latency [--orders 100] [--database sqlite|postgresql]`

A session is fed quotes that turn the strategy around at every bar, after the stop of the position
before was hit; a real worker process on the same database sends the entry. One sample is
the time from the quote that closes the bar to the entry being on record as filled.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from bench import floor
from bench.harness import busy, database_option, execution_django, report, spread_of, worker

if TYPE_CHECKING:
    from trading.gateway.session import Session
    from trading.models import Order

SYMBOL = "EURUSD"
WARM_UP = 10
GIVE_UP = 60.0
PAUSE = 0.15
"""Seconds between two bars, odd enough not to fall in step with the queue's polling."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100)
    database_option(parser)
    options = parser.parse_args()
    with execution_django(options.database), worker():
        measure(options.orders, options.database)


def measure(orders: int, database: str) -> None:
    """Feed bars, wait for each order, print the distribution."""
    session, stream = prepare()
    load = busy()
    samples = [one_bar(session, stream, number) for number in range(WARM_UP + orders)][WARM_UP:]
    figures = {"runs": orders, "database": database, **spread_of(samples), **stages()}
    report("latency", median(samples), {**figures, "load": load})


def prepare() -> tuple[Session, floor.StillStream]:
    """A paper account with one deployment that changes its mind at every bar."""
    from trading.gateway.session import Session

    symbols = floor.symbols_open(1)
    floor.deployments_open([floor.account_open(1)], floor.strategy_open(), symbols)
    stream = floor.StillStream()
    session = Session(floor.SOURCE, stream)
    session.load()
    session.on_quotes([floor.quote(SYMBOL, 0, floor.START)])
    return session, stream


def one_bar(session: Session, stream: floor.StillStream, number: int) -> float:
    """Fill one minute with its quote, close it with the next one, wait for the order."""
    opens = floor.START + timedelta(minutes=number)
    session.on_quotes([floor.quote(SYMBOL, number, opens + timedelta(seconds=30))])
    session.observe()
    time.sleep(PAUSE)
    stream.time = opens + timedelta(minutes=1)
    began = time.perf_counter()
    session.on_quotes([floor.quote(SYMBOL, number, stream.time)])
    deadline = began + GIVE_UP
    while time.perf_counter() < deadline:
        order = entry_of(opens)
        if order is not None and order.status == "FILLED":
            return time.perf_counter() - began
        time.sleep(0.004)
    raise SystemExit(f"No order within {GIVE_UP} s of bar {number}: {why_not(opens)}")


def stages() -> dict[str, float]:
    """Medians by the stamps on the rows: bar stored, order written, order filled."""
    from trading.models import Order

    orders = list(Order.objects.filter(purpose="ENTRY").select_related("run"))[WARM_UP:]
    decided = [o.created_at - o.run.queued_at for o in orders if o.run]
    sent = [o.finished_at - o.created_at for o in orders if o.finished_at]
    return {
        "decide_ms": round(1000 * median(d.total_seconds() for d in decided), 1),
        "send_ms": round(1000 * median(d.total_seconds() for d in sent), 1),
    }


def entry_of(opens: datetime) -> Order | None:
    from trading.models import Order

    return Order.objects.filter(run__bar_open=opens, purpose="ENTRY").first()


def why_not(opens: datetime) -> object:
    from trading.models import StrategyRun

    rows = StrategyRun.objects.filter(bar_open=opens)
    return list(rows.values("state", "outcome", "code", "message"))


if __name__ == "__main__":
    main()
