"""Whether inputs and predictions still come from where those of the training came from.

The population stability index PSI = sum (q - p) ln(q / p) over bins grows by chance alone in small
samples: scaled by the sample sizes it is chi-square, for rows that do not depend on each other.
Bars do, so the p-value to judge by permutes blocks of rows; over many columns the share of false
alarms is held by Benjamini and Hochberg. Drift is a question, not an answer: it never stops a
strategy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from trading.engine.stats.distributions import chi_square_tail, kolmogorov_tail
from trading.engine.stats.multiple import benjamini_hochberg
from trading.engine.types import EngineError, FloatArray, IntArray
from trading.engine.validation.bootstrap import block_length

BoolArray = npt.NDArray[np.bool_]
BINS: Final = 10
FEWEST: Final = 200
"""Rows of both samples without which nothing is judged."""
MOST_BLOCKS: Final = 1000


@dataclass(frozen=True, slots=True)
class Drift:
    """One column then and now; p-values are None for too few rows or a column of one value."""

    psi: float
    p_independent: float | None
    """By the chi-square distribution: right only for rows that do not depend on each other."""
    p_blocks: float | None
    """By permuted blocks."""
    p_adjusted: float | None = None
    """p_blocks among all columns."""


@dataclass(frozen=True, slots=True)
class Distance:
    """The largest gap between two distributions (Kolmogorov and Smirnov), and its p-values."""

    distance: float
    p_independent: float | None
    p_blocks: float | None


@dataclass(frozen=True, slots=True)
class Permutation:
    """How many permutations to compare with; blocks as long as `block_length` says, or `block`."""

    count: int = 1000
    block: int | None = None
    seed: int = 0


def drifts(
    before: Mapping[str, FloatArray],
    now: Mapping[str, FloatArray],
    permutation: Permutation = Permutation(),
) -> dict[str, Drift]:
    """Every column then and now, with p-values adjusted for their number.

    EngineError names columns that are not in both, and those with values that are not finite.
    """
    if set(before) != set(now):
        raise EngineError(f"Expected columns {sorted(before)}, was {sorted(now)}")
    found = {name: drift(before[name], now[name], permutation) for name in before}
    judged = {name: item.p_blocks for name, item in found.items() if item.p_blocks is not None}
    adjusted = benjamini_hochberg(np.array(list(judged.values())))
    for name, p in zip(judged, adjusted.tolist(), strict=True):
        item = found[name]
        found[name] = Drift(item.psi, item.p_independent, item.p_blocks, p)
    return found


def drift(before: FloatArray, now: FloatArray, permutation: Permutation = Permutation()) -> Drift:
    """PSI of one column over bins that hold a tenth of both samples together each."""
    both = _both(before, now)
    edges = np.unique(np.quantile(both, np.arange(1, BINS) / BINS))
    edges = edges[edges < both.max()]  # none is empty, not even of a few values
    codes, bins = np.searchsorted(edges, both, side="left"), len(edges) + 1
    first, second = (np.bincount(part, minlength=bins) for part in np.split(codes, [len(before)]))
    value = float(_psi(first, second))
    if min(len(before), len(now)) < FEWEST or bins < 2:
        return Drift(value, None, None)
    blocks = _Blocks(before, now, permutation)
    counts = np.stack([np.bincount(part, minlength=bins) for part in blocks.cut(codes)])
    inside = blocks.drawn @ counts
    found = _psi(counts.sum(axis=0) - inside, inside) / blocks.scale
    scaled = value / _scale(len(before), len(now))
    return Drift(value, chi_square_tail(scaled, bins - 1), _p_value(found, scaled))


def distance(
    before: FloatArray, now: FloatArray, permutation: Permutation = Permutation()
) -> Distance:
    """The largest gap between the shares of two samples below any value, of predictions say."""
    both = _both(before, now)
    value = _gap(both, np.arange(len(both)) >= len(before))
    if min(len(before), len(now)) < FEWEST:
        return Distance(value, None, None)
    blocks = _Blocks(before, now, permutation)
    parts = blocks.cut(both)
    place = np.repeat(np.arange(len(parts)), parts.shape[1])
    order = np.argsort(parts.ravel(), kind="stable")
    values, place = parts.ravel()[order], place[order]
    found = np.array([_gap(values, chosen[place] > 0) for chosen in blocks.drawn])
    independent = kolmogorov_tail(value, len(before), len(now))
    scaled = value / math.sqrt(_scale(len(before), len(now)))
    return Distance(value, independent, _p_value(found / math.sqrt(blocks.scale), scaled))


def _gap(values: FloatArray, is_now: BoolArray) -> float:
    """The Kolmogorov-Smirnov distance of the values now from the others; ties count together."""
    order = np.argsort(values, kind="stable")
    values, is_now = values[order], is_now[order]
    last = np.flatnonzero(np.append(np.diff(values) > 0.0, True))
    below, n = np.cumsum(is_now)[last], int(is_now.sum())
    shares = below / n - (last + 1 - below) / (len(values) - n)
    return float(np.abs(shares).max())


class _Blocks:
    """Both samples one after the other in blocks, and draws of blocks to stand for "now".

    Blocks are as long as `before` needs: a change between the samples must not lengthen them.
    """

    def __init__(self, before: FloatArray, now: FloatArray, permutation: Permutation) -> None:
        rows = len(before) + len(now)
        length = permutation.block or math.ceil(block_length(before))
        self._length = min(max(length, math.ceil(rows / MOST_BLOCKS)), len(now))
        self._count = rows // self._length
        wanted = min(max(1, round(len(now) / self._length)), self._count - 1)
        rng = np.random.default_rng(permutation.seed)
        order = np.tile(np.arange(self._count) < wanted, (permutation.count, 1))
        self.drawn = rng.permuted(order, axis=1).astype(np.int64)
        """1 where a block (column) is drawn, a row per permutation."""
        self.scale = _scale((self._count - wanted) * self._length, wanted * self._length)

    def cut(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A row per block; what is before the first whole one is left out."""
        rest = len(values) - self._count * self._length
        return values[rest:].reshape(self._count, self._length)


def _p_value(found: FloatArray, own: float) -> float:
    """(1 + as far apart) / (1 + permutations)."""
    return float((1 + (found >= own).sum()) / (1 + len(found)))


def _scale(first: int, second: int) -> float:
    return 1.0 / first + 1.0 / second


def _both(before: FloatArray, now: FloatArray) -> FloatArray:
    both = np.concatenate([before, now])
    if not len(before) or not len(now) or not np.isfinite(both).all():
        raise EngineError("Expected two samples of finite values, was an empty or another one")
    return both


def _psi(first: IntArray, second: IntArray) -> FloatArray:
    """PSI of counts (last axis: bins); half a count is added to each so that none is empty."""
    p, q = (c + 0.5 for c in (first, second))
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))
