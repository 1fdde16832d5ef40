"""The paper broker: `engine.book` behind the port, its memory in a store it is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol, TypeVar

from trading.brokers.base import EntryRequest, Receipt, Rejected, Unavailable
from trading.engine.book import Book, Listing, OrderRefused
from trading.engine.book_state import BookState, Ticket
from trading.engine.types import AccountState, Fill, Quote

T = TypeVar("T")


class PaperStore(Protocol):
    """Where the book of one account lives between calls and between processes."""

    def version(self) -> int:
        """Grows with every change."""

    def read(self) -> tuple[BookState, int]:
        """The state and its version."""

    def change(self, apply: Callable[[BookState], T]) -> T:
        """Run `apply` on the newest state, alone, and keep what it did unless it raises."""


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """What the account trades, and its currency and leverage (30 means 1:30)."""

    listings: Mapping[str, Listing]
    currency: str
    leverage: int


class PaperBroker:
    """A `Broker` that fills by the simulator's rules at the quotes it is given."""

    def __init__(
        self, terms: PaperTerms, store: PaperStore, quotes: Callable[[], Mapping[str, Quote]]
    ) -> None:
        self._terms = terms
        self._store = store
        self._quotes = quotes
        self._watched: Book | None = None
        self._watched_version = -1

    def account(self) -> AccountState:
        """As the port says; Unavailable while a held symbol has no quote."""
        state, _ = self._store.read()
        try:
            return self._book(state).account()
        except OrderRefused as e:
            raise Unavailable(str(e), e.code) from e

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

    def close(self, position_id: str) -> Receipt:
        """As the port says; nothing is filled when the position is gone already."""
        filled = self._change(lambda book: book.close(position_id))
        return Receipt(f"close-{position_id}", position_id, tuple(filled))

    def cancel(self, client_id: str) -> bool:
        """As the port says."""
        return self._change(lambda book: book.cancel(client_id))

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """Judge every quote; the store is touched only when one of them changes the book."""
        book = self._watch()
        before = deepcopy(book.state)
        filled = [fill for quote in quotes for fill in book.on_quote(quote)]
        if not book.changed:
            return filled
        book.state, self._watched = before, None
        return self._change(lambda fresh: [f for q in quotes for f in fresh.on_quote(q)])

    def _watch(self) -> Book:
        """The book as last seen, read again when another process has changed it."""
        version = self._store.version()
        if self._watched is None or version != self._watched_version:
            state, self._watched_version = self._store.read()
            self._watched = self._book(state)
        return self._watched

    def _change(self, act: Callable[[Book], T]) -> T:
        try:
            return self._store.change(lambda state: act(self._book(state)))
        except OrderRefused as e:
            raise Rejected(str(e), e.code) from e

    def _book(self, state: BookState) -> Book:
        book = Book(state, self._terms.listings, self._terms.currency, self._terms.leverage)
        book.quotes.update(self._quotes())
        return book
