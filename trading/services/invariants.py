"""The live checker: an invariant that does not hold is an alarm and halts the account."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction

from trading.engine.types import AccountState
from trading.models import Account, Severity
from trading.selectors.invariants import Violation, exposure_differs, violations
from trading.services.accounts import account_halt
from trading.services.events import Happening, event_append


@dataclass(slots=True)
class Watch:
    """What differed at the last look: a difference counts when it is still there at the next."""

    differed: set[Violation] = field(default_factory=set)


def invariants_enforce(*, account: Account, state: AccountState, watch: Watch) -> list[Violation]:
    """Check everything; halt the account and tell for what does not hold. Returns that."""
    differs = set(exposure_differs(account=account, state=state))
    lasting, watch.differed = differs & watch.differed, differs
    broken = violations(account=account) + sorted(lasting, key=str)
    if broken:
        _alarm(account, broken)
    return broken


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
