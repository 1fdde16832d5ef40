"""Leaving the newest quotes where every process finds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import time

import structlog
from django.core.cache import cache
from django.utils.timezone import now
from redis.exceptions import RedisError

from trading.engine.types import Quote
from trading.models import QuoteBoard
from trading.selectors.quotes import SeenQuote, quote_key, quote_value

KEPT_SECONDS = 60
log = structlog.get_logger(__name__)


def quotes_put(*, source: str, quotes: Iterable[Quote]) -> dict[str, SeenQuote]:
    """Quotes that have just reached us: keep the newest of each symbol in the cache, and return
    them by symbol. Without the cache readers take the board."""
    received = time()
    seen = {quote.symbol: SeenQuote(quote, received) for quote in quotes}
    values = {quote_key(source, name): quote_value(found) for name, found in seen.items()}
    try:
        cache.set_many(values, KEPT_SECONDS)
    except RedisError as e:
        log.warning("quotes not cached", error=str(e))
    return seen


def quotes_post(*, boards: Mapping[str, Mapping[str, SeenQuote]]) -> None:
    """Put the newest quotes of sources, each with all its symbols, on their boards in the database:
    a row for each source, in one statement."""
    at = now()
    rows = [
        QuoteBoard(
            source=source,
            quotes={name: quote_value(seen) for name, seen in quotes.items()},
            updated_at=at,
        )
        for source, quotes in sorted(boards.items())
    ]
    QuoteBoard.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["source"],
        update_fields=["quotes", "updated_at"],
    )
