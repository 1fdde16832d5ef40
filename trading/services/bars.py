"""Putting bars into the history of a symbol: monthly chunks, merged, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db import transaction

from trading.engine.bars import Bar, bars_of, merge
from trading.engine.chunks import bars_digest, bars_empty, chunk_decode, chunk_encode
from trading.engine.types import Bars, EngineError
from trading.models import BarChunk, Candle, Symbol
from trading.selectors.bars import chunk_bars


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What storing bars did to the history: new ones, ones already there, ones replaced."""

    added: int = 0
    identical: int = 0
    revised: int = 0


@transaction.atomic
def bars_store(*, symbol: Symbol, timeframe: str, bars: Bars) -> StoreResult:
    """Merge closed bars (ordered, without duplicates) into the chunks; where both differ the
    new one stands. Storing the same bars again changes nothing. Raises EngineError.
    """
    _symbol_lock(symbol)
    added = identical = revised = 0
    for chunk, part in _months(symbol, timeframe, bars):
        result = merge(_bars_of_chunk(chunk), part)
        added += result.added
        identical += result.identical
        revised += result.revised
        if result.added or result.revised:
            _chunk_save(chunk, result.bars)
    return StoreResult(added, identical, revised)


@transaction.atomic
def candles_compact(*, symbol: Symbol, timeframe: str, before: datetime, limit: int = 5000) -> int:
    """Move up to `limit` of the live candles that open before `before` into the chunks, oldest
    first; returns how many.

    Reading gives the same bars before and after: where a chunk has the bar already, it stands.
    """
    _symbol_lock(symbol)
    old = Candle.objects.filter(symbol=symbol, timeframe=timeframe, open_time__lt=before)
    candles = list(old.order_by("open_time")[:limit])
    live = bars_of([_bar(candle) for candle in candles])
    for chunk, part in _months(symbol, timeframe, live):
        bars = merge(part, _bars_of_chunk(chunk)).bars
        if bars_digest(bars) != chunk.sha256:
            _chunk_save(chunk, bars)
    # only what was read: a candle stored meanwhile stays
    Candle.objects.filter(pk__in=[candle.pk for candle in candles]).delete()
    return len(candles)


def _bar(candle: Candle) -> Bar:
    return Bar(
        time=int(candle.open_time.timestamp()),
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
        spread=candle.spread,
    )


def _symbol_lock(symbol: Symbol) -> None:
    """One writer of a symbol's history at a time, until commit."""
    Symbol.objects.select_for_update().get(pk=symbol.pk)


def _months(symbol: Symbol, timeframe: str, bars: Bars) -> Iterator[tuple[BarChunk, Bars]]:
    """The bars of each calendar month they open in (UTC), oldest first, with its stored chunk or
    a new one that is not saved yet.
    """
    if (np.diff(bars.time) <= 0).any():
        raise EngineError("Expected bars in order without duplicates")
    months = bars.time.astype("datetime64[s]").astype("datetime64[M]")
    starts = np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1))
    stops = np.append(starts[1:], len(bars))[: len(starts)]
    dates = months[starts].astype("datetime64[D]").tolist()
    chunks = BarChunk.objects.filter(symbol=symbol, timeframe=timeframe, month__in=dates)
    stored = {chunk.month: chunk for chunk in chunks}
    for month, start, stop in zip(dates, starts, stops, strict=True):
        chunk = stored.get(month) or BarChunk(symbol=symbol, timeframe=timeframe, month=month)
        yield chunk, bars.slice(int(start), int(stop))


def _bars_of_chunk(chunk: BarChunk) -> Bars:
    return chunk_bars(chunk) if chunk.pk else Bars.empty()


def _chunk_save(chunk: BarChunk, bars: Bars) -> None:
    """Encode, prove that it reads back, save."""
    data = chunk_encode(bars)
    again = bars_empty(len(bars))
    chunk_decode(data, again)
    chunk.data, chunk.sha256, chunk.rows = data, bars_digest(bars), len(bars)
    if bars_digest(again) != chunk.sha256:
        raise EngineError(f"{chunk}: expected the bars to read back as they were stored")
    chunk.first, chunk.last = _moment(bars.time[0]), _moment(bars.time[-1])
    chunk.save()


def _moment(seconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
