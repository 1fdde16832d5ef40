"""The paper broker: `engine.book` behind the port, its memory in a store it is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from trading.brokers.base import EntryRequest, Receipt, Rejected, Unavailable
from trading.engine.book import Book, Listing
from trading.engine.book_checks import OrderRefused
from trading.engine.book_state import BookState, Ticket
from trading.engine.symbols import quotes_by_pair
from trading.engine.types import AccountState, Fill, Quote, Snapshot

T = TypeVar("T")


class PaperStore(Protocol):
    """Where the book of one account and its deals live between calls and between processes."""

    def version(self) -> int:
        """Grows with every change."""

    def read(self) -> tuple[BookState, int]:
        """The state and its version."""

    def snapshot(self, since: datetime) -> tuple[BookState, tuple[Fill, ...]]:
        """The state and the deals that led to it, of `since` or later, in the order they were
        executed; both of the same moment."""

    def change(self, apply: Callable[[BookState], tuple[T, Sequence[Fill]]]) -> T:
        """Run `apply` on the newest state, alone, and keep what it did unless it raises.

        It answers with its result and the deals it executed, which are kept with the state.
        """


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """What the account trades, and its currency and leverage (30 means 1:30)."""

    listings: Mapping[str, Listing]
    currency: str
    leverage: int
    canonicals: Mapping[str, str] = field(default_factory=dict)
    """By symbol: the canonical name, by which its quote converts currencies; none = its own."""


class PaperBroker:
    """A `Broker` that fills by the simulator's rules at the quotes it is given.

    `renew` gives the terms of now: asked for where the book holds a symbol that these do not have,
    because another process has traded one that is new.
    """

    def __init__(
        self,
        terms: PaperTerms,
        store: PaperStore,
        quotes: Callable[[], Mapping[str, Quote]],
        renew: Callable[[], PaperTerms] | None = None,
    ) -> None:
        self._terms = terms
        self._renew = renew or (lambda: terms)
        self._store = store
        self._quotes = quotes
        self._watched: Book | None = None
        self._watched_version = -1

    def account(self) -> AccountState:
        """As the port says; Unavailable while a held symbol has no quote."""
        state, _ = self._store.read()
        return _valued(self._book(state, self._quotes()))

    def snapshot(self, since: datetime) -> Snapshot:
        """As the port says; its time is that of the newest quote, or of the newest deal (else
        `since`) where there is none."""
        quotes = dict(self._quotes())  # before the state, so that `time` promises nothing more
        state, deals = self._store.snapshot(since)
        book = self._book(state, quotes)
        times = [quote.time for name, quote in quotes.items() if name in self._terms.listings]
        time = max(times or [deal.at for deal in deals], default=since)
        return Snapshot(_valued(book), book.resting(), deals, time)

    def submit(self, request: EntryRequest) -> Receipt:
        """As the port says; executes at the newest quote or rests the order."""
        ticket = Ticket(
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            lots=request.lots,
            kind=request.kind,
            price=request.price,
            stop=request.stop,
            take=request.take,
            magic=request.magic,
            expires_at=request.expires_at,
        )
        position_id, filled = self._change(lambda book: book.submit(ticket))
        return Receipt(request.client_id, position_id, tuple(filled))

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        """As the port says; a part of a position that is gone is POSITION_NOT_FOUND."""
        filled = self._change(lambda book: book.close(position_id, lots=lots))
        return Receipt(f"close-{position_id}" if filled else "", position_id, tuple(filled))

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """As the port says."""
        self._change(lambda book: book.modify(position_id, stop, take))

    def cancel(self, client_id: str) -> bool:
        """As the port says."""
        return self._change(lambda book: book.cancel(client_id))

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """Judge every quote; the store is touched only when one of them changes the book."""
        book = self._watch()
        filled = self._judge(book, quotes)
        if not book.changed:
            return filled
        self._watched = None  # it has run ahead of the store
        return self._change(lambda fresh: self._judge(fresh, quotes))

    def _judge(self, book: Book, quotes: Sequence[Quote]) -> list[Fill]:
        filled = list[Fill]()
        for quote in quotes:
            book.quotes.update(quotes_by_pair({quote.symbol: quote}, self._terms.canonicals))
            filled += book.on_quote(quote)
        return filled

    def _watch(self) -> Book:
        """The book as last seen, read again when another process has changed it."""
        version = self._store.version()
        if self._watched is None or version != self._watched_version:
            state, self._watched_version = self._store.read()
            self._watched = self._book(state, self._quotes())
        return self._watched

    def _change(self, act: Callable[[Book], T]) -> T:
        def apply(state: BookState) -> tuple[T, Sequence[Fill]]:
            book = self._book(state, self._quotes())
            return act(book), book.executed

        try:
            return self._store.change(apply)
        except OrderRefused as e:
            raise Rejected(str(e), e.code) from e

    def _book(self, state: BookState, quotes: Mapping[str, Quote]) -> Book:
        if not state.symbols <= self._terms.listings.keys():
            self._terms = self._renew()
        book = Book(state, self._terms.listings, self._terms.currency, self._terms.leverage)
        book.quotes.update(quotes_by_pair(quotes, self._terms.canonicals))
        return book


def _valued(book: Book) -> AccountState:
    try:
        return book.account()
    except OrderRefused as e:
        raise Unavailable(str(e), e.code) from e
