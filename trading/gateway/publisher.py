"""What all sessions of a process see, told together: frames for the browsers, at most four a
second, and the boards of quotes once a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

import structlog
from django.db import DatabaseError, close_old_connections, connections

from trading import broadcast
from trading.broadcast import (
    AccountPayload,
    CandlePayload,
    DeploymentPayload,
    MarketFrame,
    PositionPayload,
    QuotePayload,
)
from trading.engine.bars import Bar
from trading.engine.types import Quote
from trading.gateway.clock import Closing, Series
from trading.selectors.dashboard import (
    account_payloads,
    deployment_payloads,
    position_payloads,
)
from trading.selectors.quotes import SeenQuote
from trading.services.quotes import quotes_post

PERIOD: Final = 0.25
ROWS_SECONDS: Final = 1.0
"""Between two readings of the rows, and between two posts on the boards."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What a session sees: the newest quotes by symbol, and the bars that are not closed yet."""

    quotes: Mapping[str, SeenQuote]
    forming: Mapping[Series, Bar]


@dataclass(frozen=True, slots=True)
class Rows:
    """The part of a frame that the database knows."""

    accounts: list[AccountPayload]
    positions: list[PositionPayload]
    deployments: list[DeploymentPayload]


class Publisher:
    """Sessions show it what they see, from their threads; it tells from `start` until `stop`."""

    def __init__(self) -> None:
        self._stop = Event()
        self._lock = Lock()
        self._views: dict[str, View] = {}
        self._closed: list[CandlePayload] = []
        self._unposted: set[str] = set()
        self._has_news = False
        self._rows = Rows([], [], [])
        self._read_at = -inf
        self._thread = Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """End once what is being told has been told."""
        self._stop.set()
        self._thread.join(timeout=5)

    def show(self, source: str, view: View) -> None:
        """What a session sees now. Browsers know symbols by their names: the last view stands."""
        with self._lock:
            self._views.pop(source, None)
            self._views[source] = view
            self._unposted.add(source)
            self._has_news = True

    def closed(self, closing: Closing) -> None:
        """A bar that must be in the next frame."""
        candle = _candle((closing.symbol, closing.timeframe), closing.bar)
        with self._lock:
            self._closed.append(candle)

    def forget(self, source: str) -> None:
        """A session has ended."""
        with self._lock:
            self._views.pop(source, None)
            self._unposted.discard(source)

    def step(self) -> None:
        """Post and read what is due, and send a frame if there is any news."""
        if not self._views:
            return
        if monotonic() - self._read_at >= ROWS_SECONDS:
            self._read_at = monotonic()
            self._post()
            self._read()
        if self._has_news:
            broadcast.market(self._frame())

    def _run(self) -> None:
        try:
            while not self._stop.wait(PERIOD):
                self._try_step()
        finally:
            connections.close_all()

    def _try_step(self) -> None:
        """Nothing here may end the thread: what is not told now is told the next time."""
        close_old_connections()
        try:
            self.step()
        except DatabaseError as e:
            log.error("database unavailable", error=str(e).strip())
            connections.close_all()
        except Exception:
            log.exception("publisher failed")

    def _post(self) -> None:
        with self._lock:
            boards = {source: self._views[source].quotes for source in self._unposted}
            self._unposted.clear()
        try:
            quotes_post(boards=boards)
        except DatabaseError:
            with self._lock:
                self._unposted |= boards.keys() & self._views.keys()
            raise

    def _read(self) -> None:
        rows = Rows(account_payloads(), position_payloads(), deployment_payloads())
        self._has_news, self._rows = self._has_news or rows != self._rows, rows

    def _frame(self) -> MarketFrame:
        with self._lock:
            views = list(self._views.values())
            closed, self._closed = self._closed, []
            self._has_news = False
        quotes = {name: seen.quote for view in views for name, seen in view.quotes.items()}
        forming = {series: bar for view in views for series, bar in view.forming.items()}
        return {
            "type": "market",
            "quotes": [_quote(quote) for quote in quotes.values()],
            "candles": closed + [_candle(series, bar) for series, bar in forming.items()],
            "accounts": self._rows.accounts,
            "positions": self._rows.positions,
            "deployments": self._rows.deployments,
        }


def _candle(series: Series, bar: Bar) -> CandlePayload:
    return {
        "symbol": series[0],
        "timeframe": series[1],
        "time": bar.time,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
    }


def _quote(quote: Quote) -> QuotePayload:
    return {
        "symbol": quote.symbol,
        "time": int(quote.time.timestamp()),
        "bid": str(quote.bid),
        "ask": str(quote.ask),
    }
