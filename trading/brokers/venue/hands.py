"""The person at the terminal: now and then a position is opened, closed or re-levelled by hand."""

from __future__ import annotations

from contextlib import suppress
from decimal import ROUND_FLOOR, Decimal
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Final

from trading.brokers.venue.zigzag import SYMBOLS, spec_of
from trading.engine.book_state import Ticket
from trading.engine.types import EngineError, OrderKind, PositionState

if TYPE_CHECKING:
    from trading.brokers.venue.accounts import VenueAccount
    from trading.brokers.venue.exchange import Exchange

MOST_OPEN: Final = 8
"""With so many positions the person opens no more."""
ACTIONS: Final = ("open", "close", "close a part", "move the stop", "remove the stop")


class Hands:
    """Acts on an exchange, once a second of the wall clock at most."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._origin = monotonic()
        self._second = 0

    def step(self) -> None:
        """Live through the seconds since the last time."""
        while self._second < int(monotonic() - self._origin):
            self._second += 1
            rng = self._exchange.rng("hand")
            if rng.random() < self._exchange.faults.by_hand and self._exchange.accounts:
                account = self._exchange.accounts[rng.choice(sorted(self._exchange.accounts))]
                with suppress(EngineError):  # a person gets refused like everybody
                    self._act(account, rng)

    def _act(self, account: VenueAccount, rng: Random) -> None:
        positions = account.book.account().positions
        action = rng.choice(ACTIONS)
        if not positions:
            action = "open"
        elif len(positions) >= MOST_OPEN and action == "open":
            action = "close"
        if action == "open":
            self._open(account, rng)
            return
        position = rng.choice(positions)
        if action == "close":
            self._exchange.close_by_hand(account, position.id)
        elif action == "close a part":
            self._exchange.close_by_hand(account, position.id, half_of(position))
        else:
            stop = self._far_stop(position.symbol, position.side, rng)
            stop_or_none = stop if action == "move the stop" else None
            self._exchange.modify_by_hand(account, position.id, stop_or_none, position.take)

    def _open(self, account: VenueAccount, rng: Random) -> None:
        symbol, side = rng.choice(sorted(SYMBOLS)), rng.choice((-1, 1))
        lots = Decimal(rng.randint(1, 5)) / 100
        stop = self._far_stop(symbol, side, rng) if rng.random() < 0.5 else None
        self._exchange.open_by_hand(account, symbol, (side, lots), stop)

    def _far_stop(self, symbol: str, side: int, rng: Random) -> Decimal:
        """Far enough that the swing of the price does not reach it by itself."""
        swings = Decimal(self._exchange.amplitude * rng.randint(3, 6))
        return (
            self._exchange.quote(symbol).bid - side * swings * spec_of(symbol).instrument.tick_size
        )


def half_of(position: PositionState) -> Decimal:
    """Half of it in whole steps, or all when it cannot be parted."""
    return halved(position.symbol, position.lots) or position.lots


def halved(symbol: str, lots: Decimal) -> Decimal:
    """Half the lots in whole steps, rounded down; 0 when that is less than may be traded."""
    instrument = spec_of(symbol).instrument
    step = instrument.volume_step
    half = (lots / 2 / step).to_integral_value(ROUND_FLOOR) * step
    return half if half >= instrument.volume_min else Decimal(0)


def hand_ticket(symbol: str, side: int, lots: Decimal, stop: Decimal | None) -> Ticket:
    """A market order without a client's mark."""
    return Ticket("", symbol, side, lots, OrderKind.MARKET, price=None, stop=stop, take=None)
