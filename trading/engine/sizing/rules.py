"""What a person decides about the size of trades."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from trading.engine.types import EngineError

ZERO: Final = Decimal(0)
HUNDRED: Final = Decimal(100)


class Method(StrEnum):
    """What a size is found by; the value's unit is part of the label."""

    FIXED = "FIXED"
    FRACTIONAL = "FRACTIONAL"
    MONEY = "MONEY"
    ATR = "ATR"
    VOLATILITY = "VOLATILITY"
    KELLY = "KELLY"

    @property
    def label(self) -> str:
        return _METHODS[self]


_METHODS = {
    Method.FIXED: "Fixed lots",
    Method.FRACTIONAL: "Percent of the base, lost at the stop",
    Method.MONEY: "Money, lost at the stop",
    Method.ATR: "Percent of the base, lost over a multiple of the ATR or at a farther stop",
    Method.VOLATILITY: "Volatility target, percent of the base a year",
    Method.KELLY: "Quarter Kelly, at most so many percent of the base",
}
PERCENT_AT_STOP: Final = frozenset({Method.FRACTIONAL, Method.ATR, Method.KELLY})
"""Methods whose value is percent of the base at risk."""


class Base(StrEnum):
    """Which money a percentage is of."""

    LESSER = "LESSER"
    BALANCE = "BALANCE"
    EQUITY = "EQUITY"
    FREE_MARGIN = "FREE_MARGIN"
    DAY_START = "DAY_START"
    LOSS_ROOM = "LOSS_ROOM"

    @property
    def label(self) -> str:
        return _BASES[self]


_BASES = {
    Base.LESSER: "The smaller of balance and equity",
    Base.BALANCE: "Balance",
    Base.EQUITY: "Equity",
    Base.FREE_MARGIN: "Free margin",
    Base.DAY_START: "Balance at the day's start",
    Base.LOSS_ROOM: "What may still be lost before a limit stops trading",
}


@dataclass(frozen=True, slots=True)
class SizingRule:
    """How large the trades of a deployment are. EngineError for what makes no sense.

    `value` is in the unit of the method: lots, percent of the base (a year for VOLATILITY), money.
    """

    method: Method = Method.FRACTIONAL
    value: Decimal = Decimal("0.5")
    base: Base = Base.LESSER
    atr_multiple: Decimal = Decimal(2)
    """ATR: the stop is taken to be so many ATR away, or where it is when that is farther."""
    window: int = 20
    """Bars that the ATR and the volatility are measured over."""
    start_percent: Decimal = ZERO
    """KELLY: percent of the base at risk until there are enough trades; 0 = no entry."""
    drawdown_from: Decimal | None = None
    drawdown_to: Decimal | None = None
    """Percent of drawdown from which sizes shrink, and at which they are 0; None = never."""
    curve_factor: Decimal | None = None
    """What sizes are multiplied with while the strategy's equity is below its mean; 0 to 1."""
    gap_ticks: int = 0
    """Allowance for a price that jumps over the stop."""
    nights: int = 0
    """Nights a position is expected to be held: what swap they cost counts as loss."""
    max_risk_coefficient: Decimal = Decimal(1)
    """The broker's smallest order is taken where it is at most so many times the size found;
    1 = never."""
    max_leverage: Decimal | None = None
    """How many times the equity everything open may be worth after the order."""

    def __post_init__(self) -> None:
        most = None if self.method in (Method.FIXED, Method.MONEY) else HUNDRED
        _expect("value", self.value, ZERO, most, above=True)
        _expect("atr_multiple", self.atr_multiple, ZERO, HUNDRED, above=True)
        _expect("window", Decimal(self.window), Decimal(2), Decimal(500))
        _expect("start_percent", self.start_percent, ZERO, HUNDRED)
        _expect("gap_ticks", Decimal(self.gap_ticks), ZERO, None)
        _expect("nights", Decimal(self.nights), ZERO, Decimal(365))
        _expect("max_risk_coefficient", self.max_risk_coefficient, Decimal(1), Decimal(10))
        if self.max_leverage is not None:
            _expect("max_leverage", self.max_leverage, ZERO, None, above=True)
        if self.curve_factor is not None:
            _expect("curve_factor", self.curve_factor, ZERO, Decimal(1))
        self._check_drawdown()

    def _check_drawdown(self) -> None:
        start, end = self.drawdown_from, self.drawdown_to
        if start is None and end is None:
            return
        if start is None or end is None or not ZERO <= start < end <= HUNDRED:
            raise EngineError(
                f"Expected 0 <= drawdown_from < drawdown_to <= 100, was {start} and {end}"
            )

    @property
    def settings(self) -> Mapping[str, str]:
        """Method, value and base, and whatever else is not as usual, in words and numbers."""
        usual = SizingRule()
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        always = ("method", "value", "base")
        return {
            name: f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
            for name, value in found.items()
            if name in always or value != getattr(usual, name)
        }

    @property
    def bars(self) -> int:
        """Closed bars that a measure of the method needs."""
        return self.window + 1 if self.method in (Method.ATR, Method.VOLATILITY) else 0


def fractional(percent: Decimal | int | str) -> SizingRule:
    """The usual rule: so many percent of min(balance, equity) are lost at the stop."""
    return SizingRule(value=Decimal(percent))


def rule_of(settings: Mapping[str, object]) -> SizingRule:
    """A rule from plain values, such as `settings`; EngineError names what is unknown or no value
    of its kind."""
    kinds: dict[str, Callable[[str], Any]] = {
        f.name: _KINDS.get(str(f.type), Decimal) for f in fields(SizingRule)
    }
    unknown = sorted(set(settings) - set(kinds))
    if unknown:
        raise EngineError(f"Expected of a sizing rule {', '.join(kinds)}, was {', '.join(unknown)}")
    values = {}
    for name, value in settings.items():
        try:
            values[name] = kinds[name](str(value))
        except (ValueError, ArithmeticError):
            raise EngineError(f"{name}: expected a value of its kind, was {value!r}") from None
    return SizingRule(**values)


_KINDS: Final[Mapping[str, Callable[[str], Any]]] = {"Method": Method, "Base": Base, "int": int}
"""By the annotation of a field; others are Decimal."""


def _expect(
    name: str, value: Decimal, least: Decimal, most: Decimal | None, *, above: bool = False
) -> None:
    is_enough = value.is_finite() and (value > least or (value == least and not above))
    if is_enough and (most is None or value <= most):
        return
    span = f"{'above' if above else 'at least'} {least}" + (f", at most {most}" if most else "")
    raise EngineError(f"Expected {name} {span}, was {value}")
