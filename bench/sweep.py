"""A grid of Donchian parameters: full backtests (signals, simulation, main metrics) on all cores.

`python -m bench.sweep --bars 100000 --combos 500`; `studies` says how often the channels and the
average true range were worked out: combinations that differ only in stop and take share them.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import islice, product
from statistics import median

from bench.harness import report
from bench.markets import terms, trending_bars
from trading.engine.strategies import build
from trading.engine.strategies.base import Strategy
from trading.engine.sweep import sweep

RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--combos", type=int, default=500)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    measure(options.bars, options.combos, options.workers)


def measure(rows: int, combos: int, workers: int) -> None:
    """Sweep once to warm up and then five times."""
    bars, strategies = trending_bars(rows), grid(combos)
    seconds = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        found = sweep(strategies, bars, terms(), workers=workers)
        seconds.append(time.perf_counter() - start)
    middle = median(seconds[1:])
    figures = {
        "runs": RUNS,
        "bars": rows,
        "combos": len(found.rows),
        "workers": workers,
        "studies": found.studies,
        "trades": sum(row.trades for row in found.rows),
        "combos_per_s": round(len(found.rows) / middle),
    }
    report("sweep", middle, figures)


def grid(count: int) -> list[Strategy]:
    """The first `count` combinations of entry, exit, stop and take."""
    values = product(
        (20, 30, 40, 55, 80, 100, 120, 150, 200, 240),
        (10, 15, 20),
        (1.5, 2, 2.5, 3, 4, 5),
        (0, 6, 9),
    )
    names = ("entry", "exit", "stop_atr", "take_atr")
    return [build("donchian", dict(zip(names, v, strict=True))) for v in islice(values, count)]


if __name__ == "__main__":
    main()
