"""A live session: one stream of quotes, the accounts that trade on it, and its bar clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic

import structlog
from django.db import DatabaseError, close_old_connections
from django.utils.timezone import now

from trading.brokers.base import Broker, BrokerError, Stream
from trading.engine.types import TIMEFRAMES, AccountState, EngineError, Quote
from trading.gateway.clock import BarClock, Closing
from trading.gateway.frames import FramePublisher
from trading.models import Account, Deployment, Position, Symbol
from trading.services.accounts import (
    account_connected,
    account_halt,
    account_observe,
    equity_sample,
    position_vanish,
)
from trading.services.brokers import broker_for
from trading.services.doubts import doubts_resolve
from trading.services.fills import fills_record
from trading.services.kills import kills_apply
from trading.services.markets import bars_backfill
from trading.services.orders import orders_doubt, orders_expire
from trading.services.quotes import quotes_put
from trading.services.strategies import ClosedBar, bar_close

OBSERVE_SECONDS = 0.5
RELOAD_SECONDS = 2.0
DOUBT_AFTER = timedelta(seconds=30)
"""An order still SENDING after this long has lost its sender."""
VANISH_SECONDS = 5.0
LEAST_TTL = 5.0
"""A signal is worth acting on for a bar, at least this many seconds, at most five minutes."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Seat:
    """An account on this session with its broker."""

    account: Account
    broker: Broker
    state: AccountState | None = None
    missing: dict[int, float] = field(default_factory=dict)
    """Rows whose position the broker does not report, and since when."""


class Session:
    """Runs in a thread of its own until `stop` is set; see `run`."""

    def __init__(self, source: str, stream: Stream, *, speed: float = 1.0) -> None:
        self.source = source
        self.stream = stream
        self.stop = Event()
        self._speed = speed
        self._inbox: SimpleQueue[Quote] = SimpleQueue()
        self._clock = BarClock()
        self._symbols: dict[str, Symbol] = {}
        self._quotes: dict[str, Quote] = {}
        self._seats: dict[int, Seat] = {}
        self._frames = FramePublisher()

    def run(self) -> None:
        """Stream, judge, close bars, observe; one account's trouble is that account's alone."""
        self.load()
        self.stream.start(list(self._symbols), self._inbox.put)
        try:
            self._loop()
        finally:
            self.stream.stop()

    def load(self) -> None:
        """Symbols, accounts, deployments, and the bars missed since the last time."""
        self._symbols = {s.name: s for s in Symbol.objects.filter(source=self.source)}
        self._reload()
        for symbol, timeframe in self._series():
            bars_backfill(stream=self.stream, symbol=self._symbols[symbol], timeframe=timeframe)

    def _loop(self) -> None:
        observed = reloaded = monotonic()
        while not self.stop.is_set():
            self.on_quotes(self._drain())
            if monotonic() - observed >= OBSERVE_SECONDS:
                observed = monotonic()
                self.observe()
            if monotonic() - reloaded >= RELOAD_SECONDS:
                reloaded = monotonic()
                close_old_connections()
                self._reload()
            self._frames.publish(self._quotes, self._clock.forming())

    def on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Take quotes in, in order: brokers judge them, then the bars they close are decided."""
        for quote in quotes:
            self._quotes[quote.symbol] = quote
        if quotes:
            quotes_put(source=self.source, quotes=self._latest(quotes))
            for seat in self._seats.values():
                self._feed(seat, quotes)
        closings = [closing for quote in quotes for closing in self._clock.on_quote(quote)]
        for closing in closings:
            self._close_bar(closing)

    def observe(self) -> None:
        """Write down what the brokers say of their accounts."""
        for seat in self._seats.values():
            with self._isolated(seat):
                self._observe(seat)

    def _observe(self, seat: Seat) -> None:
        account, market_time = seat.account, self.stream.now()
        seat.state = seat.broker.account()
        account_observe(account=account, state=seat.state)
        account_connected(account=account, reason="the gateway reads its broker")
        orders_expire(account=account, market_time=market_time)
        orders_doubt(account=account, sent_before=now() - DOUBT_AFTER)
        doubts_resolve(account=account, state=seat.state)
        self._look_for_vanished(seat, seat.state)
        kills_apply(account=account, broker=seat.broker, state=seat.state)

    @contextmanager
    def _isolated(self, seat: Seat) -> Iterator[None]:
        """One account's trouble is that account's alone; the database's is everybody's."""
        try:
            yield
        except BrokerError as e:
            log.warning("broker unavailable", account=str(seat.account), error=str(e))
        except DatabaseError:
            raise
        except Exception as e:
            log.exception("account failed", account=str(seat.account))
            account_halt(account=seat.account, reason=f"{type(e).__name__}: {e}")

    def _drain(self) -> list[Quote]:
        """Everything that waits, or the next quote to come within a moment."""
        try:
            quotes = [self._inbox.get(timeout=0.05)]
        except Empty:
            return []
        while not self._inbox.empty():
            quotes.append(self._inbox.get())
        return quotes

    def _latest(self, quotes: Sequence[Quote]) -> list[Quote]:
        return list({quote.symbol: quote for quote in quotes}.values())

    def _feed(self, seat: Seat, quotes: Sequence[Quote]) -> None:
        with self._isolated(seat):
            fills = seat.broker.feed(quotes)
            if fills:
                fills_record(account=seat.account, fills=fills)

    def _close_bar(self, closing: Closing) -> None:
        symbol = self._symbols[closing.symbol]
        if closing.is_partial:
            bars_backfill(stream=self.stream, symbol=symbol, timeframe=closing.timeframe)
        seconds = TIMEFRAMES[closing.timeframe] / self._speed
        closed = ClosedBar(
            symbol, closing.timeframe, closing.bar, ttl=min(max(seconds, LEAST_TTL), 300.0)
        )
        bar_close(closed=closed, account_ids=list(self._seats))
        self._frames.closed(closing)
        if closing.timeframe == "M1":
            self._sample(closed.open_time + timedelta(seconds=TIMEFRAMES["M1"]))

    def _sample(self, at: datetime) -> None:
        for seat in self._seats.values():
            if seat.state is not None:
                equity_sample(account=seat.account, state=seat.state, at=at)

    def _look_for_vanished(self, seat: Seat, state: AccountState) -> None:
        """Rows whose position the broker has not reported for a while."""
        there = {p.id for p in state.positions}
        rows = Position.objects.filter(account=seat.account, closed_at__isnull=True)
        gone = {row.pk: row for row in rows if row.broker_id not in there}
        seat.missing = {pk: seat.missing.get(pk, monotonic()) for pk in gone}
        for pk, since in seat.missing.items():
            if monotonic() - since >= VANISH_SECONDS:
                position_vanish(position=gone[pk], at=self.stream.now())

    def _reload(self) -> None:
        """Follow what staff changed: accounts and deployments of this source."""
        seats = {}
        for account in Account.objects.filter(source=self.source):
            seat = self._seat(account)
            if seat is not None:
                seats[account.pk] = seat
        self._seats = seats
        self._clock.watch(self._series())

    def _seat(self, account: Account) -> Seat | None:
        seat = self._seats.get(account.pk)
        if seat is not None:
            seat.account = account
            return seat
        try:
            return Seat(account, broker_for(account=account, quotes=self._read_quotes))
        except EngineError as e:
            account_halt(account=account, reason=str(e))
            return None

    def _read_quotes(self) -> Mapping[str, Quote]:
        return self._quotes

    def _series(self) -> set[tuple[str, str]]:
        """Every series that a deployment trades, and one minute of every symbol for curves."""
        deployments = Deployment.objects.filter(symbol__source=self.source)
        traded = set(deployments.values_list("symbol__name", "timeframe"))
        return traded | {(name, "M1") for name in self._symbols}
