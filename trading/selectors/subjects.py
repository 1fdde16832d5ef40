"""The sums that limits are about: of the account, a deployment's stream, groups and everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings

from trading.engine import money
from trading.engine.risk import (
    Clock,
    Control,
    DrawdownState,
    LimitSet,
    Subject,
    SubjectFacts,
    exposure_of,
    exposure_together,
)
from trading.engine.risk.facts import Key
from trading.models import Account, AccountGroup, LossState, Order, Symbol
from trading.selectors.clock import Moment, seconds_since
from trading.selectors.holdings import Held, Prices, counted, held_by
from trading.selectors.losses import States, counting, day_state, is_plain, loss_states
from trading.selectors.pending import PendingOrder

COUNTED: Final = frozenset({Control.MAX_POSITIONS, Control.MAX_OPEN_LOTS})
VALUED: Final = frozenset(
    {Control.CURRENCY_EXPOSURE, Control.CORRELATED_EXPOSURE, Control.OPEN_RISK}
)
TOGETHER: Final = frozenset({Control.GLOBAL_EXPOSURE, Control.GLOBAL_POSITIONS})
"""Sums of everything that need what all accounts hold; the loss of everything needs money alone."""
SUMMED: Final = TOGETHER | {Control.GLOBAL_LOSS}
ZERO: Final = Decimal(0)
ACCOUNT: Final = (Subject.ACCOUNT, "")
STREAM: Final = (Subject.DEPLOYMENT, "")
WHOLE: Final = (Subject.GLOBAL, "")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when an order is judged; `at` is the market's clock, `moment` that of leases."""

    order: Order
    limits: LimitSet
    pending: Sequence[PendingOrder]
    at: datetime
    moment: Moment
    prices: Prices = field(default_factory=Prices)

    @property
    def account(self) -> Account:
        return self.order.account

    def asks_for(self, controls: Iterable[Control]) -> bool:
        """Whether a limit of any of them is of the account, its symbols or its currencies."""
        shared = (Subject.GROUP, Subject.GLOBAL)
        found = (limit for control in controls for limit in self.limits.of(control))
        return any(limit.subject not in shared for limit in found)


class Subjects:
    """Reads the subjects that the limits of a setting are about."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.symbols: list[Symbol] = [setting.order.symbol]
        """Of everything that was valued, and of the order."""

    def facts(self) -> Mapping[Key, SubjectFacts]:
        limits = self.setting.limits
        states = self._states()
        found = {ACCOUNT: self._account(states.get(ACCOUNT, {}))}
        if any(limit.spec.is_own_stream for limit in limits):
            found[STREAM] = self._stream(states.get(STREAM, {}))
        for group in self._groups():
            key = (Subject.GROUP, str(group.pk))
            members = list(group.accounts.select_related("lease"))
            found[key] = self._shared(members, group.currency, states.get(key, {}))
        if any(limits.of(control) for control in SUMMED):
            everyone = list(Account.objects.select_related("lease"))
            currency = settings.REPORTING_CURRENCY
            found[WHOLE] = self._shared(everyone, currency, states.get(WHOLE, {}))
        return found

    def _states(self) -> States:
        """Read only where a loss counts from more than the account's own row knows."""
        setting = self.setting
        limits = counting(setting.limits)
        rows: States = {}
        if not all(is_plain(limit) for limit in limits):
            rows = loss_states(
                account=setting.account,
                deployment_id=setting.order.deployment_id,
                groups=[limit.target for limit in limits if limit.subject is Subject.GROUP],
            )
        return rows

    def _account(self, rows: Mapping[Clock, LossState]) -> SubjectFacts:
        account, exposure = self.setting.account, None
        if self.setting.asks_for(VALUED):
            exposure = self._held([account]).exposure(account)
        elif self.setting.asks_for(COUNTED):
            exposure = exposure_of(counted(account=account, pending=self.setting.pending))
        states = {**day_state(account, self.setting.at), **_values(rows)}
        return SubjectFacts(account.equity, exposure, states)

    def _stream(self, rows: Mapping[Clock, LossState]) -> SubjectFacts:
        """Of the deployment itself, as the guard has seen it last."""
        newest = max(rows.values(), key=lambda row: row.updated_at, default=None)
        return SubjectFacts(newest.equity if newest else None, None, _values(rows))

    def _groups(self) -> Iterable[AccountGroup]:
        targets = {x.target for x in self.setting.limits if x.subject is Subject.GROUP}
        if not targets:
            return ()
        return AccountGroup.objects.filter(pk__in=[int(target) for target in targets])

    def _shared(
        self, accounts: list[Account], currency: str, rows: Mapping[Clock, LossState]
    ) -> SubjectFacts:
        """Accounts together. One that trades and was not read lately leaves the sums unknown."""
        held, prices = self._held(accounts), self.setting.prices
        rates = [rate_of(account, currency, prices) for account in accounts]
        own = rate_of(self.setting.account, currency, prices)
        states = _values(rows)
        if None in rates or not all(self._is_known(account, held) for account in accounts):
            return SubjectFacts(None, None, states, own)
        pairs = [(a, rate) for a, rate in zip(accounts, rates, strict=True) if rate is not None]
        equity = sum((account.equity * rate for account, rate in pairs), ZERO)
        sums = [(held.exposure(account), rate) for account, rate in pairs]
        known = [exposure.converted(rate) for exposure, rate in sums if exposure is not None]
        whole = exposure_together(known) if len(known) == len(sums) else None
        return SubjectFacts(equity, whole, states, own)

    def _held(self, accounts: list[Account]) -> Held:
        setting = self.setting
        held = held_by(accounts=accounts, prices=setting.prices, besides=setting.order)
        self.symbols += held.symbols
        return held

    def _is_known(self, account: Account, held: Held) -> bool:
        """Whether it was read lately, or has nothing that moves."""
        lease = getattr(account, "lease", None)
        if lease is None:
            return held.holdings[account.pk] == []
        age = seconds_since(lease.seen_tick, lease.boot, self.setting.moment)
        return abs(age) <= settings.TIMING.status_age or held.holdings[account.pk] == []


def rate_of(account: Account, currency: str, prices: Prices) -> Decimal | None:
    """What one unit of the account's currency is worth in another; None where no quote says."""
    if account.currency == currency:
        return Decimal(1)
    prices.read(account.source, (), (account.currency, currency))
    return money.rate_between(account.currency, currency, prices.of(account.source))


def _values(rows: Mapping[Clock, LossState]) -> Mapping[Clock, DrawdownState]:
    return {clock: row.state() for clock, row in rows.items()}
