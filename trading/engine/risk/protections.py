"""Protections: after losses that are bad enough, entries rest for a while.

A rule looks at the trades of one place, closed within its lookback or still open, and locks that
place. Money of several accounts is added up only where their currency is the same.

A trade triggers a rule once. While a rule rests a place, only one more loss that is closed there
makes it rest longer: neither a gain nor what is open does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from trading.engine.risk.kinds import Scope, Unit
from trading.engine.risk.protection_rules import Book, Protection, Rule, Trade, Where
from trading.engine.types import ExitReason

STOPS: Final = frozenset({ExitReason.STOP, ExitReason.STOP_OUT})
SKEW: Final = timedelta(minutes=5)
"""Brokers' clocks may differ by this; what is closed later is of a market with another time."""
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rest:
    """No entries of a side (None = both) in a place until a moment, for what a trade triggered."""

    rule: int
    trade: int
    where: Where
    side: int | None
    until: datetime
    reason: str


class Breach(NamedTuple):
    """What a rule has found, and which trade made it so."""

    trade: Trade
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """The trades that a rule looks at together, oldest first, and the money of their accounts."""

    rule: Rule
    where: Where
    side: int | None
    closed: Sequence[Trade]
    open: Sequence[Trade]
    books: Mapping[int, Book]

    @property
    def losing(self) -> list[Trade]:
        """Open ones at a loss that counts, the worst last."""
        found = [trade for trade in self.open if self.rule.with_open and self.is_loss(trade)]
        return sorted(found, key=lambda trade: -trade.profit)

    @property
    def floating(self) -> Decimal:
        """Of all open ones together, where it is a loss: an open gain excuses no closed loss."""
        total = sum((trade.profit for trade in self.open), ZERO)
        return min(ZERO, total) if self.rule.with_open else ZERO

    @property
    def money(self) -> Decimal:
        """The rule's threshold."""
        return _share(self.rule, self.books.values())

    def is_loss(self, trade: Trade) -> bool:
        """Whether it lost money; where each trade has to reach the threshold, at least as much."""
        if self.rule.kind.adds_up:
            return trade.profit < 0
        least = _share(self.rule, [self.books[trade.account]])
        return trade.profit < 0 and -trade.profit >= least

    def words(self, amount: Decimal) -> str:
        """An amount in the currency of the group; without it where there are several."""
        currencies = {book.currency for book in self.books.values()}
        return f"{amount:.2f} {currencies.pop()}" if len(currencies) == 1 else "several currencies"


def judge(
    rules: Iterable[Rule],
    trades: Sequence[Trade],
    books: Mapping[int, Book],
    now: datetime,
    held: Sequence[Rest] = (),
) -> list[Rest]:
    """The rests that are due at `now`, on the clock of the trades.

    `books` are the accounts of the trades, and those whose equity shall count for what is global.
    `held` are the rests that there are and have been, each until it ended: a trade that is in one
    triggers its rule no more.
    """
    return [
        rest
        for rule in rules
        for group in _groups(rule, trades, books, now)
        if (rest := _rest(group, now, held)) is not None
    ]


def _in_a_row(trades: Iterable[Trade], is_loss: Callable[[Trade], bool]) -> list[Trade]:
    """The newest of closed trades, oldest first, that lost one after the other; gains end it.

    A trade that neither gained nor lost enough to count is passed over.
    """
    found: list[Trade] = []
    for trade in reversed(list(trades)):
        if trade.profit > 0:
            break
        if is_loss(trade):
            found.append(trade)
    return found[::-1]


def _rest(group: Group, now: datetime, held: Sequence[Rest]) -> Rest | None:
    rule, breach = group.rule, _FINDERS[group.rule.kind](group)
    if breach is None:
        return None
    trade, own = breach.trade, [rest for rest in held if rest.rule == rule.id]
    if any(rest.trade == trade.id for rest in own):
        return None
    place = (group.where, group.side)
    is_resting = any((rest.where, rest.side) == place and rest.until > now for rest in own)
    if is_resting and (trade.closed_at is None or trade.profit >= 0):
        return None
    until = rule.until(trade.closed_at or now)
    return Rest(rule.id, trade.id, *place, until, breach.reason) if until > now else None


def _groups(
    rule: Rule, trades: Sequence[Trade], books: Mapping[int, Book], now: datetime
) -> Iterator[Group]:
    found: defaultdict[tuple[Where, int | None, str], list[Trade]] = defaultdict(list)
    for trade in trades:
        closed = trade.closed_at or now
        is_recent = now - rule.lookback < closed <= now + SKEW
        if is_recent and rule.where.covers(trade.where):
            key = _key(rule, trade, books)
            if key is not None:
                found[key].append(trade)
    for (where, side, currency), members in found.items():
        over = [trade for trade in members if trade.closed_at is not None]
        yield Group(
            rule=rule,
            where=where,
            side=side,
            closed=sorted(over, key=lambda trade: (trade.closed_at or now, trade.id)),
            open=[trade for trade in members if trade.closed_at is None],
            books={
                pk: book
                for pk, book in books.items()
                if where.account in (None, pk) and currency in ("", book.currency)
            },
        )


def _key(
    rule: Rule, trade: Trade, books: Mapping[int, Book]
) -> tuple[Where, int | None, str] | None:
    """Where the rule locks for a trade, which side, and the currency that is added up there.

    None for a trade of no deployment where deployments are judged.
    """
    if rule.scope is Scope.DEPLOYMENT and trade.deployment is None:
        return None
    own = {
        Scope.GLOBAL: rule.where,
        Scope.ACCOUNT: rule.where._replace(account=trade.account),
        Scope.SYMBOL: rule.where._replace(account=trade.account, symbol=trade.symbol),
        Scope.DEPLOYMENT: trade.where,
    }
    where = own[rule.scope]
    is_sum = rule.kind.adds_up and where.account is None
    currency = books[trade.account].currency if is_sum else ""
    return where, trade.side if rule.per_side else None, currency


def _share(rule: Rule, books: Iterable[Book]) -> Decimal:
    """The threshold in money."""
    if rule.unit is Unit.MONEY:
        return rule.threshold
    by_equity = rule.unit is Unit.PERCENT_EQUITY
    base = sum((book.equity if by_equity else book.initial for book in books), ZERO)
    return base * rule.threshold / 100


def _stops(group: Group) -> Breach | None:
    stops = [t for t in group.closed if t.reason in STOPS and group.is_loss(t)]
    if len(stops) < group.rule.trades:
        return None
    lost = group.words(sum((trade.profit for trade in stops), ZERO))
    return Breach(stops[-1], f"{len(stops)} losing stops in {_span(group.rule.lookback)}, {lost}")


def _cooldown(group: Group) -> Breach | None:
    losses_only = group.rule.threshold > 0
    closed = [trade for trade in group.closed if group.is_loss(trade) or not losses_only]
    if not closed:
        return None
    return Breach(closed[-1], f"Rest after a close at {group.words(closed[-1].profit)}")


def _drawdown(group: Group) -> Breach | None:
    money, total, peak = group.money, ZERO, ZERO
    for closed in group.closed:
        total += closed.profit
        peak = max(peak, total)
    down = peak - total
    trade = _trigger(group, closed=down > money, with_open=down - group.floating > money)
    if trade is None:
        return None
    floating = f", {group.words(group.floating)} of it open" if group.floating else ""
    found = f"Drawdown {group.words(down - group.floating)}{floating}"
    return Breach(trade, f"{found} in {_span(group.rule.lookback)}, allowed {group.words(money)}")


def _profit(group: Group) -> Breach | None:
    money = group.money
    made = sum((trade.profit for trade in group.closed), ZERO)
    trade = _trigger(group, closed=made < money, with_open=made + group.floating < money)
    if trade is None:
        return None
    total, count = group.words(made + group.floating), len(group.closed) + len(group.losing)
    found = f"Made {total} in {count} trades in {_span(group.rule.lookback)}"
    return Breach(trade, f"{found}, required {group.words(money)}")


def _streak(group: Group) -> Breach | None:
    row, losing = _in_a_row(group.closed, group.is_loss), group.losing
    if len(row) >= group.rule.trades:
        losing = []
    lost = [*row, *losing]
    if len(lost) < group.rule.trades:
        return None
    floating = f", {len(losing)} of them open" if losing else ""
    total = group.words(sum((trade.profit for trade in lost), ZERO))
    return Breach(lost[-1], f"{len(lost)} losses in a row{floating}, {total}")


def _trigger(group: Group, *, closed: bool, with_open: bool) -> Trade | None:
    """The trade that made a sum too low: the last loss, or the worst open one where it takes that.

    None where neither is too low, or in too few trades.
    """
    count, losing = len(group.closed), group.losing
    if closed and count >= group.rule.trades:
        lost = [trade for trade in group.closed if trade.profit < 0]
        return (lost or group.closed)[-1]
    if with_open and losing and count + len(losing) >= group.rule.trades:
        return losing[-1]
    return None


def _span(span: timedelta) -> str:
    """A duration in its largest whole unit: 2 d, 36 h, 90 min."""
    minutes = int(span.total_seconds()) // 60
    if minutes % 1440 == 0:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


_FINDERS: Final[Mapping[Protection, Callable[[Group], Breach | None]]] = {
    Protection.STOP_GUARD: _stops,
    Protection.COOLDOWN: _cooldown,
    Protection.MAX_DRAWDOWN: _drawdown,
    Protection.LOW_PROFIT: _profit,
    Protection.LOSS_STREAK: _streak,
}
