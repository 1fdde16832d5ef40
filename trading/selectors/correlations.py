"""How symbols moved together, by the days on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Final

import numpy as np

from trading.engine.bars import resample
from trading.engine.risk import Correlations, correlations_of
from trading.engine.risk.correlation import LEAST_RETURNS
from trading.engine.types import TIMEFRAMES, Bars, FloatArray, IntArray
from trading.models import Symbol
from trading.selectors.bars import bars_tail

DAYS: Final = 90
DAY: Final = TIMEFRAMES["D1"]
MOST_KNOWN: Final = 64
_known: dict[tuple[int, tuple[int, ...]], Correlations] = {}
"""By day and symbols."""


def correlations_between(*, symbols: Iterable[Symbol], at: datetime) -> Correlations:
    """By canonical name; worked out once a day. A symbol with too short a history is left out."""
    named = {symbol.canonical or symbol.name: symbol for symbol in symbols}
    if len(named) < 2:
        return Correlations()
    day = int(at.timestamp()) // DAY
    key = (day, tuple(sorted(symbol.pk for symbol in named.values())))
    if key not in _known:
        found = _of_day(named, day)
        if len(found.table) < len(named):
            return found  # the missing history may come today
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return _known[key]


def _of_day(named: Mapping[str, Symbol], day: int) -> Correlations:
    bars = {name: _daily(symbol, day) for name, symbol in named.items()}
    closes = {n: (b.time, b.close) for n, b in bars.items() if len(b) > LEAST_RETURNS}
    return correlations_of(_returns(closes))


def _daily(symbol: Symbol, day: int) -> Bars:
    """Days that were over, of the coarsest series that has enough of them."""
    best = Bars.empty()
    for timeframe in sorted(TIMEFRAMES, key=TIMEFRAMES.__getitem__, reverse=True):
        count = DAYS * DAY // TIMEFRAMES[timeframe]
        bars = bars_tail(symbol=symbol, timeframe=timeframe, count=count)
        found = bars if timeframe == "D1" else resample(bars, timeframe, "D1")
        over = found.slice(0, int(np.searchsorted(found.time, day * DAY)))
        best = max(best, over, key=len)
        if len(best) > LEAST_RETURNS:
            break
    return best


def _returns(closes: Mapping[str, tuple[IntArray, FloatArray]]) -> Mapping[str, FloatArray]:
    """Relative changes from day to day, of the days that all have."""
    if not closes:
        return {}
    common = reduce(np.intersect1d, (time for time, _ in closes.values()))
    columns = {name: close[np.isin(time, common)] for name, (time, close) in closes.items()}
    return {name: np.diff(column) / column[:-1] for name, column in columns.items()}
