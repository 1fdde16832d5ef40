"""The formulas behind the methods: Kelly, drawdown and equity-curve scaling, volatility."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

KELLY_SHARE: Final = Decimal("0.25")
KELLY_TRADES: Final = 100
"""Trades from which a record says enough."""
Z_ONE_SIDED_95: Final = Decimal("1.6448536269514722")
CURVE_TRADES: Final = 20
"""Trades that the mean of a strategy's equity is taken over."""
DAYS_PER_YEAR: Final = 252
TINY: Final = Decimal("1e-12")
"""A factor below this is 0."""


def kelly_fraction(win_rate: Decimal, payoff: Decimal) -> Decimal:
    """f* = (p (b + 1) - 1) / b with p the chance to win, b the mean win over the mean loss
    (Kelly 1956); negative where there is no edge."""
    return (win_rate * (payoff + 1) - 1) / payoff


def lower_win_rate(wins: int, trades: int) -> Decimal:
    """The rate that the true one is above with 95 % confidence (Wilson 1927, one-sided)."""
    n, z = Decimal(trades), Z_ONE_SIDED_95
    p = wins / n
    spread = z * (p * (1 - p) / n + z * z / (4 * n * n)).sqrt()
    return (p + z * z / (2 * n) - spread) / (1 + z * z / n)


def drawdown_scale(drawdown: Decimal, start: Decimal, end: Decimal) -> Decimal:
    """1 up to the drawdown `start`, falling in a straight line to 0 at `end`; all in percent."""
    scale = 1 - (drawdown - start) / (end - start)
    return min(Decimal(1), scale) if scale > TINY else Decimal(0)


def is_below_mean(curve: Sequence[Decimal]) -> bool:
    """Whether the newest value is below the mean of the last 20; not before there are so many."""
    newest = curve[-CURVE_TRADES:]
    return len(newest) == CURVE_TRADES and newest[-1] * CURVE_TRADES < sum(newest)


def annualised(daily: Decimal) -> Decimal:
    """A daily volatility x sqrt(252)."""
    return daily * Decimal(DAYS_PER_YEAR).sqrt()
