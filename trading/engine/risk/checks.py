"""Whether an order may pass all limits, and whether an account may go on as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from trading.engine.risk.account_checks import ACCOUNT_CHECKS
from trading.engine.risk.controls import INPUT_INVALID, Control
from trading.engine.risk.facts import Facts
from trading.engine.risk.findings import Case, Finding, Unusable
from trading.engine.risk.kinds import Action, Judged
from trading.engine.risk.limits import Limit, LimitSet
from trading.engine.risk.order_checks import ORDER_CHECKS, Check
from trading.engine.types import EngineError

CHECKS: Final[Mapping[Control, Check]] = {
    control: {**ORDER_CHECKS, **ACCOUNT_CHECKS}[control.value] for control in Control
}


def evaluate(limits: LimitSet, facts: Facts) -> tuple[Finding, ...]:
    """Everything that is wrong, in the order of the gate.

    Without an order it judges what holds at every reading. What is missing, stale or no number
    blocks; a limit that only notifies then notifies.
    """
    return tuple(_findings(limits, facts))


def first_denial(limits: LimitSet, facts: Facts) -> Finding | None:
    """The first limit that forbids the order, or None; the checks after it are not made."""
    return next((finding for finding in _findings(limits, facts) if finding.denies), None)


def judge(limit: Limit, case: Case) -> Finding | None:
    """What one limit says."""
    try:
        breach = CHECKS[limit.control](limit, case)
    except Unusable as e:
        return _unjudged(limit, e.code, str(e))
    except (EngineError, ArithmeticError) as e:
        return _unjudged(limit, INPUT_INVALID, str(e) or repr(e))
    if breach is None:
        return None
    action = breach.action or limit.action
    code = limit.spec.code
    return Finding(limit.control, code, breach.message, breach.numbers, action, limit)


def size_factor(findings: Iterable[Finding]) -> Decimal:
    """What sizes are multiplied by: half once the warning share of the daily loss is used."""
    warned = any(
        finding.control is Control.DAILY_LOSS_USED and not finding.denies for finding in findings
    )
    return Decimal("0.5") if warned else Decimal(1)


def _findings(limits: LimitSet, facts: Facts) -> Iterator[Finding]:
    case = Case(limits, facts)
    unasked = Judged.GATE if facts.order is None else Judged.READING
    for limit in limits:
        if limit.spec.judged is not unasked:
            finding = judge(limit, case)
            if finding is not None:
                yield finding


def _unjudged(limit: Limit, code: str, message: str) -> Finding:
    """A breach is not known, so that no more than this order is refused."""
    action = Action.NOTIFY if limit.action is Action.NOTIFY else Action.BLOCK
    return Finding(limit.control, code, f"{limit.control.label}: {message}", {}, action, limit)
