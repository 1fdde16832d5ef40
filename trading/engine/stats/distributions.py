"""Probabilities of the distributions that tests need, to float precision for whole degrees."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


def normal_cdf(x: float) -> float:
    """P(Z <= x)."""
    return _NORMAL.cdf(x)


def normal_quantile(share: float) -> float:
    """The z with P(Z <= z) = share, 0 < share < 1."""
    return _NORMAL.inv_cdf(share)


def chi_square_tail(x: float, degrees: int) -> float:
    """P(X > x) of the chi-square distribution; finite sums (Abramowitz and Stegun 26.4.4-5)."""
    if x <= 0.0:
        return 1.0
    half = x / 2.0
    odd = degrees % 2
    total = math.erfc(math.sqrt(half)) if odd else 0.0
    for j in range(degrees // 2):
        power = j + 0.5 * odd
        total += math.exp(power * math.log(half) - half - math.lgamma(power + 1.0))
    return min(1.0, total)


def student_tail(t: float, degrees: int) -> float:
    """P(T > t) of Student's t; finite sums (Abramowitz and Stegun 26.7.3-4)."""
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = degrees % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for j in range(1 + odd, degrees, 2):
        total += term
        term *= square * j / (j + 1)
    inside = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return (1.0 - inside) / 2.0 if t >= 0.0 else (1.0 + inside) / 2.0


def binomial_cdf(hits: int, count: int, share: float) -> float:
    """P(X <= hits) of `count` independent draws that hit with probability `share`."""
    if share in (0.0, 1.0):
        return 1.0 if share == 0.0 or hits >= count else 0.0
    total = math.fsum(binomial_share(k, count, share) for k in range(min(hits, count) + 1))
    return min(1.0, total)


def binomial_share(hits: int, count: int, share: float) -> float:
    """P(X = hits) of `count` independent draws, 0 < share < 1."""
    ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return math.exp(ways + hits * math.log(share) + (count - hits) * math.log1p(-share))


def kolmogorov_tail(distance: float, first: int, second: int) -> float:
    """P(D > distance) of two samples of one continuous distribution, for large samples.

    Kolmogorov's series with the correction of Stephens (1970) for finite samples.
    """
    root = math.sqrt(first * second / (first + second))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:  # the series needs many terms there, and is 1 to float precision
        return 1.0
    terms = ((-1) ** (j - 1) * math.exp(-2.0 * (j * x) ** 2) for j in range(1, 101))
    return min(1.0, max(0.0, 2.0 * math.fsum(terms)))
