"""Whether the best of many beats a benchmark by more than luck: reality check and SPA.

White, "A Reality Check for Data Snooping" (2000), and Hansen, "A Test for Superior Predictive
Ability" (2005), on the stationary bootstrap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.bootstrap import CHUNK, block_length, stationary

FEWEST: Final = 20
"""Days that the test needs."""


@dataclass(frozen=True, slots=True)
class Spa:
    """How often luck alone makes the best of all trials as good as it is.

    `consistent` is the p-value to judge by. `lower` takes all bad trials out of the comparison,
    `upper` takes them for as good as the benchmark; `reality_check` is White's, which does so too
    and does not put the trials on one scale.
    """

    lower: float
    consistent: float
    upper: float
    reality_check: float
    block: float


def spa(excess: FloatArray, *, paths: int = 2000, block: float | None = None, seed: int = 0) -> Spa:
    """`excess` holds daily returns above the benchmark's, a row per day and a column per trial.

    Against doing nothing it holds the returns themselves. The mean `block` length is the median of
    `block_length` over the trials if not given. Trials without variation tell nothing and are left
    out.
    """
    excess = excess[:, excess.std(axis=0) > 1e-14]
    days, trials = excess.shape
    if days < FEWEST or trials < 1:
        raise EngineError(f"Expected {FEWEST} days of a trial that varies, was {days} of {trials}")
    if block is None:
        block = float(np.median([block_length(column) for column in excess.T]))
    mean, error = excess.mean(axis=0), _errors(excess, block)
    resampled = _means(excess, paths, block, seed)
    threshold = -error * math.sqrt(2.0 * math.log(math.log(days)))
    centres = {
        "lower": np.maximum(mean, 0.0),
        "consistent": np.where(mean >= threshold, mean, 0.0),
        "upper": mean,
    }
    best = max(0.0, float((mean / error).max()))
    found = {
        name: _share(((resampled - centre) / error).max(axis=1), best)
        for name, centre in centres.items()
    }
    check = _share((resampled - mean).max(axis=1), max(0.0, float(mean.max())))
    return Spa(**found, reality_check=check, block=block)


def _share(luck: FloatArray, best: float) -> float:
    return float((np.maximum(luck, 0.0) >= best).mean())


def _errors(excess: FloatArray, block: float) -> FloatArray:
    """Standard error of each mean under the stationary bootstrap (Politis and Romano 1994)."""
    n, stay = len(excess), 1.0 - 1.0 / block
    centred = excess - excess.mean(axis=0)
    total = (centred * centred).sum(axis=0) / n
    for lag in range(1, n):
        weight = (n - lag) / n * stay**lag + lag / n * stay ** (n - lag)
        if weight > 1e-12:
            total += 2.0 * weight * (centred[lag:] * centred[:-lag]).sum(axis=0) / n
    result: FloatArray = np.sqrt(np.maximum(total, 1e-30) / n)
    return result


def _means(excess: FloatArray, paths: int, block: float, seed: int) -> FloatArray:
    """Means of resampled days, a row per path: how often each day was drawn, times the returns."""
    rng, n = np.random.default_rng(seed), len(excess)
    step, parts = max(1, CHUNK // n), []
    for done in range(0, paths, step):
        index = stationary(rng, n, (min(step, paths - done), n), block)
        row = n * np.arange(len(index))[:, None]
        counts = np.bincount((index + row).ravel(), minlength=n * len(index))
        parts.append(counts.reshape(-1, n) @ excess / n)
    return np.concatenate(parts)
