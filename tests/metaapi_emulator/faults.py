"""What goes wrong, and when: scripted one after the other, or drawn from a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from random import Random
from typing import Any, Final

from tests.metaapi_emulator.codes import Code
from trading.brokers.venue import faults as venue


class Fate(StrEnum):
    """What becomes of a trade request and of its answer."""

    HONEST = "HONEST"
    LOSE_REPLY = "LOSE_REPLY"
    """Executed; no answer ever."""
    LOSE_REQUEST = "LOSE_REQUEST"
    """Neither executed nor answered."""
    ERROR_AFTER = "ERROR_AFTER"
    """Executed; answered with `error_code`, which proves nothing."""
    ERROR_BEFORE = "ERROR_BEFORE"
    """Not executed; answered with `error_code`."""
    REJECT = "REJECT"
    REJECT_EXECUTED = "REJECT_EXECUTED"
    """Executed; answered as if it was refused."""
    LATE = "LATE"
    """Executed `late_after` seconds later; no answer."""
    REQUOTE = "REQUOTE"
    PARTIAL = "PARTIAL"
    """Half of a market entry is filled and said so."""
    DROP_STOP = "DROP_STOP"
    """A market entry is filled without its stop and not said so."""

    @property
    def recorded(self) -> venue.Fate:
        """The same as the ledger of the venue names it."""
        if self.value in venue.Fate.__members__:
            return venue.Fate[self.value]
        is_executed = self in (Fate.PARTIAL, Fate.DROP_STOP)
        return venue.Fate.HONEST if is_executed else venue.Fate.REJECT


@dataclass(frozen=True, slots=True)
class Rates(venue.Faults):
    """Probabilities as the venue's, and of what only the emulator can do; all exclude each other
    for one trade request up to `lose_request`, where the venue's come first."""

    requote: float = 0.0
    error_before: float = 0.0
    lose_request: float = 0.0
    too_many: float = 0.0
    """A request is answered 429."""
    fail: float = 0.0
    """A request is answered 500."""
    slow: float = 0.0
    """An answer takes `delay_least` to `delay_most` longer, whatever was asked for."""
    swap_event: float = 0.0
    """A packet arrives after the one behind it."""
    mute: float = 0.0
    storm: float = 0.0
    away: float = 0.0
    forbidden: float = 0.0
    closed: float = 0.0
    """In each second, that such a spell begins, see `spells`."""


@dataclass(slots=True)
class Faults:
    """Everything that can be switched while the emulator runs; by default nothing is wrong.

    Counts are used up; times are seconds of the wall clock.
    """

    script: list[str] = field(default_factory=list)
    """The fates of the next trade requests, in order."""
    rates: dict[str, float] = field(default_factory=dict)
    """For what is not scripted: fields of `Rates`."""
    late_after: float = 0.3
    error_code: str = "DELIVERED"
    """The name of a `Code`, for what is scripted."""
    only: str = ""
    """Limits `too_many`, `fail` and `slow` to one operation, by its name in the REST path."""
    too_many: int = 0
    """The next so many requests are answered 429."""
    retry_after: float = 0.5
    """How far away the recommended time to try again is."""
    fail: int = 0
    """The next so many requests are answered 500."""
    slow: float = 0.0
    """Every answer to a request takes so much longer."""
    synchronizing: int = 0
    """The next so many reads of the history say that it is not complete."""
    mute: bool = False
    """Half-open link: sockets stay up and say nothing."""
    lose_packets: int = 0
    duplicate_packets: int = 0
    swap_packets: int = 0
    """The next so many packets are lost, sent twice, sent after the one behind them."""

    def __post_init__(self) -> None:
        kinds = {
            "script": list, "rates": dict, "error_code": str, "only": str, "mute": bool
        }  # fmt: skip
        for f in fields(self):
            value, kind = getattr(self, f.name), kinds.get(f.name)
            is_number = isinstance(value, int | float) and value >= 0
            if not (isinstance(value, kind) if kind else is_number):
                raise ValueError(f"Expected {f.name} as {kind or 'a number >= 0'}, was {value!r}")
        for name in self.script:
            Fate(name)
        if self.error_code not in Code.__members__:
            raise ValueError(f"Expected error_code as a name of Code, was {self.error_code!r}")
        Rates(**self.rates)

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """With these values; ValueError for what is no fault."""
        unknown = set(values) - {f.name for f in fields(self)}
        if unknown:
            raise ValueError(f"Expected the fields of Faults, was {', '.join(sorted(unknown))}")
        return Faults(**{**asdict(self), **values})

    def to_json(self) -> dict[str, Any]:
        """Every field by its name."""
        return asdict(self)

    def spend(self, name: str, operation: str | None = None) -> bool:
        """Use up one of a count, if there is one left, and left for this operation."""
        left = getattr(self, name)
        if left <= 0 or (self.only and operation not in (None, self.only)):
            return False
        setattr(self, name, left - 1)
        return True


@dataclass(frozen=True, slots=True)
class Drawn:
    """What becomes of a trade request; seconds."""

    fate: Fate
    code: Code
    """Of an answer that proves nothing."""
    delay: float = 0.0
    lag: float = 0.0


@dataclass(frozen=True, slots=True)
class Pushes:
    """What becomes of a packet: how many copies, whether it waits for the next, whether the
    sockets break instead."""

    copies: int = 1
    is_held: bool = False
    breaks: bool = False


class Chance:
    """The seeded choices; the same requests get the same ones in whatever order they arrive."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.drawn: Counter[str] = Counter()
        """How often which fault was drawn, by its name in `Rates`."""
        self._asked: Counter[str] = Counter()

    def rng(self, *key: str) -> Random:
        """The generator for one choice."""
        name = "/".join(key)
        self._asked[name] += 1
        return Random(f"{self.seed}/{name}/{self._asked[name]}")  # noqa: S311 - no secret

    def strikes(self, faults: Faults, name: str, *key: str) -> bool:
        """Whether the fault of this name in `Rates` happens now."""
        return self._noted(name, self.rng(name, *key).random() < faults.rates.get(name, 0.0))

    def fate(self, faults: Faults, *key: str) -> Drawn:
        """What becomes of a trade request."""
        rng, rates = self.rng("trade", *key), Rates(**faults.rates)
        choice, also, code = venue.choose(rates, rng), rng.random(), rng.choice(UNPROVEN)
        if faults.script:
            return Drawn(Fate(faults.script.pop(0)), Code[faults.error_code])
        fate = Fate(choice.fate.value)
        if fate is Fate.HONEST:
            fate = _further(rates, also)
        if fate is Fate.HONEST and choice.is_partial:
            fate = Fate.PARTIAL
        elif fate is Fate.HONEST and choice.drops_stop:
            fate = Fate.DROP_STOP
        self._noted(fate.lower(), fate is not Fate.HONEST)
        self._noted("delay_reply", choice.delay > 0)
        self._noted("lag", choice.lag > 0)
        return Drawn(fate, code, choice.delay, choice.lag)

    def delay(self, faults: Faults, operation: str) -> float:
        """Seconds an answer to this operation takes longer."""
        delay = faults.slow if faults.only in ("", operation) else 0.0
        if self.strikes(faults, "slow", operation):
            rates = Rates(**faults.rates)
            delay += self.rng("slowness").uniform(rates.delay_least, rates.delay_most)
        return delay

    def push(self, faults: Faults, account: str) -> Pushes:
        """What becomes of an update packet."""
        rng, rates = self.rng("push", account), Rates(**faults.rates)
        choice = venue.choose_event(rates, rng)
        is_held = choice.copies == 1 and rng.random() < rates.swap_event
        if faults.spend("lose_packets"):
            return Pushes(0)
        if faults.spend("duplicate_packets"):
            return Pushes(2)
        if faults.spend("swap_packets"):
            return Pushes(is_held=True)
        self._noted("drop_event", choice.copies == 0)
        self._noted("duplicate_event", choice.copies > 1)
        self._noted("disconnect", choice.breaks)
        self._noted("swap_event", is_held)
        return Pushes(choice.copies, is_held, choice.breaks)

    def _noted(self, name: str, happens: bool) -> bool:
        self.drawn[name] += happens
        return happens


UNANSWERED: Final = frozenset({Fate.LOSE_REPLY, Fate.LOSE_REQUEST, Fate.LATE})
UNPROVEN: Final = (Code.DELIVERED, Code.TIMED_OUT, Code.UNKNOWN, Code.TIMEOUT)


def _further(rates: Rates, draw: float) -> Fate:
    """What only the emulator can make of a request."""
    reached = 0.0
    for fate in (Fate.REQUOTE, Fate.ERROR_BEFORE, Fate.LOSE_REQUEST):
        reached += getattr(rates, fate.lower())
        if draw < reached:
            return fate
    return Fate.HONEST
