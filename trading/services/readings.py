"""What is judged at readings beside losses: records that differ, money that moved, slippage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from trading.engine.risk import (
    AccountFacts,
    Case,
    Control,
    Facts,
    HistoryFacts,
    LimitSet,
    Place,
    Subject,
    judge,
)
from trading.models import Account, BalanceMove, Breach, Deployment
from trading.selectors.guards import Rulebook
from trading.selectors.habits import slips
from trading.services.breaches import Whose, breach_open

OF_ACCOUNTS: Final = (Control.RECON_MISMATCH, Control.BALANCE_MOVED)


def readings_judge(*, account: Account, rulebook: Rulebook, at: datetime) -> list[Breach]:
    """Note what is broken by the market's clock `at`, each once; nothing is read for controls that
    nobody has limited."""
    index, groups = rulebook.book.index, rulebook.book.groups.get(account.pk, ())
    limits = index.at(Place(account=str(account.pk), groups=groups))
    found = list(_broken(account, limits, at))
    for deployment in rulebook.deployments.get(account.pk, ()):
        found += _slipped(deployment, index.at(rulebook.book.place_of(deployment)), at)
    return found


def _broken(account: Account, limits: LimitSet, at: datetime) -> Iterator[Breach]:
    wanted = [limit for control in OF_ACCOUNTS for limit in limits.of(control)]
    if not wanted:
        return
    moves = BalanceMove.objects.filter(account=account, counted_at__isnull=True).count()
    facts = AccountFacts(
        reading_age=Decimal(0), mismatches=account.mismatches, uncounted_moves=moves
    )
    case = Case(limits, Facts(at=at, account=facts))
    for limit in wanted:
        finding = judge(limit, case)
        if finding is not None:
            breach = breach_open(finding=finding, whose=Whose(account=account), at=at)
            yield from () if breach is None else (breach,)


def _slipped(deployment: Deployment, limits: LimitSet, at: datetime) -> Iterator[Breach]:
    for limit in limits.of(Control.SLIPPAGE):
        assert limit.subject is Subject.DEPLOYMENT
        history = HistoryFacts(
            slips=slips(deployment_id=deployment.pk, at=at, window=limit.window or 0)
        )
        account = AccountFacts(reading_age=Decimal(0))
        finding = judge(limit, Case(limits, Facts(at=at, account=account, history=history)))
        if finding is not None:
            breach = breach_open(finding=finding, whose=Whose(deployment=deployment), at=at)
            yield from () if breach is None else (breach,)
