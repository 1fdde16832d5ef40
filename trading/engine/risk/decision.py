"""The limits that `decide` and the simulator judge themselves, and the refusals they cause."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from trading.engine.types import AccountState, Denied, EngineError, Market


@dataclass(frozen=True, slots=True)
class Limits:
    """What one decision keeps to; None = not limited. The gate judges the whole `LimitSet`."""

    max_lots: Decimal | None = None
    max_spread: Decimal | None = None
    """Ticks."""
    max_positions: int | None = None
    daily_loss: Decimal | None = None
    """Percent of the day's start equity; equity below start x (1 - this) blocks entries."""
    margin_use: Decimal = Decimal(80)
    """Percent of equity that may be margin after the order, at most 100."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None and not (Decimal(value).is_finite() and value >= 0):
                raise EngineError(f"Expected {f.name} of at least 0, was {value}")
        if self.margin_use > 100:
            raise EngineError(f"Expected margin_use of at most 100 %, was {self.margin_use}")


def denial(
    limits: Limits, account: AccountState, market: Market, reserved: int = 0
) -> Denied | None:
    """The first limit that forbids an entry now, or None. Sizing applies the volume limits.

    `reserved` are entries on their way or resting, whose positions are not open yet.
    """
    return (
        _spread_denial(limits, market)
        or _positions_denial(limits, account, reserved)
        or _daily_loss_denial(limits, account)
    )


def _spread_denial(limits: Limits, market: Market) -> Denied | None:
    spread = market.quote.spread / market.instrument.tick_size
    if limits.max_spread is None or spread <= limits.max_spread:
        return None
    return Denied(
        "SPREAD_TOO_WIDE",
        f"Spread is {spread:f} ticks, limit {limits.max_spread:f}",
        {"spread_ticks": f"{spread:f}", "limit": f"{limits.max_spread:f}"},
    )


def _positions_denial(limits: Limits, account: AccountState, reserved: int) -> Denied | None:
    count = len(account.positions) + reserved
    if limits.max_positions is None or count < limits.max_positions:
        return None
    return Denied(
        "MAX_POSITIONS",
        f"{count} positions are open or on their way, limit {limits.max_positions}",
        {
            "positions": str(len(account.positions)),
            "reserved": str(reserved),
            "limit": str(limits.max_positions),
        },
    )


def _daily_loss_denial(limits: Limits, account: AccountState) -> Denied | None:
    if limits.daily_loss is None:
        return None
    if account.day_start_equity is None:
        return Denied("DAY_START_UNKNOWN", "The day's start equity is not known yet")
    floor = account.day_start_equity * (1 - limits.daily_loss / 100)
    if account.equity >= floor:
        return None
    return Denied(
        "DAILY_LOSS",
        f"Equity {account.equity:f} is below the day's floor {floor:f}",
        {"equity": f"{account.equity:f}", "floor": f"{floor:f}"},
    )
