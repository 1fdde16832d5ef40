"""One strategy with many parameters over the same history, on all cores.

Every row is a full backtest under the same terms and over the same bars: what the first bars of the
slowest combination need to warm up is left out for all. Combinations that differ only in the
distances of stop, take and trail share one study of the bars.

The best of many rows is the luckiest of them: expect less from it in the future than it shows here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from trading.engine.backtest import Stage, Terms, first_row
from trading.engine.fills import round_cents
from trading.engine.kernels import kernel
from trading.engine.metrics import figure
from trading.engine.stats import daily_returns, deepest_drawdown, ratio, sharpe
from trading.engine.strategies.base import AtrStrategy, Strategy
from trading.engine.tape import Output, Tape
from trading.engine.ticks import RecordArray
from trading.engine.types import Bars, EngineError, FloatArray, Signals

Tapes = Callable[[Stage], Iterator[Tape]]


@dataclass(frozen=True, slots=True)
class SweepRow:
    """The main metrics of one combination; None where undefined."""

    trades: int = figure("Trades")
    net_profit: float = figure("Net profit", "money")
    return_percent: float = figure("Return", "%")
    sharpe: float | None = figure("Sharpe")
    max_drawdown_percent: float = figure("Max drawdown, relative", "%")
    profit_factor: float | None = figure("Profit factor")
    win_rate_percent: float | None = figure("Win rate", "%")
    mean_r: float | None = figure("Mean R", "R")


@dataclass(frozen=True, slots=True)
class Sweep:
    """One row per strategy asked for, in their order; `studies` of the bars were made.

    `returns` has a row per trading day and a column per strategy, none if not asked for: what
    tests of a choice among many need. An account that was lost returns -1, and then nothing.
    """

    rows: tuple[SweepRow, ...]
    studies: int
    returns: FloatArray


@dataclass(frozen=True, slots=True)
class Batch:
    """Combinations of one study, by their places in the request."""

    places: Sequence[int]
    strategies: Sequence[Strategy]

    def plays(self, bars: Bars) -> Iterator[tuple[Sequence[int], Tapes]]:
        """Places, and what makes their tapes for any window of the bars' stage."""
        first = self.strategies[0]
        if isinstance(first, AtrStrategy):
            study = first.study(bars)
            yield self.places, lambda stage: stage.tapes_from(study, self.strategies)
            return
        for place, strategy in zip(self.places, self.strategies, strict=True):
            yield [place], partial(_tape_of, strategy.signals(bars))


def _tape_of(signals: Signals, stage: Stage) -> Iterator[Tape]:
    yield stage.tape_of(signals)


def sweep(
    strategies: Sequence[Strategy],
    bars: Bars,
    terms: Terms,
    *,
    workers: int | None = None,
    with_returns: bool = False,
) -> Sweep:
    """Backtest every strategy on `workers` threads (default: one per core).

    EngineError as in `backtest`.
    """
    stage = stage_for(strategies, bars, terms)
    workers = workers or os.cpu_count() or 1
    batches = list(batches_of(strategies, workers))
    rows: dict[int, SweepRow] = {}
    returns = np.zeros((len(stage.days) if with_returns else 0, len(strategies)))

    def run(batch: Batch) -> None:
        tapes = stage.tapes_of(batch.strategies, bars)
        for place, tape in zip(batch.places, tapes, strict=True):
            output = stage.play(tape)
            rows[place] = row_of(output, stage)
            if with_returns:
                returns[:, place] = returns_of(stage.curve(output.equity).daily)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, batches))
    return Sweep(tuple(rows[place] for place in range(len(strategies))), len(batches), returns)


def stage_for(strategies: Sequence[Strategy], bars: Bars, terms: Terms) -> Stage:
    """A stage that begins where the last of some strategies is warm; EngineError without one."""
    if not strategies:
        raise EngineError("Expected at least one strategy, was none")
    return Stage(bars, terms, max(first_row(strategy, len(bars)) for strategy in strategies))


def batches_of(strategies: Sequence[Strategy], workers: int) -> Iterator[Batch]:
    """Combinations that share a study, in parts small enough to keep all workers busy."""
    size = -(-len(strategies) // (4 * workers))
    keys = [study_key(strategy) for strategy in strategies]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for _, group in groupby(order, key=keys.__getitem__):
        places = list(group)
        for k in range(0, len(places), size):
            part = places[k : k + size]
            yield Batch(part, [strategies[place] for place in part])


def study_key(strategy: Strategy) -> str:
    """Equal for strategies that can share a study."""
    shared = strategy.study_params if isinstance(strategy, AtrStrategy) else strategy.params
    return f"{strategy.kind} {shared}"


def returns_of(daily: FloatArray) -> FloatArray:
    """Growth less one of each day, also of an account that was lost."""
    alive = np.minimum.accumulate(daily[:-1]) > 0.0
    growth = np.divide(daily[1:], daily[:-1], out=np.ones(len(daily) - 1), where=alive)
    return np.maximum(growth, 0.0) - 1.0


def row_of(output: Output, stage: Stage) -> SweepRow:
    """The main metrics of a run."""
    curve, count = stage.curve(output.equity), len(output.trades)
    end, drawdown = float(curve.equity[-1]), deepest_drawdown(curve.time, curve.equity, curve.start)
    gains, losses, wins, r = _totals(output.trades)
    return SweepRow(
        trades=count,
        net_profit=end - curve.start,
        return_percent=100.0 * (end / curve.start - 1.0),
        sharpe=sharpe(daily_returns(curve.daily)),
        max_drawdown_percent=100.0 * drawdown.share,
        profit_factor=ratio(gains, losses),
        win_rate_percent=ratio(100.0 * wins, count),
        mean_r=ratio(r, count),
    )


@kernel
def _totals(trades: RecordArray) -> tuple[float, float, int, float]:
    """Sums of wins, of losses (positive), number of wins, and the sum of R."""
    gains, losses, wins, r = 0.0, 0.0, 0, 0.0
    for i in range(len(trades)):
        row = trades[i]
        net = round_cents(row.profit - row.commission + row.swap)
        gains += max(net, 0.0)
        losses -= min(net, 0.0)
        wins += int(net > 0.0)
        r += net / row.risk
    return gains, losses, wins, r
