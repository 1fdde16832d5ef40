"""Resampling days in blocks: what else the same market could have brought.

The stationary bootstrap (Politis and Romano 1994): blocks begin anywhere, last a geometric number
of days, and go on at the first day after the last one. Same seed, same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from trading.engine.stats import dot
from trading.engine.types import EngineError, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
CHUNK: Final = 1 << 20
"""Indices drawn at once."""
SPREAD: Final = 2.0
"""Autocorrelations within this many standard errors of 0 are taken for none."""


def stationary(
    rng: np.random.Generator, rows: int, shape: tuple[int, int], block: float
) -> IntArray:
    """Indices into `rows` days: `shape` is (paths, days each), `block` the mean length in days."""
    if rows < 1 or block < 1.0:
        raise EngineError(f"Expected days and blocks of at least 1, was {rows} and {block}")
    place = np.arange(shape[1])
    begins = rng.random(shape) < 1.0 / block
    begins[:, :1] = True
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    drawn = np.take_along_axis(rng.integers(rows, size=shape), first, axis=1)
    result: IntArray = (drawn + place - first) % rows
    return result


def resamples(
    values: FloatArray,
    *,
    paths: int,
    block: float | None = None,
    days: int | None = None,
    seed: int,
) -> Iterator[FloatArray]:
    """Paths of resampled values, some rows (paths) at a time; as long as `values` or `days`.

    `block` is chosen by `block_length` if not given.
    """
    rng = np.random.default_rng(seed)
    length = len(values) if days is None else days
    block = block_length(values) if block is None else block
    step = max(1, CHUNK // max(length, 1))
    for done in range(0, paths, step):
        shape = (min(step, paths - done), length)
        yield values[stationary(rng, len(values), shape, block)]


def block_length(values: FloatArray) -> float:
    """Mean block length that makes the error of a resampled mean's variance least.

    Politis and White (2004), corrected by Patton, Politis and White (2009); at least 1.
    """
    n = len(values)
    if n < 10 or values.std() < 1e-14:
        return 1.0
    window = max(5, math.ceil(math.log10(n)))
    covariances = _covariances(values, min(math.ceil(math.sqrt(n)) + window, n - 1))
    limit = SPREAD * math.sqrt(math.log10(n) / n)
    quiet = _quiet_from(np.abs(covariances[1:]) < limit * covariances[0], window)
    lags = min(2 * quiet, len(covariances) - 1)
    lag = np.arange(1, lags + 1)
    weights = np.minimum(1.0, 2.0 * (1.0 - lag / lags))  # the flat-top window
    spread = 2.0 * dot(weights * lag, covariances[1 : lags + 1])
    level = covariances[0] + 2.0 * dot(weights, covariances[1 : lags + 1])
    if level <= 0.0:
        return 1.0
    most = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    return float(min(max(1.0, (n * (spread / level) ** 2) ** (1.0 / 3.0)), most))


def _covariances(values: FloatArray, lags: int) -> FloatArray:
    centred = values - values.mean()
    n = len(values)
    return np.array([dot(centred[lag:], centred[: n - lag]) / n for lag in range(lags + 1)])


def _quiet_from(small: BoolArray, window: int) -> int:
    """The lag from which on `window` autocorrelations in a row are small; `small[0]` is lag 1."""
    for k in range(len(small) - window + 1):
        if small[k : k + window].all():
            return k + 1
    return len(small)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and the range that `level` of the resampled values lie in."""

    value: float
    low: float
    high: float
    level: float


def interval_of(
    values: FloatArray,
    statistic: Callable[[FloatArray], float | None],
    *,
    paths: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval | None:
    """Percentile interval of a statistic of daily returns; None where it is undefined.

    Paths on which it is undefined are left out.
    """
    value = statistic(values)
    if value is None:
        return None
    parts = resamples(values, paths=paths, seed=seed)
    found = [statistic(path) for part in parts for path in part]
    known = np.array([item for item in found if item is not None])
    if not len(known):
        return None
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value, float(low), float(high), level)


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """Growth by day on resampled paths: a row per quantile and a column per day.

    Pointwise: each day for itself, so a path leaves the 5 to 95 % band somewhere far more often
    than in 10 % of all cases. `trading.engine.monitoring.band` has one that may be watched.
    """

    quantiles: tuple[float, ...]
    lines: FloatArray
    drawdowns: FloatArray
    """Deepest drawdown (share) at each quantile."""


def equity_bands(
    returns: FloatArray,
    *,
    days: int | None = None,
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95),
    paths: int = 2000,
    seed: int = 0,
) -> Bands:
    """What the equity of 1 may have become, day by day, and how deep it may have fallen."""
    parts = resamples(returns, paths=paths, days=days, seed=seed)
    growth = np.concatenate([np.cumprod(1.0 + part, axis=1) for part in parts])
    peaks = np.maximum.accumulate(np.maximum(growth, 1.0), axis=1)
    deepest = (1.0 - growth / peaks).max(axis=1)
    return Bands(quantiles, np.quantile(growth, quantiles, axis=0), np.quantile(deepest, quantiles))
