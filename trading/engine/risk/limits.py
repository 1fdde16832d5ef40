"""Limits as values, and which of them hold for a deployment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple

from trading.engine.risk.controls import GATE_ORDER, SPECS, Control
from trading.engine.risk.days import NEW_YORK, ROLLOVER, next_reset, period_start
from trading.engine.risk.decision import Limits
from trading.engine.risk.kinds import (
    Action,
    Period,
    Reference,
    Scope,
    Subject,
    Trailing,
    Unit,
    Wins,
)
from trading.engine.risk.limit_checks import check
from trading.engine.risk.spec import ControlSpec, Preset

DEFAULT: Final = "default"
"""Origin of what holds although no limit was set."""
NEW_YORK_CLOSE: Final = (ROLLOVER, NEW_YORK)


class Clock(NamedTuple):
    """When a period begins: every `period` at `reset` of the IANA `zone`."""

    period: Period
    reset: time
    zone: str

    def start(self, at: datetime) -> datetime:
        """When the period that contains `at` began, UTC."""
        return period_start(at, *self)

    def next(self, at: datetime) -> datetime:
        """When the period after it begins, UTC."""
        return next_reset(at, *self)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `target` says for which group, account, currency, symbol or deployment it was set.

    EngineError when the control does not know the unit, scope or action, or the value makes no
    sense. `limit_of` fills in the control's defaults.
    """

    control: Control
    value: Decimal
    unit: Unit
    action: Action
    scope: Scope = Scope.GLOBAL
    target: str = ""
    origin: str = ""
    """Where it was set, in words, to be shown."""
    row_id: int | None = None
    period: Period | None = None
    reset: time = ROLLOVER
    zone: str = NEW_YORK
    window: int | None = None
    """Seconds over which it counts."""
    reference: Reference = Reference.HIGHER
    trailing: Trailing = Trailing.STATIC
    lock: Decimal | None = None
    """Percent of the initial balance above it at which the floor stops rising; None = never."""
    hedge_credit: bool = True
    """Whether correlated positions that offset each other count less."""
    hard: bool = True
    """A breach holds until a person lets go of it; otherwise until the next reset."""

    spec: ControlSpec = field(init=False, repr=False, compare=False)
    subject: Subject = field(init=False, repr=False, compare=False)
    """Whose sum or count it limits."""
    clock: Clock = field(init=False, repr=False, compare=False)
    """When its period begins; of a control that has none, the trading day."""

    def __post_init__(self) -> None:
        check(self)
        # asked for with every order, so that they are worked out once
        spec = SPECS[self.control]
        clock = Clock(self.period or Period.DAY, self.reset, self.zone)
        object.__setattr__(self, "spec", spec)
        object.__setattr__(self, "subject", spec.subjects[self.scope])
        object.__setattr__(self, "clock", clock)

    @property
    def own(self) -> str:
        """The target where the subject is one of several: a group or a currency; else ''."""
        return self.target if self.subject in (Subject.GROUP, Subject.CURRENCY) else ""

    @property
    def words(self) -> str:
        """Value and unit, to be read."""
        return f"{self.value.normalize():f} {self.unit.words}".rstrip()


def limit_of(control: Control, value: Decimal | int | str, **given: Any) -> Limit:
    """A limit with the control's defaults for what is not given."""
    spec = SPECS[control]
    defaults: dict[str, Any] = {
        "unit": spec.units[0],
        "action": spec.actions[0],
        "period": Period.DAY if spec.periodic else None,
        "window": spec.window,
        "hard": spec.hard,
    }
    return Limit(control, Decimal(value), **{**defaults, **given})


@dataclass(frozen=True, slots=True)
class LimitSet:
    """All limits that hold for one deployment, in the order of the gate, the strictest first."""

    limits: tuple[Limit, ...] = ()
    _by_control: Mapping[Control, tuple[Limit, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: defaultdict[Control, list[Limit]] = defaultdict(list)
        for limit in sorted(self.limits, key=_order):
            found[limit.control].append(limit)
        ordered = {control: tuple(limits) for control, limits in found.items()}
        object.__setattr__(self, "_by_control", ordered)
        object.__setattr__(self, "limits", tuple(x for xs in ordered.values() for x in xs))

    def __iter__(self) -> Iterator[Limit]:
        return iter(self.limits)

    def __len__(self) -> int:
        return len(self.limits)

    def of(self, control: Control) -> tuple[Limit, ...]:
        """All limits of a control that hold at once, such as the loss of a day and of a month."""
        return self._by_control.get(control, ())

    def strictest(
        self, control: Control, unit: Unit, subject: Subject | None = None
    ) -> Decimal | None:
        """The value of one unit (and subject) that refuses first; None = not limited."""
        values = [
            limit.value
            for limit in self.of(control)
            if limit.unit is unit
            and limit.action is not Action.NOTIFY
            and subject in (None, limit.subject)
        ]
        if not values:
            return None
        return min(values) if SPECS[control].lower_is_stricter else max(values)

    def for_decision(self) -> Limits:
        """What of this `decide` and the simulator judge; the gate judges the rest."""
        positions = self.strictest(Control.MAX_POSITIONS, Unit.COUNT, Subject.ACCOUNT)
        losses = [
            limit.value
            for limit in self.of(Control.DAILY_LOSS)
            if (limit.unit, limit.subject) == (Unit.PERCENT_REFERENCE, Subject.ACCOUNT)
            and limit.reference is Reference.HIGHER
            and limit.clock == (Period.DAY, *NEW_YORK_CLOSE)
            and limit.action is not Action.NOTIFY
        ]
        margin = self.strictest(Control.MARGIN_USE, Unit.PERCENT_EQUITY)
        return Limits(
            max_lots=self.strictest(Control.MAX_LOTS, Unit.LOTS),
            max_spread=self.strictest(Control.MAX_SPREAD, Unit.TICKS),
            max_positions=None if positions is None else int(positions),
            daily_loss=min(losses, default=None),
            margin_use=Limits().margin_use if margin is None else margin,
        )


def effective(limits: Iterable[Limit]) -> LimitSet:
    """Of limits that all apply, those that hold, each with its origin, and the standing defaults.

    Limits that say the same of the same subject compete: the nearest scope wins, or the strictest
    value where the control says so. Others (of another period, unit or kind) hold beside them. A
    standing default holds where nobody has set its control in its unit. What only notifies takes
    the place of nothing that refuses.
    """
    slots: dict[tuple[object, ...], Limit] = {}
    given: set[tuple[Control, Unit]] = set()
    for limit in limits:
        if limit.action is not Action.NOTIFY:
            given.add((limit.control, limit.unit))
        slot = _slot(limit)
        slots[slot] = _winner(slots[slot], limit) if slot in slots else limit
    rest = [limit for limit in STANDING if (limit.control, limit.unit) not in given]
    return LimitSet((*slots.values(), *rest))


def preset_limit(control: Control, preset: Preset, **given: Any) -> Limit:
    """What the catalogue proposes, as a limit."""
    action = preset.action or SPECS[control].actions[0]
    terms = {"unit": preset.unit, "scope": preset.scope, "action": action}
    return limit_of(control, preset.value, **{**terms, **given})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order stands, in the words of `Limit.target`."""

    account: str
    deployment: str = ""
    symbol: str = ""
    groups: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()

    def targets(self) -> Iterator[tuple[Scope, str]]:
        """Every scope and target whose limits apply here."""
        yield Scope.GLOBAL, ""
        yield from ((Scope.GROUP, group) for group in self.groups)
        yield Scope.ACCOUNT, self.account
        yield from ((Scope.CURRENCY, currency) for currency in self.currencies)
        yield Scope.SYMBOL, self.symbol
        yield Scope.DEPLOYMENT, self.deployment


class LimitIndex:
    """Many limits by what they were set for, so that finding those of one place is quick."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits: defaultdict[tuple[Scope, str], list[Limit]] = defaultdict(list)
        for limit in limits:
            self._limits[limit.scope, limit.target].append(limit)

    def at(self, place: Place) -> LimitSet:
        """What holds at a place."""
        return effective(x for key in place.targets() for x in self._limits.get(key, ()))


def _order(limit: Limit) -> tuple[int, str, Decimal]:
    sign = 1 if limit.spec.lower_is_stricter else -1
    return GATE_ORDER[limit.control], limit.unit, sign * limit.value


def _slot(limit: Limit) -> tuple[object, ...]:
    """Limits with an equal slot say the same of the same subject."""
    what: tuple[object, ...] = (limit.control, limit.unit, limit.subject, limit.own)
    if limit.spec.wins is Wins.NEAREST:
        return (*what, limit.action is Action.NOTIFY)
    kind = (limit.window, limit.reference, limit.trailing, limit.lock, limit.hedge_credit)
    return (*what, *kind, limit.action, limit.hard, limit.clock)


def _winner(one: Limit, other: Limit) -> Limit:
    """The one that holds of two with an equal slot; of equals the first."""
    if one.spec.wins is Wins.NEAREST and one.scope is not other.scope:
        return max(one, other, key=lambda limit: limit.scope.rank)
    pick = min if one.spec.lower_is_stricter else max
    return pick(one, other, key=lambda limit: limit.value)


STANDING: Final = tuple(
    preset_limit(control, preset, origin=DEFAULT)
    for control, spec in SPECS.items()
    if spec.standing
    for preset in spec.presets
)
"""What holds although nobody has set it."""
