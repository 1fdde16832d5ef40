"""Loading history: chunks in SQLite -> arrays.

`python -m bench.history --bars 1000000 [--timeframe M1]`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

import numpy as np

from bench.harness import Figures, embedded_django, run
from trading.engine.bars import timeframe_seconds
from trading.engine.types import Bars

START = 1_577_923_200  # Thursday 2020-01-02 00:00 UTC
TAIL = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--timeframe", default="M1")
    options = parser.parse_args()
    with embedded_django():
        measure(options.bars, options.timeframe)


def measure(rows: int, timeframe: str) -> None:
    """Store `rows` bars, then time reading all of them back."""
    from trading.models import BarChunk, Symbol
    from trading.selectors.bars import bars_between, bars_tail
    from trading.services.bars import bars_store

    symbol = Symbol.objects.create(
        name="EURUSD",
        digits=5,
        tick_size=Decimal("0.00001"),
        contract_size=100_000,
        base_currency="EUR",
        profit_currency="USD",
    )
    bars = random_walk(rows, timeframe_seconds(timeframe))
    store_s = seconds_of(lambda: bars_store(symbol=symbol, timeframe=timeframe, bars=bars))
    tail_s = median(
        seconds_of(lambda: bars_tail(symbol=symbol, timeframe=timeframe, count=TAIL))
        for _ in range(5)
    )
    sizes = [len(data) for data in BarChunk.objects.values_list("data", flat=True)]
    figures = {
        "bars": rows,
        "timeframe": timeframe,
        "chunks": len(sizes),
        "bytes_per_bar": round(sum(sizes) / rows, 2),
        "store_seconds": round(store_s, 3),
        "tail_ms": round(1000 * tail_s, 3),
    }

    def load() -> Figures:
        assert len(bars_between(symbol=symbol, timeframe=timeframe)) == rows
        return figures

    run("history", load)


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def random_walk(rows: int, seconds: int) -> Bars:
    """Quotes of a market that trades Monday to Friday round the clock."""
    rng = np.random.default_rng(1)
    steps = np.rint(12 * rng.standard_t(3, rows + 1)).astype(np.int64)  # fat tails, as returns have
    ticks = 500_000 + np.cumsum(steps)
    open_, close = ticks[:-1], ticks[1:]
    high = np.maximum(open_, close) + rng.poisson(8, rows)
    low = np.minimum(open_, close) - rng.poisson(8, rows)
    slots = START // seconds + np.arange(2 * rows)
    weekday = (slots * seconds // 86400 + 3) % 7
    volume = rng.gamma(2, 60, rows).round().astype(np.float64)
    opens = slots[weekday < 5][:rows] * seconds
    prices = open_ / 1e5, high / 1e5, low / 1e5, close / 1e5
    return Bars(opens, *prices, volume, np.full(rows, 0.00012))


if __name__ == "__main__":
    main()
