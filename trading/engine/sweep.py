"""One strategy with many parameters over the same history, on all cores.

Every row is a full backtest under the same terms and over the same bars: what the first bars of the
slowest combination need to warm up is left out for all. Combinations that differ only in the
distances of stop, take and trail share one study of the bars.

The best of many rows is the luckiest of them: expect less from it in the future than it shows here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from trading.engine.backtest import Stage, Terms, first_row
from trading.engine.fills import round_cents
from trading.engine.kernels import kernel
from trading.engine.metrics import figure
from trading.engine.stats import daily_returns, deepest_drawdown, ratio, sharpe
from trading.engine.strategies.base import AtrStrategy, Strategy
from trading.engine.tape import Output
from trading.engine.ticks import RecordArray
from trading.engine.types import Bars, EngineError


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
    """One row per strategy asked for, in their order; `studies` of the bars were made."""

    rows: tuple[SweepRow, ...]
    studies: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Combinations of one study, by their places in the request."""

    places: Sequence[int]
    strategies: Sequence[Strategy]


def sweep(
    strategies: Sequence[Strategy], bars: Bars, terms: Terms, *, workers: int | None = None
) -> Sweep:
    """Backtest every strategy on `workers` threads (default: one per core).

    EngineError as in `backtest`.
    """
    if not strategies:
        raise EngineError("Expected at least one strategy, was none")
    start = max(first_row(strategy, len(bars)) for strategy in strategies)
    stage = Stage(bars, terms, start)
    workers = workers or os.cpu_count() or 1
    batches = list(_batches(strategies, -(-len(strategies) // (4 * workers))))
    rows: dict[int, SweepRow] = {}
    with ThreadPoolExecutor(workers) as pool:
        for found in pool.map(lambda batch: _run(batch, stage, bars), batches):
            rows.update(found)
    return Sweep(tuple(rows[place] for place in range(len(strategies))), len(batches))


def _batches(strategies: Sequence[Strategy], size: int) -> Iterator[_Batch]:
    """At most `size` combinations that share a study."""
    keys = [_study_key(strategy) for strategy in strategies]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for _, group in groupby(order, key=keys.__getitem__):
        places = list(group)
        for k in range(0, len(places), size):
            part = places[k : k + size]
            yield _Batch(part, [strategies[place] for place in part])


def _study_key(strategy: Strategy) -> str:
    """Equal for strategies that can share a study."""
    shared = strategy.study_params if isinstance(strategy, AtrStrategy) else strategy.params
    return f"{strategy.kind} {shared}"


def _run(batch: _Batch, stage: Stage, bars: Bars) -> dict[int, SweepRow]:
    tapes = zip(batch.places, stage.tapes_of(batch.strategies, bars), strict=True)
    return {place: _row_of(stage.play(tape), stage) for place, tape in tapes}


def _row_of(output: Output, stage: Stage) -> SweepRow:
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
