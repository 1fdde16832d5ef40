"""The paper broker's memory in our database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from trading.brokers.base import Unavailable
from trading.engine.book_state import BookState
from trading.models import Account, PaperBook

T = TypeVar("T")


class DatabasePaperStore:
    """A `PaperStore` in the row of one account; changes are made under its lock."""

    def __init__(self, account_id: int) -> None:
        self._account_id = account_id
        self._rows = PaperBook.objects.filter(account_id=account_id)

    def version(self) -> int:
        """Grows with every change."""
        return self._row(self._rows.only("version")).version

    def read(self) -> tuple[BookState, int]:
        """The state and its version."""
        row = self._row(self._rows)
        return BookState.from_json(row.state), row.version

    def change(self, apply: Callable[[BookState], T]) -> T:
        """Run `apply` on the newest state under the row's lock; kept unless it raises."""
        with transaction.atomic(durable=True):
            row = self._row(self._rows.select_for_update())
            state = BookState.from_json(row.state)
            result = apply(state)
            row.state, row.version = state.to_json(), row.version + 1
            row.save(update_fields=["state", "version"])
        return result

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
