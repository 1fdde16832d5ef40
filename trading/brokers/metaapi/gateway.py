"""A streaming connection behind the ports: the market of an account, and its broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Any, Final

from trading.brokers.base import EntryRequest, Receipt, Unavailable
from trading.brokers.metaapi import mapping
from trading.brokers.metaapi.account import account_of, snapshot_of
from trading.brokers.metaapi.broker import MetaApiBroker
from trading.brokers.metaapi.dealings import Dealings
from trading.brokers.metaapi.link import Link, Terminal
from trading.brokers.metaapi.payload import PayloadError
from trading.brokers.metaapi.pulse import LinkState
from trading.brokers.metaapi.reads import SocketReads
from trading.brokers.metaapi.rest import PAGE, MetaApiClient
from trading.brokers.metaapi.specification import specification_of
from trading.engine.types import (
    TIMEFRAMES,
    AccountState,
    Bars,
    EngineError,
    Fill,
    Quote,
    Snapshot,
)

CLOCK_SECONDS: Final = 600.0
"""How long the server's clock is reckoned before it is asked for again."""
_INSTANT: Final = timedelta(milliseconds=1)


class MetaApiStream:
    """A `Stream` of the market an account sees. Its history comes over REST."""

    def __init__(self, link: Link, client: MetaApiClient) -> None:
        self._link = link
        self._client = client
        self._end: Callable[[], None] | None = None
        self._ahead: timedelta | None = None
        self._asked_at = 0.0

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        """As the port says; EngineError for a stream that runs."""
        if self._end is not None:
            raise EngineError("Expected a stopped stream, was a running one")
        self._end = self._link.subscribe(symbols, on_quote)
        self._link.start()

    def stop(self) -> None:
        """As the port says; the connection is closed."""
        end, self._end = self._end, None
        if end is not None:
            end()
            self._link.stop()

    @property
    def speed(self) -> float:
        """As the port says."""
        return 1.0

    def now(self) -> datetime:
        """The server's clock, asked for now and then; raises Unavailable when it never was."""
        if self._ahead is None or monotonic() - self._asked_at >= CLOCK_SECONDS:
            self._asked_at = monotonic()
            try:
                self._ahead = self._client.server_time() - datetime.now(UTC)
            except Unavailable:
                if self._ahead is None:
                    raise
        return datetime.now(UTC) + self._ahead

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """As the port says."""
        if timeframe not in TIMEFRAMES:
            expected = ", ".join(TIMEFRAMES)
            raise EngineError(f"Expected a timeframe of {expected}, was {timeframe!r}")
        closed = self.now() - timedelta(seconds=TIMEFRAMES[timeframe])
        try:
            point = specification_of(self._client.specification(symbol)).extras.point
            candles = self._candles(symbol, timeframe, start, min(end - _INSTANT, closed))
            return mapping.bars_of(candles, point)
        except PayloadError as e:
            raise Unavailable(f"{self._client.account_id}: {e}", "PAYLOAD") from e

    def _candles(self, symbol: str, timeframe: str, start: datetime, last: datetime) -> list[Any]:
        """Candles that open in [start, last], read backwards."""
        found: list[Any] = []
        while last >= start:
            page = self._client.candles(symbol, timeframe, last, PAGE)
            found[:0] = [c for c in page if start <= mapping.candle_time(c) <= last]
            if len(page) < PAGE:
                break
            last = min(last, mapping.candle_time(page[0])) - _INSTANT
        return found


class MetaApiGatewayBroker:
    """A `Broker` of one account: what the stream has told, readings over the socket, trades over
    REST, where they cannot wait for a terminal and be sent later."""

    def __init__(self, link: Link, rest: MetaApiBroker) -> None:
        self._link = link
        self._rest = rest
        self._dealings = Dealings()

    def account(self) -> AccountState:
        """As the port says, from memory; raises Unavailable unless the link is LIVE."""
        remembered = _Remembered(self._link.account_id, self._link.terminal())
        return account_of(remembered, self._rest.money)

    def snapshot(self, since: datetime) -> Snapshot:
        """As the port says. It is complete where the link was LIVE all the time, with the terminal
        at its broker, and no history it read had holes."""
        self._link.require(LinkState.LIVE, LinkState.SYNCING)
        epoch, was_live = self._link.epoch, self._link.state is LinkState.LIVE
        reads = SocketReads(self._link)
        snapshot = snapshot_of(reads, self._rest.money, since)
        reads.look_at_orders(since)
        is_live = self._link.state is LinkState.LIVE and self._link.epoch == epoch
        return replace(snapshot, is_complete=was_live and is_live and not reads.is_synchronizing)

    def submit(self, request: EntryRequest) -> Receipt:
        """As the port says."""
        return self._rest.submit(request)

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        """As the port says."""
        return self._rest.close(position_id, lots)

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """As the port says."""
        self._rest.modify(position_id, stop, take)

    def cancel(self, client_id: str) -> bool:
        """As the port says."""
        return self._rest.cancel(client_id)

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """The executions the stream has told of since the last call; it sees its own market."""
        return self._dealings.fills(self._link.deals())


class _Remembered:
    """What the terminal has told."""

    def __init__(self, account_id: str, terminal: Terminal) -> None:
        self.account_id = account_id
        self._terminal = terminal

    def account_information(self) -> Any:
        return self._terminal.information

    def positions(self) -> list[Any]:
        return self._terminal.positions
