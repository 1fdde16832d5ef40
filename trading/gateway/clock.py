"""The bar clock: which bars a stream of quotes closes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trading.engine.bars import Bar, BarBuilder
from trading.engine.types import Quote

Series = tuple[str, str]
"""(symbol name, timeframe)."""


@dataclass(frozen=True, slots=True)
class Closing:
    """A bar that has closed; `is_partial` when its beginning was not seen."""

    symbol: str
    timeframe: str
    bar: Bar
    is_partial: bool


class BarClock:
    """Builders of every watched series, fed with every quote once.

    A bar closes with the first quote after it, never by the time: that quote is the open at which
    the backtest acts, and before it there is no price to act at. The last bar of a week is decided
    when the next week opens.
    """

    def __init__(self) -> None:
        self._builders: dict[Series, BarBuilder] = {}
        self._partial: set[Series] = set()

    def watch(self, series: Iterable[Series]) -> None:
        """Watch exactly these; a new one begins with a bar that is partial."""
        wanted = set(series)
        for gone in set(self._builders) - wanted:
            del self._builders[gone]
            self._partial.discard(gone)
        for new in sorted(wanted - set(self._builders)):
            self._builders[new] = BarBuilder(new[1])
            self._partial.add(new)

    def on_quote(self, quote: Quote) -> list[Closing]:
        """The bars that this quote closes."""
        at, bid, spread = quote.time.timestamp(), float(quote.bid), float(quote.spread)
        found = []
        for series, builder in self._builders.items():
            if series[0] == quote.symbol:
                found += self._closing(series, builder.add(at, bid, spread))
        return found

    def forming(self) -> dict[Series, Bar]:
        """The bars that are not closed yet."""
        return {s: b.forming for s, b in self._builders.items() if b.forming is not None}

    def _closing(self, series: Series, bar: Bar | None) -> list[Closing]:
        if bar is None:
            return []
        partial = series in self._partial
        self._partial.discard(series)
        return [Closing(*series, bar, partial)]
