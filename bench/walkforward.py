"""Walk-forward of Donchian over ten years of hourly bars: choose on two years, trade, move on.

`python -m bench.walkforward --bars 62000 --windows 60 --combos 100 [--expanding]`; `runs_per_s`
counts the trainings and tests, each a full backtest of its window; `cpu_seconds` are those of all
threads in one walk, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from bench.harness import busy, report
from bench.markets import terms, trending_bars
from bench.sweep import grid
from trading.engine.types import Bars
from trading.engine.walkforward import Scheme, walk_forward

RUNS = 5
TRAIN = 12_400
"""Two years of hours."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=62_000)
    parser.add_argument("--windows", type=int, default=60)
    parser.add_argument("--combos", type=int, default=100)
    parser.add_argument("--expanding", action="store_true", help="train on all bars before")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    measure(parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> None:
    """Walk once to warm up and then five times."""
    bars, strategies = hourly_bars(options.bars), grid(options.combos)
    first = max(strategy.warmup for strategy in strategies)
    train = min(TRAIN, options.bars // 5)
    test = -(-(options.bars - first - train) // options.windows)
    scheme = Scheme(train, test, expanding=options.expanding, purge=24, embargo=24)

    seconds, cpu = [], []
    for _ in range(RUNS + 1):
        start, start_cpu = time.perf_counter(), time.process_time()
        found = walk_forward(strategies, bars, terms(), scheme, workers=options.workers)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    middle, runs = median(seconds[1:]), found.trials + len(found.steps)
    figures = {
        "runs": RUNS,
        "bars": options.bars,
        "windows": len(found.steps),
        "combos": options.combos,
        "expanding": options.expanding,
        "workers": options.workers,
        "trades": len(found.trades),
        "runs_per_s": round(runs / middle),
        "cpu_seconds": round(median(cpu[1:]), 3),
        "busy": busy(),
    }
    report("walkforward", middle, figures)


def hourly_bars(rows: int) -> Bars:
    """The bars of the other benchmarks, an hour each."""
    bars = trending_bars(rows)
    return replace(bars, time=bars.time[0] + 60 * (bars.time - bars.time[0]))


if __name__ == "__main__":
    main()
