"""A paper book with an equity guard on it that does what its alarms ask for, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

from tests.instruments import EURUSD
from trading.engine.book import Book, Listing
from trading.engine.book_state import Ticket
from trading.engine.guarding import Terms
from trading.engine.risk import Action, Limit, LimitIndex, Place
from trading.engine.risk.guard import Guard, Look, Others
from trading.engine.risk.watching import Alarm, Kind, Owner, rules_of
from trading.engine.types import Costs, ExitReason, Fill, Instrument, OrderKind, Quote

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday."""
ACCOUNT = "1"
USUAL = Terms()
SPREADS = {"EURUSD": 6, "USDJPY": 8, "GBPJPY": 15}
"""Ticks."""


@cache
def instrument(name: str) -> Instrument:
    """A pair with five digits, or three where it is quoted in yen."""
    tick = Decimal("0.001") if name.endswith("JPY") else EURUSD.tick_size
    base, profit = name[:3], name[3:]
    return replace(EURUSD, symbol=name, tick_size=tick, base_currency=base, profit_currency=profit)


def listings(costs: Costs = Costs()) -> Mapping[str, Listing]:
    return {name: Listing(instrument(name), costs) for name in SPREADS}


def quote(name: str, bid: str | Decimal, at: datetime = NOON) -> Quote:
    price = Decimal(bid)
    return Quote(name, at, price, price + SPREADS[name] * instrument(name).tick_size)


@dataclass
class Guarded:
    """An account of 100,000 USD. `alarms` are all that were raised, oldest first."""

    book: Book
    guard: Guard
    at: datetime = NOON
    alarms: list[Alarm] = field(default_factory=list)
    made: Mapping[str, Decimal] = field(default_factory=dict)
    others: Mapping[Owner, Others] = field(default_factory=dict)
    obeys: bool = True

    @classmethod
    def opened(
        cls, *limits: Limit, terms: Terms = USUAL, costs: Costs = Costs(), **more: object
    ) -> Guarded:
        book = Book.opening(Decimal(100_000), listings(costs), "USD", 100)
        guard = Guard(ACCOUNT, book.listings, {})
        guard.terms = terms
        made = cls(book, guard, **more)  # type: ignore[arg-type]  # any field
        made.follow(*limits)
        return made

    def follow(self, *limits: Limit) -> None:
        """Watch these; the deployments that have made something are its deployments."""
        places = [Place(ACCOUNT, deployment=name) for name in self.made]
        groups = tuple({limit.target for limit in limits if limit.scope == "GROUP"})
        place = Place(ACCOUNT, groups=groups)
        self.guard.follow(rules_of(LimitIndex(limits), place, places), self.guard.states)

    def open(self, side: int, lots: str, stop: str | None = None, **more: object) -> Fill:
        given: dict[str, object] = {"symbol": "EURUSD", "kind": OrderKind.MARKET, "magic": 0}
        levels = {"stop": None if stop is None else Decimal(stop), "take": None, "price": None}
        name = str(self.book.state.counter)
        terms = {**given, **levels, **more}
        _, fills = self.book.submit(Ticket(name, side=side, lots=Decimal(lots), **terms))  # type: ignore[arg-type]
        self.read()
        return fills[0]

    def tick(self, bid: str | Decimal, minutes: float = 1, name: str = "EURUSD") -> list[Alarm]:
        """A quote so much later; what it raised, which has been done by then."""
        self.at += timedelta(minutes=minutes)
        return self.feed(quote(name, bid, self.at))

    def feed(self, new: Quote) -> list[Alarm]:
        self.at = new.time
        fills = self.book.on_quote(new)
        return self.read() if self.guard.on_quote(new) or fills else []

    def read(self, moved: str = "0") -> list[Alarm]:
        look = Look(
            account=self.book.account(),
            at=self.at,
            moved=Decimal(moved),
            made=self.made,
            others=self.others,
        )
        found = self.guard.read(look)
        self.alarms += found
        if self.obeys and self._obey(found):
            found = found + self.read()
        return found

    def _obey(self, alarms: list[Alarm]) -> bool:
        flattens = [a for a in alarms if a.kind is Kind.BROKEN and a.limit.action is Action.FLATTEN]
        closing = [position for trim in self.guard.trims for position in trim.positions]
        if flattens:
            closing = [position.id for position in self.book.state.positions]
        fills = [fill for name in closing for fill in self.book.close(name, ExitReason.KILL)]
        return bool(fills)

    @property
    def equity(self) -> Decimal:
        return self.book.account().equity

    def told(self) -> list[tuple[str, int]]:
        """What was raised, in words: limit and kind, percent; but for what stops would do."""
        found = [alarm for alarm in self.alarms if alarm.kind is not Kind.WORST]
        return [(f"{a.limit.control} {a.kind}", a.level) for a in found]
