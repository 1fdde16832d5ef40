"""A margin account filled tick by tick with the rules of the simulator: the paper broker's core.

The book is deterministic and knows no clock: time is what the quotes say. Its state can be taken
out as JSON and put back, so that any process may continue it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from trading.engine import fills, money, risk
from trading.engine.book_state import BookState, OpenPosition, Ticket
from trading.engine.tape import FAR
from trading.engine.types import (
    AccountState,
    Costs,
    EngineError,
    ExitReason,
    Fill,
    Instrument,
    OrderKind,
    PositionState,
    Quote,
)


class OrderRefused(EngineError):
    """The book will not take an order; `code` is stable, the message explains."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as the book trades it."""

    instrument: Instrument
    costs: Costs = Costs()


class Book:
    """One account. `quotes` holds the newest quote of each symbol; the caller keeps it fed."""

    def __init__(
        self, state: BookState, listings: Mapping[str, Listing], currency: str, leverage: int
    ) -> None:
        self.state = state
        self.listings = listings
        self.currency = currency
        self.leverage = leverage
        self.quotes: dict[str, Quote] = {}
        self.changed = False
        """Whether anything but the quotes has changed since the book was made."""

    @classmethod
    def opening(
        cls, balance: Decimal, listings: Mapping[str, Listing], currency: str, leverage: int
    ) -> Book:
        """A fresh account."""
        amount = float(balance)
        return cls(BookState(amount, amount), listings, currency, leverage)

    def on_quote(self, quote: Quote) -> list[Fill]:
        """Take a tick: rollover first, then whatever levels and pending orders it reaches."""
        self.quotes[quote.symbol] = quote
        now = quote.time.timestamp()
        self._book_swap(quote.symbol, now)
        self._begin_day(now)
        held = [p for p in self._of(quote.symbol) if p.opened <= now]
        done = [f for p in held for f in self._judge(p)]
        return done + self._trigger_pending(quote)

    def submit(self, ticket: Ticket) -> tuple[str | None, list[Fill]]:
        """Fill a market order at the newest quote or rest a pending one.

        Returns the position id (None while resting) and the fills; raises OrderRefused.
        """
        quote = self._quote(ticket.symbol)
        price = self._opening_ticks(ticket.symbol, ticket.side)
        if ticket.price is not None and ticket.kind is not OrderKind.MARKET:
            price = self._ticks(ticket.symbol, ticket.price)
        self._check(ticket, price)
        if ticket.kind is not OrderKind.MARKET:
            self.state.pending.append(ticket)
            self.changed = True
            return None, []
        slippage = ticket.side * self.listings[ticket.symbol].costs.slippage_ticks
        filled = self._open(ticket, price + slippage, quote)
        return filled.position_id, [filled]

    def close(self, position_id: str, reason: ExitReason = ExitReason.SIGNAL) -> list[Fill]:
        """Close a position at the newest quote; nothing when it is gone already."""
        position = next((p for p in self.state.positions if p.id == position_id), None)
        if position is None:
            return []
        closing = self._closing_ticks(position)
        slippage = self.listings[position.symbol].costs.slippage_ticks
        return [self._exit(position, closing - position.side * slippage, reason)]

    def cancel(self, client_id: str) -> bool:
        """Take a resting order back; False when there is none."""
        kept = [t for t in self.state.pending if t.client_id != client_id]
        cancelled = len(kept) < len(self.state.pending)
        self.state.pending = kept
        self.changed = self.changed or cancelled
        return cancelled

    def expire(self, now: datetime) -> list[str]:
        """Drop resting orders whose time has come; their client ids."""
        due = [t.client_id for t in self.state.pending if t.expires_at and t.expires_at <= now]
        return [client_id for client_id in due if self.cancel(client_id)]

    def account(self) -> AccountState:
        """The account now; needs a quote of every symbol held."""
        positions = tuple(self._position_state(p) for p in self.state.positions)
        margin = sum(p.margin for p in self.state.positions)
        return AccountState(
            currency=self.currency,
            balance=money.money_from_float(self.state.balance),
            equity=money.money_from_float(self._equity()),
            margin=money.money_from_float(margin),
            leverage=self.leverage,
            positions=positions,
            day_start_equity=money.money_from_float(self.state.day_start),
        )

    def _of(self, symbol: str) -> list[OpenPosition]:
        return [p for p in self.state.positions if p.symbol == symbol]

    def _quote(self, symbol: str) -> Quote:
        quote = self.quotes.get(symbol)
        if quote is None or symbol not in self.listings:
            raise OrderRefused("OFF_QUOTES", f"{symbol}: expected a quote, was none")
        return quote

    def _ticks(self, symbol: str, price: Decimal) -> int:
        return money.price_to_ticks(price, self.listings[symbol].instrument.tick_size)

    def _bid_spread(self, symbol: str) -> tuple[int, int]:
        quote = self._quote(symbol)
        bid = self._ticks(symbol, quote.bid)
        return bid, self._ticks(symbol, quote.ask) - bid

    def _opening_ticks(self, symbol: str, side: int) -> int:
        bid, spread = self._bid_spread(symbol)
        return fills.entry_price(side, bid, spread, 0)

    def _closing_ticks(self, position: OpenPosition) -> int:
        return fills.closing_price(position.side, *self._bid_spread(position.symbol))

    def _terms(self, symbol: str) -> tuple[fills.Contract, float]:
        """The symbol's contract and what its profit currency is worth now."""
        listing = self.listings[symbol]
        conversion = money.conversion_for(listing.instrument, self.currency, self.quotes)
        contract = fills.contract_of(listing.instrument, listing.costs, conversion, self.leverage)
        return contract, float(conversion.rate)

    def _equity(self) -> float:
        floating = sum(p.swap + self._floating(p) for p in self.state.positions)
        return self.state.balance + floating

    def _floating(self, position: OpenPosition) -> float:
        contract, rate = self._terms(position.symbol)
        closing = self._closing_ticks(position)
        return fills.floating(
            contract, position.side, position.entry, closing, position.steps, rate
        )

    def _check(self, ticket: Ticket, price: int) -> None:
        """Refuse what a broker would refuse: volume, levels, money."""
        instrument = self.listings[ticket.symbol].instrument
        if not instrument.volume_min <= ticket.lots <= instrument.volume_max:
            span = f"{instrument.volume_min} to {instrument.volume_max}"
            raise OrderRefused("INVALID_VOLUME", f"Expected {span} lots, was {ticket.lots}")
        steps = money.lots_to_steps(ticket.lots, instrument.volume_step)
        for level, direction in ((ticket.stop, -ticket.side), (ticket.take, ticket.side)):
            if level is None:
                continue
            distance = (self._ticks(ticket.symbol, level) - price) * direction
            if distance < max(1, instrument.stops_level):
                least = f"{max(1, instrument.stops_level)} ticks"
                raise OrderRefused(
                    "INVALID_STOPS", f"Expected stop and take {least} away, was {distance}"
                )
        contract, rate = self._terms(ticket.symbol)
        free = self._equity() - sum(p.margin for p in self.state.positions)
        needed = fills.margin_of(contract, steps, price, rate)
        if needed > free:
            raise OrderRefused("NO_MONEY", f"Expected margin {needed:.2f}, was {free:.2f} free")

    def _open(self, ticket: Ticket, price: int, quote: Quote) -> Fill:
        instrument = self.listings[ticket.symbol].instrument
        contract, rate = self._terms(ticket.symbol)
        steps = money.lots_to_steps(ticket.lots, instrument.volume_step)
        far = ticket.side * FAR
        self.state.counter += 1
        position = OpenPosition(
            id=str(self.state.counter),
            client_id=ticket.client_id,
            symbol=ticket.symbol,
            side=ticket.side,
            steps=steps,
            entry=price,
            stop=-far if ticket.stop is None else self._ticks(ticket.symbol, ticket.stop),
            take=far if ticket.take is None else self._ticks(ticket.symbol, ticket.take),
            opened=quote.time.timestamp(),
            margin=fills.margin_of(contract, steps, price, rate),
            magic=ticket.magic,
        )
        half = fills.half_commission(contract, steps)
        self.state.balance = fills.round_cents(self.state.balance - half)
        if not self._of(ticket.symbol):
            self.state.swap_seen[ticket.symbol] = position.opened
        self.state.positions.append(position)
        self.changed = True
        return self._fill(position, price, opens=True, commission=half)

    def _exit(self, position: OpenPosition, price: int, reason: ExitReason) -> Fill:
        contract, rate = self._terms(position.symbol)
        profit = fills.round_cents(
            fills.floating(contract, position.side, position.entry, price, position.steps, rate)
        )
        half = fills.half_commission(contract, position.steps)
        booked = profit + position.swap - half
        self.state.balance = fills.round_cents(self.state.balance + booked)
        self.state.positions.remove(position)
        self.changed = True
        return self._fill(
            position, price, opens=False, commission=half, profit=profit, reason=reason
        )

    def _fill(
        self,
        position: OpenPosition,
        price: int,
        *,
        opens: bool,
        commission: float,
        profit: float = 0.0,
        reason: ExitReason | None = None,
    ) -> Fill:
        instrument = self.listings[position.symbol].instrument
        return Fill(
            deal_id=f"{position.id}-{'in' if opens else 'out'}",
            position_id=position.id,
            symbol=position.symbol,
            side=position.side,
            opens=opens,
            lots=position.steps * instrument.volume_step,
            price=money.ticks_to_price(price, instrument.tick_size),
            at=self.quotes[position.symbol].time,
            profit=money.money_from_float(profit),
            commission=money.money_from_float(commission),
            swap=money.money_from_float(0.0 if opens else position.swap),
            reason=reason,
            client_id=position.client_id,
            magic=position.magic,
        )

    def _judge(self, position: OpenPosition) -> list[Fill]:
        """Stop, take and stop-out against the newest quote, in the simulator's order."""
        closing, side = self._closing_ticks(position), position.side
        slipped = closing - side * self.listings[position.symbol].costs.slippage_ticks
        if fills.reaches(-side, closing, position.stop):
            return [self._exit(position, slipped, ExitReason.STOP)]
        if fills.reaches(side, closing, position.take):
            return [self._exit(position, closing, ExitReason.TAKE)]
        margin = sum(p.margin for p in self.state.positions)
        if self._equity() < fills.STOP_OUT_LEVEL * margin:
            return [self._exit(position, slipped, ExitReason.STOP_OUT)]
        return []

    def _trigger_pending(self, quote: Quote) -> list[Fill]:
        done: list[Fill] = []
        self.expire(quote.time)
        for ticket in [t for t in self.state.pending if t.symbol == quote.symbol]:
            assert ticket.price is not None
            level = self._ticks(ticket.symbol, ticket.price)
            price = self._opening_ticks(ticket.symbol, ticket.side)
            is_stop = ticket.kind is OrderKind.STOP
            if not fills.reaches(ticket.side if is_stop else -ticket.side, price, level):
                continue
            slippage = self.listings[ticket.symbol].costs.slippage_ticks if is_stop else 0
            self.cancel(ticket.client_id)
            done.append(self._open(ticket, price + ticket.side * slippage, quote))
        return done

    def _book_swap(self, symbol: str, now: float) -> None:
        seen = self.state.swap_seen.get(symbol)
        self.state.swap_seen[symbol] = max(now, seen or now)
        positions = self._of(symbol)
        if seen is None or not positions or not _crosses_rollover(seen, now):
            return
        instrument = self.listings[symbol].instrument
        times = risk.rollovers(int(seen), int(now))
        nights = int(risk.swap_nights(times, instrument.triple_swap_weekday).sum())
        contract, rate = self._terms(symbol)
        for p in positions:
            closing = self._closing_ticks(p)
            p.swap += fills.swap_of(contract, p.side, p.steps, nights, closing, rate)
            self.changed = True

    def _begin_day(self, now: float) -> None:
        seen = self.state.day_seen
        if seen and not _crosses_rollover(seen, now):
            return
        self.state.day_seen = now
        self.state.day_start = max(self.state.balance, self._equity())
        self.changed = True

    def _position_state(self, p: OpenPosition) -> PositionState:
        instrument = self.listings[p.symbol].instrument
        tick = instrument.tick_size
        return PositionState(
            id=p.id,
            symbol=p.symbol,
            side=p.side,
            lots=p.steps * instrument.volume_step,
            entry_price=money.ticks_to_price(p.entry, tick),
            opened_at=datetime.fromtimestamp(p.opened, UTC),
            stop=None if abs(p.stop) == FAR else money.ticks_to_price(p.stop, tick),
            take=None if abs(p.take) == FAR else money.ticks_to_price(p.take, tick),
            profit=money.money_from_float(self._floating(p)),
            swap=money.money_from_float(p.swap),
            magic=p.magic,
            client_id=p.client_id,
        )


def _crosses_rollover(before: float, now: float) -> bool:
    """Whether a 17:00 New York lies in (before, now]; cheap for ticks of one hour."""
    if now // 3600 == before // 3600:
        return False
    return len(risk.rollovers(int(before), int(now))) > 0
