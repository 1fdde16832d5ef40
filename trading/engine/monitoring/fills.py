"""Whether fills cost more than the backtest assumed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.stats import t_test
from trading.engine.stats.distributions import normal_quantile
from trading.engine.types import FloatArray
from trading.engine.validation.bootstrap import resamples

LAST: Final = 80
"""Fills that are looked at: enough for a third of a deviation, see `fills_needed`."""
FEWEST: Final = 20
LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class FillCheck:
    """Costs beyond those assumed, per fill, and how often chance alone makes them so high."""

    count: int
    mean: float
    p_t: float | None
    """Student's t, one-sided; None where all fills cost the same."""
    p_bootstrap: float

    @property
    def is_dearer(self) -> bool:
        """Both tests say so."""
        return self.p_bootstrap < LEVEL and (self.p_t is None or self.p_t < LEVEL)


def fill_check(excess: FloatArray, *, paths: int = 4000, seed: int = 0) -> FillCheck | None:
    """The last 80 of paid - assumed costs per fill, in any one unit; None for fewer than 20.

    The bootstrap resamples the fills around their mean, in blocks where they follow each other.
    """
    recent = excess[-LAST:]
    if len(recent) < FEWEST:
        return None
    mean = float(recent.mean())
    parts = resamples(recent - mean, paths=paths, seed=seed)
    luck = np.concatenate([part.mean(axis=1) for part in parts])
    _, p = t_test(recent)
    p_bootstrap = (1 + int((luck >= mean).sum())) / (1 + paths)
    return FillCheck(len(recent), mean, p, p_bootstrap)


def fills_needed(
    difference: float, deviation: float, *, level: float = LEVEL, power: float = 0.9
) -> int:
    """Fills until a true difference is told with probability `power` (normal approximation)."""
    z = normal_quantile(1.0 - level) + normal_quantile(power)
    return math.ceil((z * deviation / difference) ** 2)
