"""What a list of trades says beside its sums: intervals, quality, streaks.

R is a trade's net over the loss its size was chosen for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trading.engine.stats.basics import deviation_of, mean_of, ratio
from trading.engine.stats.distributions import normal_cdf, student_tail
from trading.engine.stats.returns import Z95
from trading.engine.types import FloatArray

FEWEST_RUNS = 30
"""Trades that the Z-score of runs needs."""


def wilson(wins: int, count: int) -> tuple[float | None, float | None]:
    """95 % interval of a share (Wilson 1927)."""
    if count == 0:
        return None, None
    share, weight = wins / count, Z95 * Z95 / count
    middle = (share + weight / 2.0) / (1.0 + weight)
    spread = Z95 * math.sqrt(share * (1.0 - share) / count + weight / (4.0 * count))
    return middle - spread / (1.0 + weight), middle + spread / (1.0 + weight)


def mean_interval(values: FloatArray) -> tuple[float | None, float | None]:
    """95 % interval of a mean, normal approximation: mean -+ 1.96 sd / sqrt(n)."""
    if len(values) < 2:
        return None, None
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean - Z95 * error, mean + Z95 * error


def sqn(r: FloatArray) -> float | None:
    """System quality number sqrt(min(N, 100)) x mean(R) / sd(R) (Van Tharp)."""
    quality = ratio(mean_of(r), deviation_of(r))
    return None if quality is None else quality * math.sqrt(min(len(r), 100))


def t_test(values: FloatArray, mean: float = 0.0) -> tuple[float | None, float | None]:
    """Student's t of a mean and P(at least so high a t | the true mean is `mean`)."""
    error = deviation_of(values) / math.sqrt(max(len(values), 1))
    t = ratio(None if len(values) < 2 else float(values.mean()) - mean, error)
    return (None, None) if t is None else (t, student_tail(t, len(values) - 1))


def kelly(wins: FloatArray, losses: FloatArray) -> float | None:
    """p - (1 - p) / payoff, the share of equity that grows fastest (Kelly 1956); negative = none.

    `wins` above 0 and `losses` below are nets or R. A cap for sizes, never a size.
    """
    payoff = ratio(mean_of(wins), -(mean_of(losses) or 0.0))
    share = ratio(len(wins), len(wins) + len(losses))
    return None if not payoff or share is None else share - (1.0 - share) / payoff


def expectancy_ratio(wins: FloatArray, losses: FloatArray) -> float | None:
    """(1 + payoff) p - 1: the mean trade in average losses."""
    payoff = ratio(mean_of(wins), -(mean_of(losses) or 0.0))
    share = ratio(len(wins), len(wins) + len(losses))
    return None if payoff is None or share is None else (1.0 + payoff) * share - 1.0


@dataclass(frozen=True, slots=True)
class Runs:
    """Z-score of the runs of wins and losses and its two-sided probability by chance.

    Below 0 wins follow wins more often than chance lets them, above 0 they alternate.
    """

    z: float
    probability: float


def runs_test(nets: FloatArray) -> Runs | None:
    """[N (R - 0.5) - P] / sqrt(P (P - N) / (N - 1)), P = 2 W L, R runs (Wald and Wolfowitz 1940).

    None for fewer than 30 trades, or where all of them won or lost. A trade of 0 is no win.
    """
    won = nets > 0.0
    n, wins = len(won), int(won.sum())
    pairs = 2.0 * wins * (n - wins)
    if n < FEWEST_RUNS or pairs <= n:
        return None
    runs = 1 + int((won[1:] != won[:-1]).sum())
    z = (n * (runs - 0.5) - pairs) / math.sqrt(pairs * (pairs - n) / (n - 1))
    return Runs(z, 2.0 * normal_cdf(-abs(z)))


def holding_returns(nets: FloatArray, start: float) -> FloatArray:
    """Each trade's growth of the balance: balance after / before; empty where it was lost."""
    before = start + np.concatenate([[0.0], np.cumsum(nets)])
    if not (before > 0.0).all():
        return np.empty(0)
    result: FloatArray = before[1:] / before[:-1]
    return result


def without_best(nets: FloatArray, share: float = 0.05) -> float:
    """The sum of all trades but the best `share` of them, at least one."""
    count = math.ceil(share * len(nets))
    return float(np.sort(nets)[: len(nets) - count].sum())
