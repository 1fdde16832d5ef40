"""One account at the venue: its book, its deals, and what of them shows yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from trading.engine.book import Book
from trading.engine.types import AccountState, ExitReason, Fill, PositionState, Snapshot

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deal:
    """An execution; it shows in readings from `visible_at` on, seconds of the monotonic clock.

    `before` is the position as it was before a closing deal.
    """

    fill: Fill
    visible_at: float
    before: PositionState | None


class VenueAccount:
    """A book with a memory of its deals. Not safe for threads: the exchange's lock guards it."""

    def __init__(self, name: str, book: Book) -> None:
        self.name = name
        self.book = book
        self.deals: list[Deal] = []
        self._hidden: list[Deal] = []
        self._opened_by_hand: set[str] = set()

    def act(
        self, action: Callable[[Book], T], *, visible_at: float = 0.0, by_hand: bool = False
    ) -> tuple[T, list[Fill]]:
        """Do something with the book: its result, and what it executed; raises EngineError."""
        hides = bool(visible_at or self._hidden)
        before = {p.id: p for p in self._marked_state().positions} if hides else {}
        result = action(self.book)
        executed, self.book.executed = self.book.executed, []
        fills = [self._marked(fill, by_hand) for fill in executed]
        for fill in fills:
            shows = max(visible_at, self._shows_at(fill.position_id))
            deal = Deal(fill, shows, None if fill.opens else before.get(fill.position_id))
            self.deals.append(deal)
            if shows:
                self._hidden.append(deal)
        return result, fills

    def state(self, wall: float) -> AccountState:
        """The account as it shows at `wall` of the monotonic clock: without what hides yet."""
        self._hidden = [deal for deal in self._hidden if deal.visible_at > wall]
        state = self._marked_state()
        if not self._hidden:
            return state
        balance = state.balance
        positions = {p.id: p for p in state.positions}
        for deal in reversed(self._hidden):
            fill = deal.fill
            balance -= fill.profit + fill.swap - fill.commission
            positions.pop(fill.position_id, None)
            if deal.before is not None:
                positions[fill.position_id] = deal.before
        shown = tuple(positions.values())
        floating = sum((p.profit + p.swap for p in shown), Decimal(0))
        return replace(state, balance=balance, equity=balance + floating, positions=shown)

    def snapshot(self, wall: float, since: datetime, at: datetime) -> Snapshot:
        """Everything that shows at `wall`, with the deals from `since` on."""
        shown = (deal.fill for deal in self.deals if deal.visible_at <= wall)
        return Snapshot(
            account=self.state(wall),
            orders=tuple(self.book.resting()),
            deals=tuple(fill for fill in shown if fill.at >= since),
            time=at,
        )

    def _shows_at(self, position_id: str) -> float:
        """When what was done to a position before shows: nothing shows before that does."""
        times = (d.visible_at for d in self._hidden if d.fill.position_id == position_id)
        return max(times, default=0.0)

    def _marked_state(self) -> AccountState:
        state = self.book.account()
        theirs = self._opened_by_hand
        return replace(
            state, positions=tuple(replace(p, by_hand=p.id in theirs) for p in state.positions)
        )

    def _marked(self, fill: Fill, by_hand: bool) -> Fill:
        """Say so where a person did it; a level that this sets off is the broker's doing."""
        if fill.opens and by_hand:
            self._opened_by_hand.add(fill.position_id)
        is_hand = by_hand and (fill.opens or fill.reason is ExitReason.MANUAL)
        return replace(fill, by_hand=is_hand)
