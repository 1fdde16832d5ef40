"""What checks find, and how they ask for what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trading.engine.risk.controls import INPUT_INVALID, INPUT_MISSING, INPUT_STALE, Control
from trading.engine.risk.correlation import Correlations
from trading.engine.risk.exposure import Exposure, Holding, correlated, exposure_of
from trading.engine.risk.facts import Facts, OrderFacts, SubjectFacts
from trading.engine.risk.kinds import Action, Subject, Unit
from trading.engine.risk.limits import Limit, LimitSet
from trading.engine.risk.references import Floor, floor_of
from trading.engine.types import Denied


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit that does not hold, or that cannot be judged."""

    control: Control
    code: str
    message: str
    numbers: Mapping[str, str]
    action: Action
    limit: Limit

    @property
    def denies(self) -> bool:
        return self.action is not Action.NOTIFY

    def denied(self) -> Denied:
        """The same as the refusal of an entry."""
        return Denied(self.code, self.message, self.numbers)


@dataclass(frozen=True, slots=True)
class Breach:
    """What is wrong; `action` where it is not the limit's."""

    message: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    action: Action | None = None


class Unusable(Exception):
    """An input without which a limit cannot be judged."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def need(value: Decimal | int | None, what: str) -> Decimal:
    """The number; Unusable when it is not known or not finite."""
    if value is None:
        raise Unusable(INPUT_MISSING, f"Expected {what}, was not known")
    number = Decimal(value)
    if not number.is_finite():
        raise Unusable(INPUT_INVALID, f"Expected {what} to be a number, was {number}")
    return number


def at_least_0(value: Decimal | int | None, what: str) -> Decimal:
    """The number; Unusable as well when it is below 0."""
    number = need(value, what)
    if number < 0:
        raise Unusable(INPUT_INVALID, f"Expected {what} of at least 0, was {number}")
    return number


def positive(value: Decimal | int | None, what: str) -> Decimal:
    """The number; Unusable as well when it is not above 0."""
    number = need(value, what)
    if number <= 0:
        raise Unusable(INPUT_INVALID, f"Expected {what} above 0, was {number}")
    return number


def compared(limit: Limit, what: str, found: Decimal, allowed: Decimal) -> Breach | None:
    """A breach when `found` is above what is `allowed`; both in the unit that `what` names."""
    if found <= allowed:
        return None
    origin = f" of {limit.origin}" if limit.origin else ""
    return Breach(
        f"{what} is {_text(found)}, limit{origin} {_text(allowed)}",
        {"found": _text(found), "limit": _text(allowed), "value": limit.words},
    )


def _text(number: Decimal) -> str:
    return f"{round(number, 6).normalize():f}"


class Case:
    """The facts with what is worked out of them, each once."""

    def __init__(self, limits: LimitSet, facts: Facts) -> None:
        self.limits, self.facts, self.history = limits, facts, facts.history
        self._subjects: dict[tuple[Subject, str], SubjectFacts] = {}
        self._after: dict[tuple[Subject, str], Exposure] = {}
        self._correlated: dict[tuple[Subject, str, bool], Decimal] = {}

    @property
    def order(self) -> OrderFacts:
        assert self.facts.order is not None, "asked of a reading"
        return self.facts.order

    @property
    def holding(self) -> Holding:
        if self.order.holding is None:
            raise Unusable(INPUT_MISSING, "Expected the order's lots and value, were not known")
        return self.order.holding

    def subject(self, limit: Limit) -> SubjectFacts:
        """Whose sums a limit is about; Unusable when the account was read too long ago."""
        key = _whole(limit)
        found = self._subjects.get(key)
        if found is None:
            found = self._subjects[key] = self._read_lately(*key)
        return found

    def _read_lately(self, subject: Subject, target: str) -> SubjectFacts:
        account = self.facts.account
        age = need(account.reading_age, "the age of the account's reading")
        if age > account.oldest_reading:
            raise Unusable(
                INPUT_STALE,
                f"Expected a reading of at most {account.oldest_reading} s, was {age} s old",
            )
        found = self.facts.subjects.get((subject, target))
        if found is None:
            name = f"{subject.lower()} {target}".rstrip()
            raise Unusable(INPUT_MISSING, f"Expected the sums of {name}, were not known")
        return found

    def equity(self, limit: Limit) -> Decimal:
        return need(self.subject(limit).equity, "equity")

    def allowed(self, limit: Limit) -> Decimal:
        """What a limit in money or percent of equity allows, in money."""
        if limit.unit is Unit.PERCENT_EQUITY:
            return self.equity(limit) * limit.value / 100
        return limit.value

    def after(self, limit: Limit) -> Exposure:
        """The exposure of a limit's subject with the order."""
        facts, key = self.subject(limit), _whole(limit)
        if key not in self._after:
            if facts.exposure is None:
                what = f"Expected the exposure of the {key[0].lower()}, was not known"
                raise Unusable(INPUT_MISSING, what)
            rate = positive(facts.rate, "the rate of the reporting currency")
            self._after[key] = facts.exposure.plus(exposure_of([self.holding]).converted(rate))
        return self._after[key]

    def correlated(self, limit: Limit) -> Decimal:
        """The correlated exposure of a limit's subject with the order."""
        key = (*_whole(limit), limit.hedge_credit)
        if key not in self._correlated:
            known = self.facts.correlations or Correlations()
            self._correlated[key] = correlated(
                self.after(limit).values, known, hedge_credit=limit.hedge_credit
            )
        return self._correlated[key]

    def floor(self, limit: Limit) -> Floor:
        """The floor of a loss limit; Unusable while the state has not seen the last reset."""
        facts = self.subject(limit)
        state = facts.states.get(limit.clock)
        if state is None:
            raise Unusable(INPUT_MISSING, "Expected the start of the period, was not known")
        if state.started < limit.clock.start(self.facts.at):
            raise Unusable(
                INPUT_STALE, f"Expected a reference since the last reset, was of {state.started}"
            )
        return floor_of(limit, state, self.equity(limit))


def _whole(limit: Limit) -> tuple[Subject, str]:
    """The key of the sums that hold a limit's subject: symbols are part of their account."""
    if limit.subject is Subject.GROUP:
        return limit.subject, limit.target
    if limit.subject is Subject.GLOBAL or limit.spec.is_own_stream:
        return limit.subject, ""
    return Subject.ACCOUNT, ""
