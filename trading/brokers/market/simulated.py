"""The simulated market: every price it ever had or will have, by time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np

from trading.brokers.market import sessions
from trading.brokers.market.paths import (
    DayTable,
    Int32Array,
    SessionTicks,
    day_table,
    session_ticks,
)
from trading.brokers.market.sessions import SESSIONS_A_WEEK
from trading.brokers.market.symbols import SIMULATED_SYMBOLS, SimulatedSymbol
from trading.engine.bars import bars_from_ticks, bars_join, timeframe_seconds
from trading.engine.types import Bars, EngineError, FloatArray, Quote

SESSIONS_KEPT: Final = 32  # of about 0.4 MB each


class Ticks(NamedTuple):
    """Ticks of one symbol, oldest first: epoch seconds (UTC), bids and spreads as prices."""

    times: FloatArray
    bids: FloatArray
    spreads: FloatArray


class SimulatedMarket:
    """Prices as a pure function of (seed, symbol, time).

    The same seed gives the same prices in every process, in every order of asking. At most one
    tick a second and symbol. Raises EngineError for an unknown symbol, a naive datetime and a time
    outside 2000 to 2199. Safe to use from several threads.
    """

    def __init__(
        self, seed: int, symbols: Iterable[SimulatedSymbol] = SIMULATED_SYMBOLS.values()
    ) -> None:
        if not 0 <= seed < 2**64:
            raise EngineError(f"Expected a seed from 0 to 2**64 - 1, was {seed}")
        self.seed = seed
        self._symbols = {spec.name: spec for spec in symbols}
        self._table = lru_cache(maxsize=None)(self._draw_table)
        self._session = lru_cache(maxsize=SESSIONS_KEPT)(self._draw_session)

    @property
    def symbols(self) -> Sequence[str]:
        return tuple(self._symbols)

    def symbol(self, name: str) -> SimulatedSymbol:
        """The specification of a symbol."""
        if name not in self._symbols:
            raise EngineError(f"Expected one of {', '.join(self._symbols)}, was {name!r}")
        return self._symbols[name]

    def is_open(self, at: datetime) -> bool:
        return sessions.is_open(epoch(at))

    def next_open(self, at: datetime) -> datetime:
        """`at` itself while the market is open, else when it opens next."""
        return at if self.is_open(at) else moment(sessions.next_open(epoch(at)))

    def quote(self, symbol: str, at: datetime) -> Quote:
        """The last quote at or before `at`."""
        time = floor(epoch(at))
        session = sessions.session_at(time)
        ticks = self.session_ticks(symbol, session)
        index = int(np.searchsorted(ticks.seconds, time - sessions.session_open(session), "right"))
        if index == 0:  # the session has opened but not ticked yet
            if session == 0:
                raise EngineError(f"Expected a time after the first tick, was {at}")
            session -= 1
            ticks = self.session_ticks(symbol, session)
        seconds = int(ticks.seconds[index - 1])
        return quote_of(
            self.symbol(symbol),
            sessions.session_open(session) + seconds,
            int(ticks.bids[index - 1]),
            int(ticks.spreads[index - 1]),
        )

    def ticks(self, symbol: str, start: datetime, end: datetime) -> Ticks:
        """The ticks with start <= time < end."""
        weeks = self._weeks(self.symbol(symbol), ceil(epoch(start)), ceil(epoch(end)))
        return _joined(list(weeks))

    def bars(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Bars:
        """The bars that open in [start, end), each complete: what a stream would have built.

        Bars are aligned to the epoch (UTC); a bar without a tick does not exist.
        """
        step = timeframe_seconds(timeframe)
        first, last = (ceil(epoch(at) / step) * step for at in (start, end))
        # No bar spans a weekend, so each week is built alone and long histories stay small.
        weeks = self._weeks(self.symbol(symbol), first, last)
        return bars_join([bars_from_ticks(*week, timeframe) for week in weeks])

    def session_ticks(self, symbol: str, session: int) -> SessionTicks:
        """The ticks of a whole session, by its number in `sessions.session_opens`."""
        return self._session(symbol, session)

    def _weeks(self, spec: SimulatedSymbol, start: int, end: int) -> Iterator[Ticks]:
        """The ticks with start <= time < end, week by week."""
        if end <= start:
            return
        wanted = range(sessions.session_at(start), sessions.session_at(end - 1) + 1)
        for _, week in groupby(wanted, key=lambda session: session // SESSIONS_A_WEEK):
            yield _joined([self._part(spec, session, start, end) for session in week])

    def _part(self, spec: SimulatedSymbol, session: int, start: int, end: int) -> Ticks:
        opened = sessions.session_open(session)
        ticks = self.session_ticks(spec.name, session)
        rows = slice(*np.searchsorted(ticks.seconds, (start - opened, end - opened)))
        return Ticks(
            ticks.seconds[rows].astype(np.float64) + opened,
            _prices(spec, ticks.bids[rows]),
            _prices(spec, ticks.spreads[rows]),
        )

    def _draw_table(self, symbol: str) -> DayTable:
        return day_table(self.seed, self.symbol(symbol))

    def _draw_session(self, symbol: str, session: int) -> SessionTicks:
        return session_ticks(self.seed, self.symbol(symbol), self._table(symbol), session)


def epoch(at: datetime) -> float:
    """Epoch seconds of an aware datetime."""
    if at.tzinfo is None:
        raise EngineError(f"Expected a datetime with a time zone, was {at}")
    return at.timestamp()


def moment(time: float) -> datetime:
    """The UTC datetime of epoch seconds."""
    return datetime.fromtimestamp(time, UTC)


def quote_of(spec: SimulatedSymbol, time: float, bid: int, spread: int) -> Quote:
    """A quote from whole ticks."""
    tick = spec.instrument.tick_size
    return Quote(spec.name, moment(time), Decimal(bid) * tick, Decimal(bid + spread) * tick)


def _joined(parts: Sequence[Ticks]) -> Ticks:
    if not parts:
        return Ticks(np.empty(0), np.empty(0), np.empty(0))
    times, bids, spreads = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Ticks(times, bids, spreads)


def _prices(spec: SimulatedSymbol, ticks: Int32Array) -> FloatArray:
    """Whole ticks as prices: the floats nearest to the exact decimals."""
    scale = 10**spec.digits
    step = int(spec.instrument.tick_size * scale)
    return np.asarray(ticks.astype(np.int64) * step / scale)
