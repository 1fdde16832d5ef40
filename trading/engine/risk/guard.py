"""The equity guard: watches the loss limits of an account at every quote, acts before they break.

`on_quote` compares floats and says when to look closer; `read` takes a fresh reading of the broker
and raises alarms, each once in a period. So a quote costs microseconds, and nothing is done because
of a position that was closed in the meantime.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Final

from trading.engine.guarding import Terms
from trading.engine.money import money_from_float
from trading.engine.risk.alarms import Stand, Verdict
from trading.engine.risk.controls import Control
from trading.engine.risk.kinds import Action, Period, Subject
from trading.engine.risk.limits import NEW_YORK_CLOSE, Clock, Limit
from trading.engine.risk.references import DrawdownState, Reading
from trading.engine.risk.trims import Trim, losing_first, margin_first
from trading.engine.risk.valuation import WHOLE, Total, Valuation
from trading.engine.risk.watching import (
    Alarm,
    Kind,
    Mark,
    Owner,
    Rule,
    Track,
    began_of,
    tracks_of,
    words_of_moment,
)
from trading.engine.types import AccountState, Quote

if TYPE_CHECKING:
    from trading.engine.book import Listing

ZERO: Final = Decimal(0)
NONE: Final[frozenset[Decimal]] = frozenset()
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
DAY: Final = Clock(Period.DAY, *NEW_YORK_CLOSE)
"""Every account is followed by this clock, with or without limits."""


@dataclass(frozen=True, slots=True)
class Others:
    """What an owner has beside this account's positions, in its currency; `rate` is what one unit
    of the account's currency is worth there."""

    balance: Decimal = ZERO
    equity: Decimal = ZERO
    worst: Decimal = ZERO
    cost: Decimal = ZERO
    rate: Decimal = Decimal(1)
    moved: Decimal = ZERO
    """Deposits (+) and withdrawals (-) there since the look before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An account as its broker shows it at `at`, the market's clock."""

    account: AccountState
    at: datetime
    moved: Decimal = ZERO
    """Deposits (+) and withdrawals (-) since the look before."""
    made: Mapping[str, Decimal] = field(default_factory=dict)
    """By deployment: what it has booked, ever."""
    others: Mapping[Owner, Others] = field(default_factory=dict)
    """Of groups and of everything: the other accounts. What is missing is not judged."""
    initials: Mapping[Owner, Decimal] = field(default_factory=dict)
    """Initial balances, for owners that are seen for the first time."""


@dataclass(slots=True)
class Watch:
    """An owner's equity in floats, and below what the guard has to look closer."""

    owner: Owner
    tracks: tuple[Track, ...] = ()
    total: Total = field(default_factory=lambda: Total(0.0))
    others: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Equity, worst and rate."""
    high: float = -inf
    """Of the equity since the last look."""
    alert: float = -inf
    trailing: float = -inf
    """The same for floors that rise with every peak, as it was at `peak`."""
    peak: float = inf
    worst: float = -inf
    at_reset: float | None = None
    """Equity at the last quote before a reset that has passed since the last look."""

    @property
    def is_own(self) -> bool:
        """Whether it is a deployment's own stream."""
        return self.owner.subject is Subject.DEPLOYMENT

    @property
    def is_shared(self) -> bool:
        return self.owner.is_shared

    @property
    def equity(self) -> float:
        return self.others[0] + self.total.equity * self.others[2]

    def is_near(self) -> bool:
        """Mark the equity of a new quote; whether anything may be due."""
        total, (others, worst, rate) = self.total, self.others
        equity = others + (total.fixed + total.profit) * rate
        if equity > self.high:
            self.high = equity
        if equity < self.alert or worst + (total.fixed + total.stopped) * rate < self.worst:
            return True
        if self.trailing == -inf:
            return False
        # a floor rises by no more than its peak
        return equity < self.trailing + max(0.0, self.high - self.peak)

    def bind(self, total: Total, others: Others) -> None:
        self.total = total
        self.others = (float(others.equity), float(others.worst), float(others.rate))

    def arm(self, marks: Iterable[tuple[Track, Mark]], worst: Decimal | None) -> None:
        """Look closer from the highest of these thresholds on, counted from now."""
        fixed = [float(m.threshold) for track, m in marks if not track.is_trailing]
        rising = [float(m.threshold) for track, m in marks if track.is_trailing]
        cent = 0.01  # rather a look too many than a cent too late
        self.alert = max(fixed, default=-inf) + cent
        self.trailing = max(rising, default=-inf) + cent
        self.worst = -inf if worst is None else float(worst)
        self.high = self.peak = self.equity
        self.at_reset = None


class Guard:
    """Of one account. What it remembers, its `states` and what it has `raised`, can be taken out
    and put back."""

    def __init__(
        self, account: str, listings: Mapping[str, Listing], canonicals: Mapping[str, str]
    ) -> None:
        self.account = Owner(Subject.ACCOUNT, account)
        self.terms = Terms()
        self.states: dict[tuple[Owner, Clock], DrawdownState] = {}
        self.raised: dict[str, bool] = {}
        """Alarms of this period by their keys; False once a person has let go of it."""
        self.trims: tuple[Trim, ...] = ()
        """What is to be closed, as of the last look."""
        self._valuation = Valuation(listings, canonicals)
        self._watches: tuple[Watch, ...] = (Watch(self.account),)
        self._armed: tuple[Watch, ...] = ()
        self._held: frozenset[tuple[str, Decimal]] = frozenset()
        self._reset = self._due = LONG_AGO
        self._is_same = False

    def follow(
        self, rules: Iterable[Rule], states: Mapping[tuple[Owner, Clock], DrawdownState]
    ) -> None:
        """Watch these from the next look on, for which the next quote asks; `states` are those
        that were taken out before."""
        tracks: dict[Owner, list[Track]] = {self.account: []}
        for track in tracks_of(rules):
            tracks.setdefault(track.rule.owner, []).append(track)
        self._watches = tuple(Watch(owner, tuple(found)) for owner, found in tracks.items())
        self._armed = ()
        wanted = {key for watch in self._watches for key in self._keys(watch)}
        self.states = {key: s for key, s in {**states, **self.states}.items() if key in wanted}
        self._due = LONG_AGO

    def begin_from(self, initial: Decimal) -> None:
        """A person has said what the account's initial balance is."""
        for (owner, clock), state in self.states.items():
            if owner == self.account:
                self.states[owner, clock] = replace(
                    state,
                    initial=initial,
                    highest_start=max(initial, state.highest_start),
                    highest_balance=max(initial, state.highest_balance),
                    highest_equity=max(initial, state.highest_equity),
                )

    def trade(self, listings: Mapping[str, Listing], canonicals: Mapping[str, str]) -> None:
        """Know these symbols from now on."""
        self._valuation.trade(listings, canonicals)

    def share(self, others: Mapping[Owner, Others]) -> None:
        """What the other accounts of groups come to between two looks."""
        for watch in self._armed:
            if watch.is_shared and watch.owner in others:
                watch.bind(watch.total, others[watch.owner])

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """The newest by name and by canonical name."""
        return self._valuation.quotes

    def on_quote(self, quote: Quote) -> bool:
        """Take a quote; whether it is time to `read`, before the next one."""
        near = quote.time >= self._due
        if quote.time >= self._reset:
            self._pass_reset()
        if self._valuation.on_quote(quote):
            for watch in self._armed:
                if watch.is_near():
                    near = True
        return near

    def read(self, look: Look) -> list[Alarm]:
        """What a fresh reading raises, the most urgent first."""
        self._bind(look)
        alarms, trims, armed = list[Alarm](), list[Trim](), list[Watch]()
        for watch in self._watches:
            others = self._others(watch, look)
            if others is None:
                continue
            stand = self._stand(watch, others, look)
            self._advance(watch, stand, look)
            found, wanted = self._judge(watch, stand, look)
            alarms, trims = alarms + found, trims + wanted
            armed.append(watch)
        self.trims, self._armed = tuple(trims), tuple(armed)
        self._forget(look.at)
        return sorted(alarms, key=lambda alarm: -list(Kind).index(alarm.kind))

    def _pass_reset(self) -> None:
        for watch in self._armed:
            if watch.at_reset is None:
                watch.at_reset = watch.equity

    def total(self) -> Total:
        """What the account is worth at the newest quotes."""
        return self._valuation.total()

    # --- what an owner has

    def _bind(self, look: Look) -> None:
        """A peak since the last look counts only while the positions are the same: it may be that
        of a position that was gone already."""
        held = frozenset((seen.id, seen.lots) for seen in look.account.positions)
        self._is_same, self._held = held == self._held, held
        self._valuation.bind(look.account, {int(name): made for name, made in look.made.items()})

    def _others(self, watch: Watch, look: Look) -> Others | None:
        """None where it is not known."""
        if watch.is_shared:
            return look.others.get(watch.owner)
        if not watch.is_own:
            return Others()
        if watch.owner.target not in look.made:
            return None
        initial = self._initial(watch.owner, look)
        return Others(initial, initial, initial)

    def _stand(self, watch: Watch, others: Others, look: Look) -> Stand:
        total = self._valuation.total(int(watch.owner.target) if watch.is_own else WHOLE)
        watch.bind(total, others)
        now = money_from_float(watch.equity)
        booked = look.made[watch.owner.target] if watch.is_own else look.account.balance
        told = now if watch.is_own else others.equity + look.account.equity * others.rate
        is_proved = self._is_same and not watch.is_shared and watch.high > -inf
        high = money_from_float(watch.high) if is_proved else told
        balance = others.balance + booked * others.rate
        return Stand(
            Reading(look.at, balance, told, look.moved * others.rate + others.moved),
            min(told, now),
            max(told, high),
            others.worst + money_from_float(self._worst(total, look)) * others.rate,
            others.cost + money_from_float(total.cost) * others.rate,
            look.account.margin,
        )

    def _worst(self, total: Total, look: Look) -> float:
        """Equity when every stop is hit; what has no stop takes the account to its stop-out."""
        if not total.unstopped:
            return total.at_stops
        whole = self._valuation.total()
        stop_out = float(look.account.margin) * self.terms.stop_out_percent / 100.0
        return min(total.at_stops, total.equity - max(0.0, whole.equity - stop_out))

    # --- what is remembered of it

    def _keys(self, watch: Watch) -> set[tuple[Owner, Clock]]:
        clocks = {track.clock for track in watch.tracks}
        return {
            (watch.owner, c) for c in clocks | ({DAY} if watch.owner == self.account else set())
        }

    def _initial(self, owner: Owner, look: Look) -> Decimal:
        """Of a deployment: the account's, when it was first seen."""
        known = self._known(owner) or self._known(self.account)
        if known is not None:
            return known.initial
        return look.initials.get(self.account, look.account.balance)

    def _known(self, owner: Owner) -> DrawdownState | None:
        return next((state for (other, _), state in self.states.items() if other == owner), None)

    def _advance(self, watch: Watch, stand: Stand, look: Look) -> None:
        reading = replace(stand.reading, moved=ZERO) if watch.is_own else stand.reading
        for key in self._keys(watch):
            state = self.states.get(key)
            if state is None:
                state = self._opened(key, reading, look)
            else:
                state = self._before_reset(watch, state).advance(reading, key[1])
            highest = max(state.highest_equity, stand.highest)
            self.states[key] = replace(state, highest_equity=highest)

    def _before_reset(self, watch: Watch, state: DrawdownState) -> DrawdownState:
        """With the equity of the last quote before the reset, as far as it is proved."""
        if watch.at_reset is None or not self._is_same or watch.is_shared:
            return state
        return replace(state, equity=money_from_float(watch.at_reset))

    def _opened(self, key: tuple[Owner, Clock], reading: Reading, look: Look) -> DrawdownState:
        """The first state of a clock; peaks that another clock has seen hold for it too."""
        owner, clock = key
        known = self._known(owner)
        if known is None:
            initial = reading.balance if owner.is_shared else self._initial(owner, look)
            return DrawdownState.opened(look.initials.get(owner, initial), reading, clock)
        state = DrawdownState.opened(known.initial, reading, clock)
        return replace(
            state,
            highest_start=max(state.highest_start, known.highest_start),
            highest_balance=max(state.highest_balance, known.highest_balance),
            highest_equity=max(state.highest_equity, known.highest_equity),
        )

    def _forget(self, at: datetime) -> None:
        """Note when to look next whatever the prices do, and drop the alarms of periods that are
        over."""
        resets = [clock.next(at) for _, clock in self.states]
        self._reset = min(resets)
        ahead = (self.terms.reset_warn, self.terms.reset_trim, timedelta(0))
        self._due = min(due for reset in resets for before in ahead if (due := reset - before) > at)
        oldest = words_of_moment(min(state.started for state in self.states.values()))
        self.raised = {key: is_on for key, is_on in self.raised.items() if began_of(key) >= oldest}

    # --- what is wrong with it

    def _judge(self, watch: Watch, stand: Stand, look: Look) -> tuple[list[Alarm], list[Trim]]:
        alarms, trims = list[Alarm](), list[Trim]()
        armed, worsts = list[tuple[Track, Mark]](), list[Decimal]()
        told = frozenset(track.limit.value for track in watch.tracks if track.base is not None)
        for track in watch.tracks:
            state = self.states[watch.owner, track.clock]
            verdict = Verdict(track, state, stand, self.terms, self.raised)
            marks = verdict.marks(told if track.limit.control is Control.DAILY_LOSS else NONE)
            alarms += verdict.alarms(marks)
            trims += self._trims(verdict, look.account)
            armed += [(track, mark) for mark in verdict.unraised(marks)]
            if verdict.watches_worst:
                worsts.append(verdict.floor.floor)
        watch.arm(armed, max(worsts, default=None))
        return alarms, trims

    def _trims(self, verdict: Verdict, account: AccountState) -> Iterator[Trim]:
        """What an alarm of this or of an earlier look wants closed and is open still."""
        limit, positions, kind = verdict.track.limit, tuple[str, ...](), Kind.TRIM
        if verdict.holds(Kind.TRIM):
            positions = losing_first(verdict.boundary, account, self._valuation.costs)
        elif _sheds_margin(limit) and verdict.holds(Kind.BROKEN):
            kind = Kind.BROKEN
            positions = margin_first(account, limit.value, self._valuation.weights)
        if positions:
            yield Trim(verdict.track.rule, verdict.key(kind), positions)


def _sheds_margin(limit: Limit) -> bool:
    return limit.control is Control.MARGIN_LEVEL and limit.action is Action.REDUCE
