"""The simulated market's clock, and filling the gaps of a series from its stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from trading.brokers.base import Stream, Unavailable
from trading.brokers.market import SimulatedMarket as Market
from trading.brokers.market import SimulatedStream
from trading.brokers.venue.feeds import VenueStream
from trading.engine.types import TIMEFRAMES, EngineError
from trading.models import Account, SimulatedMarket, Symbol
from trading.selectors.bars import bars_tail
from trading.services.bars import bars_store
from trading.services.brokers import fingerprint_of, metaapi_stream, token_of, venue_of
from trading.services.remote import DEPLOYED

BACKFILL = timedelta(days=14)
"""How far back a series without any bar is filled."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Feed:
    """A price source that a gateway serves."""

    source: str
    open: Callable[[], Stream]
    market: SimulatedMarket | None = None
    """The simulated market behind it, which one gateway alone may run."""
    version: str = ""
    """Another one means that the session has to be begun anew."""


def feeds() -> list[Feed]:
    """Every price source there is a stream for, now."""
    simulated = [
        Feed(m.source, partial(simulated_stream, market=m), m)
        for m in SimulatedMarket.objects.all()
    ]
    venues = {a.source: a for a in Account.objects.filter(kind="venue").order_by("-id")}
    others = [Feed(s, partial(venue_stream, account=a)) for s, a in venues.items()]
    return simulated + others + metaapi_feeds()


def metaapi_feeds() -> list[Feed]:
    """One for each account whose terminal runs at MetaApi; of another version once the token of
    its connection has changed."""
    deployed = Account.objects.filter(kind="metaapi", remote_state=DEPLOYED)
    accounts = list(deployed.filter(connection__isnull=False).order_by("pk"))
    versions = {pk: _token_version(pk) for pk in {a.connection_id for a in accounts}}
    return [
        Feed(a.source, partial(metaapi_stream, account=a), version=versions[a.connection_id])
        for a in accounts
    ]


def sources_known() -> set[str]:
    """Every price source that has a stream, or will have one once its account runs."""
    waiting = Account.objects.filter(kind="metaapi").values_list("source", flat=True)
    return {feed.source for feed in feeds()} | set(waiting)


def _token_version(connection_id: int | None) -> str:
    try:
        return fingerprint_of(token_of(connection_id=connection_id))
    except EngineError:
        return ""  # opening the stream says why


def venue_stream(*, account: Account) -> Stream:
    """The stream of the venue an account is at."""
    return VenueStream(venue_of(account)[0])


def simulated_stream(*, market: SimulatedMarket) -> SimulatedStream:
    """A stream that goes on where the market's clock stood."""
    return SimulatedStream(Market(seed=market.seed), market.market_time, speed=market.speed)


def market_clock_save(*, market: SimulatedMarket, at: datetime) -> None:
    """Remember the market's clock, so that the next start goes on from there."""
    SimulatedMarket.objects.filter(pk=market.pk).update(market_time=at)


def bars_backfill(*, stream: Stream, symbol: Symbol, timeframe: str) -> int:
    """Store the closed bars that are missing between the newest stored one and now.

    Returns how many were added; a stream that cannot answer leaves the gap for the next time.
    """
    newest = bars_tail(symbol=symbol, timeframe=timeframe, count=1)
    try:
        now = stream.now()
        start = now - BACKFILL
        if len(newest):
            after = int(newest.time[-1]) + TIMEFRAMES[timeframe]
            start = max(start, datetime.fromtimestamp(after, UTC))
        bars = stream.history(symbol.name, timeframe, start, now)
    except Unavailable as e:
        log.warning("history unavailable", symbol=str(symbol), error=str(e))
        return 0
    return bars_store(symbol=symbol, timeframe=timeframe, bars=bars).added if len(bars) else 0
