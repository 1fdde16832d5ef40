"""The live checker: an invariant that does not hold is an alarm and halts the account."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F

from trading.engine.types import AccountState
from trading.models import Account, Severity
from trading.selectors.invariants import Violation, exposure_differs, violations
from trading.services.accounts import account_halt
from trading.services.events import Happening, event_append

MOST_MISMATCHES = 1000
"""Nobody counts further."""


@dataclass(slots=True)
class Watch:
    """What differed at the last look: a difference counts when it is still there at the next."""

    differed: set[Violation] = field(default_factory=set)


def invariants_enforce(*, account: Account, state: AccountState, watch: Watch) -> list[Violation]:
    """Check everything; halt the account and tell for what does not hold. Returns that."""
    differs = set(exposure_differs(account=account, state=state))
    lasting, watch.differed = differs & watch.differed, differs
    _count_mismatch(account, bool(differs))
    broken = violations(account=account) + sorted(lasting, key=str)
    if broken:
        _alarm(account, broken)
    return broken


def _count_mismatch(account: Account, differs: bool) -> None:
    """Readings in a row that differed from our records, for the limit of them."""
    row = Account.objects.filter(pk=account.pk)
    if differs:
        row.filter(mismatches__lt=MOST_MISMATCHES).update(mismatches=F("mismatches") + 1)
    else:
        row.exclude(mismatches=0).update(mismatches=0)


def _alarm(account: Account, broken: list[Violation]) -> None:
    reason = f"Invariant broken: {broken[0]}"
    account.refresh_from_db(fields=["state", "state_reason"])
    if account.state == Account.State.HALTED and account.state_reason == reason[:200]:
        return  # told already
    with transaction.atomic():
        for violation in broken:
            event_append(
                happening=Happening(
                    kind="invariant.broken",
                    message=f"{account}: {violation}",
                    severity=Severity.CRITICAL,
                    account=account,
                    payload={"code": violation.code},
                )
            )
        account_halt(account=account, reason=reason)
