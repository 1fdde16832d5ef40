"""What the equity guard needs to know: its limits, what it remembered, and what was booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.utils.timezone import now

from trading.engine.risk import Clock, DrawdownState, Period, Place, Subject
from trading.engine.risk.watching import Owner, Rule, rules_of
from trading.models import (
    Account,
    AccountGroup,
    Breach,
    Deployment,
    Event,
    Fill,
    LossState,
    Position,
)
from trading.selectors.risk import LimitBook, limit_book

WARNING: Final = "limit.warning"
"""Kind of the events that tell of an alarm which stops nothing."""
RESET: Final = "reset"
"""Who ends a breach that lasts until the next reset."""
LONGEST: Final = timedelta(days=32)
"""No period is longer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A breach that holds, as far as somebody must know when it ends."""

    account_id: int | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Member:
    """An account of several that are limited together, as it was last written down."""

    pk: int
    currency: str
    balance: Decimal
    equity: Decimal
    is_fresh: bool
    """Whether that was lately."""
    is_exposed: bool
    """Whether anything is open on it."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What holds for all accounts, read in a few queries."""

    book: LimitBook
    deployments: Mapping[int, list[Deployment]]
    """By account."""
    breaches: Mapping[int, Standing]
    """Those that hold, by their ids; a deployment's stands under its account."""
    members: Mapping[int, Member]
    """All accounts, where a limit is of several together; else empty."""
    currencies: Mapping[Owner, str]
    """What the sums of groups and of everything are expressed in."""

    def members_of(self, owner: Owner) -> Mapping[int, Member]:
        """The accounts of a group, or all."""
        if owner.subject is Subject.GLOBAL:
            return self.members
        groups = self.book.groups
        return {pk: m for pk, m in self.members.items() if owner.target in groups.get(pk, ())}

    def rules(self, account: Account) -> tuple[Rule, ...]:
        """What the guard of an account watches. A row that makes no sense is left out here: the
        gate refuses for it."""
        places = [self.book.place_of(d) for d in self.deployments.get(account.pk, ())]
        groups = self.book.groups.get(account.pk, ())
        return rules_of(self.book.index, Place(account=str(account.pk), groups=groups), places)

    def is_due(self, account_id: int | None, at: datetime) -> bool:
        """Whether a breach of the account (None: of groups or everything) has lasted long enough
        by the market's clock."""
        return any(
            standing.ends is not None and standing.ends <= at
            for standing in self.breaches.values()
            if standing.account_id == account_id
        )


def rulebook() -> Rulebook:
    """Read it: four queries, and three more where a limit is of several accounts together."""
    deployments: defaultdict[int, list[Deployment]] = defaultdict(list)
    for deployment in Deployment.objects.select_related("symbol").order_by("id"):
        deployments[deployment.account_id].append(deployment)
    columns = ("pk", "account_id", "deployment__account_id", "ends")
    rows = Breach.objects.filter(ended_at__isnull=True).values_list(*columns)
    breaches = {pk: Standing(own or other, ends) for pk, own, other, ends in rows}
    book = limit_book()
    if not book.groups and not _has_sums(book):
        return Rulebook(book, deployments, breaches, {}, {})
    return Rulebook(book, deployments, breaches, _members(), _currencies())


def _has_sums(book: LimitBook) -> bool:
    everywhere = book.index.at(Place(account=""))
    return any(limit.subject is Subject.GLOBAL for limit in everywhere)


def _members() -> dict[int, Member]:
    columns = ("pk", "currency", "balance", "equity", "observed_at")
    fresh = now() - timedelta(seconds=settings.TIMING.status_age)
    exposed = set(Position.objects.filter(closed_at__isnull=True).values_list("account", flat=True))
    rows = Account.objects.order_by("pk").values_list(*columns)
    return {
        pk: Member(pk, currency, balance, equity, at is not None and at >= fresh, pk in exposed)
        for pk, currency, balance, equity, at in rows
    }


def _currencies() -> dict[Owner, str]:
    groups = AccountGroup.objects.values_list("pk", "currency")
    found = {Owner(Subject.GROUP, str(pk)): currency for pk, currency in groups}
    return {**found, Owner(Subject.GLOBAL): settings.REPORTING_CURRENCY}


# --- what was remembered


def owner_of(row: LossState) -> Owner:
    """Whose row it is."""
    if row.deployment_id is not None:
        return Owner(Subject.DEPLOYMENT, str(row.deployment_id))
    if row.account_id is not None:
        return Owner(Subject.ACCOUNT, str(row.account_id))
    if row.group_id is not None:
        return Owner(Subject.GROUP, str(row.group_id))
    return Owner(Subject.GLOBAL)


def states_of(owners: Iterable[Owner]) -> dict[tuple[Owner, Clock], LossState]:
    """The rows of some owners, by owner and clock."""
    rows = LossState.objects.none()
    for owner in owners:
        rows = rows | LossState.objects.filter(**columns_of(owner))
    return {(owner_of(row), Clock(Period(row.period), row.reset, row.zone)): row for row in rows}


def columns_of(owner: Owner) -> dict[str, int | None]:
    """The columns that say whose a row is."""
    columns: dict[str, int | None] = {"account_id": None, "deployment_id": None, "group_id": None}
    if owner.subject is not Subject.GLOBAL:
        columns[f"{owner.subject.lower()}_id"] = int(owner.target)
    return columns


def drawdown_states(
    rows: Mapping[tuple[Owner, Clock], LossState],
) -> dict[tuple[Owner, Clock], DrawdownState]:
    return {key: row.state() for key, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Raised:
    """Alarms of an account, its deployments, groups and everything."""

    keys: dict[str, bool]
    """False where a person has let go of it."""
    breaches: dict[int, str]
    """The key of each breach that holds."""


def alarms_raised(account: Account) -> Raised:
    """What was told, and what was broken, within the longest period."""
    since = now() - LONGEST
    events = Event.objects.filter(Q(account=account) | Q(account=None), kind=WARNING, at__gt=since)
    told = dict.fromkeys((e.payload.get("key", "") for e in events.order_by("-id")[:500]), True)
    breaches = _about(account).filter(at__gt=since).order_by("id")
    rows = breaches.values_list("pk", "numbers", "ended_by")
    held = {numbers.get("key", ""): by in ("", RESET) for _, numbers, by in rows}
    keys = {key: is_on for key, is_on in {**told, **held}.items() if key}
    return Raised(keys, {pk: n["key"] for pk, n, by in rows if not by and "key" in n})


def _about(account: Account) -> QuerySet[Breach]:
    own = Q(account=account) | Q(deployment__account=account)
    return Breach.objects.filter(own | Q(account=None, deployment=None))


def breaches_let_go(breaches: Collection[int]) -> set[int]:
    """Of these, those that have ended."""
    ended = Breach.objects.filter(pk__in=breaches, ended_at__isnull=False)
    return set(ended.values_list("pk", flat=True))


# --- what was booked


@dataclass(slots=True)
class Ledger:
    """What the deals of an account have booked, ever: kept up by reading only the new ones."""

    account_id: int
    by_deployment: defaultdict[str, Decimal] = field(
        default_factory=lambda: defaultdict(lambda: Decimal(0))
    )
    total: Decimal = Decimal(0)
    _newest: int = 0

    def read(self) -> Decimal:
        """Take in the deals since the last time; the total."""
        rows = self._rows().filter(pk__gt=self._newest)
        columns = ("pk", "position__deployment_id", "profit", "swap", "commission")
        for pk, deployment, profit, swap, commission in rows.order_by("pk").values_list(*columns):
            self._add(deployment, profit + swap - commission)
            self._newest = pk
        return self.total

    def read_all(self) -> Decimal:
        """The same from the beginning: deals that came late have lower numbers."""
        self.total, self.by_deployment = Decimal(0), defaultdict(lambda: Decimal(0))
        newest = self._rows().order_by("-pk").values_list("pk", flat=True).first() or 0
        booked = F("profit") + F("swap") - F("commission")
        rows = self._rows().filter(pk__lte=newest).values_list("position__deployment_id")
        for deployment, amount in rows.annotate(booked=Sum(booked)):
            self._add(deployment, amount)
        self._newest = newest
        return self.total

    def since(self, at: datetime) -> Decimal:
        """What was recorded after a moment of the wall clock."""
        rows = self._rows().filter(recorded_at__gt=at)
        booked = F("profit") + F("swap") - F("commission")
        return rows.aggregate(booked=Sum(booked))["booked"] or Decimal(0)

    def _rows(self) -> QuerySet[Fill]:
        return Fill.objects.filter(account_id=self.account_id)

    def _add(self, deployment: int | None, amount: Decimal) -> None:
        self.total += amount
        if deployment is not None:
            self.by_deployment[str(deployment)] += amount
