"""The simulated market as a live stream: an accelerated clock that pushes quotes."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from math import ceil, floor, inf, isfinite
from threading import Event, Lock, Thread, current_thread
from time import monotonic
from typing import Final

import numpy as np
import structlog

from trading.brokers.base import Unavailable
from trading.brokers.market import sessions
from trading.brokers.market.simulated import SimulatedMarket, epoch, moment, quote_of
from trading.engine.types import TIMEFRAMES, Bars, EngineError, Quote

STALL_SECONDS: Final = 5.0
"""Wall time the stream makes up for at most; what exceeds it never happened to the clock."""
SHORTEST_SLEEP: Final = 0.002
LONGEST_SLEEP: Final = 0.05

_Tick = tuple[float, str, int, int]  # epoch seconds, symbol, bid and spread in ticks
_NEVER: Final[_Tick] = (inf, "", 0, 0)
log = structlog.get_logger(__name__)


class SimulatedStream:
    """A `Stream` of a simulated market whose clock runs `speed` times as fast as the wall's.

    What it promises:

    * Every tick of the market is delivered once, in order of time across the symbols (ties in the
      order of `symbols`), at every speed. Nothing is thinned.
    * When `now()` says T, every quote before T has been delivered and none after T has.
    * A stream started at the `now()` of a stopped one goes on with the next quote.
    * A callback slower than the market delays the clock instead of losing quotes. Up to
      STALL_SECONDS of wall time are made up for; after a longer stall (a suspended machine, a
      stopped process) the clock goes on from where it was.
    * With `skip_closed` the clock jumps from Friday's close to the opening on Sunday.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        start: datetime,
        *,
        speed: float = 30.0,
        skip_closed: bool = True,
        wall: Callable[[], float] = monotonic,
    ) -> None:
        if not (isfinite(speed) and speed > 0):
            raise EngineError(f"Expected a speed > 0, was {speed}")
        self._market = market
        self._speed = speed
        self._skip_closed = skip_closed
        self._wall = wall
        self._clock = self._opened(epoch(start))
        self._stopping = Event()
        self._lock = Lock()
        self._thread: Thread | None = None

    @property
    def speed(self) -> float:
        """As the port says."""
        return self._speed

    def start(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        """Begin to deliver from `now()`; an error of `on_quote` is logged, the next quote follows.

        Raises EngineError for an unknown symbol and for a stream that runs already.
        """
        for name in symbols:
            self._market.symbol(name)
        with self._lock:
            if self._thread is not None:
                raise EngineError("Expected a stopped stream, was a running one")
            self._stopping.clear()
            arguments = (tuple(dict.fromkeys(symbols)), on_quote)
            self._thread = Thread(
                target=self._run, args=arguments, name="simulated-market", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop delivering and join the thread; safe to call twice and from the callback."""
        self._stopping.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread is not current_thread():
            thread.join()

    def now(self) -> datetime:
        """The market's clock; it stands still while the stream is stopped."""
        return moment(self._clock)

    def history(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """Bars that open in [start, end) and are closed by `now()`."""
        last_open = floor(self._clock) - TIMEFRAMES.get(timeframe, 0)
        try:
            return self._market.bars(symbol, timeframe, start, min(end, moment(last_open + 1)))
        except EngineError as e:
            raise Unavailable(str(e)) from e

    def _run(self, symbols: Sequence[str], on_quote: Callable[[Quote], None]) -> None:
        ticks = self._ticks(symbols)
        coming = next(ticks, _NEVER)
        woke = self._wall()
        while not self._stopping.wait(self._sleep(coming)):
            before, woke = woke, self._wall()
            lived = woke - before if woke - before <= STALL_SECONDS else 0.0
            target = self._opened(self._clock + lived * self._speed)
            while coming[0] < target and not self._stops_before(coming):
                self._clock = coming[0]
                self._deliver(coming, on_quote)
                coming = next(ticks, _NEVER)
            self._clock = min(target, coming[0])

    def _stops_before(self, coming: _Tick) -> bool:
        # Ticks of one second are never parted, so that a restart repeats and misses none.
        return self._stopping.is_set() and coming[0] > self._clock

    def _sleep(self, coming: _Tick) -> float:
        return min(LONGEST_SLEEP, max(SHORTEST_SLEEP, (coming[0] - self._clock) / self._speed))

    def _deliver(self, tick: _Tick, on_quote: Callable[[Quote], None]) -> None:
        time, symbol, bid, spread = tick
        try:
            on_quote(quote_of(self._market.symbol(symbol), time, bid, spread))
        except Exception:
            # A market that falls silent is worse than a consumer that missed a quote.
            log.exception("quote callback failed", symbol=symbol)

    def _ticks(self, symbols: Sequence[str]) -> Iterator[_Tick]:
        """Every tick from the clock on, in order of time, ties in the order of `symbols`."""
        start = ceil(self._clock)
        remaining = range(sessions.session_at(start), len(sessions.session_opens()))
        for session in remaining if symbols else ():
            opened = sessions.session_open(session)
            parts = [self._market.session_ticks(name, session) for name in symbols]
            seconds, bids, spreads = (
                np.concatenate([getattr(part, column) for part in parts])
                for column in ("seconds", "bids", "spreads")
            )
            owner = np.repeat(np.arange(len(parts)), [len(part.seconds) for part in parts])
            order = np.argsort(seconds, kind="stable")
            for row in order[np.searchsorted(seconds[order], start - opened) :]:
                tick = int(bids[row]), int(spreads[row])
                yield float(opened + seconds[row]), symbols[owner[row]], *tick

    def _opened(self, time: float) -> float:
        """`time`, or the next opening when it lies in closed hours that are skipped."""
        return sessions.next_open(time) if self._skip_closed else time
