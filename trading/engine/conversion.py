"""What a currency was worth over time, from the history of the pair that converts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.engine.types import Bars, EngineError, FloatArray, IntArray

STALE: Final = 7 * 86400
"""Seconds after which a rate is too old to convert with."""


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """The history of one converting pair; `inverse` when it quotes the other way round."""

    name: str
    bars: Bars
    seconds: int
    """What each of its bars covers."""
    inverse: bool


def rates_known(time: IntArray, leg: Leg) -> FloatArray:
    """The rate known at each of `time` (epoch seconds, ascending), on the side that loses more.

    A bar that is over gives its close, one that has just begun its open; never a later price.
    Times before the leg's first bar get its first price: see `check_known`.
    """
    row = np.maximum(np.searchsorted(leg.bars.time, time, side="right") - 1, 0)
    is_over = leg.bars.time[row] + leg.seconds <= time
    bid = np.where(is_over, leg.bars.close[row], leg.bars.open[row])
    rates: FloatArray = 1.0 / bid if leg.inverse else bid + leg.bars.spread[row]
    return rates


def check_known(time: IntArray, leg: Leg) -> None:
    """EngineError unless every one of `time` has a bar of the leg at most seven days older."""
    row = np.searchsorted(leg.bars.time, time, side="right") - 1
    age = np.where(row >= 0, time - leg.bars.time[np.maximum(row, 0)], STALE + leg.seconds + 1)
    bad = np.flatnonzero(age > STALE + leg.seconds)
    if len(bad):
        at = np.datetime_as_string(time[bad[0]].astype("datetime64[s]"), unit="m")
        raise EngineError(
            f"Expected history of {leg.name} to convert with at {at}, was none of the last 7 days"
        )
