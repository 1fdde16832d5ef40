"""The same strategy under worse terms: dearer, later, without its luckiest trades, in crises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np

from trading.engine.backtest import BacktestRequest, Result, Terms, backtest
from trading.engine.metrics import Curve
from trading.engine.stats import without_best
from trading.engine.strategies.base import Params, Strategy
from trading.engine.types import Bars, Costs, Signals

MULTIPLES: Final = (0.0, 0.5, 1.0, 1.5, 2.0)
PERIODS: Final[Mapping[str, tuple[date, date]]] = {
    "Lehman": (date(2008, 9, 12), date(2008, 10, 31)),
    "Flash crash": (date(2010, 5, 6), date(2010, 5, 7)),
    "Franc floor": (date(2015, 1, 14), date(2015, 1, 16)),
    "Yuan devaluation": (date(2015, 8, 10), date(2015, 8, 26)),
    "Brexit vote": (date(2016, 6, 23), date(2016, 6, 27)),
    "Pound flash crash": (date(2016, 10, 6), date(2016, 10, 7)),
    "Yen flash crash": (date(2019, 1, 2), date(2019, 1, 4)),
    "Covid": (date(2020, 2, 20), date(2020, 3, 23)),
    "War in Ukraine": (date(2022, 2, 23), date(2022, 3, 8)),
    "Mini-budget": (date(2022, 9, 22), date(2022, 9, 28)),
    "Silicon Valley Bank": (date(2023, 3, 8), date(2023, 3, 15)),
    "Yen carry": (date(2024, 7, 31), date(2024, 8, 6)),
}
"""First and last day (UTC) of times that markets remember."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left under some terms."""

    trades: int
    net_profit: float
    sharpe: float | None


@dataclass(frozen=True, slots=True)
class Stress:
    """Each outcome changes one thing."""

    base: Outcome
    by_costs: Mapping[float, Outcome]
    """All costs times so much."""
    break_even: float | None
    """The multiple of costs that leaves nothing, by straight lines; None if no multiple does."""
    double_spread: Outcome
    one_more_tick: Outcome
    """Of slippage."""
    one_bar_late: Outcome
    without_best: float
    """Net profit without the best 5 % of the trades."""
    periods: Mapping[str, float]
    """Return of each of PERIODS that the history holds, percent."""


class Delayed(Strategy):
    """Another strategy whose wishes are known some bars later."""

    kind: ClassVar[str] = "delayed"
    label: ClassVar[str] = "Another strategy, later"
    params_type: ClassVar[type[Params]] = Params

    def __init__(self, inner: Strategy, bars: int = 1) -> None:
        self.inner, self.bars, self.params = inner, bars, inner.params

    @property
    def warmup(self) -> int:
        return self.inner.warmup + self.bars

    def signals(self, bars: Bars) -> Signals:
        found, late = self.inner.signals(bars), min(self.bars, len(bars))
        side = np.concatenate([np.zeros(late, np.int8), found.side[: len(bars) - late]])
        names = ("stop", "take", "trail", "entry", "score")
        columns = (getattr(found, name)[: len(bars) - late] for name in names)
        return Signals(side, *(np.concatenate([np.full(late, np.nan), c]) for c in columns))


def stress(request: BacktestRequest, multiples: Sequence[float] = MULTIPLES) -> Stress:
    """Run the request under each of the worse terms. EngineError as in `backtest`."""
    terms, bars = request.terms, request.bars
    result = backtest(request)
    later = replace(request, strategy=Delayed(request.strategy))
    slipped = replace(terms.costs, slippage_ticks=terms.costs.slippage_ticks + 1)
    by_costs = {multiple: _outcome(dearer(request, multiple)) for multiple in multiples}
    return Stress(
        base=_found(result),
        by_costs=by_costs,
        break_even=break_even({k: found.net_profit for k, found in by_costs.items()}),
        double_spread=_outcome(replace(request, bars=replace(bars, spread=2.0 * bars.spread))),
        one_more_tick=_outcome(replace(request, terms=replace(terms, costs=slipped))),
        one_bar_late=_outcome(later),
        without_best=without_best(result.trades.net),
        periods=period_returns(result.curve),
    )


def dearer(request: BacktestRequest, multiple: float) -> BacktestRequest:
    """All costs times `multiple`: spread, commission, slippage (whole ticks, up) and paid swap."""
    bars, terms = request.bars, request.terms
    costs, instrument = terms.costs, terms.instrument
    factor = Decimal(str(multiple))
    swaps = {
        name: swap * factor if (swap := getattr(instrument, name)) < 0 else swap
        for name in ("swap_long", "swap_short")
    }
    changed: Terms = replace(
        terms,
        instrument=replace(instrument, **swaps),
        costs=Costs(costs.commission_per_lot * factor, math.ceil(costs.slippage_ticks * multiple)),
    )
    spread = replace(bars, spread=multiple * bars.spread)
    return replace(request, bars=spread, terms=changed)


def recosted(request: BacktestRequest, per_fill: float) -> BacktestRequest:
    """With what a fill costs beyond the assumption, in price units, at entry and exit."""
    spread = np.maximum(request.bars.spread + 2.0 * per_fill, 0.0)
    return replace(request, bars=replace(request.bars, spread=spread))


def break_even(profits: Mapping[float, float]) -> float | None:
    """The first multiple at which profit falls to 0, between those given."""
    for (low, before), (high, after) in pairwise(sorted(profits.items())):
        if before > 0.0 >= after:
            return low + (high - low) * before / (before - after)
    return None


def period_returns(
    curve: Curve, periods: Mapping[str, tuple[date, date]] = PERIODS
) -> dict[str, float]:
    """Return in percent over each period whose whole the curve holds."""
    found = {}
    for name, (first, last) in periods.items():
        start, end = (
            int(datetime.combine(day, at, UTC).timestamp())
            for day, at in ((first, time.min), (last, time.max))
        )
        low, high = np.searchsorted(curve.time, [start, end])
        inside = len(curve.time) > 0 and curve.time[0] <= start and end <= curve.time[-1]
        before = curve.equity[low - 1] if low else curve.start
        if inside and high > low and before > 0.0:
            found[name] = 100.0 * (float(curve.equity[high - 1]) / float(before) - 1.0)
    return found


def _outcome(request: BacktestRequest) -> Outcome:
    return _found(backtest(request))


def _found(result: Result) -> Outcome:
    metrics = result.metrics
    return Outcome(metrics.trades.count, metrics.equity.net_profit, metrics.equity.sharpe)
