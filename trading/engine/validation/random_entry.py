"""Whether a strategy's moments are better than random ones.

Random entries keep everything else: the order of sides, how many entries there are, how long each
is wanted and how long the breaks are (all of them mixed up), stops, takes, costs and sizes. What a
market gives to anybody who is in it that long is therefore in both.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from trading.engine.backtest import BacktestRequest, Stage, first_row
from trading.engine.sweep import SweepRow, row_of
from trading.engine.types import SideArray


@dataclass(frozen=True, slots=True)
class RandomEntries:
    """The strategy's own run, and how often random moments did at least as well.

    p-values are (1 + as good) / (1 + runs); a metric that is undefined in the run has none.
    """

    own: SweepRow
    runs: int
    p_net_profit: float | None
    p_sharpe: float | None
    p_mean_r: float | None


def random_entries(
    request: BacktestRequest, *, runs: int = 2000, seed: int = 0, workers: int | None = None
) -> RandomEntries:
    """Run the strategy once and its signals at random moments `runs` times."""
    strategy, bars = request.strategy, request.bars
    stage = Stage(bars, request.terms, first_row(strategy, len(bars), request.start))
    (tape,) = stage.tapes_of([strategy], bars)
    own = row_of(stage.play(tape), stage)

    def run(number: int) -> SweepRow:
        rng = np.random.default_rng([seed, number])
        return row_of(stage.play(tape._replace(side=mixed_up(tape.side, rng))), stage)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        rows = list(pool.map(run, range(runs)))
    return RandomEntries(
        own=own,
        runs=runs,
        p_net_profit=_share(own.net_profit, [row.net_profit for row in rows]),
        p_sharpe=_share(own.sharpe, [row.sharpe for row in rows]),
        p_mean_r=_share(own.mean_r, [row.mean_r for row in rows]),
    )


def mixed_up(side: SideArray, rng: np.random.Generator) -> SideArray:
    """The same sides in the same order, with the lengths of positions and of breaks permuted."""
    if not len(side):
        return side
    first = np.flatnonzero(np.diff(side, prepend=np.int8(side[0] ^ 1)))
    lengths, values = np.diff(np.append(first, len(side))), side[first]
    for is_kind in (values == 0, values != 0):
        lengths[is_kind] = rng.permutation(lengths[is_kind])
    return np.repeat(values, lengths)


def _share(own: float | None, others: list[float | None]) -> float | None:
    if own is None:
        return None
    known = [other for other in others if other is not None]
    return (1 + sum(other >= own for other in known)) / (1 + len(known))
