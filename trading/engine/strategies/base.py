"""The contract of a strategy and of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, NamedTuple

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
    params: Params

    @property
    @abstractmethod
    def warmup(self) -> int:
        """Bars needed before the first signal."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """One row per bar."""


def market_signals(
    side: SideArray,
    *,
    stop: FloatArray,
    take: FloatArray,
    score: FloatArray,
    warmup: int,
    trail: FloatArray | None = None,
) -> Signals:
    """Signals of a strategy that enters at market, flat during the warm-up."""
    side[:warmup] = 0
    nothing = no_column(len(side))
    return Signals(side, stop, take, nothing if trail is None else trail, nothing, score)


def no_column(rows: int) -> FloatArray:
    """A column of nothing (NaN), read-only and without memory of its own."""
    return np.broadcast_to(np.nan, rows)


@dataclass(frozen=True)
class AtrParams(Params):
    """Base of parameters whose stop, take and trail are multiples of the average true range."""

    stop_atr: float = ranged(2.0, 0.1, 20.0, "Distance of the stop in ATR")
    take_atr: float = ranged(0.0, 0.0, 100.0, "Distance of the take in ATR; 0 = none")
    trail_atr: float = ranged(
        0.0, 0.0, 100.0, "How far the stop follows behind each close, in ATR; 0 = it stays"
    )


class Study(NamedTuple):
    """What a strategy finds in the bars before distances are chosen, one row per bar.

    `side` (flat during the warm-up) and `score` are those of `Signals`; `range` is the average true
    range in price units.
    """

    side: SideArray
    range: FloatArray
    score: FloatArray


def empty_study(rows: int) -> Study:
    """Memory for a study, in few pieces: new pages are dear."""
    range_, score = np.empty((2, rows))
    return Study(np.empty(rows, np.int8), range_, score)


class AtrStrategy(Strategy):
    """A strategy that enters at market with stop, take and trail in multiples of the average true
    range.

    The study depends on the parameters in `study_params` alone: a sweep over distances makes it
    once.
    """

    def __init__(self, params: AtrParams) -> None:
        self.params: AtrParams = params

    @property
    def study_params(self) -> AtrParams:
        """The parameters with those that `study` does not read set to their defaults."""
        default = AtrParams()
        return replace(
            self.params,
            stop_atr=default.stop_atr,
            take_atr=default.take_atr,
            trail_atr=default.trail_atr,
        )

    @abstractmethod
    def study(self, bars: Bars) -> Study:
        """The sides wanted and the range that distances are measured in."""

    def signals(self, bars: Bars) -> Signals:
        study, nothing = self.study(bars), no_column(len(bars))
        take = self.params.take_atr * study.range if self.params.take_atr else nothing
        trail = self.params.trail_atr * study.range if self.params.trail_atr else nothing
        # the range is not needed any more: its memory becomes the stop's
        stop = np.multiply(study.range, self.params.stop_atr, out=study.range)
        return Signals(study.side, stop, take, trail, nothing, study.score)
