"""The contract of a strategy and of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from trading.engine.types import Bars, EngineError, FloatArray, SideArray, Signals


def ranged(default: float, low: float, high: float, text: str) -> Any:
    """A parameter with its closed range and a sentence of help; an int default means integers."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True)
class Params:
    """Base of every strategy's parameters: each field is `ranged` and checked at construction."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            low, high = f.metadata["low"], f.metadata["high"]
            integral = isinstance(f.default, int)
            if isinstance(value, bool) or not isinstance(value, int if integral else (int, float)):
                kind = "an integer" if integral else "a number"
                raise EngineError(f"{f.name}: expected {kind}, was {value!r}")
            if not low <= value <= high:
                raise EngineError(f"{f.name}: expected {low} to {high}, was {value}")

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Params:
        """From a mapping as stored; EngineError names an unknown, mistyped or out-of-range one."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise EngineError(f"Expected parameters among {sorted(known)}, was also {unknown}")
        return cls(**values)


class Strategy(ABC):
    """A rule that turns bars into signals.

    `signals` is vectorised and causal: row i may use bars[0..i] only. `warmup` is the number of
    rows before the first meaningful one; rows before it are flat, and the last two of any
    warmup + 2 rows equal those of the full history to `tolerance` (relative).
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    params_type: ClassVar[type[Params]]
    tolerance: ClassVar[float] = 1e-9

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars needed before the first signal."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """One row per bar."""


def market_signals(
    side: SideArray, *, stop: FloatArray, take: FloatArray, score: FloatArray, warmup: int
) -> Signals:
    """Signals of a strategy that enters at market, flat during the warm-up."""
    side[:warmup] = 0
    return Signals(side, stop, take, np.full(len(side), np.nan), score)
