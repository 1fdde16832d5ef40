"""What a size may never pass beside the broker's own limits, whatever the method found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Caps:
    """Plain values given from outside, money in account currency; None = not limited."""

    max_lots: Decimal | None = None
    volume_open: Decimal = ZERO
    """Lots of the symbol to the same side, open and resting: they count in its volume limit."""
    margin_use: Decimal = Decimal(80)
    """Percent of equity that may be margin after the order."""
    notional_open: Decimal | None = ZERO
    """What is open and resting is worth; None = it cannot be told."""
    open_risk_room: Decimal | None = None
    """What the stops of all positions together may still cost more."""
    loss_room: Decimal | None = None
    """What may still be lost before a limit stops trading."""

    def numbers(self) -> Iterable[tuple[str, Decimal]]:
        """Those that are set, by name."""
        found = ((f.name, getattr(self, f.name)) for f in fields(self))
        return ((name, value) for name, value in found if value is not None)


@dataclass(frozen=True, slots=True)
class PerLot:
    """What one lot costs of each scarce thing, account currency."""

    loss: Decimal
    margin: Decimal
    notional: Decimal
