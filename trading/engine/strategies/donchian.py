"""Donchian channel breakout with ATR stops, in the manner of the original Turtle rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from trading.engine.indicators import atr, memory, rolling_max, rolling_min
from trading.engine.strategies.base import Params, Strategy, market_signals, ranged
from trading.engine.types import Bars, EngineError, FloatArray, SideArray, Signals


@dataclass(frozen=True)
class DonchianParams(Params):
    entry: int = ranged(55, 2, 1000, "Bars of the channel whose break enters")
    exit: int = ranged(20, 1, 1000, "Bars of the opposite channel whose break exits")
    hold: int = ranged(200, 1, 5000, "Bars after which a break without a newer one is forgotten")
    atr: int = ranged(20, 2, 500, "Bars of the average true range (Wilder)")
    stop_atr: float = ranged(2.0, 0.1, 20.0, "Distance of the stop in ATR")
    take_atr: float = ranged(0.0, 0.0, 100.0, "Distance of the take in ATR; 0 = none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.exit > self.entry:
            raise EngineError(f"Expected exit <= entry, was {self.exit} > {self.entry}")


class Donchian(Strategy):
    """Long after a close above the highest high of the last `entry` bars, short below the lowest.

    A break is left when the close crosses the opposite `exit` channel, when the other side breaks
    out, or `hold` bars after the last break in its direction (this bounds the memory, so that a
    window of bars gives the same answer as the whole history).
    """

    kind: ClassVar[str] = "donchian"
    label: ClassVar[str] = "Donchian breakout with ATR stop"
    params_type: ClassVar[type[Params]] = DonchianParams

    def __init__(self, params: DonchianParams) -> None:
        self.params = params

    @property
    def warmup(self) -> int:
        p = self.params
        return max(p.entry + p.hold + 1, memory(1.0 / p.atr))

    def signals(self, bars: Bars) -> Signals:
        p = self.params
        top, bottom = rolling_max(bars.high, p.entry), rolling_min(bars.low, p.entry)
        exit_top, exit_bottom = rolling_max(bars.high, p.exit), rolling_min(bars.low, p.exit)
        side = breakout_side(bars.close, (top, bottom, exit_top, exit_bottom), p.hold)
        range_ = atr(bars.high, bars.low, bars.close, p.atr)
        take = p.take_atr * range_ if p.take_atr else np.full(len(bars), np.nan)
        score = (bars.close - (top + bottom) / 2) / range_
        return market_signals(
            side, stop=p.stop_atr * range_, take=take, score=score, warmup=self.warmup
        )


@njit(cache=True)
def breakout_side(
    close: FloatArray,
    channels: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    hold: int,
) -> SideArray:
    """Side wanted after each close, from the newest break and the exits since.

    `channels` are the highs and lows of the entry and exit windows; the row before the bar counts.
    """
    top, bottom, exit_top, exit_bottom = channels
    never = -1_000_000_000
    up = down = out_long = out_short = never
    side = np.zeros(len(close), dtype=np.int8)
    for i in range(1, len(close)):
        price = close[i]
        if price > top[i - 1]:
            up = i
        elif price < bottom[i - 1]:
            down = i
        if price < exit_bottom[i - 1]:
            out_long = i
        elif price > exit_top[i - 1]:
            out_short = i
        if up > down:
            side[i] = 1 if up > out_long and i - up < hold else 0
        elif down > up:
            side[i] = -1 if down > out_short and i - down < hold else 0
    return side
