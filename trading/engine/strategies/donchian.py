"""Donchian channel breakout with ATR stops, in the manner of the original Turtle rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

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
    side, range_, score = out
    up = down = out_long = out_short = NEVER
    alpha, level = 1.0 / atr_window, high[0] - low[0] if len(close) else 0.0
    for start in range(0, len(close), BLOCK):
        stop = min(len(close), start + BLOCK)
        a, b = max(0, start - entry), max(0, start - exit_)
        top, bottom = channel(high[a:stop], low[a:stop], entry)
        exit_top, exit_bottom = channel(high[b:stop], low[b:stop], exit_)
        for i in range(start, stop):
            price, before = close[i], close[max(0, i - 1)]
            level += alpha * (true_range(high[i], low[i], before) - level)
            range_[i] = level
            middle = (top[i - a] + bottom[i - a]) / 2.0
            score[i] = (price - middle) / level if level > 0.0 else 0.0
            k, m = max(0, i - 1 - a), max(0, i - 1 - b)
            if price > exit_top[m]:
                out_short = i
                up = i if price > top[k] else up
            elif price < exit_bottom[m]:
                out_long = i
                down = i if price < bottom[k] else down
            side[i] = 0
            if up > down:
                side[i] = 1 if up > out_long and i - up < hold else 0
            elif down > up:
                side[i] = -1 if down > out_short and i - down < hold else 0
