"""Limits and the refusals they cause."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Control(StrEnum):
    """The controls a limit can set; the value's unit is part of the label."""

    MAX_LOTS = "MAX_LOTS"
    MAX_SPREAD = "MAX_SPREAD"
    MAX_POSITIONS = "MAX_POSITIONS"
    DAILY_LOSS = "DAILY_LOSS"
    MARGIN_USE = "MARGIN_USE"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Control.MAX_LOTS: "Largest order, lots",
    Control.MAX_SPREAD: "Widest spread, ticks",
    Control.MAX_POSITIONS: "Most open positions of the account",
    Control.DAILY_LOSS: "Daily loss, percent of the day's start equity",
    Control.MARGIN_USE: "Margin in use after the order, percent of equity",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Effective limits of one decision; None = not limited."""

    max_lots: Decimal | None = None
    max_spread: Decimal | None = None
    max_positions: int | None = None
    daily_loss: Decimal | None = None
    margin_use: Decimal = Decimal(80)
