"""Falls from a peak: how deep, how long, how often.

A drawdown lasts from a peak until the peak was reached again, or to the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.kernels import kernel
from trading.engine.stats.basics import deviation_of, ratio
from trading.engine.types import FloatArray, IntArray

WORST: Final = 5
"""Drawdowns told one by one."""


@dataclass(frozen=True, slots=True)
class Drawdown:
    """`money` and `share` are the deepest falls from a peak, which may be two different ones;
    `seconds` the longest time from a peak until it was reached again, or to the end; `rows` the
    number of bars below their peak."""

    money: float
    share: float
    seconds: int
    rows: int


@dataclass(frozen=True, slots=True)
class Episode:
    """One drawdown: epoch seconds of its peak, its lowest close and its end.

    `end` is None where the peak was not reached again.
    """

    share: float
    money: float
    peak: int
    trough: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Episodes:
    """All drawdowns: how many, seconds of all together, and the deepest by share, deepest first."""

    count: int
    seconds: int
    worst: tuple[Episode, ...]


def deepest_drawdown(time: IntArray, equity: FloatArray, start: float) -> Drawdown:
    """Drawdowns at every bar's close; the start is the first peak."""
    return Drawdown(*_scan_drawdowns(time, equity, start))


@kernel
def _scan_drawdowns(
    time: IntArray, equity: FloatArray, start: float
) -> tuple[float, float, int, int]:
    """The numbers of `Drawdown`, peak by peak."""
    money, share, seconds, rows = 0.0, 0.0, 0, 0
    peak = trough = start
    since = time[0] if len(time) else 0
    for i in range(len(equity) + 1):
        if i < len(equity) and equity[i] < peak:
            trough = min(trough, equity[i])
            rows += 1
            continue
        if trough < peak:
            fall = peak - trough
            money = max(money, fall)
            share = max(share, fall / peak) if peak > 0.0 else share
            seconds = max(seconds, time[min(i, len(time) - 1)] - since)
        if i < len(equity):
            peak = trough = equity[i]
            since = time[i]
    return money, share, seconds, rows


def drawdown_episodes(time: IntArray, equity: FloatArray, start: float) -> Episodes:
    """Every drawdown at every bar's close; the start is the first peak."""
    rows = np.zeros((WORST, 3), np.int64)
    count, seconds = _scan_episodes(time, equity, start, rows)
    found = (_episode(time, equity, start, row) for row in rows[: min(count, WORST)].tolist())
    return Episodes(count, seconds, tuple(found))


@kernel
def _scan_episodes(
    time: IntArray, equity: FloatArray, start: float, worst: IntArray
) -> tuple[int, int]:
    """Number of drawdowns, their seconds together, and rows (peak, trough, end) of the deepest.

    The start is row -1; an end that is not a row means there was none.
    """
    count, seconds = 0, 0
    peak = low = start
    top, bottom = -1, -1
    depths = np.zeros(len(worst))
    for i in range(len(equity) + 1):
        if i < len(equity) and equity[i] < peak:
            if equity[i] < low:
                low, bottom = equity[i], i
            continue
        if low < peak:
            count += 1
            seconds += time[min(i, len(time) - 1)] - time[max(top, 0)]
            _keep_worst(1.0 - low / peak, (top, bottom, i), depths, worst)
        if i < len(equity):
            peak = low = equity[i]
            top = i
    return count, seconds


@kernel
def _keep_worst(
    depth: float, rows: tuple[int, int, int], depths: FloatArray, worst: IntArray
) -> None:
    """Put a drawdown in its place among the deepest."""
    k = len(depths)
    while k > 0 and depth > depths[k - 1]:
        k -= 1
        if k + 1 < len(depths):
            depths[k + 1] = depths[k]
            worst[k + 1] = worst[k]
    if k < len(depths):
        depths[k] = depth
        worst[k, 0], worst[k, 1], worst[k, 2] = rows


def _episode(time: IntArray, equity: FloatArray, start: float, rows: list[int]) -> Episode:
    top, bottom, end = rows
    peak = float(equity[top]) if top >= 0 else start
    money = peak - float(equity[bottom])
    return Episode(
        share=money / peak,
        money=money,
        peak=int(time[max(top, 0)]),
        trough=int(time[bottom]),
        end=int(time[end]) if end < len(time) else None,
    )


def drawdowns_of(daily: FloatArray) -> FloatArray:
    """1 - equity / its peak so far, row by row; empty where the equity was lost on the way."""
    if len(daily) < 2 or not (daily > 0.0).all():
        return np.empty(0)
    result: FloatArray = 1.0 - daily / np.maximum.accumulate(daily)
    return result


def ulcer(daily: FloatArray) -> float | None:
    """sqrt(mean(drawdown^2)) of the daily equity, drawdown as a share of its peak (Martin 1987)."""
    falls = drawdowns_of(daily)
    return math.sqrt(float(np.mean(falls**2))) if len(falls) else None


def conditional_drawdown(daily: FloatArray, share: float = 0.05) -> float | None:
    """Mean of the deepest `share` of daily drawdowns (Chekhlov, Uryasev and Zabarankin 2005)."""
    falls = np.sort(drawdowns_of(daily))
    count = math.ceil(share * len(falls))
    return float(falls[-count:].mean()) if count else None


def serenity(daily: FloatArray) -> float | None:
    """Sum of r / (ulcer x pitfall), pitfall = conditional drawdown / sd(r) (KeyQuant 2015)."""
    depth, tail = ulcer(daily), conditional_drawdown(daily)
    if not depth or not tail:
        return None
    returns = daily[1:] / daily[:-1] - 1.0
    pitfall = ratio(tail, deviation_of(returns))
    return None if pitfall is None else float(returns.sum()) / (depth * pitfall)


def absolute_drawdown(equity: FloatArray, start: float) -> float:
    """How far the equity fell below the start, money >= 0."""
    return max(0.0, start - float(equity.min())) if len(equity) else 0.0
