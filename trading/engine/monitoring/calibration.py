"""Whether probabilities still are what they say: Brier score, hit rate, deciles.

To be asked every fifty trades, not after each one: an answer looked for all the time is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.stats import ratio
from trading.engine.stats.distributions import binomial_share
from trading.engine.types import EngineError, FloatArray
from trading.engine.validation.bootstrap import resamples

EVERY: Final = 50
"""Trades from one question to the next."""


@dataclass(frozen=True, slots=True)
class BrierCheck:
    """The live score and the range of scores that as many trades out of sample had."""

    live: float
    low: float
    high: float

    @property
    def is_worse(self) -> bool:
        return self.live > self.high


@dataclass(frozen=True, slots=True)
class HitCheck:
    """How likely so few hits are, and how likely anything as unlikely, at the expected share."""

    hits: int
    count: int
    expected: float
    p_fewer: float
    p_other: float


@dataclass(frozen=True, slots=True)
class Decile:
    """Trades of similar probabilities: what was predicted and what came."""

    count: int
    predicted: float
    realised: float


def brier(predicted: FloatArray, outcome: FloatArray) -> float | None:
    """mean((p - y)^2), y being 1 for a hit and 0 else (Brier 1950); None of nothing."""
    losses = _losses(predicted, outcome)
    return float(losses.mean()) if len(losses) else None


def brier_skill(predicted: FloatArray, outcome: FloatArray) -> float | None:
    """1 - Brier score / that of always predicting the share of hits; 0 = no better than that."""
    score = brier(predicted, outcome)
    if score is None:
        return None
    share = float(outcome.mean())
    relative = ratio(score, share * (1.0 - share))
    return None if relative is None else 1.0 - relative


def brier_check(
    tested: tuple[FloatArray, FloatArray],
    live: tuple[FloatArray, FloatArray],
    *,
    level: float = 0.95,
    paths: int = 2000,
    seed: int = 0,
) -> BrierCheck:
    """Live probabilities and outcomes against those out of sample, resampled in blocks.

    A live score above the range means that the probabilities are worse than they were; `level` of
    all healthy samples lie in it.
    """
    known, recent = _losses(*tested), _losses(*live)
    if not len(known) or not len(recent):
        raise EngineError(f"Expected trades to compare, was {len(known)} and {len(recent)}")
    parts = resamples(known, paths=paths, days=len(recent), seed=seed)
    scores = np.concatenate([part.mean(axis=1) for part in parts])
    low, high = np.quantile(scores, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return BrierCheck(float(recent.mean()), float(low), float(high))


def hit_check(hits: int, count: int, expected: float) -> HitCheck:
    """The exact binomial test of a hit rate, one-sided and two-sided.

    Two-sided: all numbers of hits that are at most as likely as this one, together.
    """
    if not (0 <= hits <= count and count > 0 and 0.0 < expected < 1.0):
        raise EngineError(
            f"Expected 0 <= hits <= count and a share between 0 and 1,"
            f" was {hits}, {count} and {expected}"
        )
    each = np.array([binomial_share(k, count, expected) for k in range(count + 1)])
    other = float(each[each <= each[hits] * (1.0 + 1e-7)].sum())
    fewer = float(each[: hits + 1].sum())
    return HitCheck(hits, count, expected, min(1.0, fewer), min(1.0, other))


def deciles(predicted: FloatArray, outcome: FloatArray, bins: int = 10) -> tuple[Decile, ...]:
    """Trades in order of their probabilities, in as equal parts as can be."""
    losses = _losses(predicted, outcome)
    order = np.argsort(predicted, kind="stable")
    parts = np.array_split(order, min(bins, len(losses))) if len(losses) else []
    return tuple(
        Decile(len(part), float(predicted[part].mean()), float(outcome[part].mean()))
        for part in parts
    )


def _losses(predicted: FloatArray, outcome: FloatArray) -> FloatArray:
    if len(predicted) != len(outcome):
        raise EngineError(f"Expected an outcome each, was {len(outcome)} for {len(predicted)}")
    if not (((predicted >= 0.0) & (predicted <= 1.0)).all() and np.isin(outcome, (0, 1)).all()):
        raise EngineError("Expected probabilities from 0 to 1 and outcomes 0 or 1, was another")
    result: FloatArray = (predicted - outcome) ** 2
    return result
