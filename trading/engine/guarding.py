"""How careful the equity guard is."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from trading.engine.types import EngineError


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every account."""

    buffer_percent: float = 2.0
    """Of the loss a limit allows: so much before its floor, and the cost of closing everything
    earlier still, the guard acts. A floor is broken only where a price leaps over that."""
    reset_warn_minutes: float = 30.0
    """So long before a reset it tells what would be broken by the reset alone."""
    reset_trim_minutes: float = 0.0
    """So long before it, it closes what would break it; 0 = never."""
    stop_out_percent: float = 50.0
    """Margin level at which the broker closes."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not 0 <= value < 1e6:
                raise EngineError(f"Expected {f.name} of at least 0, was {value}")

    @property
    def reset_warn(self) -> timedelta:
        return timedelta(minutes=max(self.reset_warn_minutes, self.reset_trim_minutes))

    @property
    def reset_trim(self) -> timedelta:
        return timedelta(minutes=self.reset_trim_minutes)
