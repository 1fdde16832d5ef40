"""What there is to say about a control, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from trading.engine.risk.kinds import Action, Judged, Scope, Subject, Unit, Wins


@dataclass(frozen=True, slots=True)
class Preset:
    """A value that the catalogue proposes."""

    value: Decimal
    unit: Unit
    scope: Scope = Scope.GLOBAL
    action: Action | None = None
    """None = the default of the control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSpec:
    """What is fixed about a control.

    `subjects` says for each scope it may be set for whose sum or count is then limited. `rule` is
    what must hold, in words, with `value` for the limit's number.
    """

    catalogue: str
    label: str
    rule: str
    code: str
    """Of the refusal; stable."""
    units: tuple[Unit, ...]
    """The first is the default."""
    subjects: Mapping[Scope, Subject]
    actions: tuple[Action, ...] = (Action.BLOCK, Action.NOTIFY)
    """The first is the default."""
    wins: Wins = Wins.STRICTEST
    lower_is_stricter: bool = True
    judged: Judged = Judged.GATE
    presets: tuple[Preset, ...] = ()
    standing: bool = False
    """Whether the presets hold where no limit was set."""
    window: int | None = None
    """Seconds over which it counts, by default; None = it counts no time."""
    periodic: bool = False
    """Whether it has period, reset and zone."""
    referenced: bool = False
    """Whether its loss counts from a reference at the reset."""
    trails: bool = False
    """Whether it is a drawdown, static or trailing."""
    is_own_stream: bool = False
    """Whether it is about the deployment's own profit and loss, not the account's."""
    hard: bool = True
    """By default, whether a person must end what a breach began; otherwise the next reset does."""
    simulated: bool = False
    """Whether the simulator judges it."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(self.subjects)


def preset(
    value: str, unit: Unit, scope: Scope = Scope.GLOBAL, action: Action | None = None
) -> Preset:
    return Preset(Decimal(value), unit, scope, action)


ON: Final = (preset("1", Unit.FLAG),)
"""Of a control that holds or does not."""
STOPPING: Final = (Action.PAUSE, Action.NOTIFY, Action.BLOCK, Action.REDUCE, Action.FLATTEN)
LATCHING: Final = (Action.PAUSE, Action.NOTIFY, Action.BLOCK)
LOSS_UNITS: Final = (Unit.PERCENT_REFERENCE, Unit.PERCENT_INITIAL, Unit.MONEY)
EQUITY_UNITS: Final = (Unit.PERCENT_EQUITY, Unit.MONEY)

_OUTER: Final = (Scope.GLOBAL, Scope.GROUP, Scope.ACCOUNT)
_MOST: Final = (*_OUTER, Scope.SYMBOL, Scope.DEPLOYMENT)
EACH_ORDER: Final = dict.fromkeys(_MOST, Subject.ORDER)
EACH_STRATEGY: Final = dict.fromkeys(_MOST, Subject.DEPLOYMENT)
EACH_ACCOUNT: Final = dict.fromkeys((*_OUTER, Scope.DEPLOYMENT), Subject.ACCOUNT)
SUMS: Final = {
    Scope.GLOBAL: Subject.ACCOUNT,
    Scope.GROUP: Subject.GROUP,
    Scope.ACCOUNT: Subject.ACCOUNT,
}
"""Set globally it is the sum of each account; the sum of all accounts has controls of its own."""
LOSSES: Final = {**SUMS, Scope.DEPLOYMENT: Subject.ACCOUNT}
COUNTS: Final = {**SUMS, Scope.SYMBOL: Subject.SYMBOL, Scope.DEPLOYMENT: Subject.DEPLOYMENT}
EVERYTHING: Final = {Scope.GLOBAL: Subject.GLOBAL}
