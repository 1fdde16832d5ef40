"""An account on a session: its broker, its lease, and everything that watches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic

import structlog
from django.conf import settings
from django.db import transaction

from trading.brokers.base import Broker, Unavailable
from trading.crashpoints import crash_point
from trading.engine.types import AccountState, Quote
from trading.gateway.guard import Post, SeatGuard
from trading.models import Account
from trading.selectors.attention import Attention, attention_of
from trading.services.accounts import (
    WAITS,
    account_connected,
    account_observe,
    account_wait,
)
from trading.services.breakglass import card_write
from trading.services.fills import fills_record
from trading.services.invariants import Watch, invariants_enforce
from trading.services.kills import kills_apply
from trading.services.leases import (
    Grip,
    LeaseLost,
    LeaseRefused,
    lease_acquire,
    lease_ready,
    lease_release,
    lease_renew,
    lease_unready,
)
from trading.services.protection import positions_protect
from trading.services.protections import protections_judge
from trading.services.reconcile import account_reconcile
from trading.services.resting import resting_withdraw
from trading.services.sending import orders_nudge
from trading.services.weekends import weekend_flatten

INVARIANTS_SECONDS = 60.0
RULES_SECONDS = 5.0
MOVING_SECONDS = 1.0
"""What the broker says of an account is written down this often while it changes ..."""
STILL_SHARE = 0.4
"""... else after this part of the time after which it counts as not read at all."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Seat:
    """One account; only the gateway that holds its lease does anything about it."""

    account: Account
    broker: Broker
    grip: Grip | None = None
    state: AccountState | None = None
    """As last read at the broker under the present lease."""
    _told: AccountState | None = None
    """As last written down."""
    _protected: tuple[frozenset[str], frozenset[str]] | None = None
    """The positions, and those of them without a stop, when that was last seen to."""
    is_ready: bool = False
    """Reconciled since the lease was taken and since the last disconnection."""
    guard: SeatGuard = field(default_factory=SeatGuard)
    _reconciled_at: float = -inf
    _compared_at: float = -inf
    _failing_since: float | None = None
    _renewed_at: float = 0.0
    _checked_at: float = field(default_factory=monotonic)
    _ruled_at: float = -inf
    _watch: Watch = field(default_factory=Watch)

    def take(self) -> bool:
        """Get the lease if nobody else has it."""
        if self.grip is not None:
            return True
        try:
            self.grip = lease_acquire(account=self.account)
        except LeaseRefused as e:
            if e.code != "BUILD_FENCED":  # then nobody runs it; else a newer build does
                account_wait(account=self.account, reason=f"its lease: {e}")
            return False
        if self.grip is None:
            return False
        crash_point("lease-acquired")
        self.is_ready, self._reconciled_at, self._renewed_at = False, -inf, monotonic()
        self._told = self._protected = None
        card_write(account=self.account)
        log.info("account taken", account=str(self.account), epoch=self.grip.epoch)
        return True

    def drop(self) -> None:
        """Let go of the account; whoever takes it next begins with a reconciliation."""
        grip, self.grip, self.state, self.is_ready = self.grip, None, None, False
        self.guard.drop()
        if grip is not None:
            lease_release(grip=grip)

    def feed(self, quotes: Sequence[Quote]) -> None:
        """Show the market to the broker and record what it executed."""
        if self.grip is None or not self.grip.is_valid:
            return
        fills = self.broker.feed(quotes)
        if fills:
            fills_record(account=self.account, fills=fills)
        self.guard.feed(self._post, quotes, fills)

    def observe(self, attention: Attention | None = None) -> None:
        """Read the account, hold the lease, and do everything that is due about it.

        `attention` was read a moment ago for many accounts; without it, it is read here. Raises
        Unavailable when the broker cannot be read, LeaseLost when the account is somebody else's
        now.
        """
        if self.grip is None:
            return
        attention = attention or attention_of([self.account.pk])
        try:
            self.state = state = self.broker.account()
            self._tell(self.grip, state)
            self._reconcile(self.grip, attention)
        except Unavailable as e:
            self._disconnected(self.grip, e)
            raise
        self._activate()
        self.guard.observe(self._post, state)
        self._protect(state, attention)
        if attention.is_pulled:
            kills_apply(account=self.account, broker=self.broker, state=state)
        if self.account.pk in attention.asked:
            orders_nudge(account=self.account, broker=self.broker)
        self._keep_rules()
        self._check(state)

    @property
    def _post(self) -> Post:
        return Post(self.account, self.broker, self._compared_at)

    def _tell(self, grip: Grip, state: AccountState) -> None:
        """The broker's word and the renewal in one transaction: no word without a lease."""
        if not self._is_news(state):
            return
        with transaction.atomic():
            if not lease_renew(grip=grip, seen=True):
                raise self._lost(grip)
            account_observe(account=self.account, state=state)
        self._told, self._renewed_at = state, monotonic()
        crash_point("lease-renewed")

    def _is_news(self, state: AccountState) -> bool:
        """Whether to write it down: other positions at once, other money soon, else for its age."""
        told, age = self._told, monotonic() - self._renewed_at
        if told is None or _held(told) != _held(state):
            return True
        still = STILL_SHARE * settings.TIMING.status_age
        return age >= (still if told == state else min(MOVING_SECONDS, still))

    def _reconcile(self, grip: Grip, attention: Attention) -> None:
        if not self._is_due(attention):
            return
        self._reconciled_at = began = monotonic()
        if not account_reconcile(account=self.account, broker=self.broker, grip=grip):
            return
        self._compared_at = began
        self._failing_since = None
        if self.is_ready:
            return
        if not lease_ready(grip=grip):
            raise self._lost(grip)
        self.is_ready = True
        self.account.refresh_from_db(fields=["state", "state_reason"])

    def _protect(self, state: AccountState, attention: Attention) -> None:
        """Nothing to see to while the same positions as before have their stops."""
        bare = frozenset(p.id for p in state.positions if p.stop is None)
        view = _held(state), bare
        if bare or view != self._protected or self.account.pk in attention.unsettled:
            positions_protect(account=self.account, broker=self.broker, state=state)
        self._protected = view

    def _activate(self) -> None:
        """End a halt that only waited for this, also one that a person has just released."""
        is_waiting = self.account.state == Account.State.HALTED
        if self.is_ready and is_waiting and self.account.state_reason.startswith(WAITS):
            account_connected(account=self.account, reason="reconciled with its broker")
            self.account.refresh_from_db(fields=["state", "state_reason"])

    def _is_due(self, attention: Attention) -> bool:
        """Reconcile at the start, after a disconnection, soon in doubt, else now and then."""
        waited, timing = monotonic() - self._reconciled_at, settings.TIMING
        if waited < timing.reconcile_doubt:
            return False
        if not self.is_ready or waited >= timing.reconcile or self.guard.wants_deals:
            return True
        return self.account.pk in attention.doubtful

    def _disconnected(self, grip: Grip, error: Unavailable) -> None:
        """Not READY until reconciled again; the lease is kept, for nobody else could do better."""
        self._told = None
        if self.is_ready:
            self.is_ready = False
            lease_unready(grip=grip)
        self._failing_since = self._failing_since or monotonic()
        if monotonic() - self._failing_since >= settings.TIMING.status_age:
            account_wait(account=self.account, reason=f"its broker: {error}")
        if monotonic() - self._renewed_at >= settings.TIMING.lease_renew:
            self._renewed_at = monotonic()
            if not lease_renew(grip=grip):
                raise self._lost(grip) from error

    def _lost(self, grip: Grip) -> LeaseLost:
        return LeaseLost(f"{self.account}: epoch {grip.epoch} is over")

    def _keep_rules(self) -> None:
        """Protections on open losses, entries that may rest no longer, flat before the weekend."""
        if monotonic() - self._ruled_at < RULES_SECONDS:
            return
        self._ruled_at = monotonic()
        protections_judge(account=self.account)
        resting_withdraw(account=self.account, broker=self.broker)
        weekend_flatten(account=self.account, broker=self.broker)

    def _check(self, state: AccountState) -> None:
        if monotonic() - self._checked_at < INVARIANTS_SECONDS:
            return
        self._checked_at = monotonic()
        invariants_enforce(account=self.account, state=state, watch=self._watch)


def _held(state: AccountState) -> frozenset[str]:
    return frozenset(position.id for position in state.positions)
