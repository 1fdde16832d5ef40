"""Every limit that holds for an order, judged on what is open, resting and reserved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trading.engine.risk import Action, Finding, Judged, evaluate
from trading.engine.types import EngineError
from trading.models import Lease, Order
from trading.selectors.clock import Moment
from trading.selectors.facts import facts_of
from trading.selectors.pending import PendingOrder
from trading.selectors.quotes import SeenQuote
from trading.selectors.risk import limit_set_of
from trading.selectors.subjects import Setting
from trading.services.breaches import breach_open, whose_of


class Refusal(NamedTuple):
    """A stable code, what was expected and found, and the numbers behind it."""

    code: str
    message: str
    numbers: Mapping[str, str] = {}
    findings: Sequence[str] = ()
    """Everything that was wrong, the reason itself first."""

    def evidence(self) -> dict[str, Any]:
        """As it is kept with the order, its event and its run."""
        found = {"code": self.code, "numbers": dict(self.numbers), "findings": list(self.findings)}
        return {name: value for name, value in found.items() if value}


def limits_judge(
    *,
    order: Order,
    seen: SeenQuote,
    pending: Sequence[PendingOrder],
    lease: Lease,
    moment: Moment,
) -> Refusal | None:
    """The first limit that forbids the entry. In the transaction of the gate: what a breach stops
    beyond this order is stopped with the same commit."""
    assert order.deployment is not None
    try:
        limits = limit_set_of(deployment=order.deployment)
    except EngineError as e:
        return Refusal("LIMIT_INVALID", str(e))
    setting = Setting(order, limits, pending, seen.quote.time, moment)
    findings = evaluate(limits, facts_of(setting=setting, seen=seen, lease=lease))
    for finding in findings:
        _note(finding, setting)
    denying = [finding for finding in findings if finding.denies]
    return _refusal(denying) if denying else None


def _note(finding: Finding, setting: Setting) -> None:
    """What reaches beyond the order; what is judged at every reading too is the guard's."""
    if finding.action is Action.BLOCK or finding.control.spec.judged is not Judged.GATE:
        return
    order = setting.order
    whose = whose_of(finding=finding, account=order.account, deployment=order.deployment)
    breach_open(finding=finding, whose=whose, at=setting.at)


def _refusal(denying: Sequence[Finding]) -> Refusal:
    first = denying[0]
    limit = first.limit
    numbers = {
        **first.numbers,
        "control": first.control.value,
        "action": first.action.value,
        "origin": limit.origin,
    }
    words = tuple(f"{finding.code}: {finding.message}" for finding in denying)
    return Refusal(first.code, first.message, numbers, words)
