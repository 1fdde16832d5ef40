"""Building the broker of an account, and what asks MetaApi about it.

This is the only place that decrypts the token of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.fernet import InvalidToken
from django.conf import settings

from trading.brokers import BROKERS
from trading.brokers.base import Broker, Stream
from trading.brokers.metaapi import Hosts, MetaApiBroker, MetaApiClient, Money, Provisioning
from trading.brokers.metaapi.rest import Limits
from trading.brokers.paper import PaperBroker, PaperTerms
from trading.brokers.venue.client import VenueBroker
from trading.engine.book import Listing
from trading.engine.types import Costs, EngineError, Quote
from trading.models import Account, Connection, Symbol
from trading.selectors.quotes import quotes_fresh
from trading.services.paper import DatabasePaperStore

if TYPE_CHECKING:
    from trading.brokers.metaapi.stream import Link

Quotes = Callable[[], Mapping[str, Quote]]


def broker_for(
    *, account: Account, quotes: Quotes | None = None, symbols: Sequence[Symbol] | None = None
) -> Broker:
    """The adapter of the account's kind; EngineError names the kinds that exist.

    `quotes` gives the newest quotes by symbol; the default reads the fresh ones of the cache.
    `symbols` are those of the account's source, where they have been read already.
    """
    if account.kind == "paper":
        return _paper(account, quotes, symbols)
    if account.kind == "venue":
        address, name = venue_of(account)
        return VenueBroker(address, name, settings.TIMING.call_deadline)
    if account.kind == "metaapi":
        return _metaapi(account)
    kinds = ", ".join(sorted(BROKERS))
    raise EngineError(f"{account}: expected a broker kind of {kinds}, was {account.kind!r}")


def gateway_broker_for(*, account: Account, quotes: Quotes | None = None) -> Broker:
    """The broker a session works with: as `broker_for`, but of MetaApi by its stream, which alone
    can prove that something did not happen. Loads the SDK: for the gateway only."""
    if account.kind != "metaapi":
        return broker_for(account=account, quotes=quotes)
    from trading.brokers.metaapi.gateway import MetaApiGatewayBroker

    return MetaApiGatewayBroker(_link(account), _metaapi(account))


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


# --- MetaApi

_CLIENTS: dict[str, tuple[str, MetaApiClient]] = {}
"""By account id: the fingerprint of the token it was made with, and the client."""


def metaapi_client(*, account: Account) -> MetaApiClient:
    """What asks MetaApi about an account: one in each process until the token changes.

    EngineError without an external id, a connection, or a key that opens its token.
    """
    if not account.external_id:
        raise EngineError(f"{account}: expected the account's id at MetaApi, was none")
    token = token_of(connection_id=account.connection_id)
    hosts = metaapi_hosts()
    fingerprint = fingerprint_of(f"{token} {hosts.base_url}")
    known = _CLIENTS.get(account.external_id)
    if known is None or known[0] != fingerprint:
        limits = Limits(trade=settings.TIMING.call_deadline)
        client = MetaApiClient(token, account.external_id, hosts, limits=limits)
        known = _CLIENTS[account.external_id] = (fingerprint, client)
    return known[1]


def metaapi_stream(*, account: Account) -> Stream:
    """The prices and executions of an account, told as they happen; loads the SDK: for the gateway
    only. EngineError as `metaapi_client`, Unavailable when the SDK does not start."""
    from trading.brokers.metaapi.gateway import MetaApiStream

    return MetaApiStream(_link(account), metaapi_client(account=account))


def metaapi_provisioning(*, connection: Connection) -> Provisioning:
    """What lists and starts the accounts of a connection; EngineError as `token_of`."""
    return Provisioning(token_of(connection_id=connection.pk), metaapi_hosts())


def metaapi_hosts() -> Hosts:
    """Where MetaApi is: its own servers, or the emulator of METAAPI_BASE_URL."""
    return Hosts(base_url=settings.METAAPI_BASE_URL)


def token_of(*, connection_id: int | None) -> str:
    """The token of a connection; EngineError when there is none or no key opens it."""
    if connection_id is None:
        raise EngineError("Expected a connection with a token, was no connection")
    try:
        token = Connection.objects.values_list("token", flat=True).get(pk=connection_id)
    except Connection.DoesNotExist:
        raise EngineError("Expected a connection with a token, was none such") from None
    except InvalidToken:
        raise EngineError("Expected a key of FIELD_KEYS that opens the token, was none") from None
    if not token:
        raise EngineError("Expected a connection with a token, was an empty one")
    return token


def fingerprint_of(token: str) -> str:
    """Tells tokens apart without showing them."""
    return sha256(token.encode()).hexdigest()[:16]


def _metaapi(account: Account) -> MetaApiBroker:
    money = Money(account.currency, account.leverage)
    return MetaApiBroker(metaapi_client(account=account), money)


def _link(account: Account) -> Link:
    from trading.brokers.metaapi.stream import HubOptions, hub_for

    token = token_of(connection_id=account.connection_id)
    return hub_for(token, HubOptions(hosts=metaapi_hosts())).link(account.external_id)


def _paper(
    account: Account, quotes: Quotes | None, symbols: Sequence[Symbol] | None
) -> PaperBroker:
    if symbols is None:
        symbols = _symbols(account)
    terms = _paper_terms(account, symbols)
    read = quotes or (lambda: quotes_fresh(source=account.source, names=terms.listings))
    store = DatabasePaperStore(account.pk)
    return PaperBroker(terms, store, read, lambda: _paper_terms(account, _symbols(account)))


def _paper_terms(account: Account, symbols: Sequence[Symbol]) -> PaperTerms:
    listings = {s.name: Listing(s.instrument(), costs_of(s)) for s in symbols}
    canonicals = {s.name: s.canonical for s in symbols if s.canonical not in listings}
    return PaperTerms(listings, account.currency, account.leverage, canonicals)


def _symbols(account: Account) -> list[Symbol]:
    return list(Symbol.objects.filter(source=account.source))
