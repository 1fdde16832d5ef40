"""Whether columns computed from bars know the future, and how much past they need.

Works for the signals of a strategy and for anything else that turns bars into columns, features of
a model included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from trading.engine.strategies.base import Strategy
from trading.engine.types import Bars, EngineError, FloatArray, Signals

Columns = Callable[[Bars], Mapping[str, npt.NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Leak:
    """A row that changed when the bars from `cut` on were taken away."""

    column: str
    cut: int
    row: int
    whole: float
    part: float


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How far the last row is off when only the last `window` bars are known."""

    window: int
    deviations: Mapping[str, float]
    """Largest relative deviation of each column; infinite where one is undefined."""

    @property
    def worst(self) -> float:
        return max(self.deviations.values(), default=0.0)


def signal_columns(strategy: Strategy) -> Columns:
    """The signals of a strategy as columns."""

    def columns(bars: Bars) -> dict[str, FloatArray]:
        signals = strategy.signals(bars)
        return {f.name: np.asarray(getattr(signals, f.name), np.float64) for f in fields(Signals)}

    return columns


def look_ahead(
    columns: Columns, bars: Bars, *, cuts: Iterable[int] | None = None, tolerance: float = 0.0
) -> tuple[Leak, ...]:
    """The first changed row of each column at each cut; none is what a causal one shows.

    `cuts` are rows where history ends; 30 of them spread over the bars if not given. A deviation up
    to `tolerance` (relative) is none.
    """
    whole = columns(bars)
    found = []
    for cut in _spread(len(bars)) if cuts is None else cuts:
        part = columns(bars.slice(0, cut))
        for name, values in whole.items():
            off = np.flatnonzero(_deviation(part[name], values[:cut]) > tolerance)
            if len(off):
                row = int(off[0])
                found.append(Leak(name, cut, row, float(values[row]), float(part[name][row])))
    return tuple(found)


def warm_up(
    columns: Columns, bars: Bars, windows: Sequence[int], *, ends: Iterable[int] | None = None
) -> tuple[WarmUp, ...]:
    """The last row of windows that end before each of `ends`, beside that of the whole history."""
    if not windows or max(windows) > len(bars):
        raise EngineError(f"Expected windows of up to {len(bars)} bars, was {list(windows)}")
    whole = columns(bars)
    stops = [end for end in (_spread(len(bars)) if ends is None else ends) if end >= max(windows)]
    return tuple(_warm_up(columns, bars, whole, window, stops or [len(bars)]) for window in windows)


def warm_up_needed(found: Sequence[WarmUp], tolerance: float = 1e-9) -> int | None:
    """The shortest window from which on all deviations are within `tolerance`; None if none is."""
    needed = None
    for item in sorted(found, key=lambda item: item.window, reverse=True):
        if item.worst > tolerance:
            break
        needed = item.window
    return needed


def _warm_up(
    columns: Columns,
    bars: Bars,
    whole: Mapping[str, npt.NDArray[Any]],
    window: int,
    ends: Sequence[int],
) -> WarmUp:
    worst = dict.fromkeys(whole, 0.0)
    for end in ends:
        part = columns(bars.slice(end - window, end))
        for name, values in whole.items():
            off = float(_deviation(part[name][-1:], values[end - 1 : end])[0])
            worst[name] = max(worst[name], off)
    return WarmUp(window, worst)


def _spread(rows: int) -> list[int]:
    """30 rows from a quarter of the bars to all of them."""
    return sorted({int(row) for row in np.linspace(rows // 4, rows, 30)})


def _deviation(found: npt.NDArray[Any], true: npt.NDArray[Any]) -> FloatArray:
    """|found - true| / |true|, plain where that is below 1e-12; two NaN do not deviate."""
    a, b = np.asarray(found, np.float64), np.asarray(true, np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        off = np.abs(a - b) / np.where(np.abs(b) > 1e-12, np.abs(b), 1.0)
    result: FloatArray = np.where(same, 0.0, np.where(np.isnan(off), np.inf, off))
    return result
