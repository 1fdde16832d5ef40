"""Bar close in the gateway -> order accepted by the paper broker, through the queue and a worker.

`python -m bench.latency [--orders 100]`

A session is fed quotes that turn the strategy around at every bar, after the stop of the position
before was hit; a real worker process on the same SQLite database sends the entry. One sample is
the time from the quote that closes the bar to the entry being on record as filled.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.harness import embedded_django, report
from trading.engine.types import Bars, Quote

if TYPE_CHECKING:
    from trading.gateway.session import Session
    from trading.models import Order

START = datetime(2026, 1, 14, 13, 0, tzinfo=UTC)
WARM_UP = 10
GIVE_UP = 15.0
PAUSE = 0.15
"""Seconds between two bars, odd enough not to fall in step with the queue's polling."""


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100)
    options = parser.parse_args()
    with embedded_django() as folder:
        from tradebot.embedded import valkey_start, valkey_stop

        server = valkey_start(folder)
        try:
            with worker():
                measure(options.orders)
        finally:
            if server is not None:
                valkey_stop(server)


@contextmanager
def worker() -> Iterator[None]:
    """A worker process on the same database."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qworker"],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def measure(orders: int) -> None:
    """Feed bars, wait for each order, print the distribution."""
    session, stream = prepare()
    samples = [one_bar(session, stream, number) for number in range(WARM_UP + orders)][WARM_UP:]
    milliseconds = 1000 * np.array(samples)
    p50, p90, p99 = np.percentile(milliseconds, [50, 90, 99])
    figures = {
        "runs": orders,
        "p50_ms": round(float(p50), 1),
        "p90_ms": round(float(p90), 1),
        "p99_ms": round(float(p99), 1),
        "max_ms": round(float(milliseconds.max()), 1),
        **stages(),
    }
    report("latency", float(p50) / 1000, figures)


def prepare() -> tuple[Session, StillStream]:
    """A paper account with one deployment that changes its mind at every bar."""
    from trading.gateway.session import Session
    from trading.models import Account, Deployment, Strategy
    from trading.services.bars import bars_store
    from trading.services.bootstrap import symbol_create
    from trading.services.paper import paper_book_open

    symbol = symbol_create(name="EURUSD", source="bench")
    bars_store(symbol=symbol, timeframe="M1", bars=zigzag(700))
    account = Account.objects.create(
        name="bench", kind="paper", source="bench", balance=100_000, equity=100_000
    )
    Account.objects.update(state=Account.State.ACTIVE, state_reason="")
    paper_book_open(account=account)
    params = {"fast": 2, "slow": 3, "stop_atr": 0.5}
    strategy = Strategy.objects.create(name="flip", kind="ewma_trend", params=params)
    Deployment.objects.create(
        account=account,
        strategy=strategy,
        symbol=symbol,
        timeframe="M1",
        risk_percent=Decimal("0.10"),
        state=Deployment.State.RUNNING,
    )
    stream = StillStream()
    session = Session("bench", stream)
    session.load()
    session.on_quotes([quote(0, START)])
    return session, stream


def one_bar(session: Session, stream: StillStream, number: int) -> float:
    """Fill one minute with its quote, close it with the next one, wait for the order."""
    opens = START + timedelta(minutes=number)
    session.on_quotes([quote(number, opens + timedelta(seconds=30))])
    session.observe()
    time.sleep(PAUSE)
    stream.time = opens + timedelta(minutes=1)
    began = time.perf_counter()
    session.on_quotes([quote(number, stream.time)])
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


def price(number: int) -> Decimal:
    """Up in even minutes, down in odd ones, by far more than the spread."""
    return Decimal("1.10000") + Decimal("0.00200") * (number % 2)


def quote(number: int, at: datetime) -> Quote:
    return Quote("EURUSD", at, price(number), price(number) + Decimal("0.00006"))


def zigzag(count: int) -> Bars:
    """History that ends right before START and goes up and down as the quotes will."""
    first = int(START.timestamp()) - 60 * count
    times = np.arange(first, first + 60 * count, 60, dtype=np.int64)
    prices = np.array([float(price(n)) for n in range(count)])
    return Bars(times, prices, prices, prices, prices, np.ones(count), np.full(count, 0.00006))


if __name__ == "__main__":
    main()
