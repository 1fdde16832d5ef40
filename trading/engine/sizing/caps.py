"""What a size may never pass, whatever the method found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from trading.engine.types import AccountState, Instrument

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Caps:
    """Plain values given from outside, money in account currency; None = not limited."""

    max_lots: Decimal | None = None
    volume_open: Decimal = ZERO
    """Lots of the symbol to the same side, open and resting: they count in its volume limit."""
    margin_use: Decimal = Decimal(80)
    """Percent of equity that may be margin after the order."""
    max_leverage: Decimal | None = None
    """How many times the equity everything open may be worth after the order."""
    notional_open: Decimal = ZERO
    """What is open and resting is worth."""
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


def lots_allowed(
    caps: Caps, instrument: Instrument, account: AccountState, per_lot: PerLot
) -> dict[str, Decimal]:
    """The most lots that each cap allows, not rounded and never negative, by the cap's name."""
    equity = account.equity
    found = {"broker maximum": instrument.volume_max}
    if instrument.volume_limit is not None:
        found["symbol volume limit"] = instrument.volume_limit - caps.volume_open
    if caps.max_lots is not None:
        found["largest order"] = caps.max_lots
    found["margin"] = (equity * caps.margin_use / 100 - account.margin) / per_lot.margin
    if caps.max_leverage is not None:
        found["leverage"] = (equity * caps.max_leverage - caps.notional_open) / per_lot.notional
    if caps.open_risk_room is not None:
        found["open risk"] = caps.open_risk_room / per_lot.loss
    if caps.loss_room is not None:
        found["loss room"] = caps.loss_room / per_lot.loss
    return {name: max(ZERO, lots) for name, lots in found.items()}
