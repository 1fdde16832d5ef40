"""Whether a limit raises an alarm: on the way to its floor, above it, or at the reset to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from trading.engine.guarding import Terms
from trading.engine.risk.kinds import Subject
from trading.engine.risk.references import DrawdownState, Floor, Reading
from trading.engine.risk.trims import Boundary
from trading.engine.risk.watching import Alarm, Kind, Mark, Track


@dataclass(frozen=True, slots=True)
class Stand:
    """What an owner has at a look; money of the owner."""

    reading: Reading
    lowest: Decimal
    """Equity that is judged: by the broker's word or by the newest quotes, the lower one."""
    highest: Decimal
    """Since the look before."""
    worst: Decimal
    """Equity when every stop is hit."""
    cost: Decimal
    """Of closing everything."""
    margin: Decimal


class Verdict:
    """A track at a look. `raised` are the alarms of this period so far, by their keys: it adds
    those that it raises; False is one that a person has let go of."""

    def __init__(
        self,
        track: Track,
        state: DrawdownState,
        stand: Stand,
        terms: Terms,
        raised: dict[str, bool],
    ) -> None:
        self.track, self.state, self.stand = track, state, stand
        self.terms, self.raised = terms, raised
        self.floor = track.floor(state, stand.lowest, stand.margin)
        self.buffer = track.buffer(self.floor, stand.cost, terms)
        self.ends = track.clock.next(stand.reading.at)

    @property
    def boundary(self) -> Boundary:
        return Boundary(self.track, self.state, self.ends, self.terms)

    def key(self, kind: Kind, level: int = 100) -> str:
        return self.track.key(self.state.started, kind, level)

    def holds(self, kind: Kind) -> bool:
        """Whether an alarm was raised in this period and nobody has let go of it."""
        return self.raised.get(self.key(kind), False)

    def marks(self, told: frozenset[Decimal]) -> tuple[Mark, ...]:
        return self.track.marks(self.floor, self.buffer, told)

    def unraised(self, marks: tuple[Mark, ...]) -> Iterator[Mark]:
        return (mark for mark in marks if self.key(mark.kind, mark.level) not in self.raised)

    @property
    def watches_worst(self) -> bool:
        return not self.track.is_step and self.key(Kind.WORST) not in self.raised

    def alarms(self, marks: tuple[Mark, ...]) -> Iterator[Alarm]:
        """Of one look the most severe of its marks alone, and unless that is the limit itself, what
        stops and the reset to come would do."""
        self._arm_again(marks[0])
        reached = [mark for mark in marks if mark.is_reached(self.stand.lowest)]
        for mark in reached[:1]:
            yield from self._raise(mark.kind, mark.level)
        for mark in reached[1:]:
            self.raised.setdefault(self.key(mark.kind, mark.level), True)
        if self.track.is_step or marks[0] in reached:
            return
        if self.stand.worst < self.floor.floor:
            yield from self._raise(Kind.WORST)
        yield from self._before_reset()

    def _arm_again(self, broken: Mark) -> None:
        """What a person has let go of may break again once it has been whole."""
        key = self.key(broken.kind)
        if self.raised.get(key) is False and not broken.is_reached(self.stand.lowest):
            del self.raised[key]

    def _before_reset(self) -> Iterator[Alarm]:
        reading, left = self.stand.reading, self.ends - self.stand.reading.at
        if left > self.terms.reset_warn:
            return
        if self.boundary.holds(reading.balance, reading.equity, self.stand.cost):
            return
        floor = self.boundary.floor(reading.balance, reading.equity)
        yield from self._raise(Kind.RESET, floor=floor)
        if left <= self.terms.reset_trim and self._is_trimmed:
            yield from self._raise(Kind.TRIM, floor=floor)

    @property
    def _is_trimmed(self) -> bool:
        return self.track.acts and self.track.rule.stops.subject is Subject.ACCOUNT

    def _raise(self, kind: Kind, level: int = 100, floor: Floor | None = None) -> Iterator[Alarm]:
        key, floor = self.key(kind, level), floor or self.floor
        if key in self.raised:
            return
        self.raised[key] = True
        yield Alarm(
            rule=self.track.rule,
            clock=self.track.clock,
            kind=kind,
            level=level,
            began=self.state.started,
            ends=self.ends,
            equity=self.stand.lowest,
            worst=self.stand.worst,
            reference=floor.reference,
            floor=floor.floor,
            buffer=self.buffer,
            key=key,
        )
