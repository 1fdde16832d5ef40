"""The newest quotes, as the gateway left them in the cache and on the board of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import time
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from trading.engine.types import Quote
from trading.models import QuoteBoard

STALE_SECONDS = 10.0
"""Wall-clock age after which a quote is no basis for an order."""


@dataclass(frozen=True, slots=True)
class SeenQuote:
    """A quote and when it reached us, in epoch seconds of the wall clock."""

    quote: Quote
    received: float

    @property
    def age(self) -> float:
        """Seconds since it reached us."""
        return time() - self.received

    @property
    def is_stale(self) -> bool:
        """Whether it is too old to act on."""
        return self.age > STALE_SECONDS


def quotes_seen(*, source: str, names: Iterable[str]) -> dict[str, SeenQuote]:
    """The newest quote of each symbol that has one.

    The board, which is a moment behind, is asked for what the cache does not have: a restarted or
    unreachable Redis stops nothing.
    """
    keys = {quote_key(source, name): name for name in names}
    seen = {keys[key]: _seen(keys[key], value) for key, value in _cached(keys).items()}
    stale = [name for name in keys.values() if name not in seen or seen[name].is_stale]
    if stale:
        for name, posted in _posted(source, stale).items():
            if name not in seen or posted.received > seen[name].received:
                seen[name] = posted
    return seen


def quotes_fresh(*, source: str, names: Iterable[str]) -> dict[str, Quote]:
    """As `quotes_seen`, without the stale ones."""
    seen = quotes_seen(source=source, names=names)
    return {name: s.quote for name, s in seen.items() if not s.is_stale}


def quote_key(source: str, name: str) -> str:
    """Cache key of a symbol's newest quote."""
    return f"quote:{source.replace(' ', '_')}:{name}"


def quote_value(seen: SeenQuote) -> dict[str, Any]:
    """What is kept of it, in the cache and on the board."""
    quote = seen.quote
    return {
        "bid": str(quote.bid),
        "ask": str(quote.ask),
        "time": quote.time.isoformat(),
        "received": seen.received,
    }


def _seen(name: str, value: Mapping[str, Any]) -> SeenQuote:
    at = datetime.fromisoformat(value["time"])
    quote = Quote(name, at, Decimal(value["bid"]), Decimal(value["ask"]))
    return SeenQuote(quote, float(value["received"]))


def _cached(keys: Iterable[str]) -> Mapping[str, Any]:
    try:
        return cache.get_many(list(keys))
    except RedisError:
        return {}


def _posted(source: str, names: Iterable[str]) -> dict[str, SeenQuote]:
    board = QuoteBoard.objects.filter(source=source).values_list("quotes", flat=True).first() or {}
    return {name: _seen(name, board[name]) for name in names if name in board}
