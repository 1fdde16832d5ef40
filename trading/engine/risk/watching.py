"""What the equity guard watches: limits of losses by whose equity they are, and its alarms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from trading.engine.guarding import Terms
from trading.engine.risk.controls import Control
from trading.engine.risk.kinds import Action, Scope, Subject, Trailing
from trading.engine.risk.limits import Clock, Limit, LimitIndex, Place
from trading.engine.risk.references import ALL, DrawdownState, Floor, floor_of

GUARDED: Final = frozenset(
    (
        Control.STRATEGY_LOSS,
        Control.STRATEGY_DRAWDOWN,
        Control.DAILY_LOSS,
        Control.DAILY_LOSS_USED,
        Control.MAX_DRAWDOWN,
        Control.EQUITY_STOP,
        Control.MARGIN_LEVEL,
        Control.GLOBAL_LOSS,
    )
)
STEPS: Final = (Control.DAILY_LOSS_USED, Control.MARGIN_LEVEL)
"""Rungs of a ladder: they have no warnings of their own, and no buffer."""
ACTING: Final = (Action.REDUCE, Action.PAUSE, Action.FLATTEN)
WARNINGS: Final = (80, 60)
"""Percent of a loss limit that is used."""


class Owner(NamedTuple):
    """Whose equity it is: an account's, a deployment's own, a group's, or of all accounts."""

    subject: Subject
    target: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether several accounts are part of it."""
        return self.subject in (Subject.GROUP, Subject.GLOBAL)


class Rule(NamedTuple):
    """A limit and whose equity it limits. What it stops is told by the limit's own scope."""

    limit: Limit
    owner: Owner

    @property
    def stops(self) -> Owner:
        """What a breach stops: the owner, or only the deployment that the limit was set for."""
        if self.limit.scope is Scope.DEPLOYMENT:
            return Owner(Subject.DEPLOYMENT, self.limit.target)
        return self.owner


def rules_of(index: LimitIndex, account: Place, deployments: Iterable[Place]) -> tuple[Rule, ...]:
    """What the guard of an account watches: its own limits, those of its groups and of everything,
    and those of each of its deployments."""
    found = [
        Rule(limit, Owner(limit.subject, _owner_target(limit, account)))
        for limit in index.at(account)
        if limit.control in GUARDED and limit.subject is not Subject.DEPLOYMENT
    ]
    for place in deployments:
        for limit in index.at(place):
            if limit.control not in GUARDED:
                continue
            if limit.subject is Subject.DEPLOYMENT:
                found.append(Rule(limit, Owner(Subject.DEPLOYMENT, place.deployment)))
            elif limit.scope is Scope.DEPLOYMENT:
                found.append(Rule(limit, Owner(Subject.ACCOUNT, account.account)))
    return tuple(found)


def _owner_target(limit: Limit, account: Place) -> str:
    if limit.subject is Subject.ACCOUNT:
        return account.account
    return limit.target if limit.subject is Subject.GROUP else ""


class Kind(StrEnum):
    """What was found, from the mildest to the most severe."""

    WARNED = "WARNED"
    """So much of the room is used."""
    WORST = "WORST"
    """It would be broken if every stop were hit."""
    RESET = "RESET"
    """It would be broken by the coming reset alone."""
    TRIM = "TRIM"
    """The same, and it is time to close what would break it."""
    BROKEN = "BROKEN"
    """The floor, or the buffer above it, is reached: the limit's action is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something to be told or done, once in a period. Money is the owner's."""

    rule: Rule
    clock: Clock
    kind: Kind
    level: int
    """Percent used of the room; 100 unless it is a warning."""
    began: datetime
    """The period it belongs to, UTC."""
    ends: datetime
    """The next reset."""
    equity: Decimal
    worst: Decimal
    """Equity when every stop is hit."""
    reference: Decimal
    floor: Decimal
    buffer: Decimal
    key: str

    @property
    def limit(self) -> Limit:
        return self.rule.limit


@dataclass(frozen=True, slots=True)
class Mark:
    """Equity at which an alarm is due."""

    kind: Kind
    level: int
    threshold: Decimal
    inclusive: bool = True

    def is_reached(self, equity: Decimal) -> bool:
        return equity <= self.threshold if self.inclusive else equity < self.threshold


@dataclass(frozen=True, slots=True)
class Track:
    """A limit under watch; `base` is the loss limit of which a DAILY_LOSS_USED is a share."""

    rule: Rule
    base: Limit | None = None

    @property
    def limit(self) -> Limit:
        return self.rule.limit

    @property
    def clock(self) -> Clock:
        return (self.base or self.limit).clock

    @property
    def is_step(self) -> bool:
        return self.limit.control in STEPS

    @property
    def acts(self) -> bool:
        return self.limit.action in ACTING

    @property
    def is_trailing(self) -> bool:
        """Whether its floor rises with every new peak of equity."""
        return self.limit.trailing is Trailing.INTRADAY

    def key(self, began: datetime, kind: Kind, level: int) -> str:
        """Tells alarms apart: the same for the same limit, owner, period, kind and level."""
        limit, owner = self.limit, self.rule.owner
        what = (limit.control, limit.words, limit.action, limit.trailing, *self.rule.stops, *owner)
        clock = (self.clock.period, f"{self.clock.reset:%H:%M}", self.clock.zone)
        base = "" if self.base is None else self.base.words
        return "|".join((*what, *clock, base, words_of_moment(began), kind, str(level)))

    def floor(self, state: DrawdownState, equity: Decimal, margin: Decimal) -> Floor:
        """Where it is broken; without room where it is a rung of the margin level."""
        if self.limit.control is Control.MARGIN_LEVEL:
            least = margin * self.limit.value / ALL
            return Floor(self.limit, least, least, equity)
        if self.base is None:
            return floor_of(self.limit, state, equity)
        whole = floor_of(self.base, state, equity)
        lost = (whole.reference - whole.floor) * self.limit.value / ALL
        return replace(whole, limit=self.limit, floor=whole.reference - lost)

    def marks(self, floor: Floor, buffer: Decimal, told: frozenset[Decimal]) -> tuple[Mark, ...]:
        """From where equity raises alarms, the most severe first; `told` are the percents used of
        which rules of their own tell."""
        # what acts in time acts at its threshold; a floor itself is still legal, a share is not
        inclusive = buffer > 0 or self.base is not None
        marks = [Mark(Kind.BROKEN, 100, floor.floor + buffer, inclusive)]
        room = floor.reference - floor.floor
        if room > 0 and not self.is_step:
            levels = [level for level in WARNINGS if level not in told]
            marks += [
                Mark(Kind.WARNED, level, floor.reference - room * level / ALL) for level in levels
            ]
        return tuple(marks)

    def buffer(self, floor: Floor, cost: Decimal, terms: Terms) -> Decimal:
        """How far above the floor it acts, at most half the room: what closing everything costs,
        and a share of the loss allowed. Only of what acts."""
        if self.is_step or not self.acts:
            return Decimal(0)
        room = max(Decimal(0), floor.reference - floor.floor)
        share = room * Decimal(str(terms.buffer_percent)) / ALL
        return min(cost + share, room / 2)


def tracks_of(rules: Iterable[Rule]) -> tuple[Track, ...]:
    """A track for each rule; for a share of a daily loss one for each loss it is a share of."""
    rules = tuple(rules)
    return tuple(track for rule in rules for track in _tracks(rule, rules))


def _tracks(rule: Rule, rules: tuple[Rule, ...]) -> Iterator[Track]:
    if rule.limit.control is not Control.DAILY_LOSS_USED:
        yield Track(rule)
        return
    for other in rules:
        refuses = other.limit.action is not Action.NOTIFY
        if other.limit.control is Control.DAILY_LOSS and refuses and other.owner == rule.owner:
            yield Track(rule, other.limit)


def words_of_moment(at: datetime) -> str:
    """A moment in the words of a key; they sort as moments do."""
    return f"{at:%Y%m%dT%H%M%S}"


def began_of(key: str) -> str:
    """When the period of an alarm began, in the words of its key."""
    return key.split("|")[-3]


def is_same_limit(key: str, other: str) -> bool:
    """Whether two alarms differ in their periods alone."""
    one, two = key.split("|"), other.split("|")
    return one[:-3] + one[-2:] == two[:-3] + two[-2:]
