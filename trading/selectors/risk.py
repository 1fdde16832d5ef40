"""Which limits hold for a deployment, and what orders on their way have reserved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from trading.engine.orders import IN_DOUBT
from trading.engine.risk import Limit, LimitIndex, Limits, LimitSet, Place, Scope
from trading.engine.types import EngineError
from trading.models import Account, AccountGroup, Deployment, Order, RiskLimit
from trading.models.limits import LimitRow, limit_made


@dataclass(frozen=True, slots=True)
class LimitBook:
    """Every limit that is in force anywhere, as read once."""

    index: LimitIndex
    groups: Mapping[int, tuple[str, ...]]
    """By account; read only where a limit is of a group."""
    broken: Mapping[tuple[Scope, str], str]
    """Where a row that makes no sense applies, and what it says."""

    def at(self, place: Place) -> LimitSet:
        """What holds there. EngineError where one that applies makes no sense: whoever asks
        must refuse."""
        for key in place.targets():
            if key in self.broken:
                raise EngineError(self.broken[key])
        return self.index.at(place)

    def place_of(self, deployment: Deployment) -> Place:
        """Where its orders stand."""
        symbol = deployment.symbol
        return Place(
            account=str(deployment.account_id),
            deployment=str(deployment.pk),
            symbol=str(deployment.symbol_id),
            groups=self.groups.get(deployment.account_id, ()),
            currencies=(symbol.base_currency, symbol.profit_currency),
        )


def limit_book() -> LimitBook:
    """Read every limit that is enabled."""
    rows = [
        LimitRow(*row)
        for row in RiskLimit.objects.filter(enabled=True).values_list(*LimitRow._fields)
    ]
    broken: dict[tuple[Scope, str], str] = {}
    index = LimitIndex(_limits(rows, broken))
    grouped = any(row.group_id is not None for row in rows)
    return LimitBook(index, groups_of_accounts() if grouped else {}, broken)


def limit_set_of(*, deployment: Deployment, book: LimitBook | None = None) -> LimitSet:
    """All limits that hold for a deployment, each with its origin; EngineError as `LimitBook.at`.

    `book` is what has been read already.
    """
    book = book or limit_book()
    return book.at(book.place_of(deployment))


def limits_of(*, deployment: Deployment, book: LimitBook | None = None) -> Limits:
    """What of them a decision keeps to; the gate judges all."""
    return limit_set_of(deployment=deployment, book=book).for_decision()


def groups_of_accounts() -> Mapping[int, tuple[str, ...]]:
    """The groups of each account that is in any, as the words of a `Place`."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = AccountGroup.accounts.through.objects.order_by("id")
    for account_id, group_id in rows.values_list("account_id", "accountgroup_id"):
        found[account_id].append(str(group_id))
    return {account_id: tuple(groups) for account_id, groups in found.items()}


def reserved_risk(*, account: Account) -> Decimal:
    """Money that orders on their way may lose, in account currency: no position shows it yet."""
    orders = Order.objects.filter(account=account, status__in=sorted(IN_DOUBT))
    return orders.aggregate(total=Sum("risk_money"))["total"] or Decimal(0)


def _limits(rows: list[LimitRow], broken: dict[tuple[Scope, str], str]) -> Iterator[Limit]:
    for row in rows:
        try:
            yield limit_made(row)
        except EngineError as e:
            broken[row.place] = str(e)
