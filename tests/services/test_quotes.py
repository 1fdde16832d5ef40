"""Quotes reach every process through the cache, or else through the board, and age."""

from decimal import Decimal
from time import time

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.desk import NOON
from trading.engine.types import Quote
from trading.selectors import quotes as selector
from trading.selectors.quotes import STALE_SECONDS, SeenQuote, quotes_fresh, quotes_seen
from trading.services.quotes import quotes_post, quotes_put

pytestmark = pytest.mark.django_db
QUOTE = Quote("EURUSD", NOON, Decimal("1.10000"), Decimal("1.10006"))


def test_a_quote_comes_back_exactly() -> None:
    quotes_put(source="simulated", quotes=[QUOTE])
    assert quotes_fresh(source="simulated", names=["EURUSD", "GBPUSD"]) == {"EURUSD": QUOTE}


def test_sources_do_not_mix() -> None:
    quotes_put(source="simulated", quotes=[QUOTE])
    assert quotes_fresh(source="other", names=["EURUSD"]) == {}


def test_a_quote_that_aged_is_seen_but_not_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    quotes_put(source="simulated", quotes=[QUOTE])
    received = quotes_seen(source="simulated", names=["EURUSD"])["EURUSD"].received
    monkeypatch.setattr(selector, "time", lambda: received + STALE_SECONDS + 1)
    assert quotes_seen(source="simulated", names=["EURUSD"])["EURUSD"].quote == QUOTE
    assert quotes_fresh(source="simulated", names=["EURUSD"]) == {}


def test_the_board_has_what_the_cache_lost() -> None:
    quotes_post(boards={"simulated": {"EURUSD": SeenQuote(QUOTE, time())}})
    assert quotes_fresh(source="simulated", names=["EURUSD"]) == {"EURUSD": QUOTE}


def test_without_redis_the_board_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(cache, "get_many", refuse)
    quotes_post(boards={"simulated": {"EURUSD": SeenQuote(QUOTE, time())}})
    assert quotes_fresh(source="simulated", names=["EURUSD"]) == {"EURUSD": QUOTE}


def test_the_newer_of_cache_and_board_wins() -> None:
    newer = Quote("EURUSD", NOON, Decimal("1.2"), Decimal("1.2"))
    quotes_post(boards={"simulated": {"EURUSD": SeenQuote(QUOTE, time())}})
    quotes_put(source="simulated", quotes=[newer])
    assert quotes_fresh(source="simulated", names=["EURUSD"]) == {"EURUSD": newer}
