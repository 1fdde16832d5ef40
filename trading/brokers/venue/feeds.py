"""What the venue pushes: the long-lived connection, and the market's stream over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock, Thread, current_thread
from time import monotonic
from typing import Any, Final, NamedTuple

import numpy as np
import structlog

from trading.brokers.base import Unavailable
from trading.brokers.venue.wire import address_of, connect, decode, encode, exchange, line_of
from trading.brokers.venue.wire import message_of as read_message
from trading.brokers.venue.zigzag import spec_of
from trading.engine.types import BAR_COLUMNS, Bars, EngineError, Quote

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 10.0
"""The venue says something every second; after this long it is taken for gone."""
PAUSE_SECONDS: Final = 0.1
"""Between two attempts to connect."""
POLL_SECONDS: Final = 0.2
log = structlog.get_logger(__name__)


class Clock(NamedTuple):
    """A reading of the market's clock in epoch seconds, its speed, and when it was taken."""

    time: float
    speed: float
    read_at: float


class Subscription:
    """A thread that listens to the venue and connects again whenever the connection ends."""

    def __init__(
        self,
        address: tuple[str, int],
        message: Mapping[str, Any],
        on_message: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._address = address
        self._line = line_of(message)
        self._on_message = on_message
        self._stopping = Event()
        self._pid = os.getpid()
        self._thread = Thread(target=self._run, name="venue-events", daemon=True)
        self.is_connected = False

    @property
    def is_of_this_process(self) -> bool:
        """False in a child made by fork: the thread stayed with the parent."""
        return self._pid == os.getpid()

    def start(self) -> None:
        """Begin to listen; once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; safe to call twice and from the callback."""
        if not self.is_of_this_process:
            return
        self._stopping.set()
        if self._thread is not current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):
                self._listen()
            self.is_connected = False
            self._stopping.wait(PAUSE_SECONDS)

    def _listen(self) -> None:
        with connect(self._address, CONNECT_SECONDS) as connection:
            connection.sendall(self._line)
            connection.settimeout(POLL_SECONDS)
            heard, rest = monotonic(), b""
            while not self._stopping.is_set() and monotonic() - heard < SILENCE_SECONDS:
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    continue
                if not part:
                    return
                heard = monotonic()
                *lines, rest = (rest + part).split(b"\n")
                self._hear(lines)

    def _hear(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if self._stopping.is_set():
                return
            self.is_connected = True
            try:
                self._on_message(read_message(line))
            except Exception:
                # One message that cannot be used must not silence the rest.
                log.exception("venue message failed", line=line[:200])


class VenueStream:
    """A `Stream` of the venue's market at `address` ("HOST:PORT").

    Quotes that pass while it is not connected are not told again; `history` has their bars.
    """

    def __init__(self, address: str, deadline: float = CONNECT_SECONDS) -> None:
        self._address = address_of(address)
        self._deadline = deadline
        self._lock = Lock()
        self._subscription: Subscription | None = None
        self._clock: Clock | None = None

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        """As the port says; EngineError for an unknown symbol and for a stream that runs."""
        for symbol in symbols:
            spec_of(symbol)

        def hear(message: Mapping[str, Any]) -> None:
            if "time" in message:
                self._set_clock(message)
            if "quote" in message:
                on_quote(decode(Quote, message["quote"]))

        with self._lock:
            if self._subscription is not None:
                raise EngineError("Expected a stopped stream, was a running one")
            message = {"op": "subscribe", "symbols": list(symbols)}
            self._subscription = Subscription(self._address, message, hear)
            self._subscription.start()

    def stop(self) -> None:
        """As the port says."""
        with self._lock:
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.stop()

    @property
    def speed(self) -> float:
        """As the port says; raises Unavailable."""
        return self._reckoning()[1]

    def now(self) -> datetime:
        """The market's clock, asked for once and then reckoned; raises Unavailable."""
        time, speed, read_at = self._reckoning()
        return datetime.fromtimestamp(time + speed * (monotonic() - read_at), UTC)

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """As the port says."""
        asked = {"symbol": symbol, "timeframe": timeframe, "start": start, "end": end}
        columns = self._ask({"op": "history", **{n: encode(item) for n, item in asked.items()}})
        try:
            time, *rest = (columns[name] for name in BAR_COLUMNS)
            return Bars(np.array(time, np.int64), *(np.array(c, np.float64) for c in rest))
        except (KeyError, TypeError, ValueError) as e:
            raise Unavailable(f"expected bars, was {columns!r:.200}") from e

    def _ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = exchange(self._address, message, self._deadline)
        except (OSError, EngineError) as e:
            raise Unavailable(str(e)) from e
        if not isinstance(answer.get("result"), dict):
            raise Unavailable(str(answer.get("message")), str(answer.get("code", "")))
        return dict(answer["result"])

    def _reckoning(self) -> tuple[float, float, float]:
        if self._clock is None:
            self._set_clock(self._ask({"op": "now"}))
        assert self._clock is not None
        return self._clock

    def _read_clock(self) -> Clock:
        return self._clock or self._set_clock(self._ask({"op": "now"}))

    def _set_clock(self, message: Mapping[str, Any]) -> Clock:
        try:
            clock = Clock(float(message["time"]), float(message["speed"]), monotonic())
        except (KeyError, TypeError, ValueError) as e:
            raise Unavailable(f"expected time and speed, was {message!r:.200}") from e
        self._clock = clock
        return clock
