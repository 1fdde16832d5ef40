"""The paper broker's memory, and the journal of its deals, in our database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from trading.brokers.base import Unavailable
from trading.engine.book_state import BookState, fill_from_json, fill_to_json
from trading.engine.types import Fill
from trading.models import Account, PaperBook, PaperDeal

T = TypeVar("T")


class DatabasePaperStore:
    """A `PaperStore` in the rows of one account; changes are made under the lock of its book."""

    def __init__(self, account_id: int) -> None:
        self._account_id = account_id
        self._rows = PaperBook.objects.filter(account_id=account_id)
        self._deals = PaperDeal.objects.filter(account_id=account_id)

    def version(self) -> int:
        """Grows with every change."""
        return self._row(self._rows.only("version")).version

    def read(self) -> tuple[BookState, int]:
        """The state and its version."""
        row = self._row(self._rows)
        return BookState.from_json(row.state), row.version

    @transaction.atomic
    def snapshot(self, since: datetime) -> tuple[BookState, tuple[Fill, ...]]:
        """The state and the deals of `since` or later, in the order they were executed; the row's
        lock keeps every change out between the two."""
        row = self._row(self._rows.select_for_update())
        deals = self._deals.filter(at__gte=since).order_by("id").values_list("fill", flat=True)
        return BookState.from_json(row.state), tuple(fill_from_json(deal) for deal in deals)

    def change(self, apply: Callable[[BookState], tuple[T, Sequence[Fill]]]) -> T:
        """Run `apply` on the newest state under the row's lock; state and deals are kept together
        unless it raises."""
        with transaction.atomic(durable=True):
            row = self._row(self._rows.select_for_update())
            state = BookState.from_json(row.state)
            result, deals = apply(state)
            row.state, row.version = state.to_json(), row.version + 1
            row.save(update_fields=["state", "version"])
            PaperDeal.objects.bulk_create(self._deal(fill) for fill in deals)
        return result

    def _deal(self, fill: Fill) -> PaperDeal:
        return PaperDeal(
            account_id=self._account_id, deal_id=fill.deal_id, at=fill.at, fill=fill_to_json(fill)
        )

    def _row(self, rows: QuerySet[PaperBook]) -> PaperBook:
        row = rows.first()
        if row is None:
            raise Unavailable(f"Account {self._account_id}: expected a paper book, was none")
        return row


def paper_book_open(*, account: Account) -> PaperBook:
    """The book of a fresh paper account, with the account's balance in it; kept if there is one."""
    balance = float(account.balance)
    opening = BookState(balance=balance, day_start=balance)
    book, _ = PaperBook.objects.get_or_create(
        account=account, defaults={"state": opening.to_json()}
    )
    return book
