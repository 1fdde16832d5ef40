"""Leaving the newest quotes where every process finds them."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from django.core.cache import cache
from django.utils.timezone import now
from redis.exceptions import RedisError

from trading.engine.types import Quote
from trading.models import QuoteBoard
from trading.selectors.quotes import quote_key, quote_value

KEPT_SECONDS = 60
log = structlog.get_logger(__name__)


def quotes_put(*, source: str, quotes: Iterable[Quote]) -> None:
    """Keep the newest quote of each symbol in the cache; without it readers take the board."""
    values = {quote_key(source, quote.symbol): quote_value(quote) for quote in quotes}
    try:
        cache.set_many(values, KEPT_SECONDS)
    except RedisError as e:
        log.warning("quotes not cached", error=str(e))


def quotes_post(*, source: str, quotes: Iterable[Quote]) -> None:
    """Put the newest quotes of a source on its board in the database, in one row."""
    values = {quote.symbol: quote_value(quote) for quote in quotes}
    QuoteBoard.objects.update_or_create(
        source=source, defaults={"quotes": values, "updated_at": now()}
    )
