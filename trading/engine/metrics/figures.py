"""What every group of metrics is made of: figures with a label and a unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from trading.engine.types import FloatArray, IntArray

DAY: Final = 86400


def figure(label: str, unit: str = "") -> Any:
    """A metric with its name in reports and its unit: money, %, R, days, hours, bars or none."""
    return field(metadata={"label": label, "unit": unit})


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The equity of a run: `time` and `equity` by bar, from the first bar that could trade on.

    `days` are the rows that end a trading day, the last row included; `start` is the balance
    before the first bar.
    """

    time: IntArray
    equity: FloatArray
    days: IntArray
    start: float

    @property
    def daily(self) -> FloatArray:
        """Equity at the start and at the end of each day."""
        return np.concatenate([[self.start], self.equity[self.days]])


def percent(share: float | None) -> float | None:
    """A share in percent."""
    return None if share is None else 100.0 * float(share)
