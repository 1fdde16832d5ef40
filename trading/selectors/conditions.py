"""How an account fares, in one word and a reason: what staff look at first.

The state of its row is what a person or the engine has decided; the condition adds what only a
look at the lease, the kill switches and the locks can tell, at the moment of looking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

from trading.models import Account, KillMode, KillSwitch, Lease, Lock
from trading.selectors.clock import Moment, clock_read
from trading.selectors.kills import kills_pulled
from trading.selectors.leases import lease_standing
from trading.selectors.protections import locks_holding


class Health(StrEnum):
    """The word, from best to worst."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    """Strategies may close, not open."""
    DEGRADED = "DEGRADED"
    """It may trade, but no entry would pass the gate now."""
    HALTED = "HALTED"
    """Nothing that strategies want is sent."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The word and, unless all is well, why in words for people."""

    health: Health
    reason: str = ""


def condition_of(account: Account, lease: Lease | None, now: Moment) -> Condition:
    """The condition of one account under its lease, kill switches and locks left aside."""
    if account.state != Account.State.ACTIVE:
        return Condition(Health(account.state), account.state_reason)
    standing = ("NO_GATEWAY", "") if lease is None else lease_standing(lease, now)
    if standing is None:
        return Condition(Health.ACTIVE)
    return Condition(Health.DEGRADED, f"No entries: {_in_words(standing[0], lease)}")


def conditions_of(accounts: Iterable[Account]) -> Mapping[int, Condition]:
    """The condition of each account by its id, kill switches and locks counted.

    A fixed number of queries where `lease` was selected with the accounts.
    """
    switches = [s for s in kills_pulled() if _covers_accounts(s)]
    locks = [lock for lock in locks_holding() if lock.side is None and _covers_accounts(lock)]
    now, found = clock_read(), {}
    for account in accounts:
        condition = condition_of(account, getattr(account, "lease", None), now)
        condition = _locked([x for x in locks if x.account_id in (None, account.pk)], condition)
        over = [s for s in switches if s.account_id in (None, account.pk)]
        found[account.pk] = _under(over, condition)
    return found


def _in_words(code: str, lease: Lease | None) -> str:
    """Why a lease does not stand; the same words as long as it is the same reason."""
    if code == "BUILD_FENCED" and lease is not None:
        return f"only build {lease.min_build} or newer may trade it, this is {settings.BUILD}"
    if code == "NOT_RECONCILED":
        return "it is not reconciled with its broker yet"
    if code == "STATUS_STALE":
        return f"its broker was not read within {settings.TIMING.status_age:g} s"
    return "no gateway runs it"


def _covers_accounts(row: KillSwitch | Lock) -> bool:
    return row.deployment_id is None and row.symbol_id is None


def _under(switches: Iterable[KillSwitch], condition: Condition) -> Condition:
    """The condition, or what a switch makes of it where that is worse."""
    for switch in switches:
        health = Health.REDUCING if switch.mode == KillMode.REDUCE else Health.HALTED
        reason = f"Kill switch {switch.mode}: {switch.reason}"
        condition = _worse(condition, Condition(health, reason))
    return condition


def _locked(locks: Iterable[Lock], condition: Condition) -> Condition:
    """The condition, or what a lock makes of it where that is worse."""
    for lock in locks:
        locked = Condition(Health.DEGRADED, f"No entries: locked, {lock.reason}")
        condition = _worse(condition, locked)
    return condition


def _worse(one: Condition, other: Condition) -> Condition:
    """The worse of two; of equals the first."""
    return max(one, other, key=lambda condition: list(Health).index(condition.health))
