"""Leaving the newest quotes where every process finds them."""

from collections.abc import Iterable

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from trading.engine.types import Quote
from trading.selectors.quotes import quote_key, quote_value

KEPT_SECONDS = 60
log = structlog.get_logger(__name__)


def quotes_put(*, source: str, quotes: Iterable[Quote]) -> None:
    """Keep the newest quote of each symbol; without the cache readers find nothing and refuse."""
    values = {quote_key(source, quote.symbol): quote_value(quote) for quote in quotes}
    try:
        cache.set_many(values, KEPT_SECONDS)
    except RedisError as e:
        log.warning("quotes not cached", error=str(e))
