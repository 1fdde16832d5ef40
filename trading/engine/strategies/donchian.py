"""Donchian channel breakout with ATR stops, in the manner of the original Turtle rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from trading.engine.indicators import channel, memory, true_range
from trading.engine.kernels import kernel
from trading.engine.strategies.base import (
    AtrParams,
    AtrStrategy,
    Params,
    Study,
    empty_study,
    ranged,
)
from trading.engine.types import Bars, EngineError, FloatArray


@dataclass(frozen=True)
class DonchianParams(AtrParams):
    entry: int = ranged(55, 2, 1000, "Bars of the channel whose break enters")
    exit: int = ranged(20, 1, 1000, "Bars of the opposite channel whose break exits")
    hold: int = ranged(200, 1, 5000, "Bars after which a break without a newer one is forgotten")
    atr: int = ranged(20, 2, 500, "Bars of the average true range (Wilder)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.exit > self.entry:
            raise EngineError(f"Expected exit <= entry, was {self.exit} > {self.entry}")


class Donchian(AtrStrategy):
    """Long after a close above the highest high of the last `entry` bars, short below the lowest.

    A break is left when the close crosses the opposite `exit` channel, when the other side breaks
    out, or `hold` bars after the last break in its direction (this bounds the memory, so that a
    window of bars gives the same answer as the whole history).
    """

    kind: ClassVar[str] = "donchian"
    label: ClassVar[str] = "Donchian breakout with ATR stop"
    params_type: ClassVar[type[Params]] = DonchianParams

    def __init__(self, params: DonchianParams) -> None:
        self.params: DonchianParams = params

    @property
    def warmup(self) -> int:
        p = self.params
        return max(p.entry + p.hold + 1, memory(1.0 / p.atr))

    def study(self, bars: Bars) -> Study:
        p = self.params
        study = empty_study(len(bars))
        windows = Windows(p.entry, p.exit, p.hold, p.atr)
        _find_breakouts(bars.high, bars.low, bars.close, windows, study)
        study.side[: self.warmup] = 0
        return study


BLOCK: Final = 8192
"""Rows whose channels are at hand at a time: they stay in the processor's cache."""
NEVER: Final = -1_000_000_000


class Windows(NamedTuple):
    """Bars of each of the strategy's windows."""

    entry: int
    exit: int
    hold: int
    atr: int


@kernel
def _find_breakouts(
    high: FloatArray, low: FloatArray, close: FloatArray, windows: Windows, out: Study
) -> None:
    """Fill in the study: `windows` rows of `channel` and `atr`, all in one pass over the bars.

    The side follows from the newest break and the exits since; the channels of the row before the
    bar count. The score is the distance from the channel's middle in ranges.
    """
    entry, exit_, hold, atr_window = windows
    up = down = out_long = out_short = NEVER
    alpha = 1.0 / atr_window
    level, before = (high[0] - low[0], close[0]) if len(close) else (0.0, 0.0)
    for start in range(0, len(close), BLOCK):
        rows = slice(start, start + BLOCK)
        highs, lows, closes = high[rows], low[rows], close[rows]
        side, range_, score = out.side[rows], out.range[rows], out.score[rows]
        top, bottom = _channel_since(high, low, entry, start)
        exit_top, exit_bottom = _channel_since(high, low, exit_, start)
        for k in range(len(closes)):
            price, i = closes[k], start + k
            level += alpha * (true_range(highs[k], lows[k], before) - level)
            range_[k], before = level, price
            middle = (top[k + 1] + bottom[k + 1]) / 2.0
            score[k] = (price - middle) / level if level > 0.0 else 0.0
            if price > exit_top[k]:
                out_short = i
                up = i if price > top[k] else up
            elif price < exit_bottom[k]:
                out_long = i
                down = i if price < bottom[k] else down
            side[k] = 0
            if up > down:
                side[k] = 1 if up > out_long and i - up < hold else 0
            elif down > up:
                side[k] = -1 if down > out_short and i - down < hold else 0


@kernel
def _channel_since(
    high: FloatArray, low: FloatArray, window: int, start: int
) -> tuple[FloatArray, FloatArray]:
    """The channel of the block at `start`, with the row before it in front (NaN where none is)."""
    first, stop = max(0, start - window), min(len(high), start + BLOCK)
    top, bottom = channel(high[first:stop], low[first:stop], window)
    if start > 0:
        return top[start - first - 1 :], bottom[start - first - 1 :]
    nothing = np.full(1, np.nan)
    return np.concatenate((nothing, top)), np.concatenate((nothing, bottom))
