"""All deployments at once: a bar closes and every account wants to trade every symbol.

`python -m bench.burst [--accounts 20] [--symbols 10] [--bars 5] [--database sqlite|postgresql]`

A session is fed the quotes that close one bar of every symbol; a real worker process on the same
database sends the entries, while the session goes on reading its accounts as a gateway does. One
run is the time from these quotes to the last entry being on record as filled. Between two bars the
stops are hit, so that every bar is entries only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

from bench import floor
from bench.harness import busy, database_option, execution_django, report, spread_of, worker

if TYPE_CHECKING:
    from trading.gateway.session import Session
    from trading.models import Order

WARM_UP = 2
GIVE_UP = 60.0
REST_SECONDS = 1.0
"""Between two bars: the worker puts its own house in order."""
POLL_SECONDS = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--bars", type=int, default=5)
    database_option(parser)
    options = parser.parse_args()
    with execution_django(options.database), worker() as process:
        bench = Bench.opened(options.accounts, options.symbols, psutil.Process(process.pid))
        load = busy()
        bars = [bench.one_bar(number) for number in range(WARM_UP + options.bars)][WARM_UP:]
        figures = {"database": options.database, "accounts": options.accounts, "load": load}
        tell(bars, {**figures, "symbols": options.symbols})


@dataclass(frozen=True, slots=True)
class Bar:
    """What one bar took, in seconds; `entries` of each entry, the rest of the whole."""

    total: float
    closing: float
    """Until the session had closed all bars."""
    cpu: float
    """Of the worker's processes and of this one."""
    entries: Sequence[float]


def tell(bars: Sequence[Bar], figures: dict[str, object]) -> None:
    """Print the medians of the bars and the distribution of all entries."""
    seconds = median(bar.total for bar in bars)
    count = len(bars[0].entries)
    figures = {
        "runs": len(bars),
        **figures,
        "entries": count,
        "entries_per_s": round(count / seconds, 1),
        "worst_seconds": round(max(bar.total for bar in bars), 3),
        "closing_seconds": round(median(bar.closing for bar in bars), 3),
        "cpu_seconds": round(median(bar.cpu for bar in bars), 2),
        **spread_of([entry for bar in bars for entry in bar.entries]),
    }
    report("burst", seconds, figures)


@dataclass(slots=True)
class Bench:
    """A session with its accounts and deployments, and the worker that answers it."""

    session: Session
    stream: floor.StillStream
    names: Sequence[str]
    accounts: int
    worker: psutil.Process

    @classmethod
    def opened(cls, accounts: int, symbols: int, worker: psutil.Process) -> Bench:
        from trading.gateway.session import Session

        rows = floor.symbols_open(symbols)
        opened = [floor.account_open(number) for number in range(accounts)]
        floor.deployments_open(opened, floor.strategy_open(), rows)
        stream = floor.StillStream()
        session = Session(floor.SOURCE, stream)
        session.load()
        bench = cls(session, stream, [row.name for row in rows], accounts, worker)
        bench._feed(0, floor.START)
        return bench

    def one_bar(self, number: int) -> Bar:
        """Fill one minute with its quotes, close it with the next ones, wait for every order."""
        opens = floor.START + timedelta(minutes=number)
        self._feed(number, opens + timedelta(seconds=30))
        self.session.observe()
        time.sleep(REST_SECONDS)
        self.session.observe()
        cpu, began, clock = self._cpu_seconds(), time.perf_counter(), time.time()
        self._feed(number, opens + timedelta(minutes=1))
        closing = time.perf_counter() - began
        self._wait(number, opens, began + GIVE_UP)
        total = time.perf_counter() - began
        filled = [order.finished_at for order in entries_of(opens)]
        entries = [at.timestamp() - clock for at in filled if at is not None]
        return Bar(total, closing, self._cpu_seconds() - cpu, entries)

    def _feed(self, number: int, at: datetime) -> None:
        self.stream.time = at
        self.session.on_quotes([floor.quote(name, number, at) for name in self.names])

    def _wait(self, number: int, opens: datetime, deadline: float) -> None:
        """Until every entry is filled; quotes and readings go on as in a gateway."""
        from trading.gateway.session import OBSERVE_SECONDS
        from trading.models import Order

        observed = time.perf_counter()
        filled = Order.objects.filter(run__bar_open=opens, purpose="ENTRY", status="FILLED")
        while filled.count() < self.accounts * len(self.names):
            if time.perf_counter() > deadline:
                raise SystemExit(f"Expected all entries in {GIVE_UP} s, was: {why_not(opens)}")
            if time.perf_counter() - observed >= OBSERVE_SECONDS:
                observed = time.perf_counter()
                self._feed(number, self.stream.time + timedelta(milliseconds=500))
                self.session.observe()
            time.sleep(POLL_SECONDS)

    def _cpu_seconds(self) -> float:
        """Used so far by this process and all of the worker's."""
        processes = [psutil.Process(), self.worker, *self.worker.children(recursive=True)]
        return sum(sum(process.cpu_times()) for process in processes)


def entries_of(opens: datetime) -> Sequence[Order]:
    from trading.models import Order

    return list(Order.objects.filter(run__bar_open=opens, purpose="ENTRY", status="FILLED"))


def why_not(opens: datetime) -> object:
    from django.db.models import Count

    from trading.models import StrategyRun

    rows = StrategyRun.objects.filter(bar_open=opens).values("state", "outcome", "code", "message")
    return list(rows.annotate(runs=Count("id")).order_by())


if __name__ == "__main__":
    main()
