"""A live session: one stream of quotes, the accounts that trade on it, and its bar clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from math import inf
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction

from trading.brokers.base import BrokerError, Stream
from trading.engine.types import TIMEFRAMES, EngineError, Quote
from trading.gateway.clock import BarClock, Closing, Series
from trading.gateway.guard import SeatGuard
from trading.gateway.office import Office
from trading.gateway.publisher import View
from trading.gateway.seat import Seat
from trading.models import Account, Symbol
from trading.selectors.quotes import SeenQuote
from trading.selectors.symbols import symbols_streamed
from trading.services.accounts import account_halt, equity_sample
from trading.services.brokers import gateway_broker_for
from trading.services.leases import LeaseLost
from trading.services.markets import bars_backfill
from trading.services.quotes import quotes_post, quotes_put
from trading.services.strategies import ClosedBar, bar_close

OBSERVE_SECONDS = 0.5
RELOAD_SECONDS = 1.0
SYMBOLS_SECONDS = 5.0
"""What else decides on the symbols of a source changes more seldom than its deployments do."""
LEAST_TTL = 5.0
"""A signal is worth acting on for a bar, at least this many seconds, as `Timing` says at most."""
log = structlog.get_logger(__name__)


class Session:
    """Runs in a thread of its own until `end`; see `run`."""

    def __init__(self, source: str, stream: Stream, office: Office | None = None) -> None:
        self.source = source
        self.stream = stream
        self._office = office or Office()
        self._stop = Event()
        self._inbox: SimpleQueue[Quote | None] = SimpleQueue()
        self._clock = BarClock()
        self._symbols: dict[str, Symbol] = {}
        self._symbols_at = -inf
        self._traded: set[Series] = set()
        self._streamed: set[str] = set()
        self._quotes: dict[str, Quote] = {}
        self._seen: dict[str, SeenQuote] = {}
        self._seats: dict[int, Seat] = {}

    def end(self) -> None:
        """Have `run` come to its end; safe to call twice and from any thread."""
        self._stop.set()
        self._inbox.put(None)

    def run(self) -> None:
        """Stream, judge, close bars, observe; one account's trouble is that account's alone."""
        self.load()
        self.stream.start(list(self._symbols), self._inbox.put)
        self._streamed = set(self._symbols)
        try:
            self._loop()
        finally:
            self._office.leave(self.source)
            self.stream.stop()
            for seat in self._seats.values():
                with suppress(DatabaseError):  # its file lock is free all the same
                    seat.drop()

    def load(self) -> None:
        """Symbols, accounts, deployments, and the bars missed since the last time."""
        self._reload()
        for symbol, timeframe in self._series():
            bars_backfill(stream=self.stream, symbol=self._symbols[symbol], timeframe=timeframe)

    def _loop(self) -> None:
        observed = reloaded = monotonic()
        while not self._stop.is_set():
            self.on_quotes(self._drain(observed + OBSERVE_SECONDS - monotonic()))
            if monotonic() - observed >= OBSERVE_SECONDS:
                observed = monotonic()
                self.observe()
            if monotonic() - reloaded >= RELOAD_SECONDS:
                reloaded = monotonic()
                close_old_connections()
                self.follow()

    def follow(self) -> None:
        """Take over what staff changed; stream what has been deployed since, with its bars."""
        self._reload()
        added = self._symbols.keys() - self._streamed
        if not added:
            return
        log.info("streaming more symbols", source=self.source, symbols=sorted(added))
        self.stream.stop()
        self.stream.start(list(self._symbols), self._inbox.put)
        self._streamed = set(self._symbols)
        for name, timeframe in self._series():
            if name in added:
                symbol = self._symbols[name]
                bars_backfill(stream=self.stream, symbol=symbol, timeframe=timeframe)

    def on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Take quotes in, in order: brokers judge them, then the bars they close are decided."""
        if not quotes:
            return
        self._quotes.update({quote.symbol: quote for quote in quotes})
        self._seen.update(quotes_put(source=self.source, quotes=quotes))
        for seat in self._seats.values():
            self._feed(seat, quotes)
        closings = [closing for quote in quotes for closing in self._clock.on_quote(quote)]
        if closings:
            self._close_bars(closings)
        self._office.publisher.show(self.source, View(dict(self._seen), self._clock.forming()))

    def observe(self) -> None:
        """Read every account that is ours at its broker and do what is due about it."""
        attention = self._office.attention()
        for seat in self._seats.values():
            with self._isolated(seat):
                seat.observe(attention)

    @contextmanager
    def _isolated(self, seat: Seat) -> Iterator[None]:
        """One account's trouble is that account's alone; the database's is everybody's."""
        try:
            yield
        except LeaseLost as e:
            log.warning("account lost to another gateway", account=str(seat.account), error=str(e))
            seat.drop()
        except BrokerError as e:
            log.warning("broker unavailable", account=str(seat.account), error=str(e))
        except DatabaseError:
            raise
        except Exception as e:
            log.exception("account failed", account=str(seat.account))
            account_halt(account=seat.account, reason=f"{type(e).__name__}: {e}")

    def _drain(self, seconds: float) -> list[Quote]:
        """Everything that waits, or else the next quote to come within so many seconds."""
        try:
            found = [self._inbox.get(timeout=max(0.0, seconds))]
        except Empty:
            return []
        while not self._inbox.empty():
            found.append(self._inbox.get())
        return [quote for quote in found if quote is not None]

    def _feed(self, seat: Seat, quotes: Sequence[Quote]) -> None:
        with self._isolated(seat):
            seat.feed(quotes)

    def _close_bars(self, closings: Sequence[Closing]) -> None:
        """Ask about every bar that quotes of one moment have closed, in one transaction."""
        bars = [self._closed(closing) for closing in closings]
        held = [pk for pk, seat in self._seats.items() if seat.grip is not None]
        with transaction.atomic():
            for closed in bars:
                bar_close(closed=closed, account_ids=held)
            quotes_post(boards={self.source: self._seen})
        for closing in closings:
            self._office.publisher.closed(closing)
        minute = timedelta(seconds=TIMEFRAMES["M1"])
        for at in sorted({closed.open_time for closed in bars if closed.timeframe == "M1"}):
            self._sample(at + minute)

    def _closed(self, closing: Closing) -> ClosedBar:
        symbol = self._symbols[closing.symbol]
        if closing.is_partial:
            bars_backfill(stream=self.stream, symbol=symbol, timeframe=closing.timeframe)
        seconds = TIMEFRAMES[closing.timeframe] / self.stream.speed
        ttl = min(max(seconds, LEAST_TTL), settings.TIMING.signal)
        return ClosedBar(symbol, closing.timeframe, closing.bar, ttl=ttl)

    def _sample(self, at: datetime) -> None:
        for seat in self._seats.values():
            if seat.grip is not None and seat.state is not None:
                equity_sample(account=seat.account, state=seat.state, at=at)

    def _reload(self) -> None:
        """Follow what staff changed: symbols, accounts and deployments of this source."""
        trading = self._office.trading(self.source)
        if trading.series != self._traded or monotonic() - self._symbols_at >= SYMBOLS_SECONDS:
            self._traded, self._symbols_at = trading.series, monotonic()
            self._symbols = {s.name: s for s in symbols_streamed(source=self.source)}
            self._clock.watch(self._series())
        seats = {}
        for account in trading.accounts:
            seat = self._seat(account)
            if seat is not None:
                seats[account.pk] = seat
                with self._isolated(seat):
                    seat.take()
        for gone in self._seats.keys() - seats.keys():
            self._seats[gone].drop()
        self._seats = seats
        self._office.hold(self.source, [pk for pk, seat in seats.items() if seat.grip is not None])

    def _seat(self, account: Account) -> Seat | None:
        seat = self._seats.get(account.pk)
        if seat is not None and _money_of(seat.account) == _money_of(account):
            seat.account = account
            return seat
        try:
            broker = gateway_broker_for(account=account, quotes=self._read_quotes)
        except EngineError as e:
            account_halt(account=account, reason=str(e))
            return None
        if seat is not None:
            seat.drop()
        return Seat(account, broker, guard=SeatGuard(self._office.rules))

    def _read_quotes(self) -> Mapping[str, Quote]:
        return self._quotes

    def _series(self) -> set[Series]:
        """Every series that a deployment trades, and one minute of every symbol for curves."""
        return self._traded | {(name, "M1") for name in self._symbols}


def _money_of(account: Account) -> tuple[str, int, str]:
    """What a broker was built with: once MetaApi has told it, another one is needed."""
    return account.currency, account.leverage, account.external_id
