"""The venue itself: market, accounts, faults and ledger behind one lock."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from queue import SimpleQueue
from random import Random
from threading import RLock
from time import monotonic
from typing import Any, Final, TypeVar

from trading.brokers.venue.accounts import VenueAccount
from trading.brokers.venue.faults import Choice, Fate, Faults, choose, choose_event
from trading.brokers.venue.hands import Hands, hand_ticket
from trading.brokers.venue.ledger import Ledger, Received
from trading.brokers.venue.wire import encode
from trading.brokers.venue.zigzag import (
    QUOTE_SECONDS,
    SYMBOLS,
    MarketClock,
    spec_of,
    zigzag_quote,
)
from trading.engine.book import Book, Listing
from trading.engine.types import Costs, EngineError, ExitReason, Fill, Quote

T = TypeVar("T")
MOST_WAITING: Final = 20_000
"""Lines a subscriber may be behind before it is dropped."""
REFUSED: Final = "TRADE_REFUSED"
AMBIGUOUS: Final = "TRADE_TIMEOUT"


@dataclass(frozen=True, slots=True)
class VenueTerms:
    """How the venue is set up; `amplitude` is the swing of a price in ticks."""

    seed: int = 0
    speed: float = 60.0
    amplitude: int = 200
    balance: Decimal = Decimal(100_000)
    start: datetime = datetime(2026, 1, 14, 13, 0, tzinfo=UTC)
    has_costs: bool = True


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade request: who and what it is about, and how to do and answer it."""

    op: str
    account: str
    client_id: str
    position_id: str
    perform: Callable[[Book, Choice], Any]
    answer: Callable[[Any, list[Fill]], Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is written back: a message after `delay` seconds, or nothing.

    Without a message the connection is closed, or with `is_held` left open until the asker goes.
    """

    message: dict[str, Any] | None
    delay: float = 0.0
    is_held: bool = False
    received: Received | None = None


class Subscriber:
    """A connection that is pushed messages: quotes of `symbols`, executions of `account`."""

    def __init__(self, account: str, symbols: frozenset[str]) -> None:
        self.account = account
        self.symbols = symbols
        self.waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def push(self, message: dict[str, Any]) -> None:
        """Queue a message; one that is too far behind is dropped as a broken connection."""
        self.waiting.put(message if self.waiting.qsize() < MOST_WAITING else None)

    def drop(self) -> None:
        """Break the connection."""
        self.waiting.put(None)


class Exchange:
    """Hold `lock` around every call."""

    def __init__(self, terms: VenueTerms) -> None:
        self.terms = terms
        self.lock = RLock()
        self.clock = MarketClock.starting(terms.start, terms.speed)
        self.faults = Faults()
        self.ledger = Ledger()
        self.accounts: dict[str, VenueAccount] = {}
        self.subscribers: list[Subscriber] = []
        self._listings = {
            name: Listing(spec.instrument, spec.costs if terms.has_costs else Costs())
            for name, spec in SYMBOLS.items()
        }
        self._quotes: dict[str, Quote] = {}
        self._pinned: dict[str, Decimal] = {}
        self._next_quote = int(self.clock.start // QUOTE_SECONDS) * QUOTE_SECONDS
        self._late: list[tuple[float, int, Callable[[], object]]] = []
        self._hands = Hands(self)
        self._asked: Counter[str] = Counter()

    def advance(self) -> None:
        """Bring the market and everything that was put off up to now."""
        while self._next_quote <= self.clock.time():
            for symbol in SYMBOLS:
                self._show(self._priced(zigzag_quote(symbol, self._next_quote, self.amplitude)))
            self._next_quote += QUOTE_SECONDS
        while self._late and self._late[0][0] <= monotonic():
            heapq.heappop(self._late)[2]()
        self._hands.step()

    @property
    def amplitude(self) -> int:
        """Swing of a price in ticks."""
        return self.terms.amplitude

    def now(self) -> datetime:
        """The market's clock."""
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def wall(self) -> float:
        """The clock that lag is counted on."""
        return monotonic()

    def account(self, name: str) -> VenueAccount:
        """The account of this name, opened at the first mention."""
        if name not in self.accounts:
            book = Book.opening(self.terms.balance, self._listings, "USD", 30)
            for quote in self._quotes.values():
                book.on_quote(quote)
            self.accounts[name] = VenueAccount(name, book)
        return self.accounts[name]

    def quote(self, symbol: str) -> Quote:
        """The quote in force."""
        spec_of(symbol)
        return self._quotes[symbol]

    def pin(self, symbol: str, bid: Decimal | None) -> None:
        """Hold a symbol at a bid from now on, or (None) let it swing again."""
        spec_of(symbol)
        self._pinned.pop(symbol, None)
        if bid is not None:
            self._pinned[symbol] = bid
        at = self.now()
        quote = zigzag_quote(symbol, at.timestamp(), self.amplitude)
        self._show(self._priced(replace(quote, time=at)))

    def trade(self, trade: Trade) -> Reply:
        """Do what is asked, or what the faults make of it."""
        ids = (trade.client_id, trade.position_id)
        received = self.ledger.request(trade.op, trade.account, ids, self.now())
        choice = choose(self.faults, self.rng(trade.op, trade.account, *ids))
        received.fate = choice.fate
        if choice.fate is Fate.REJECT:
            received.outcome = REFUSED
            return Reply(refusal(REFUSED), choice.delay, received=received)
        if choice.fate is Fate.LATE:
            due = monotonic() + self.faults.late_after
            item = (due, received.number, lambda: self._perform(trade, choice, received))
            heapq.heappush(self._late, item)
            return Reply(None, is_held=True, received=received)
        answer = self._perform(trade, choice, received)
        if choice.fate is Fate.LOSE_REPLY:
            return Reply(None, received=received)
        if choice.fate is Fate.ERROR_AFTER:
            answer = {"error": "ambiguous", "code": AMBIGUOUS, "message": "no word from the dealer"}
        if choice.fate is Fate.REJECT_EXECUTED and "error" not in answer:
            answer = refusal(REFUSED)
        return Reply(answer, choice.delay, received=received)

    def open_by_hand(
        self, account: VenueAccount, symbol: str, size: tuple[int, Decimal], stop: Decimal | None
    ) -> str:
        """A person opens a position of (side, lots): its id; raises EngineError."""
        ticket = hand_ticket(symbol, *size, stop)
        (position_id, _), _ = self._execute(account, lambda book: book.submit(ticket), by_hand=True)
        assert position_id is not None
        self.ledger.hand(account.name, "open", position_id, self.now())
        return position_id

    def close_by_hand(
        self, account: VenueAccount, position_id: str, lots: Decimal | None = None
    ) -> None:
        """A person closes a position or a part of it; raises EngineError."""
        self._execute(
            account, lambda book: book.close(position_id, ExitReason.MANUAL, lots), by_hand=True
        )
        self.ledger.hand(account.name, "close", position_id, self.now())

    def modify_by_hand(
        self, account: VenueAccount, position_id: str, stop: Decimal | None, take: Decimal | None
    ) -> None:
        """A person changes or removes the levels; raises EngineError."""
        self._execute(account, lambda book: book.modify(position_id, stop, take), by_hand=True)
        self.ledger.hand(account.name, "modify", position_id, self.now())

    def rng(self, *key: str) -> Random:
        """The generator for one choice: by seed, what it is about, and how often that was before.

        So the same requests get the same choices in whatever order they arrive.
        """
        name = "/".join(key)
        self._asked[name] += 1
        return Random(f"{self.terms.seed}/{name}/{self._asked[name]}")  # noqa: S311 - no secret

    def _perform(self, trade: Trade, choice: Choice, received: Received) -> dict[str, Any]:
        try:
            result, fills = self._execute(
                self.account(trade.account),
                lambda book: trade.perform(book, choice),
                received=received,
                lag=choice.lag,
            )
        except EngineError as e:
            received.outcome = code_of(e)
            return refusal(received.outcome, str(e))
        received.outcome = "EXECUTED"
        return {"result": encode(trade.answer(result, fills))}

    def _execute(
        self,
        account: VenueAccount,
        action: Callable[[Book], T],
        *,
        received: Received | None = None,
        lag: float = 0.0,
        by_hand: bool = False,
    ) -> tuple[T, list[Fill]]:
        visible_at = monotonic() + lag if lag else 0.0
        result, fills = account.act(action, visible_at=visible_at, by_hand=by_hand)
        for fill in fills:
            self.ledger.execution(account.name, fill, received)
            self._push(account.name, fill)
        return result, fills

    def _push(self, account: str, fill: Fill) -> None:
        choice = choose_event(self.faults, self.rng("event", account, fill.deal_id))
        for subscriber in [s for s in self.subscribers if s.account == account]:
            if choice.breaks:
                subscriber.drop()
                continue
            for _ in range(choice.copies):
                subscriber.push({"fill": encode(fill)})

    def _show(self, quote: Quote) -> None:
        """Let every account and every subscriber see a quote."""
        self._quotes[quote.symbol] = quote
        for account in self.accounts.values():
            self._execute(account, lambda book: book.on_quote(quote))
        for subscriber in self.subscribers:
            if quote.symbol in subscriber.symbols:
                subscriber.push({"quote": encode(quote)})

    def _priced(self, quote: Quote) -> Quote:
        bid = self._pinned.get(quote.symbol)
        return quote if bid is None else replace(quote, bid=bid, ask=bid + quote.spread)


def refusal(code: str, message: str = "the dealer refuses") -> dict[str, Any]:
    """The answer that says no."""
    return {"error": "rejected", "code": code, "message": message}


def code_of(error: EngineError) -> str:
    """The book's reason for a refusal; what is no order at all has none."""
    return str(getattr(error, "code", "INVALID_REQUEST"))
