"""What a limit must be to make sense."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from trading.engine.risk.controls import SPECS, Control
from trading.engine.risk.kinds import Reference, Scope, Trailing, Unit
from trading.engine.types import EngineError

if TYPE_CHECKING:
    from trading.engine.risk.limits import Limit

_AT_MOST_ALL: Final = (Unit.PERCENT_INITIAL, Unit.PERCENT_REFERENCE)


def check(limit: Limit) -> None:
    """EngineError says what was expected of which field."""
    for problem in (_value_problem, _kind_problem, _time_problem, _loss_problem):
        found = problem(limit)
        if found:
            raise EngineError(f"{limit.control}: expected {found}")


def _value_problem(limit: Limit) -> str:
    value, unit = limit.value, limit.unit
    if not (value.is_finite() and value >= 0):
        return f"a value of at least 0, was {value}"
    if unit is Unit.FLAG and value != 1:
        return f"a value of 1, was {value}"
    if unit is Unit.COUNT and value != value.to_integral_value():
        return f"a whole number, was {value}"
    share = unit in _AT_MOST_ALL or (limit.control, unit) == (
        Control.MARGIN_USE,
        Unit.PERCENT_EQUITY,
    )
    return f"a value of at most 100 %, was {value}" if share and value > 100 else ""


def _kind_problem(limit: Limit) -> str:
    spec = SPECS[limit.control]
    if not limit.hedge_credit and limit.control is not Control.CORRELATED_EXPOSURE:
        return "hedge_credit, which is of correlated exposure alone, was none"
    if limit.unit not in spec.units:
        return f"a unit of {_listed(spec.units)}, was {limit.unit}"
    if limit.scope not in spec.subjects:
        return f"a scope of {_listed(spec.scopes)}, was {limit.scope}"
    if limit.action not in spec.actions:
        return f"an action of {_listed(spec.actions)}, was {limit.action}"
    if (limit.scope is Scope.GLOBAL) == bool(limit.target):
        return f"a target unless it is global, was {limit.scope} {limit.target!r}"
    return ""


def _time_problem(limit: Limit) -> str:
    spec = SPECS[limit.control]
    if (limit.period is not None) != spec.periodic:
        return f"{'a' if spec.periodic else 'no'} period, was {limit.period}"
    if (limit.window is not None) != (spec.window is not None):
        return f"{'no' if spec.window is None else 'a'} window, was {limit.window}"
    if limit.window is not None and limit.window <= 0:
        return f"a window above 0 s, was {limit.window}"
    if limit.reset.tzinfo is not None:
        return f"a reset of the zone's clock, was {limit.reset}"
    return "" if is_zone(limit.zone) else f"an IANA time zone, was {limit.zone!r}"


def _loss_problem(limit: Limit) -> str:
    spec = SPECS[limit.control]
    if limit.reference is not Reference.HIGHER and not spec.referenced:
        return f"no reference, was {limit.reference}"
    if limit.trailing is not Trailing.STATIC and not spec.trails:
        return f"no trailing, was {limit.trailing}"
    if limit.lock is None:
        return ""
    if limit.trailing is Trailing.STATIC:
        return f"a lock only where the floor trails, was {limit.lock}"
    if not (limit.lock.is_finite() and limit.lock >= 0):
        return f"a lock of at least 0 %, was {limit.lock}"
    return ""


@lru_cache(maxsize=64)
def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, not a name, a directory
        return False
    return True


def _listed(words: tuple[str, ...]) -> str:
    return " or ".join(words)
