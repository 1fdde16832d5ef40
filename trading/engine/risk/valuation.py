"""What an account is worth at every quote, without asking its broker again.

A reading of the broker says what is open; from then on quotes alone move the floating profit.
Positions are summed up by symbol, side and owner, so that a quote costs the same however many there
are. Money is float here, as in `engine.fills`: nothing of it is booked or sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from trading.engine import money
from trading.engine.sizing.margins import MarginTerms, margin_terms, unit_value
from trading.engine.types import (
    AccountState,
    Calculation,
    EngineError,
    Instrument,
    PositionState,
    Quote,
)

if TYPE_CHECKING:
    from trading.engine.book import Listing

WHOLE: Final = 0
"""Owner of everything the account holds; other owners are magic numbers."""
CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class Total:
    """The running sums of one owner, account currency."""

    fixed: float
    """Equity less floating profit."""
    profit: float = 0.0
    stopped: float = 0.0
    """What the profit comes to when every stop is hit."""
    cost: float = 0.0
    """Slippage and commission of closing everything now; the spread is in the profit."""
    unstopped: int = 0
    """Positions of which nobody can say where they end: no stop, or no price."""

    @property
    def equity(self) -> float:
        return self.fixed + self.profit

    @property
    def at_stops(self) -> float:
        """Equity when every stop is hit; what has no stop counts as it is."""
        return self.fixed + self.stopped


@dataclass(slots=True)
class Leg:
    """The positions of one symbol, side and owner.

    Values are in profit currency, of an inverse pair divided by the price; `rate` makes them
    account currency.
    """

    listing: Listing
    side: int
    inverse: bool
    totals: tuple[Total, ...]
    unit: float
    """Profit currency that one lot gains when the price moves by 1."""
    size: float = 0.0
    """Lots x unit."""
    cost: float = 0.0
    """Sum of size x entry."""
    loose_size: float = 0.0
    loose_cost: float = 0.0
    """Of these, what has no stop."""
    at_stops: float = 0.0
    """Sum of the values at the stops."""
    nearest: float = 0.0
    """The stop that is hit first."""
    stops: list[tuple[float, float, float]] = field(default_factory=list)
    """Size, cost and stop of each position that has one."""
    rate: float | None = None
    price: float | None = None
    """Closing side of the newest quote."""
    profit: float = 0.0
    stopped: float = 0.0
    """What the totals hold of this leg."""

    def add(self, seen: PositionState) -> None:
        size = float(seen.lots) * self.unit
        cost = size * float(seen.entry_price)
        self.size += size
        self.cost += cost
        if seen.stop is None:
            self.loose_size += size
            self.loose_cost += cost
            return
        stop = float(seen.stop)
        self.at_stops += self._money(stop, size, cost)
        is_first = not self.stops or (stop - self.nearest) * self.side > 0
        self.nearest = stop if is_first else self.nearest
        self.stops.append((size, cost, stop))

    def move(self, price: float | None, rate: float | None) -> None:
        """Value it anew; None = still unknown, and it stays at what the broker said."""
        self.price, self.rate = price, rate
        if price is None or rate is None:
            return
        profit = self._money(price, self.size, self.cost) * rate
        stopped = self._stopped(price) * rate
        for total in self.totals:
            total.profit += profit - self.profit
            total.stopped += stopped - self.stopped
        self.profit, self.stopped = profit, stopped

    def _money(self, price: float, size: float, cost: float) -> float:
        value = (price * size - cost) * self.side
        return value / price if self.inverse else value

    def _stopped(self, price: float) -> float:
        """What the price has passed already ends where the price is."""
        loose = self._money(price, self.loose_size, self.loose_cost) if self.loose_size else 0.0
        if (price - self.nearest) * self.side > 0 or not self.stops:
            return self.at_stops + loose
        return loose + sum(
            min(self._money(price, size, cost), self._money(stop, size, cost))
            for size, cost, stop in self.stops
        )


class Valuation:
    """One account. `listings` by the broker's names; `canonicals` are the names by which quotes
    convert currencies, where they differ."""

    def __init__(self, listings: Mapping[str, Listing], canonicals: Mapping[str, str]) -> None:
        self.trade(listings, canonicals)
        self.quotes: dict[str, Quote] = {}
        """The newest by name and by canonical name."""
        self._currency = ""
        self._held: dict[str, list[Leg]] = {}
        self._converted: dict[str, list[Leg]] = {}
        self._totals: dict[int, Total] = {WHOLE: Total(0.0)}
        self.weights: dict[str, float] = {}
        """What the margin of each position is in proportion to."""
        self.costs: dict[str, float] = {}
        """Of closing each position."""

    def trade(self, listings: Mapping[str, Listing], canonicals: Mapping[str, str]) -> None:
        """Know these symbols from the next reading on."""
        self._listings = listings
        self._pairs = {name: pair for name, pair in canonicals.items() if pair not in listings}

    def total(self, owner: int = WHOLE) -> Total:
        return self._totals[owner]

    def bind(self, state: AccountState, balances: Mapping[int, Decimal]) -> None:
        """Begin anew from a reading; `balances` are what each owner has made, by magic number."""
        self._currency = state.currency
        self._totals = {WHOLE: Total(float(_without_profit(state)))}
        self._totals |= {magic: Total(float(balance)) for magic, balance in balances.items()}
        self._held, self._converted = defaultdict(list), defaultdict(list)
        self.weights, self.costs = {}, {}
        legs: dict[tuple[str, int, int], Leg] = {}
        for seen in state.positions:
            self._add(legs, seen)
        for leg in legs.values():
            self._place(leg)
        for seen in state.positions:
            weighed = legs.get((seen.symbol, seen.side, self._owner(seen)))
            if weighed is not None:
                self._weigh(weighed, seen, state.leverage)

    def on_quote(self, quote: Quote) -> bool:
        """Take a quote; whether it concerns anything held."""
        name = quote.symbol
        pair = self._pairs.get(name, name)
        self.quotes[name] = self.quotes[pair] = quote
        held, converted = self._held.get(name), self._converted.get(pair)
        if converted:
            self._convert(converted)
        if held:
            bid, ask = float(quote.bid), float(quote.ask)
            for leg in held:
                rate = leg.rate if leg.rate is not None else self._conversion(leg.listing)[0]
                leg.move(bid if leg.side > 0 else ask, rate)
        return bool(held or converted)

    def _add(self, legs: dict[tuple[str, int, int], Leg], seen: PositionState) -> None:
        """Put a position into its leg; one that nobody can price stays at what the broker says."""
        owner = self._owner(seen)
        totals = tuple(self._totals[o] for o in {WHOLE, owner})
        if owner != WHOLE:
            self._totals[owner].fixed += float(seen.swap)
        listing = self._listings.get(seen.symbol)
        if listing is not None and listing.instrument.calculation is Calculation.OTHER:
            listing = None
        profit = float(seen.profit)
        for total in totals:
            total.profit += profit
            total.stopped += profit
            total.unstopped += seen.stop is None or listing is None
        if listing is None:
            return
        key = (seen.symbol, seen.side, owner)
        if key not in legs:
            rate, inverse = self._conversion(listing)
            unit = float(unit_value(listing.instrument))
            legs[key] = Leg(listing, seen.side, inverse, totals, unit, rate=rate)
        leg = legs[key]
        leg.add(seen)
        leg.profit += profit
        leg.stopped += profit

    def _owner(self, seen: PositionState) -> int:
        return seen.magic if seen.magic in self._totals else WHOLE

    def _place(self, leg: Leg) -> None:
        """Have quotes find the leg, and price it with those at hand."""
        instrument = leg.listing.instrument
        self._held[instrument.symbol].append(leg)
        for pair in money.converting_pairs(instrument, self._currency):
            self._converted[pair].append(leg)
        quote = self.quotes.get(instrument.symbol)
        if quote is not None:
            leg.price = float(quote.bid if leg.side > 0 else quote.ask)
        leg.move(leg.price, leg.rate)
        for total in leg.totals:
            total.unstopped += leg.price is None or leg.rate is None
            total.cost += _cost(leg, leg.size)

    def _convert(self, legs: Iterable[Leg]) -> None:
        rates: dict[str, float | None] = {}
        for leg in legs:
            profit = leg.listing.instrument.profit_currency
            if profit not in rates:
                rates[profit], _ = self._conversion(leg.listing)
            leg.move(leg.price, rates[profit])

    def _conversion(self, listing: Listing) -> tuple[float | None, bool]:
        """Rate, and whether it is to be divided by the price; None where no quote says it."""
        try:
            found = money.conversion_for(listing.instrument, self._currency, self.quotes)
        except EngineError:
            return None, False
        return float(found.rate), found.inverse

    def _weigh(self, leg: Leg, seen: PositionState, leverage: int) -> None:
        price = float(seen.entry_price) if leg.price is None else leg.price
        share, fixed = _margin_terms(leg.listing.instrument, leverage)
        lots = float(seen.lots)
        self.weights[seen.id] = (
            lots * (float(share) * price * leg.unit + float(fixed)) * _rate_at(leg)
        )
        self.costs[seen.id] = _cost(leg, lots * leg.unit)


def _margin_terms(instrument: Instrument, leverage: int) -> MarginTerms:
    """Where the broker's terms are not known, as of any pair."""
    try:
        return margin_terms(instrument, leverage)
    except EngineError:
        return MarginTerms(1 / Decimal(leverage), Decimal(0))


def _cost(leg: Leg, size: float) -> float:
    """Of closing so much of a leg at once: slippage, and half the commission."""
    instrument, costs = leg.listing.instrument, leg.listing.costs
    slippage = costs.slippage_ticks * float(instrument.tick_size) * size
    return slippage * _rate_at(leg) + float(costs.commission_per_lot) * size / leg.unit / 2


def _rate_at(leg: Leg) -> float:
    """Account currency per profit currency; 1 where it is not known."""
    rate = 1.0 if leg.rate is None else leg.rate
    return rate / leg.price if leg.inverse and leg.price else rate


def _without_profit(state: AccountState) -> Decimal:
    """Equity less floating profit. It is balance and swap, but for credit and the like, which are
    more than what rounding each position to cents makes up."""
    profit = sum((p.profit for p in state.positions), Decimal(0))
    booked = state.balance + sum((p.swap for p in state.positions), Decimal(0))
    rest = state.equity - profit
    return booked if abs(rest - booked) <= CENT * (len(state.positions) + 1) else rest
