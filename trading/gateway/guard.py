"""The equity guard of an account on its seat: fed with every quote, refreshed from every reading.

A quote costs no query. What the guard finds is done at once, in the thread that saw the quote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import inf
from time import monotonic
from typing import Final

from django.conf import settings
from django.db import transaction

from trading.brokers.base import Broker, Unavailable
from trading.engine.book import Listing
from trading.engine.money import money_from_float
from trading.engine.risk import Clock, DrawdownState, Subject
from trading.engine.risk.guard import DAY, Guard, Look, Others
from trading.engine.risk.watching import Alarm, Owner, Rule, is_same_limit
from trading.engine.types import AccountState, Fill, Quote
from trading.gateway.board import BOARD, Worth
from trading.gateway.keeper import Keeper
from trading.gateway.moves import Moves
from trading.gateway.shared import Shared
from trading.models import Account, Symbol
from trading.selectors.guards import (
    Rulebook,
    alarms_raised,
    breaches_let_go,
    drawdown_states,
    rulebook,
    states_of,
)
from trading.services.breaches import breaches_lapse
from trading.services.brokers import costs_of
from trading.services.guards import (
    alarm_act,
    balance_count,
    balance_note,
    is_urgent,
    positions_trim,
)
from trading.services.kills import kills_apply
from trading.services.readings import readings_judge

REFRESH_SECONDS: Final = 1.0
"""Between two looks at the rows of limits."""
JUDGE_SECONDS: Final = 5.0
"""Between two looks at what is judged at readings beside losses."""
SYMBOLS_SECONDS: Final = 60.0
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Post:
    """An account and its broker, as its seat has them now."""

    account: Account
    broker: Broker
    compared_at: float = -inf
    """When all deals of the broker were read, by the monotonic clock."""


@dataclass(slots=True)
class Watched:
    """What a guard works with once it has begun."""

    guard: Guard
    moves: Moves
    rulebook: Rulebook
    rules: tuple[Rule, ...] | None = None
    breaches: dict[int, str] = field(default_factory=dict)
    """The alarm of each breach that holds, by its key."""
    covered: set[str] = field(default_factory=set)
    """Alarms that found the same stopped already, by another limit or in another period."""
    state: AccountState | None = None
    """As last read."""
    settled: Mapping[tuple[Owner, Clock], DrawdownState] = field(default_factory=dict)
    """States of the last look at which every move of the balance was explained."""
    keeper: Keeper = field(default_factory=Keeper)
    refreshed: float = -inf
    listed: float = -inf
    judged: float = -inf
    _moved: dict[Owner, Decimal] = field(default_factory=dict)

    def let_go(self, key: str) -> None:
        """A person has re-armed what an alarm had stopped: the limit holds its peace until it has
        been whole again; others that found the same stopped are raised anew."""
        for other in {key, *self.covered} & self.guard.raised.keys():
            if is_same_limit(key, other):
                self.guard.raised[other] = False
                self.covered.discard(other)
        self.uncover()

    def uncover(self) -> None:
        """What had stopped the same holds no longer."""
        for key in self.covered:
            self.guard.raised.pop(key, None)
        self.covered.clear()

    def made(self) -> dict[str, Decimal]:
        """What the deployments with limits of their own have booked."""
        owners = {rule.owner for rule in self.rules or ()}
        booked = self.moves.ledger.by_deployment
        own = (o.target for o in owners if o.subject is Subject.DEPLOYMENT)
        return {target: booked.get(target, ZERO) for target in own}

    def moved_since(self, others: Mapping[Owner, Others]) -> dict[Owner, Others]:
        """The same, with what they have moved since this was asked last."""
        found = {}
        for owner, whole in others.items():
            before = self._moved.get(owner, whole.moved)
            self._moved[owner] = whole.moved
            found[owner] = replace(whole, moved=whole.moved - before)
        return found


class SeatGuard:
    """Begins with the first reading after the account was taken, ends when it is dropped."""

    def __init__(self, rules: Shared[Rulebook] | None = None) -> None:
        self._rules = rules or Shared(rulebook, REFRESH_SECONDS)
        self._watched: Watched | None = None
        self._quotes: dict[str, Quote] = {}
        self._at: datetime | None = None

    @property
    def wants_deals(self) -> bool:
        """Whether the balance has moved and the broker's deals should say why."""
        return self._watched is not None and self._watched.moves.wants_deals

    def drop(self) -> None:
        """Forget everything; what matters is written down."""
        if self._watched is not None:
            BOARD.drop(int(self._watched.guard.account.target))
        self._watched = None

    def feed(self, post: Post, quotes: Sequence[Quote], fills: Sequence[Fill]) -> None:
        """Every quote in order, and the deals they have led to."""
        for quote in quotes:
            self._quotes[quote.symbol] = quote
            if self._at is None or quote.time > self._at:
                self._at = quote.time
        watched = self._watched
        if watched is None:
            return
        watched.guard.share(self._others(watched, post.account))
        for quote in quotes:
            if watched.guard.on_quote(quote):
                self._look_again(post, watched)
        if fills:
            self._look_again(post, watched)
        if watched.state is not None:
            self._put(watched, watched.state)

    def observe(self, post: Post, state: AccountState) -> None:
        """A reading of the broker; nothing is judged before the market has told its time."""
        if self._at is None:
            return
        watched = self._watched
        if watched is None:
            watched = self._watched = self._begin(post.account, state)
        if monotonic() - watched.refreshed >= REFRESH_SECONDS:
            watched.refreshed = monotonic()
            self._refresh(post.account, watched, self._at)
        self._look(post, watched, state)
        self._put(watched, state)
        if watched.moves.is_settled:
            watched.keeper.keep(watched.guard.states, self._at)

    # --- what it finds

    def _look_again(self, post: Post, watched: Watched) -> None:
        """With a fresh reading; with the last one where there is none to be had."""
        try:
            state = post.broker.account()
        except Unavailable:
            if watched.state is None:
                return
            state = watched.state
        self._look(post, watched, state)

    def _look(self, post: Post, watched: Watched, state: AccountState) -> None:
        assert self._at is not None
        guard, watched.state = watched.guard, state
        judged, moved = watched.moves.look(state, post.compared_at)
        given = post.account.initial_balance
        look = Look(
            account=judged,
            at=self._at,
            moved=moved,
            made=watched.made(),
            others=watched.moved_since(self._others(watched, post.account)),
            initials={} if given is None else {guard.account: given},
        )
        if moved:  # whatever it has been taken for meanwhile
            guard.states |= {k: s for k, s in watched.settled.items() if k in guard.states}
        alarms = guard.read(look)
        if watched.moves.is_settled:
            watched.settled = dict(guard.states)
        if moved:
            self._count(post.account, watched, moved)
        self._act(post, watched, alarms)

    def _act(self, post: Post, watched: Watched, alarms: Sequence[Alarm]) -> None:
        """Stop and close first, tell afterwards. What could not be done is raised again."""
        assert self._at is not None
        account, broker, state = post.account, post.broker, watched.state
        assert state is not None
        left = {alarm.key: alarm for alarm in alarms}
        try:
            for urgent in (True, False):
                for alarm in [a for a in alarms if is_urgent(a) is urgent]:
                    breach = alarm_act(alarm=alarm, account=account, at=self._at)
                    if breach is not None:
                        watched.breaches[breach.pk] = alarm.key
                    elif urgent:
                        watched.covered.add(alarm.key)
                    del left[alarm.key]
                if urgent and len(left) < len(alarms):
                    kills_apply(account=account, broker=broker, state=state)
        finally:
            for key in left:
                watched.guard.raised.pop(key, None)
        if watched.guard.trims:
            trims = watched.guard.trims
            positions_trim(account=account, broker=broker, state=state, trims=trims)

    def _count(self, account: Account, watched: Watched, moved: Decimal) -> None:
        """A deposit or withdrawal, and all that counts from another point since, at once."""
        assert self._at is not None
        states = watched.guard.states
        initial = states[watched.guard.account, DAY].initial
        with transaction.atomic():
            balance_note(account=account, amount=moved, at=self._at)
            readings_judge(account=account, rulebook=watched.rulebook, at=self._at)
            balance_count(account=account, amount=moved, initial=initial, at=self._at)
            watched.keeper.keep(states, self._at, at_once=True)
        account.refresh_from_db(fields=["initial_balance"])
        BOARD.move(account.pk, moved)

    def _put(self, watched: Watched, state: AccountState) -> None:
        """Show others what the account is worth, without what is not explained yet, where a limit
        is of several accounts."""
        if not watched.rulebook.members:
            return
        total = watched.guard.total()
        equity, worst = money_from_float(total.equity), money_from_float(total.at_stops)
        cost = money_from_float(total.cost)
        BOARD.put(
            int(watched.guard.account.target),
            Worth(state.balance - watched.moves.unexplained, equity, worst, cost, monotonic()),
        )

    # --- what it needs

    def _begin(self, account: Account, state: AccountState) -> Watched:
        guard = Guard(str(account.pk), {}, {})
        guard.terms = settings.GUARD
        rows = states_of([guard.account])
        moves = Moves(account.pk, state.balance, rows.get((guard.account, DAY)))
        raised = alarms_raised(account)
        guard.raised.update(raised.keys)
        return Watched(guard, moves, self._rules.get(), breaches=raised.breaches)

    def _refresh(self, account: Account, watched: Watched, at: datetime) -> None:
        watched.rulebook = self._rules.get()
        if monotonic() - watched.listed >= SYMBOLS_SECONDS:
            watched.listed = monotonic()
            self._list(account, watched.guard)
        self._follow(account, watched)
        self._begin_from(account, watched.guard)
        self._let_go(watched)
        if monotonic() - watched.judged >= JUDGE_SECONDS:
            watched.judged = monotonic()
            readings_judge(account=account, rulebook=watched.rulebook, at=at)
        for whose in (account, None):
            if watched.rulebook.is_due(account.pk if whose else None, at) and breaches_lapse(
                at=at, account=whose
            ):
                watched.uncover()

    def _list(self, account: Account, guard: Guard) -> None:
        symbols = list(Symbol.objects.filter(source=account.source))
        listings = {s.name: Listing(s.instrument(), costs_of(s)) for s in symbols}
        guard.trade(listings, {s.name: s.canonical for s in symbols})
        for quote in self._quotes.values():
            guard.on_quote(quote)

    def _follow(self, account: Account, watched: Watched) -> None:
        """Take over what staff changed. One guard alone judges what several accounts share."""
        rules = tuple(
            rule
            for rule in watched.rulebook.rules(account)
            if not rule.owner.is_shared
            or BOARD.leads(account.pk, watched.rulebook.members_of(rule.owner))
        )
        if rules == watched.rules:
            return
        watched.rules = rules
        rows = states_of({watched.guard.account, *(rule.owner for rule in rules)})
        states = drawdown_states(rows)
        watched.keeper.know(states)
        watched.guard.follow(rules, states)

    def _begin_from(self, account: Account, guard: Guard) -> None:
        """What a person says of the initial balance; the row that the seat has may be too old."""
        state, given = guard.states.get((guard.account, DAY)), account.initial_balance
        if state is None or given is None or given == state.initial:
            return
        account.refresh_from_db(fields=["initial_balance"])
        given = account.initial_balance
        if given is not None and given != state.initial:
            guard.begin_from(given)

    def _let_go(self, watched: Watched) -> None:
        """What a person has re-armed may break again."""
        gone = watched.breaches.keys() - watched.rulebook.breaches.keys()
        for pk in breaches_let_go(gone) if gone else ():
            watched.let_go(watched.breaches.pop(pk))

    def _others(self, watched: Watched, account: Account) -> Mapping[Owner, Others]:
        owners = {rule.owner for rule in watched.rules or () if rule.owner.is_shared}
        found = {}
        for owner in owners:
            members = watched.rulebook.members_of(owner)
            currency = watched.rulebook.currencies.get(owner, "")
            others = BOARD.others(account.pk, members, currency, watched.guard.quotes)
            if others is not None:
                found[owner] = others
        return found
