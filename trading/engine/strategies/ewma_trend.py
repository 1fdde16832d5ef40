"""Trend by two exponential means with ATR stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from trading.engine.indicators import atr, ema, memory
from trading.engine.strategies.base import AtrParams, AtrStrategy, Params, Study, ranged
from trading.engine.types import Bars, EngineError

STILL: Final = 1e-9
"""Means nearer than this share of the price are equal: the rest is memory of forgotten bars."""


@dataclass(frozen=True)
class EwmaTrendParams(AtrParams):
    stop_atr: float = ranged(3.0, 0.1, 20.0, "Distance of the stop in ATR")
    fast: int = ranged(16, 2, 500, "Span of the fast mean, bars")
    slow: int = ranged(64, 3, 2000, "Span of the slow mean, bars")
    band: float = ranged(0.0, 0.0, 5.0, "Least distance of the means in ATR; within it, flat")
    atr: int = ranged(20, 2, 500, "Bars of the average true range (Wilder)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fast >= self.slow:
            raise EngineError(f"Expected fast < slow, was {self.fast} >= {self.slow}")


class EwmaTrend(AtrStrategy):
    """Long while the fast mean is above the slow one by more than `band` ATR, short below.

    The sign of Carver's EWMAC forecast (Advanced Futures Trading Strategies), span s meaning
    alpha = 2 / (s + 1).
    """

    kind: ClassVar[str] = "ewma_trend"
    label: ClassVar[str] = "EWMA trend with ATR stop"
    params_type: ClassVar[type[Params]] = EwmaTrendParams

    def __init__(self, params: EwmaTrendParams) -> None:
        self.params: EwmaTrendParams = params

    @property
    def warmup(self) -> int:
        p = self.params
        return max(memory(2.0 / (p.slow + 1)), memory(1.0 / p.atr))

    def study(self, bars: Bars) -> Study:
        p = self.params
        fast, slow = ema(bars.close, 2.0 / (p.fast + 1)), ema(bars.close, 2.0 / (p.slow + 1))
        range_ = atr(bars.high, bars.low, bars.close, p.atr)
        gap = np.subtract(fast, slow, out=fast)
        band = p.band * range_ + STILL * np.abs(slow)
        side = np.where(np.abs(gap) > band, np.sign(gap), 0.0).astype(np.int8)
        side[: self.warmup] = 0
        score = np.divide(gap, range_, out=np.zeros(len(bars)), where=range_ > 0)
        return Study(side, range_, score)
