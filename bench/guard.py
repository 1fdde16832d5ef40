"""The equity guard: what a quote costs, and how soon a falling price is answered with a close.

`python -m bench.guard [--samples 100] [--positions 50] [--database sqlite|postgresql]`

`quote_us` is of one guard with so many positions in ten pairs of four currencies, three of which
have to be converted, and twelve limits; `crowded_us` with a deployment of its own limits for each
position, all in one pair. `p50_ms` to `max_ms` are from a quote to the first close that the paper
broker is asked for, in a session with an account of ten positions; `all_ms` is the median to the
last one. Every sample is a day of its own: its daily loss ends with it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench import floor
from bench.harness import busy, database_option, execution_django, report, spread_of
from trading.engine.book import Book, Listing
from trading.engine.book_state import Ticket
from trading.engine.risk import (
    SPECS,
    Action,
    Control,
    Limit,
    LimitIndex,
    Place,
    Scope,
    Trailing,
    Unit,
    limit_of,
    preset_limit,
)
from trading.engine.risk.guard import Guard, Look
from trading.engine.risk.watching import rules_of
from trading.engine.types import Costs, Instrument, OrderKind, Quote

if TYPE_CHECKING:
    from trading.gateway.session import Session
    from trading.models import Account

PRICES = {
    "EURUSD": "1.10000",
    "USDJPY": "150.000",
    "GBPJPY": "190.000",
    "EURJPY": "165.000",
    "EURGBP": "0.88000",
    "GBPUSD": "1.25000",
    "USDCHF": "0.90000",
    "EURCHF": "0.99000",
    "CHFJPY": "166.000",
    "GBPCHF": "1.12500",
}
QUOTES = 20_000
HELD = 10
LOSS = Decimal(100)
"""Lost of an account in a day, at which it is closed."""
WARM_UP = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--positions", type=int, default=50)
    database_option(parser)
    options = parser.parse_args()
    with execution_django(options.database):
        measure(options.samples, options.positions, options.database)


def measure(samples: int, positions: int, database: str) -> None:
    """Both, and print them."""
    load = busy()
    costs = microseconds(spread_guard(positions), tuple(PRICES))
    crowded = microseconds(crowded_guard(positions), ("EURUSD",))
    desk = Desk.opened()
    closes = [desk.one_day(number) for number in range(WARM_UP + samples)][WARM_UP:]
    first, last = zip(*closes, strict=True)
    figures = {
        "runs": samples,
        "database": database,
        "positions": positions,
        "quote_us": costs,
        "crowded_us": crowded,
        **spread_of(first),
        "all_ms": round(1000 * median(last), 2),
        "load": load,
    }
    report("guard", median(first), figures)


# --- a quote


def spread_guard(positions: int) -> Guard:
    """Positions in every pair, none of them near a limit."""
    limits = [
        limit_of(Control.DAILY_LOSS, 50, action=Action.FLATTEN),
        limit_of(Control.EQUITY_STOP, 1000),
        *(limit_of(Control.MAX_DRAWDOWN, 60, trailing=kind) for kind in Trailing),
        *(preset_limit(Control.DAILY_LOSS_USED, p) for p in SPECS[Control.DAILY_LOSS_USED].presets),
        *(preset_limit(Control.MARGIN_LEVEL, p) for p in SPECS[Control.MARGIN_LEVEL].presets),
    ]
    return guard_of(limits, [(name, 0) for name, _ in zip(cycle(PRICES), range(positions))], ())


def crowded_guard(positions: int) -> Guard:
    """Each position is a deployment's with two limits of its own."""
    names = [str(number + 1) for number in range(positions)]
    limits = [
        limit_of(control, 50, unit=Unit.PERCENT_INITIAL, scope=Scope.DEPLOYMENT, target=name)
        for name in names
        for control in (Control.STRATEGY_LOSS, Control.STRATEGY_DRAWDOWN)
    ]
    return guard_of(limits, [("EURUSD", int(name)) for name in names], names)


def guard_of(
    limits: Sequence[Limit], held: Sequence[tuple[str, int]], deployments: Sequence[str]
) -> Guard:
    listings = {name: Listing(instrument(name), Costs(Decimal(7), 2)) for name in PRICES}
    book = Book.opening(Decimal(10_000_000), listings, "USD", 100)
    guard = Guard("1", listings, {})
    places = [Place(account="1", deployment=name) for name in deployments]
    guard.follow(rules_of(LimitIndex(limits), Place(account="1"), places), {})
    for name in PRICES:
        book.on_quote(quote(name, 0))
        guard.on_quote(quote(name, 0))
    for number, (name, magic) in enumerate(held):
        side = 1 if number % 2 else -1
        stop = Decimal(PRICES[name]) * (1 - side * Decimal("0.05"))
        levels = (OrderKind.MARKET, None, stop.quantize(instrument(name).tick_size), None, magic)
        book.submit(Ticket(str(number), name, side, Decimal(1), *levels))
    made = dict.fromkeys(deployments, Decimal(0))
    guard.read(Look(account=book.account(), at=floor.START, made=made))
    return guard


def microseconds(guard: Guard, names: Sequence[str]) -> dict[str, float]:
    """How long quotes take that move the price and cross nothing."""
    quotes = [quote(name, ticks) for ticks in range(-20, 20) for name in names]
    seconds = []
    for new, _ in zip(cycle(quotes), range(QUOTES)):
        began = time.perf_counter()
        near = guard.on_quote(new)
        seconds.append(time.perf_counter() - began)
        assert not near, "the benchmark measures quotes that cross nothing"
    p50, p99 = 1e6 * np.percentile(seconds, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


def instrument(name: str) -> Instrument:
    tick = Decimal("0.001") if name.endswith("JPY") else Decimal("0.00001")
    steps = (Decimal("0.01"), Decimal("0.01"), Decimal(100))
    return Instrument(name, tick, Decimal(100_000), *steps, name[:3], name[3:])


def quote(name: str, ticks: int) -> Quote:
    tick = instrument(name).tick_size
    price = Decimal(PRICES[name]) + ticks * tick
    return Quote(name, floor.START, price, price + 6 * tick)


# --- a close


@dataclass
class Desk:
    """A session with an account that loses its daily loss every day."""

    session: Session
    account: Account
    asked: list[float] = field(default_factory=list)
    """When the broker was asked to close."""

    @classmethod
    def opened(cls) -> Desk:
        from trading.gateway import guard
        from trading.gateway.session import Session
        from trading.services.limits import limit_create

        guard.REFRESH_SECONDS = 0.0  # type: ignore[misc]  # a day is over in no time here
        floor.symbols_open(1)
        account = floor.account_open(1)
        terms = {"unit": Unit.MONEY.value, "action": Action.FLATTEN.value, "hard": False}
        limit_create(control=Control.DAILY_LOSS, value=LOSS, account=account, **terms)
        session = Session(floor.SOURCE, floor.StillStream())
        session.load()
        made = cls(session, account)
        broker = session._seats[account.pk].broker
        close = broker.close

        def timed(position_id: str, lots: Decimal | None = None) -> object:
            made.asked.append(time.perf_counter())
            return close(position_id, lots)

        broker.close = timed  # type: ignore[method-assign, assignment]
        return made

    def one_day(self, number: int) -> tuple[float, float]:
        """Seconds from the quote that loses too much to the first close and to the last."""
        at = floor.START + timedelta(days=number)
        self._see(Decimal("1.10000"), at)
        self._open()
        self._see(Decimal("1.10000"), at + timedelta(seconds=1))
        self.asked.clear()
        falling = self._quote(Decimal("1.09880"), at + timedelta(seconds=2))
        began = time.perf_counter()
        self.session.on_quotes([falling])
        if len(self.asked) != HELD:
            raise SystemExit(f"Expected {HELD} closes, was {len(self.asked)} on day {number}")
        self.session.observe()
        return self.asked[0] - began, self.asked[-1] - began

    def _see(self, bid: Decimal, at: datetime) -> None:
        self.session.on_quotes([self._quote(bid, at)])
        self.session.observe()

    def _quote(self, bid: Decimal, at: datetime) -> Quote:
        return Quote("EURUSD", at, bid, bid + floor.SPREAD)

    def _open(self) -> None:
        """Ten positions that lose 126 together at the falling price."""
        from trading.brokers.base import EntryRequest
        from trading.services.brokers import broker_for

        broker = broker_for(account=self.account, quotes=lambda: self.session._quotes)
        for number in range(HELD):
            terms = (OrderKind.MARKET, None, None, None, 0)
            broker.submit(EntryRequest(f"c{number}", "EURUSD", 1, Decimal("0.10"), *terms))


if __name__ == "__main__":
    main()
