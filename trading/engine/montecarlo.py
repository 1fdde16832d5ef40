"""What luck could have made of it: the same trades in other orders, the strategy on other prices.

Orders of trades answer only how deep a drawdown may be; other prices also how much of a result hung
on the one path that history took. A result above the median of prices resampled from its own
history is luck of the path, not proof of overfitting: judge that with PBO and the deflated ratio.
Same seed, same numbers, on any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from trading.engine.backtest import BacktestRequest, Stage, first_row
from trading.engine.sweep import SweepRow, row_of
from trading.engine.trades import TickScale
from trading.engine.types import Bars, EngineError, FloatArray, IntArray

CHUNK: Final = 1 << 20
"""Trades drawn at once."""
RUIN: Final = (0.1, 0.2, 0.3, 0.5)
"""Shares of the start whose loss counts as ruin."""
WEEK: Final = 604_800
FIGURES: Final = (
    "return_percent",
    "sharpe",
    "max_drawdown_percent",
    "profit_factor",
    "win_rate_percent",
    "mean_r",
)
"""Metrics of a run that paths are compared by; of drawdowns less is better."""


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """Deepest drawdowns (shares) over many orders, and that of the trades as they came."""

    original: float
    median: float
    worst_5: float
    worst_1: float
    rank: float
    """Share of the orders that fell less deep."""


@dataclass(frozen=True, slots=True)
class Futures:
    """As many trades drawn from the same ones: growth at the end, drawdowns, ruin."""

    worst_5: float
    median: float
    best_5: float
    """Growth of the balance at the end, 1 = none."""
    loss: float
    """Share of the paths that end below their start."""
    drawdown_5: float
    drawdown_1: float
    """Drawdowns (shares) that 5 and 1 % of the paths exceed."""
    ruin: Mapping[float, float]
    """Share of the paths that ever lose so large a share of their start."""


def shuffle_trades(growth: FloatArray, *, paths: int = 2000, seed: int = 0) -> Drawdowns:
    """The same trades in random orders: where they end does not change, how they get there does.

    `growth` is each trade's balance after / before, as `stats.holding_returns` gives it.
    """
    original = float(_deepest(_balances(_some(growth)[None, :]))[0])
    parts = (_deepest(_balances(part)) for part in _orders(growth, paths, seed))
    found = np.concatenate(list(parts))
    median, worst_5, worst_1 = np.quantile(found, [0.5, 0.95, 0.99])
    rank = float((found < original - 1e-12).mean())
    return Drawdowns(original, float(median), float(worst_5), float(worst_1), rank)


def draw_trades(
    growth: FloatArray, *, trades: int | None = None, paths: int = 2000, seed: int = 0
) -> Futures:
    """What `trades` more of such trades may bring, each drawn for itself; as many as there were."""
    rng, count = np.random.default_rng(seed), trades or len(growth)
    ends, falls, lows = [], [], []
    for size in _sizes(paths, count):
        balances = _balances(rng.choice(_some(growth), (size, count)))
        ends.append(balances[:, -1])
        falls.append(_deepest(balances))
        lows.append(balances.min(axis=1))
    end, fall, low = (np.concatenate(parts) for parts in (ends, falls, lows))
    worst, median, best = np.quantile(end, [0.05, 0.5, 0.95])
    five, one = np.quantile(fall, [0.95, 0.99])
    return Futures(
        worst_5=float(worst),
        median=float(median),
        best_5=float(best),
        loss=float((end < 1.0).mean()),
        drawdown_5=float(five),
        drawdown_1=float(one),
        ruin={level: float((low <= 1.0 - level).mean()) for level in RUIN},
    )


def _some(growth: FloatArray) -> FloatArray:
    if not len(growth) or (growth <= 0.0).any():
        raise EngineError("Expected trades that leave a balance above 0, was none or another")
    return growth


def _orders(growth: FloatArray, paths: int, seed: int) -> Iterator[FloatArray]:
    rng = np.random.default_rng(seed)
    for size in _sizes(paths, len(growth)):
        yield rng.permuted(np.tile(growth, (size, 1)), axis=1)


def _sizes(paths: int, length: int) -> Iterator[int]:
    """How many paths to draw at once, until all are."""
    step = max(1, CHUNK // max(length, 1))
    yield from (min(step, paths - done) for done in range(0, paths, step))


def _balances(growth: FloatArray) -> FloatArray:
    """The balance at the start, 1, and after each trade: a row per path."""
    return np.cumprod(np.concatenate([np.ones((len(growth), 1)), growth], axis=1), axis=1)


def _deepest(balances: FloatArray) -> FloatArray:
    result: FloatArray = (1.0 - balances / np.maximum.accumulate(balances, axis=1)).max(axis=1)
    return result


Market = Callable[[Bars, np.random.Generator], Bars]
"""Makes other prices of the same bars, at the same times."""


@dataclass(frozen=True, slots=True)
class MovingBlocks:
    """Blocks of bars from elsewhere in history, each from the same hour of the week.

    A bar keeps its shape and its spread and moves with the close before it, so gaps of weekends and
    quiet nights stay where they are.
    """

    block: int = 120

    def __call__(self, bars: Bars, rng: np.random.Generator) -> Bars:
        before = np.concatenate([bars.open[:1], bars.close[:-1]])
        source = self._source(bars.time, rng)
        shape = np.stack([bars.open, bars.high, bars.low, bars.close]) / before
        return _built(bars, shape[:, source], bars.spread[source])

    def _source(self, time: IntArray, rng: np.random.Generator) -> IntArray:
        """The row that each row is taken from."""
        n = len(time)
        slot = time % WEEK
        order = np.argsort(slot, kind="stable")
        starts = np.arange(0, n, self.block)
        first = np.searchsorted(slot[order], slot[starts], side="left")
        after = np.searchsorted(slot[order], slot[starts], side="right")
        drawn = order[rng.integers(first, after)]
        source = drawn[:, None] + np.arange(self.block)
        result: IntArray = source.ravel()[:n] % n
        return result


@dataclass(frozen=True, slots=True)
class Noise:
    """The same bars with noise on every close: `share` of the deviation of their log returns."""

    share: float = 0.5

    def __call__(self, bars: Bars, rng: np.random.Generator) -> Bars:
        before = np.concatenate([bars.open[:1], bars.close[:-1]])
        open_, high, low, close = (
            column / before for column in (bars.open, bars.high, bars.low, bars.close)
        )
        scale = self.share * float(np.log(close).std())
        close = close * np.exp(scale * rng.standard_normal(len(bars)))
        high, low = np.maximum(high, close), np.minimum(low, close)
        return _built(bars, np.stack([open_, high, low, close]), bars.spread)


def _built(bars: Bars, shape: FloatArray, spread: FloatArray) -> Bars:
    """Bars from prices over the close before, begun at the first open of `bars`."""
    close = bars.open[0] * np.cumprod(shape[3])
    before = np.concatenate([bars.open[:1], close[:-1]])
    open_, high, low = shape[:3] * before
    high, low = np.maximum(high, close), np.minimum(low, close)  # float noise apart, they are
    return replace(bars, open=open_, high=high, low=low, close=close, spread=spread)


@dataclass(frozen=True, slots=True)
class PathPlan:
    """How many other markets of which kind."""

    market: Market = MovingBlocks()
    paths: int = 200
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Ranks:
    """A metric on history and on paths; the best are the highest, of drawdowns the lowest."""

    original: float | None
    worst_5: float | None
    median: float | None
    best_5: float | None
    better: float | None
    """Share of the paths better than history; near 0, history was lucky."""


def price_paths(
    request: BacktestRequest, plan: PathPlan = PathPlan(), *, workers: int | None = None
) -> dict[str, Ranks]:
    """The request's strategy on other prices, by metric (FIGURES), on `workers` threads.

    Paths on which a metric is undefined are left out of it.
    """
    original = _row(request)

    def run(path: int) -> SweepRow:
        rng = np.random.default_rng([plan.seed, path])
        bars = plan.market(request.bars, rng)
        return _row(replace(request, bars=_on_ticks(bars, request.terms.instrument.tick_size)))

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        rows = list(pool.map(run, range(plan.paths)))
    return {name: _ranks(name, original, rows) for name in FIGURES}


def _on_ticks(bars: Bars, tick_size: Decimal) -> Bars:
    """Prices that a market can show: equal ones must be equal to a strategy, too."""
    nearest = TickScale(tick_size).nearest
    open_, high, low = nearest(bars.open), nearest(bars.high), nearest(bars.low)
    return replace(bars, open=open_, high=high, low=low, close=nearest(bars.close))


def _row(request: BacktestRequest) -> SweepRow:
    strategy, bars = request.strategy, request.bars
    stage = Stage(bars, request.terms, first_row(strategy, len(bars), request.start))
    (tape,) = stage.tapes_of([strategy], bars)
    return row_of(stage.play(tape), stage)


def _ranks(name: str, original: SweepRow, rows: list[SweepRow]) -> Ranks:
    value: float | None = getattr(original, name)
    found = [item for item in (getattr(row, name) for row in rows) if item is not None]
    if not found:
        return Ranks(value, None, None, None, None)
    low, median, high = np.quantile(found, [0.05, 0.5, 0.95]).tolist()
    is_fall = name == "max_drawdown_percent"
    ahead = [item < value if is_fall else item > value for item in found] if value else []
    better = sum(ahead) / len(ahead) if ahead else None
    worst, best = (high, low) if is_fall else (low, high)
    return Ranks(value, worst, median, best, better)
