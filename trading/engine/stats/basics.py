"""What every formula needs: means, deviations, moments, quotients. Undefined is None."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.engine.types import FloatArray


def mean_of(values: FloatArray) -> float | None:
    """Arithmetic mean; None of nothing."""
    return float(values.mean()) if len(values) else None


def deviation_of(values: FloatArray) -> float:
    """Sample standard deviation; 0 of fewer than two values and of float noise alone."""
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return deviation if deviation > 1e-14 else 0.0


def ratio(numerator: float | None, denominator: float) -> float | None:
    """A quotient; None unless the denominator is above 0."""
    return None if numerator is None or denominator <= 0.0 else numerator / denominator


def dot(a: FloatArray, b: FloatArray) -> float:
    """Sum of products, always in the same order: what BLAS returns depends on its threads."""
    return float((a * b).sum())


def skewness(values: FloatArray) -> float | None:
    """Third central moment / population deviation^3; None without variation."""
    return _moment(values, 3)


def kurtosis(values: FloatArray) -> float | None:
    """Fourth central moment / population variance^2, raw: 3 for the normal distribution."""
    return _moment(values, 4)


def _moment(values: FloatArray, order: int) -> float | None:
    if deviation_of(values) == 0.0:
        return None
    scaled = (values - values.mean()) / values.std()
    return float(np.mean(scaled**order))


def autocorrelation(values: FloatArray, lag: int = 1) -> float | None:
    """Sample autocorrelation, both sums around the mean of all values."""
    if len(values) <= lag or deviation_of(values) == 0.0:
        return None
    centred = values - values.mean()
    return dot(centred[lag:], centred[:-lag]) / dot(centred, centred)


@dataclass(frozen=True, slots=True)
class Line:
    """The least-squares line of values over their places 0, 1, 2 ...

    `error` is the standard error of the values around it; `slope_error` that of the slope.
    """

    slope: float
    correlation: float
    error: float
    slope_error: float


def line_of(values: FloatArray) -> Line | None:
    """The line; None for fewer than three values or where they do not vary."""
    n = len(values)
    if n < 3 or deviation_of(values) == 0.0:
        return None
    place = np.arange(n, dtype=np.float64) - (n - 1) / 2.0
    level = values - float(values.mean())
    spread, product = dot(place, place), dot(place, level)
    rest = level - product / spread * place
    error = math.sqrt(dot(rest, rest) / (n - 2))
    correlation = product / math.sqrt(spread * dot(level, level))
    return Line(product / spread, correlation, error, error / math.sqrt(spread))


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Most True in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
