"""Bars out of the database: history chunks and the live tail, as one ordered series.

Where a chunk and a live candle hold the same bar the chunk's stands: history is imported on
purpose and checked, a live candle may have missed ticks. (A spread the chunk does not know is the
candle's.)
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from trading.engine.bars import Bar, bars_join, bars_of, merge, timeframe_seconds
from trading.engine.chunks import bars_digest, bars_empty, chunk_decode
from trading.engine.types import Bars, EngineError
from trading.models import BarChunk, Candle, Symbol


class SymbolUnknown(LookupError):
    """No symbol, or more than one, answers to a name."""


def symbol_get(*, name: str) -> Symbol:
    """The symbol called "EURUSD", if only one source has it, or "source:EURUSD"."""
    found = list(Symbol.objects.filter(name=name)[:20])
    if not found and ":" in name:
        source, _, short = name.rpartition(":")
        found = list(Symbol.objects.filter(source=source, name=short))
    if len(found) == 1:
        return found[0]
    if found:
        raise SymbolUnknown(f"Expected one of {', '.join(map(str, found))}, was {name!r}")
    known = ", ".join(str(symbol) for symbol in Symbol.objects.all()[:20]) or "none"
    raise SymbolUnknown(f"Expected a known symbol ({known}), was {name!r}")


def bars_between(
    *,
    symbol: Symbol,
    timeframe: str,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Bars:
    """Closed bars that open in [start, end), oldest first; None = no bound.

    Raises EngineError when a chunk is damaged.
    """
    chunks, candles = _chunks(symbol, timeframe), _candles(symbol, timeframe)
    if start is not None:
        chunks, candles = chunks.filter(last__gte=start), candles.filter(open_time__gte=start)
    if end is not None:
        chunks, candles = chunks.filter(first__lt=end), candles.filter(open_time__lt=end)
    history = _decoded(chunks.order_by("month"))
    low = history.time.searchsorted(_seconds(start)) if start else 0
    high = history.time.searchsorted(_seconds(end)) if end else len(history)
    return _joined(history.slice(int(low), int(high)), bars_of(_candle_bars(candles)))


def bars_tail(*, symbol: Symbol, timeframe: str, count: int) -> Bars:
    """The newest `count` closed bars (fewer when there are no more), oldest first.

    Only as many chunks are decoded as the live candles leave to be filled.
    """
    if count < 1:
        return Bars.empty()
    newest = _candle_bars(_candles(symbol, timeframe).order_by("-open_time")[:count])
    candles = bars_of(newest[::-1])
    needed = _chunks_needed(symbol, timeframe, candles, count)
    history = _decoded(BarChunk.objects.filter(pk__in=needed).order_by("month"))
    return _joined(history, candles).tail(count)


def chunks_verify(*, symbol: Symbol, timeframe: str) -> int:
    """Read every chunk of a series back and compare it with its checksum; returns the bars read.

    Raises EngineError naming the first chunk that is not what was stored.
    """
    rows = 0
    for chunk in _chunks(symbol, timeframe).order_by("month"):
        bars = chunk_bars(chunk)
        digest = bars_digest(bars)
        if digest != chunk.sha256:
            raise EngineError(f"{chunk}: expected checksum {chunk.sha256}, was {digest}")
        rows += len(bars)
    return rows


def chunk_bars(chunk: BarChunk) -> Bars:
    """The bars of one chunk; raises EngineError naming it when it is damaged."""
    out = bars_empty(chunk.rows)
    _decode(chunk, out)
    return out


def _chunks(symbol: Symbol, timeframe: str) -> QuerySet[BarChunk]:
    timeframe_seconds(timeframe)  # an unknown one shall not look like missing history
    return BarChunk.objects.filter(symbol=symbol, timeframe=timeframe)


def _candles(symbol: Symbol, timeframe: str) -> QuerySet[Candle]:
    return Candle.objects.filter(symbol=symbol, timeframe=timeframe).order_by("open_time")


def _candle_bars(candles: QuerySet[Candle]) -> list[Bar]:
    """Live candles as bars, in the order of the query."""
    rows = candles.values_list("open_time", "open", "high", "low", "close", "volume", "spread")
    return [Bar(_seconds(time), *values) for time, *values in rows]


def _chunks_needed(symbol: Symbol, timeframe: str, candles: Bars, count: int) -> list[int]:
    """Primary keys of the newest chunks that together with `candles` hold `count` bars."""
    months = list(_chunks(symbol, timeframe).order_by("-month").values_list("pk", "last", "rows"))
    if not months:
        return []
    covered = int((candles.time > _seconds(months[0][1])).sum())
    needed = []
    for pk, _, rows in months:
        if covered >= count:
            break
        needed.append(pk)
        covered += rows
    return needed


def _decoded(chunks: QuerySet[BarChunk]) -> Bars:
    """The bars of all `chunks`, each decoded into its place."""
    rows = list(chunks.only("timeframe", "month", "first", "last", "rows", "data"))
    bars = bars_empty(sum(chunk.rows for chunk in rows))
    at = 0
    for chunk in rows:
        _decode(chunk, bars.slice(at, at + chunk.rows))
        at += chunk.rows
    return bars


def _decode(chunk: BarChunk, out: Bars) -> None:
    try:
        chunk_decode(chunk.data, out)
    except EngineError as error:
        raise EngineError(f"{chunk}: {error}") from error
    found = (int(out.time[0]), int(out.time[-1]))
    if found != (_seconds(chunk.first), _seconds(chunk.last)):
        raise EngineError(f"{chunk}: expected bars {chunk.first} to {chunk.last}, was {found}")


def _joined(history: Bars, candles: Bars) -> Bars:
    """One series; only the part of `history` that candles may overlap is merged."""
    if not len(candles) or not len(history):
        return history if len(history) else candles
    cut = int(history.time.searchsorted(candles.time[0]))
    return bars_join([history.slice(0, cut), merge(candles, history.slice(cut)).bars])


def _seconds(time: datetime) -> int:
    return int(time.timestamp())
