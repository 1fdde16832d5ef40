"""The newest quotes, as the gateway left them in the cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import time
from typing import Any

from django.core.cache import cache

from trading.engine.types import Quote

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


def quotes_seen(*, source: str, names: Iterable[str]) -> dict[str, SeenQuote]:
    """The newest quote of each symbol that has one."""
    keys = {quote_key(source, name): name for name in names}
    return {keys[key]: _seen(keys[key], value) for key, value in cache.get_many(keys).items()}


def quotes_fresh(*, source: str, names: Iterable[str]) -> dict[str, Quote]:
    """As `quotes_seen`, without the stale ones."""
    seen = quotes_seen(source=source, names=names)
    return {name: s.quote for name, s in seen.items() if s.age <= STALE_SECONDS}


def quote_key(source: str, name: str) -> str:
    """Cache key of a symbol's newest quote."""
    return f"quote:{source.replace(' ', '_')}:{name}"


def quote_value(quote: Quote) -> dict[str, Any]:
    """What is kept in the cache."""
    return {
        "bid": str(quote.bid),
        "ask": str(quote.ask),
        "time": quote.time.isoformat(),
        "received": time(),
    }


def _seen(name: str, value: Mapping[str, Any]) -> SeenQuote:
    at = datetime.fromisoformat(value["time"])
    quote = Quote(name, at, Decimal(value["bid"]), Decimal(value["ask"]))
    return SeenQuote(quote, float(value["received"]))
