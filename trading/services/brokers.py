"""Building the broker of an account."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings

from trading.brokers import BROKERS
from trading.brokers.base import Broker
from trading.brokers.paper import PaperBroker, PaperTerms
from trading.brokers.venue.client import VenueBroker
from trading.engine.book import Listing
from trading.engine.types import Costs, EngineError, Quote
from trading.models import Account, Symbol
from trading.selectors.quotes import quotes_fresh
from trading.services.paper import DatabasePaperStore

Quotes = Callable[[], Mapping[str, Quote]]


def broker_for(*, account: Account, quotes: Quotes | None = None) -> Broker:
    """The adapter of the account's kind; EngineError names the kinds that exist.

    `quotes` gives the newest quotes by symbol; the default reads the fresh ones of the cache.
    """
    if account.kind == "paper":
        return _paper(account, quotes)
    if account.kind == "venue":
        address, name = venue_of(account)
        return VenueBroker(address, name, settings.TIMING.call_deadline)
    kinds = ", ".join(sorted(BROKERS))
    raise EngineError(f"{account}: expected a broker kind of {kinds}, was {account.kind!r}")


def venue_of(account: Account) -> tuple[str, str]:
    """Address and name of an account at a venue, from its external id HOST:PORT/NAME."""
    address, slash, name = account.external_id.partition("/")
    if not (slash and name and ":" in address):
        found = repr(account.external_id)
        raise EngineError(f"{account}: expected an external id HOST:PORT/NAME, was {found}")
    return address, name


def costs_of(symbol: Symbol) -> Costs:
    """The costs a symbol is traded with."""
    return Costs(symbol.commission_per_lot, symbol.slippage_ticks)


def _paper(account: Account, quotes: Quotes | None) -> PaperBroker:
    symbols = list(Symbol.objects.filter(source=account.source))
    listings = {s.name: Listing(s.instrument(), costs_of(s)) for s in symbols}
    terms = PaperTerms(listings, account.currency, account.leverage)
    read = quotes or (lambda: quotes_fresh(source=account.source, names=listings))
    return PaperBroker(terms, DatabasePaperStore(account.pk), read)
