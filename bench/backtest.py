"""One backtest: Donchian with stop and take, costs, sizing, equity and all metrics.

`python -m bench.backtest --bars 1000000`; `cold_seconds` is a new process from its start to its
result, bars included, with the kernels compiled before; `bare_loop_seconds` is the least that a
compiled pass over the same bars takes on this machine, for scale.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

import numpy as np

from bench.harness import Figures, run
from bench.markets import terms, trending_bars
from trading.engine.backtest import BacktestRequest, Result, backtest
from trading.engine.kernels import kernel
from trading.engine.strategies import build
from trading.engine.types import FloatArray

PARAMS = {"stop_atr": 3.0, "take_atr": 9.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--once", action="store_true", help="run once, without measuring")
    options = parser.parse_args()
    if options.once:
        print(result_of(request_for(options.bars)).metrics.trades.count)
    else:
        measure(options.bars)


def measure(rows: int) -> None:
    """Time warm runs in this process and cold ones in new processes."""
    request = request_for(rows)
    bars = request.bars
    figures = {
        "bars": rows,
        "trades": result_of(request).metrics.trades.count,
        "bare_loop_seconds": seconds_of_bare_loop(bars.high, bars.low, bars.close),
        "cold_seconds": round(median(seconds_of_new_process(rows) for _ in range(4)), 3),
    }

    def work() -> Figures:
        result_of(request)
        return figures

    run("backtest", work)


def request_for(rows: int) -> BacktestRequest:
    return BacktestRequest(build("donchian", PARAMS), trending_bars(rows), terms())


def result_of(request: BacktestRequest) -> Result:
    result = backtest(request)
    assert result.metrics.trades.count > len(request.bars) // 200, "the strategy hardly trades"
    return result


def seconds_of_new_process(rows: int) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "bench.backtest", "--once", "--bars", str(rows)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own module
    return time.perf_counter() - start


def seconds_of_bare_loop(high: FloatArray, low: FloatArray, close: FloatArray) -> float:
    equity = np.empty(len(close))
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        bare_loop(high, low, close, equity)
        seconds.append(time.perf_counter() - start)
    return round(median(seconds[1:]), 6)


@kernel
def bare_loop(high: FloatArray, low: FloatArray, close: FloatArray, equity: FloatArray) -> None:
    """Two levels looked at and the equity marked at every bar: no strategy, no rules."""
    count = 0.0
    for i in range(len(close)):
        if high[i] > close[i]:
            count += 1.0
        if low[i] < close[i] - 1e-4:
            count -= 1.0
        equity[i] = count * close[i]


if __name__ == "__main__":
    main()
