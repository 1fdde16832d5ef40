"""p-values of many tests at once: what each of them is worth among the others.

Each function returns the adjusted p-values in the order of the given ones: below a level, the test
stands at that level. Bonferroni and Holm hold the chance of any false alarm, the other two the
share of false ones among all alarms.
"""

from __future__ import annotations

import math

import numpy as np

from trading.engine.stats.distributions import normal_cdf, normal_quantile
from trading.engine.types import FloatArray


def bonferroni(p: FloatArray) -> FloatArray:
    """p x n."""
    result: FloatArray = np.minimum(1.0, p * len(p))
    return result


def holm(p: FloatArray) -> FloatArray:
    """Step down: the k-th smallest x (n - k + 1), never below one before it (Holm 1979)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _in_place(np.minimum(1.0, stepped), order)


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Step up: the k-th smallest x n / k, never above one after it (1995).

    For independent tests, and those that depend on each other positively.
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _in_place(np.minimum(1.0, stepped), order)


def benjamini_yekutieli(p: FloatArray) -> FloatArray:
    """As Benjamini and Hochberg times 1 + 1/2 + ... + 1/n: however the tests depend (2001)."""
    harmonic = float((1.0 / np.arange(1, len(p) + 1)).sum()) if len(p) else 1.0
    result: FloatArray = np.minimum(1.0, benjamini_hochberg(p) * harmonic)
    return result


def haircut_sharpe(annual: float, years: float, trials: int) -> float:
    """The annual ratio left when its p-value is taken times `trials` (Harvey and Liu 2015).

    Two-sided p of t = SR sqrt(years), Bonferroni's adjustment, back to a ratio; never negative.
    """
    if annual <= 0.0 or years <= 0.0:
        return 0.0
    p = min(1.0, 2.0 * normal_cdf(-annual * math.sqrt(years)) * trials)
    if p == 0.0:
        return annual
    return max(0.0, -normal_quantile(p / 2.0)) / math.sqrt(years) if p < 1.0 else 0.0


def _in_place(values: FloatArray, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
    """Sorted values back where they came from."""
    found = np.empty_like(values)
    found[order] = values
    return found
