"""Protections and the locks that hold, as the engine's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from trading.engine.risk import Scope
from trading.engine.risk.protection_rules import Book, Rule, Trade, Where
from trading.engine.risk.protections import Rest
from trading.engine.types import EngineError
from trading.models import Account, Lock, Order, Position, ProtectionRule


def locks_holding() -> QuerySet[Lock]:
    """Every lock that is neither released nor over, oldest first."""
    related = ("rule", "account", "symbol", "deployment__strategy", "deployment__symbol")
    due = Q(expires_at__isnull=True) | Q(expires_at__gt=now())
    return Lock.objects.filter(due, ended_at__isnull=True).select_related(*related).order_by("id")


def lock_over(*, order: Order) -> Lock | None:
    """A lock that keeps the order out, the one that holds longest; in one statement.

    Few locks hold at a time: to sort them out here costs less than to ask for the right ones.
    """
    at = now()
    holding = [lock for lock in Lock.objects.filter(ended_at__isnull=True) if _holds(lock, at)]
    return max((lock for lock in holding if _covers(lock, order)), key=_end, default=None)


def rules_of(*, account: Account) -> list[Rule]:
    """The enabled rules that a trade of the account may trigger; one that makes no sense is
    left out: its form refuses it."""
    rows = ProtectionRule.objects.filter(enabled=True).order_by("id")
    rules = []
    for row in rows.filter(Q(account__isnull=True) | Q(account=account)):
        try:
            rules.append(row.rule())
        except EngineError:
            continue
    return rules


def trades_for(*, rules: Sequence[Rule], account: Account, at: datetime) -> list[Trade]:
    """What the rules look at: positions closed within the longest lookback before `at`, and open
    ones; of all accounts where a rule judges everything together."""
    oldest = at - max((rule.lookback for rule in rules), default=timedelta(0))
    rows = Position.objects.filter(Q(closed_at__isnull=True) | Q(closed_at__gt=oldest))
    if not _all_accounts(rules):
        rows = rows.filter(account=account)
    return [_trade(*row) for row in rows.order_by("id").values_list(*_COLUMNS)]


def books_of(*, rules: Sequence[Rule], account: Account) -> Mapping[int, Book]:
    """The money of the account; of all where a rule judges everything together."""
    rows = Account.objects.order_by("id")
    if not _all_accounts(rules):
        rows = rows.filter(pk=account.pk)
    columns = ("pk", "currency", "equity", "balance", "initial_balance")
    return {
        pk: Book(currency, equity, balance if initial is None else initial)
        for pk, currency, equity, balance, initial in rows.values_list(*columns)
    }


def rests_of(*, rules: Iterable[Rule], trades: Iterable[Trade], at: datetime) -> list[Rest]:
    """What the rules have locked: locks that hold still, and those that trades have triggered.

    Their ends are on the clock of `at`, as far from it as they are from now.
    """
    own = Lock.objects.filter(rule__in=[rule.id for rule in rules], trade__isnull=False)
    known = Q(ended_at__isnull=True) | Q(trade__in=[trade.id for trade in trades])
    wall = now()
    return [
        Rest(
            rule=lock.rule_id or 0,
            trade=lock.trade_id or 0,
            where=Where(lock.account_id, lock.symbol_id, lock.deployment_id),
            side=lock.side,
            until=at if lock.ended_at or lock.expires_at is None else at + (lock.expires_at - wall),
            reason=lock.reason,
        )
        for lock in own.filter(known)
    ]


_COLUMNS = (
    *("id", "account_id", "symbol_id", "deployment_id", "side"),
    *("profit", "swap", "commission", "closed_at", "exit_reason"),
)


def _all_accounts(rules: Iterable[Rule]) -> bool:
    return any(rule.scope is Scope.GLOBAL for rule in rules)


def _trade(*columns: Any) -> Trade:
    pk, account, symbol, deployment, side, profit, swap, commission, *closed = columns
    return Trade(pk, account, symbol, deployment, side, profit + swap - commission, *closed)


def _holds(lock: Lock, at: datetime) -> bool:
    return lock.expires_at is None or lock.expires_at > at


def _covers(lock: Lock, order: Order) -> bool:
    names = ("account_id", "symbol_id", "deployment_id", "side")
    return all(getattr(lock, name) in (None, getattr(order, name)) for name in names)


def _end(lock: Lock) -> tuple[bool, datetime]:
    return lock.expires_at is None, lock.expires_at or lock.locked_at
