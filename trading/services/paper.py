"""The paper broker's memory in our database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import transaction

from trading.engine.book_state import BookState
from trading.models import Account, PaperBook

T = TypeVar("T")


class DatabasePaperStore:
    """A `PaperStore` in the row of one account; changes are made under its lock."""

    def __init__(self, account_id: int) -> None:
        self._rows = PaperBook.objects.filter(account_id=account_id)

    def version(self) -> int:
        """Grows with every change."""
        return self._rows.values_list("version", flat=True).get()

    def read(self) -> tuple[BookState, int]:
        """The state and its version."""
        row = self._rows.get()
        return BookState.from_json(row.state), row.version

    def change(self, apply: Callable[[BookState], T]) -> T:
        """Run `apply` on the newest state under the row's lock; kept unless it raises."""
        with transaction.atomic(durable=True):
            row = self._rows.select_for_update().get()
            state = BookState.from_json(row.state)
            result = apply(state)
            row.state, row.version = state.to_json(), row.version + 1
            row.save(update_fields=["state", "version"])
        return result


def paper_book_open(*, account: Account) -> PaperBook:
    """The book of a fresh paper account, with the account's balance in it; kept if there is one."""
    balance = float(account.balance)
    opening = BookState(balance=balance, day_start=balance)
    book, _ = PaperBook.objects.get_or_create(
        account=account, defaults={"state": opening.to_json()}
    )
    return book
