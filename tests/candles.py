"""Bars with the ticks they are made of, and the ways prices may go through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from trading.engine import money
from trading.engine.book import Book
from trading.engine.types import Bars, FloatArray, OrderKind


@dataclass(frozen=True, slots=True)
class Candle:
    """A bar in ticks; `rest` are the bids after the open when the path is fixed."""

    time: int
    open: int
    high: int
    low: int
    close: int
    spread: int
    rest: tuple[int, ...] = ()


def bars_from_candles(candles: Sequence[Candle], tick_size: Decimal) -> Bars:
    """The candles as the engine's bars, in prices; volumes are ones."""

    def column(name: str) -> FloatArray:
        return np.array([float(getattr(c, name) * tick_size) for c in candles])

    open_, high, low, close = (column(name) for name in ("open", "high", "low", "close"))
    time = np.array([c.time for c in candles], np.int64)
    return Bars(time, open_, high, low, close, np.ones(len(candles)), column("spread"))


Path = Callable[[Candle, Book], Iterable[int]]


def fixed_path(candle: Candle, book: Book) -> Iterable[int]:
    """The bids after the open as they were written down."""
    return candle.rest


def worst_path(candle: Candle, book: Book) -> Iterable[int]:
    """Tick by tick through open, high, low and close in the order that is worst for the book.

    That is the order the simulator assumes: the adverse extreme first, after the entry.
    """
    turns = [candle.open, *_turns(candle, book), candle.close]
    for start, end in pairwise(turns):
        way = 1 if end > start else -1
        yield from range(start + way, end + way, way)


def _turns(candle: Candle, book: Book) -> tuple[int, ...]:
    state = book.state
    side = state.positions[0].side if state.positions else 0
    favourable, adverse = (candle.high, candle.low) if side > 0 else (candle.low, candle.high)
    if side:
        return adverse, favourable
    if not state.pending:
        return candle.high, candle.low
    (ticket,) = state.pending
    assert ticket.price is not None
    favourable, adverse = candle.high, candle.low
    if ticket.side < 0:
        favourable, adverse = candle.low, candle.high
    if ticket.kind is OrderKind.LIMIT:
        return favourable, adverse
    tick = book.listings[ticket.symbol].instrument.tick_size
    shift = candle.spread if ticket.side > 0 else 0
    level = money.price_to_ticks(ticket.price, tick) - shift
    reached = level <= candle.high if ticket.side > 0 else level >= candle.low
    return (level, adverse, favourable) if reached else (favourable, adverse)
