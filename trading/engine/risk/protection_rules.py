"""What protections are made of: rules, the trades they look at, and the money of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from trading.engine.risk.days import NEW_YORK, ROLLOVER
from trading.engine.risk.kinds import Period, Scope, Unit
from trading.engine.risk.limit_checks import is_zone
from trading.engine.risk.limits import Clock
from trading.engine.types import EngineError

SCOPES: Final = (Scope.GLOBAL, Scope.ACCOUNT, Scope.SYMBOL, Scope.DEPLOYMENT)
UNITS: Final = (Unit.MONEY, Unit.PERCENT_EQUITY, Unit.PERCENT_INITIAL)
TRADING_DAY: Final = Clock(Period.DAY, ROLLOVER, NEW_YORK)


class Protection(StrEnum):
    """What a rule looks for; `trades` and `threshold` are those of the rule."""

    STOP_GUARD = "STOP_GUARD"
    """At least `trades` stops within the lookback that lost money, each at least `threshold`."""
    COOLDOWN = "COOLDOWN"
    """Any close; with a threshold, one that loses at least as much."""
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    """More than `threshold` below the highest sum of profits, in at least `trades` trades."""
    LOW_PROFIT = "LOW_PROFIT"
    """Less than `threshold` made in at least `trades` trades; a loss allowed is negative."""
    LOSS_STREAK = "LOSS_STREAK"
    """The last `trades` all lost, each at least `threshold`; a gain ends the streak."""

    @property
    def adds_up(self) -> bool:
        """Whether the threshold is that of a sum, not of each trade."""
        return self in (Protection.MAX_DRAWDOWN, Protection.LOW_PROFIT)


class Where(NamedTuple):
    """An account, a symbol, a deployment, by their numbers; None = any."""

    account: int | None = None
    symbol: int | None = None
    deployment: int | None = None

    def covers(self, other: Where) -> bool:
        return all(own in (None, its) for own, its in zip(self, other, strict=True))


ANYWHERE: Final = Where()


class Book(NamedTuple):
    """The money of an account, of which percentages are taken."""

    currency: str
    equity: Decimal
    initial: Decimal
    """Initial balance."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A position that was closed, or is open: then `profit` is floating. Account currency, net of
    commission and swap."""

    id: int
    account: int
    symbol: int
    deployment: int | None
    side: int
    profit: Decimal
    closed_at: datetime | None = None
    reason: str = ""
    """Why it was closed."""

    @property
    def where(self) -> Where:
        return Where(self.account, self.symbol, self.deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One protection. EngineError when its numbers make no sense.

    `scope` says what is looked at and locked as one; `where` narrows down what the rule is for.
    """

    id: int
    kind: Protection
    scope: Scope = Scope.ACCOUNT
    where: Where = ANYWHERE
    lookback: timedelta = timedelta(days=1)
    trades: int = 1
    threshold: Decimal = Decimal(0)
    unit: Unit = Unit.MONEY
    per_side: bool = False
    """Each side is looked at and locked by itself."""
    with_open: bool = True
    """Open losses count, except where only closes do: with a stop guard and a cooldown."""
    duration: timedelta | None = None
    """Of a lock; None = until the next reset of `clock`."""
    clock: Clock = TRADING_DAY

    def __post_init__(self) -> None:
        expected = _number_problem(self) or _time_problem(self)
        if expected:
            raise EngineError(f"{self.kind}: expected {expected}")

    def until(self, since: datetime) -> datetime:
        """When a lock that begins at `since` ends."""
        return self.clock.next(since) if self.duration is None else since + self.duration


def _number_problem(rule: Rule) -> str:
    if rule.scope not in SCOPES:
        return f"a scope of {' or '.join(SCOPES)}, was {rule.scope}"
    if rule.unit not in UNITS:
        return f"a unit of {' or '.join(UNITS)}, was {rule.unit}"
    if rule.trades < 1:
        return f"at least 1 trade, was {rule.trades}"
    if not rule.threshold.is_finite():
        return f"a threshold that is a number, was {rule.threshold}"
    if rule.kind is Protection.MAX_DRAWDOWN and rule.threshold <= 0:
        return f"a threshold above 0, was {rule.threshold}"
    if rule.kind is not Protection.LOW_PROFIT and rule.threshold < 0:
        return f"a threshold of at least 0, was {rule.threshold}"
    return ""


def _time_problem(rule: Rule) -> str:
    if rule.lookback <= timedelta(0):
        return f"a lookback above 0, was {rule.lookback}"
    if rule.duration is not None and rule.duration <= timedelta(0):
        return f"a duration above 0, was {rule.duration}"
    return "" if is_zone(rule.clock.zone) else f"an IANA time zone, was {rule.clock.zone!r}"
