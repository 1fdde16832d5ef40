"""A margin account filled tick by tick with the rules of the simulator: the paper broker's core.

The book is deterministic and knows no clock: time is what the quotes say. Its state can be taken
out as JSON and put back, so that any process may continue it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from trading.engine import book_checks, book_values, fills, money, risk
from trading.engine.book_checks import OrderRefused
from trading.engine.book_state import BookState, OpenPosition, Ticket
from trading.engine.types import (
    AccountState,
    Costs,
    EngineError,
    ExitReason,
    Fill,
    Instrument,
    IntArray,
    OrderKind,
    Quote,
    RestingOrder,
)


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as the book trades it."""

    instrument: Instrument
    costs: Costs = Costs()


class Book:
    """One account. `quotes` holds the newest quote of each symbol; the caller keeps it fed.

    What cannot be valued waits: orders and levels of a symbol for the quote that converts its
    profit; stop-out, swap and the day's start for a quote of everything held.
    """

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
        self.executed: list[Fill] = []
        """Every deal since the book was made, oldest first."""
        self._contracts: dict[str, fills.Contract] = {}

    @classmethod
    def opening(
        cls, balance: Decimal, listings: Mapping[str, Listing], currency: str, leverage: int
    ) -> Book:
        """A fresh account."""
        amount = float(balance)
        return cls(BookState(amount, amount), listings, currency, leverage)

    def on_quote(self, quote: Quote) -> list[Fill]:
        """Take a tick: rollover, levels and stop-out, then the resting orders it reaches.

        A tick older than a position or a resting order leaves it alone.
        """
        self.quotes[quote.symbol] = quote
        now = quote.time.timestamp()
        self._roll_over(now)
        if not self._is_convertible(quote.symbol):
            return []
        held = [p for p in self._of(quote.symbol) if p.opened <= now]
        done = [fill for position in held for fill in self._judge(position)]
        done += self._stop_out()
        return done + self._trigger_pending(quote)

    def submit(self, ticket: Ticket) -> tuple[str | None, list[Fill]]:
        """Fill a market order at the newest quote or rest a pending one.

        Returns the position id (None while resting) and the fills, in which the new position may
        be stopped out already; raises OrderRefused.
        """
        quote = self._quote(ticket.symbol)
        touch = self._opening_ticks(ticket.symbol, ticket.side)
        self._check(ticket, touch)
        if ticket.kind is not OrderKind.MARKET:
            self.state.pending.append(replace(ticket, placed_at=quote.time))
            self.changed = True
            return None, []
        slippage = ticket.side * self.listings[ticket.symbol].costs.slippage_ticks
        filled = self._open(ticket, touch + slippage, quote)
        return filled.position_id, [filled, *self._stop_out()]

    def close(
        self,
        position_id: str,
        reason: ExitReason = ExitReason.SIGNAL,
        lots: Decimal | None = None,
    ) -> list[Fill]:
        """Close a position, or `lots` of it, at the newest quote.

        Nothing is filled when the whole is gone already; raises OrderRefused when a part is.
        """
        if lots is None and self._held(position_id) is None:
            return []
        position = self._found(position_id)
        slippage = self.listings[position.symbol].costs.slippage_ticks
        price = self._closing_ticks(position) - position.side * slippage
        if lots is not None:
            instrument = self.listings[position.symbol].instrument
            steps = book_checks.steps_to_close(instrument, lots, position.steps)
            if steps < position.steps:
                return [self._exit_part(position, steps, price, reason)]
        return [self._exit(position, price, reason)]

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """Give a position these levels, None for no level; raises OrderRefused.

        A level it has already is not judged again, so that repeating does no harm and one level can
        be moved while the other is near.
        """
        position = self._found(position_id)
        instrument, side = self.listings[position.symbol].instrument, position.side
        levels = book_values.levels_in_ticks(instrument, side, stop, take)
        if levels == (position.stop, position.take):
            return
        new_stop = stop if levels[0] != position.stop else None
        new_take = take if levels[1] != position.take else None
        closing = self._closing_ticks(position)
        book_checks.check_levels(instrument, side, closing, new_stop, new_take)
        position.stop, position.take = levels
        self.changed = True

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

    def resting(self) -> tuple[RestingOrder, ...]:
        """The pending orders, oldest first."""
        return tuple(book_values.resting_order(ticket) for ticket in self.state.pending)

    def account(self) -> AccountState:
        """The account now; needs a quote of every symbol held."""
        positions = tuple(
            book_values.position_state(p, self.listings[p.symbol].instrument, self._floating(p))
            for p in self.state.positions
        )
        return AccountState(
            currency=self.currency,
            balance=money.money_from_float(self.state.balance),
            equity=money.money_from_float(self._equity()),
            margin=money.money_from_float(self._margin()),
            leverage=self.leverage,
            positions=positions,
            day_start_equity=money.money_from_float(self.state.day_start),
        )

    def _of(self, symbol: str) -> list[OpenPosition]:
        return [p for p in self.state.positions if p.symbol == symbol]

    def _held(self, position_id: str) -> OpenPosition | None:
        return next((p for p in self.state.positions if p.id == position_id), None)

    def _found(self, position_id: str) -> OpenPosition:
        position = self._held(position_id)
        if position is None:
            raise OrderRefused("POSITION_NOT_FOUND", f"Expected position {position_id}, was none")
        return position

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
        try:
            conversion = money.conversion_for(listing.instrument, self.currency, self.quotes)
        except EngineError as e:
            raise OrderRefused("OFF_QUOTES", str(e)) from e
        if symbol not in self._contracts:
            self._contracts[symbol] = fills.contract_of(
                listing.instrument, listing.costs, conversion, self.leverage
            )
        return self._contracts[symbol], float(conversion.rate)

    def _is_convertible(self, symbol: str) -> bool:
        """Whether the book trades the symbol and can tell its profit in account currency."""
        try:
            return symbol in self.listings and bool(self._terms(symbol))
        except EngineError:
            return False

    def _is_priced(self) -> bool:
        """Whether everything held can be valued at the quotes at hand."""
        try:
            self._equity()
        except EngineError:
            return False
        return True

    def _margin(self) -> float:
        return sum((p.margin for p in self.state.positions), 0.0)

    def _equity(self) -> float:
        total = self.state.balance
        for position in self.state.positions:
            total += position.swap
            total += self._floating(position)
        return total

    def _floating(self, position: OpenPosition) -> float:
        contract, rate = self._terms(position.symbol)
        closing = self._closing_ticks(position)
        return fills.floating(
            contract, position.side, position.entry, closing, position.steps, rate
        )

    def _check(self, ticket: Ticket, touch: int) -> None:
        """Refuse what a broker would refuse: volume, price, levels, money."""
        instrument = self.listings[ticket.symbol].instrument
        book_checks.check_volume(instrument, ticket.lots)
        price = book_checks.price_of(instrument, ticket, touch)
        closing = price - ticket.side * self._bid_spread(ticket.symbol)[1]
        book_checks.check_levels(instrument, ticket.side, closing, ticket.stop, ticket.take)
        contract, rate = self._terms(ticket.symbol)
        free = self._equity() - self._margin()
        steps = money.lots_to_steps(ticket.lots, instrument.volume_step)
        needed = fills.margin_of(contract, steps, price, rate)
        if fills.round_cents(needed) > fills.round_cents(free):
            raise OrderRefused("NO_MONEY", f"Expected margin {needed:.2f}, was {free:.2f} free")

    def _open(self, ticket: Ticket, price: int, quote: Quote) -> Fill:
        instrument = self.listings[ticket.symbol].instrument
        contract, rate = self._terms(ticket.symbol)
        steps = money.lots_to_steps(ticket.lots, instrument.volume_step)
        stop, take = book_values.levels_in_ticks(instrument, ticket.side, ticket.stop, ticket.take)
        self.state.counter += 1
        position = OpenPosition(
            id=str(self.state.counter),
            client_id=ticket.client_id,
            symbol=ticket.symbol,
            side=ticket.side,
            steps=steps,
            entry=price,
            stop=stop,
            take=take,
            opened=quote.time.timestamp(),
            margin=fills.margin_of(contract, steps, price, rate),
            magic=ticket.magic,
        )
        half = fills.half_commission(contract, steps)
        self.state.balance = fills.round_cents(self.state.balance - half)
        self.state.positions.append(position)
        return self._record(book_values.opening_fill(position, instrument, quote.time, half))

    def _exit(self, position: OpenPosition, price: int, reason: ExitReason) -> Fill:
        fill = self._book_exit(position, price, reason, "out")
        self.state.positions.remove(position)
        return fill

    def _exit_part(
        self, position: OpenPosition, steps: int, price: int, reason: ExitReason
    ) -> Fill:
        part, rest = position.split(steps)
        fill = self._book_exit(part, price, reason, f"out{rest.parts}")
        self.state.positions[self.state.positions.index(position)] = rest
        return fill

    def _book_exit(self, closed: OpenPosition, price: int, reason: ExitReason, deal: str) -> Fill:
        contract, rate = self._terms(closed.symbol)
        profit = fills.round_cents(
            fills.floating(contract, closed.side, closed.entry, price, closed.steps, rate)
        )
        half = fills.half_commission(contract, closed.steps)
        booked = profit + closed.swap - half
        self.state.balance = fills.round_cents(self.state.balance + booked)
        instrument, at = self.listings[closed.symbol].instrument, self.quotes[closed.symbol].time
        out = book_values.Exit(f"{closed.id}-{deal}", price, profit, half, reason)
        return self._record(book_values.closing_fill(closed, instrument, at, out))

    def _record(self, fill: Fill) -> Fill:
        self.executed.append(fill)
        self.changed = True
        return fill

    def _judge(self, position: OpenPosition) -> list[Fill]:
        """Stop, then take, against the newest quote."""
        closing, side = self._closing_ticks(position), position.side
        if fills.reaches(-side, closing, position.stop):
            return self.close(position.id, ExitReason.STOP)
        if fills.reaches(side, closing, position.take):
            return [self._exit(position, closing, ExitReason.TAKE)]
        return []

    def _stop_out(self) -> list[Fill]:
        """While equity is below half the margin, close the position that has lost most."""
        done: list[Fill] = []
        while self.state.positions and self._is_priced():
            if self._equity() >= fills.STOP_OUT_LEVEL * self._margin():
                break
            worst = min(self.state.positions, key=self._floating)
            done += self.close(worst.id, ExitReason.STOP_OUT)
        return done

    def _trigger_pending(self, quote: Quote) -> list[Fill]:
        """Fill the resting orders the quote reaches; the new position is judged at once."""
        done: list[Fill] = []
        self.expire(quote.time)
        for ticket in [t for t in self.state.pending if t.symbol == quote.symbol]:
            assert ticket.price is not None
            if ticket.placed_at is not None and quote.time < ticket.placed_at:
                continue
            level = self._ticks(ticket.symbol, ticket.price)
            price = self._opening_ticks(ticket.symbol, ticket.side)
            is_stop = ticket.kind is OrderKind.STOP
            if not fills.reaches(ticket.side if is_stop else -ticket.side, price, level):
                continue
            slippage = self.listings[ticket.symbol].costs.slippage_ticks if is_stop else 0
            self.cancel(ticket.client_id)
            done.append(self._open(ticket, price + ticket.side * slippage, quote))
            done += self._judge(self.state.positions[-1]) + self._stop_out()
        return done

    def _roll_over(self, now: float) -> None:
        """At the first tick after 17:00 New York: swap, then the reference of the new day."""
        seen = self.state.day_seen
        if (seen and now < risk.next_rollover(int(seen))) or not self._is_priced():
            return
        if seen:
            times = risk.rollovers(int(seen), int(now))
            for position in self.state.positions:
                self._book_swap(position, times[times > position.opened])
        self.state.day_seen = now
        self.state.day_start = fills.round_cents(max(self.state.balance, self._equity()))
        self.changed = True

    def _book_swap(self, position: OpenPosition, rollovers: IntArray) -> None:
        instrument = self.listings[position.symbol].instrument
        contract, rate = self._terms(position.symbol)
        closing = self._closing_ticks(position)
        for nights in risk.swap_nights(rollovers, instrument.triple_swap_weekday):
            position.swap += fills.swap_of(
                contract, position.side, position.steps, int(nights), closing, rate
            )
