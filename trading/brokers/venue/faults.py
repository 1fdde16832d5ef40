"""What can go wrong at the venue, how often, and the seeded choice of when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from math import isfinite
from random import Random
from typing import Any, Final

from trading.engine.types import EngineError


class Fate(StrEnum):
    """What becomes of a trade request and of its answer; exactly one of them."""

    HONEST = "HONEST"
    LOSE_REPLY = "LOSE_REPLY"
    ERROR_AFTER = "ERROR_AFTER"
    REJECT = "REJECT"
    REJECT_EXECUTED = "REJECT_EXECUTED"
    LATE = "LATE"


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities from 0 to 1, and durations in seconds of the wall clock.

    The first five exclude each other for one request, so their sum is at most 1; the others are
    drawn beside them.
    """

    lose_reply: float = 0.0
    """Execute, then close the connection without an answer."""
    error_after: float = 0.0
    """Execute, then answer with a code that proves nothing."""
    reject: float = 0.0
    """Refuse properly; nothing is executed."""
    reject_executed: float = 0.0
    """Execute, then answer as if it was refused."""
    late: float = 0.0
    """Answer nothing and execute `late_after` seconds later."""
    late_after: float = 0.0
    delay_reply: float = 0.0
    """Execute, and answer `delay_least` to `delay_most` seconds later."""
    delay_least: float = 0.0
    delay_most: float = 0.0
    lag: float = 0.0
    """What a request executed shows in accounts and snapshots only `lag_seconds` later."""
    lag_seconds: float = 0.0
    partial: float = 0.0
    """Fill a part of a market entry and drop the rest."""
    drop_stop: float = 0.0
    """Open the position without its stop."""
    duplicate_event: float = 0.0
    """Push an execution twice."""
    drop_event: float = 0.0
    """Never push it."""
    disconnect: float = 0.0
    """Break the account's event connections instead of pushing it."""
    incomplete: float = 0.0
    """A snapshot says that it is not complete."""
    by_hand: float = 0.0
    """In each second, that a person opens, closes, partly closes or re-levels a position."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value, most = getattr(self, f.name), float("inf") if f.name in DURATIONS else 1.0
            if not (isfinite(value) and 0 <= value <= most):
                raise EngineError(f"Expected {f.name} from 0 to {most}, was {value}")
        if sum(getattr(self, name) for name, _ in _EXCLUSIVE) > 1:
            names = ", ".join(name for name, _ in _EXCLUSIVE)
            raise EngineError(f"Expected a sum of at most 1 for {names}, was more")
        if self.delay_least > self.delay_most:
            raise EngineError(
                f"Expected delay_least <= delay_most, was {self.delay_least} > {self.delay_most}"
            )

    def to_json(self) -> dict[str, float]:
        """Every field by its name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Faults:
        """What `to_json` wrote, absent fields 0; EngineError when it is not that."""
        try:
            return cls(**{name: float(value) for name, value in values.items()})
        except (AttributeError, TypeError, ValueError) as e:
            raise EngineError(f"Expected the fields of Faults, was {values!r}: {e}") from e


DURATIONS: Final = frozenset({"late_after", "delay_least", "delay_most", "lag_seconds"})
_EXCLUSIVE: Final = (
    ("lose_reply", Fate.LOSE_REPLY),
    ("error_after", Fate.ERROR_AFTER),
    ("reject", Fate.REJECT),
    ("reject_executed", Fate.REJECT_EXECUTED),
    ("late", Fate.LATE),
)

DRILL: Final = Faults(
    lose_reply=0.05,
    error_after=0.03,
    reject=0.03,
    reject_executed=0.03,
    late=0.03,
    late_after=0.4,
    delay_reply=0.05,
    delay_least=0.02,
    delay_most=0.3,
    lag=0.1,
    lag_seconds=0.5,
    partial=0.03,
    drop_stop=0.05,
    duplicate_event=0.1,
    drop_event=0.1,
    disconnect=0.02,
    incomplete=0.1,
    by_hand=0.1,
)
"""Everything at once, at rates a drill of some minutes sees many times."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was drawn for one trade request; durations in seconds, 0 = none."""

    fate: Fate = Fate.HONEST
    delay: float = 0.0
    lag: float = 0.0
    is_partial: bool = False
    drops_stop: bool = False


@dataclass(frozen=True, slots=True)
class EventChoice:
    """What was drawn for the push of one execution."""

    copies: int = 1
    breaks: bool = False


def choose(faults: Faults, rng: Random) -> Choice:
    """Draw for a trade request; always the same number of draws, in the same order."""
    fate, delay, length, lag, partial, stop = (rng.random() for _ in range(6))
    span = faults.delay_most - faults.delay_least
    return Choice(
        fate=_fate(faults, fate),
        delay=faults.delay_least + length * span if delay < faults.delay_reply else 0.0,
        lag=faults.lag_seconds if lag < faults.lag else 0.0,
        is_partial=partial < faults.partial,
        drops_stop=stop < faults.drop_stop,
    )


def choose_event(faults: Faults, rng: Random) -> EventChoice:
    """Draw for the push of an execution."""
    drop, double, breaks = (rng.random() for _ in range(3))
    if drop < faults.drop_event:
        return EventChoice(copies=0)
    copies = 2 if double < faults.duplicate_event else 1
    return EventChoice(copies, breaks=breaks < faults.disconnect)


def _fate(faults: Faults, draw: float) -> Fate:
    reached = 0.0
    for name, fate in _EXCLUSIVE:
        reached += getattr(faults, name)
        if draw < reached:
            return fate
    return Fate.HONEST
