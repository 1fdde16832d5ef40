"""PBO: how often the best of many in one half of history is worse than most in the other.

Combinatorially symmetric cross-validation (Bailey, Borwein, Lopez de Prado and Zhu, "The
Probability of Backtest Overfitting", 2017). It judges the choice, not the chosen: where costs make
all of them lose in a stable order the probability is low, so `loss` stands beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from trading.engine.stats import deviation_of, dot
from trading.engine.types import EngineError, FloatArray

CELLS: Final = 1 << 20
"""Ratios worked out at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Overfit:
    """What became of the best of one half in the other, once for each way to halve the blocks."""

    probability: float
    """Share of halves whose best ranks at or below the median of the other half."""
    loss: float
    """Share of halves whose best loses in the other half."""
    slope: float | None
    """Of its daily Sharpe ratio out of sample over that in sample; 1 = nothing is lost."""
    logits: FloatArray
    """ln(w / (1 - w)), w the rank out of sample / (trials + 1)."""
    inside: FloatArray
    """Daily Sharpe ratios of the best in sample ..."""
    outside: FloatArray
    """... and of the same ones out of sample."""


def overfit(returns: FloatArray, blocks: int = 16) -> Overfit:
    """`returns` has a row per day and a column per trial, all of them; `blocks` is even.

    Days before the first whole block are left out; a trial without variation has the ratio 0.
    """
    days, trials = returns.shape
    if blocks < 2 or blocks % 2 or days < 2 * blocks or trials < 2:
        raise EngineError(
            f"Expected 2 trials, an even number of blocks and 2 days in each,"
            f" was {trials} trials, {blocks} blocks, {days} days"
        )
    size = days // blocks
    parts = returns[days - size * blocks :].reshape(blocks, size, trials)
    sums, squares = parts.sum(axis=1), (parts * parts).sum(axis=1)
    halves = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, chosen in zip(halves, combinations(range(blocks), blocks // 2), strict=True):
        row[list(chosen)] = 1.0
    found = [
        _best(half, sums, squares, size * blocks // 2)
        for half in np.array_split(halves, math.ceil(halves.shape[0] * trials / CELLS))
    ]
    inside, outside, logits = (np.concatenate(column) for column in zip(*found, strict=True))
    return Overfit(
        probability=float((logits <= 0.0).mean()),
        loss=float((outside < 0.0).mean()),
        slope=_slope(inside, outside),
        logits=logits,
        inside=inside,
        outside=outside,
    )


def _best(
    halves: FloatArray, sums: FloatArray, squares: FloatArray, days: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """For each half: the best ratio in it, that trial's ratio in the other, the logit of its rank.

    Trials of equal ratios share the mean of their ranks.
    """
    first = _ratios(halves, sums, squares, days)
    second = _ratios(1.0 - halves, sums, squares, days)
    row, best = np.arange(len(halves)), first.argmax(axis=1)
    outside = second[row, best]
    below = (second < outside[:, None]).sum(axis=1)
    equal = (second == outside[:, None]).sum(axis=1)
    rank = (below + (equal + 1) / 2.0) / (second.shape[1] + 1)
    return first[row, best], outside, np.log(rank / (1.0 - rank))


def _ratios(halves: FloatArray, sums: FloatArray, squares: FloatArray, days: int) -> FloatArray:
    """Sharpe ratio per day of each trial (columns) over each half (rows)."""
    mean = halves @ sums / days
    variance = (halves @ squares - days * mean * mean) / (days - 1)
    still = variance <= 1e-28
    result: FloatArray = np.where(still, 0.0, mean / np.sqrt(np.where(still, 1.0, variance)))
    return result


def _slope(x: FloatArray, y: FloatArray) -> float | None:
    centred = x - x.mean()
    return dot(centred, y) / dot(centred, centred) if deviation_of(x) else None
