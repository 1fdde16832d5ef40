"""The checks of sums: positions, exposure, losses, margin, and of the platform itself."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from trading.engine.risk.controls import INPUT_MISSING, Control
from trading.engine.risk.exposure import Span, Tally
from trading.engine.risk.findings import Breach, Case, Unusable, at_least_0, compared, need
from trading.engine.risk.kinds import Action, Subject
from trading.engine.risk.limits import Limit
from trading.engine.risk.order_checks import Check


def safe_mode(limit: Limit, case: Case) -> Breach | None:
    problems = case.facts.problems
    if problems is None:
        raise Unusable(INPUT_MISSING, "Expected to know the platform's condition")
    return Breach(f"Safe mode: {'; '.join(problems)}") if problems else None


def max_positions(limit: Limit, case: Case) -> Breach | None:
    count = Decimal(_tally(limit, case).count)
    return compared(limit, "Count of positions with this one", count, limit.value)


def max_open_lots(limit: Limit, case: Case) -> Breach | None:
    return compared(limit, "Open lots with these", _tally(limit, case).lots, limit.value)


def _tally(limit: Limit, case: Case) -> Tally:
    after, holding = case.after(limit), case.holding
    if limit.subject is Subject.SYMBOL:
        return after.by_symbol[holding.symbol]
    if limit.subject is Subject.DEPLOYMENT:
        return after.by_deployment[holding.deployment]
    return after.total


def currency_exposure(limit: Limit, case: Case) -> Breach | None:
    """Judged on the side to which the order adds, so that it may take away from the other."""
    legs, order, allowed = case.after(limit).legs, case.holding, case.allowed(limit)
    for currency, side in ((order.base, order.side), (order.quote, -order.side)):
        if limit.subject is Subject.CURRENCY and currency != limit.target:
            continue
        found = compared(limit, f"Exposure in {currency}", _towards(legs[currency], side), allowed)
        if found:
            return found
    return None


def _towards(span: Span, side: int) -> Decimal:
    return span.open + span.up if side > 0 else -(span.open + span.down)


def correlated_exposure(limit: Limit, case: Case) -> Breach | None:
    return compared(limit, "Correlated exposure", case.correlated(limit), case.allowed(limit))


def open_risk(limit: Limit, case: Case) -> Breach | None:
    risk = need(case.after(limit).risk, "the loss down to the stop-out")
    return compared(limit, "Open risk", risk, case.allowed(limit))


def global_exposure(limit: Limit, case: Case) -> Breach | None:
    return compared(limit, "Gross exposure", case.after(limit).gross, case.allowed(limit))


def loss(limit: Limit, case: Case) -> Breach | None:
    """Equity at the floor is legal."""
    found = case.floor(limit)
    if not found.is_breached:
        return None
    return Breach(
        f"Equity {found.equity:f} is below the floor {found.floor:f} ({limit.words})",
        {
            "equity": f"{found.equity:f}",
            "floor": f"{found.floor:f}",
            "reference": f"{found.reference:f}",
            "used": f"{found.used:.2f}",
        },
    )


def daily_loss_used(limit: Limit, case: Case) -> Breach | None:
    """Of every daily loss that refuses, of the same subject."""
    losses = [
        other
        for other in case.limits.of(Control.DAILY_LOSS)
        if other.action is not Action.NOTIFY
        and (other.subject, other.own) == (limit.subject, limit.own)
    ]
    used = max((case.floor(other).used for other in losses), default=None)
    if used is None or used < limit.value:
        return None
    numbers = {"used": f"{used:.2f}", "limit": limit.words}
    return Breach(f"{used:.2f} % of the daily loss is used, limit {limit.words}", numbers)


def equity_stop(limit: Limit, case: Case) -> Breach | None:
    equity = case.equity(limit)
    if equity >= limit.value:
        return None
    numbers = {"equity": f"{equity:f}", "floor": f"{limit.value:f}"}
    return Breach(f"Equity {equity:f} is below {limit.value:f}", numbers)


def margin_level(limit: Limit, case: Case) -> Breach | None:
    """As it is: the limit's action. As it would be with the order: the order is refused."""
    equity, margin = case.equity(limit), at_least_0(case.facts.account.margin, "margin")
    found = _level_breach(limit, equity, margin, limit.action)
    if found or case.facts.order is None:
        return found
    return _level_breach(
        limit, equity, margin + _new_margin(case), min(limit.action, Action.BLOCK, key=_rank)
    )


def _level_breach(limit: Limit, equity: Decimal, margin: Decimal, action: Action) -> Breach | None:
    if equity * 100 >= limit.value * margin and (margin > 0 or equity > 0):
        return None
    level = equity / margin * 100 if margin else Decimal(0)
    numbers = {"level": f"{level:.2f}", "limit": limit.words}
    return Breach(f"Margin level is {level:.2f} %, limit {limit.words}", numbers, action)


def _rank(action: Action) -> int:
    return action.rank


def margin_use(limit: Limit, case: Case) -> Breach | None:
    margin = at_least_0(case.facts.account.margin, "margin") + _new_margin(case)
    return compared(limit, "Margin after the order", margin, case.allowed(limit))


def _new_margin(case: Case) -> Decimal:
    """Of this order and of those that the broker does not count yet."""
    reserved = at_least_0(case.facts.account.reserved_margin, "margin of pending orders")
    return reserved + at_least_0(case.order.margin, "margin of the order")


def recon_mismatch(limit: Limit, case: Case) -> Breach | None:
    count = need(case.facts.account.mismatches, "the count of readings that differ")
    return compared(limit, "Count of readings that differ", count, limit.value - 1)


def balance_moved(limit: Limit, case: Case) -> Breach | None:
    count = need(case.facts.account.uncounted_moves, "the count of deposits and withdrawals")
    return compared(limit, "Count of deposits and withdrawals to count", count, Decimal(0))


ACCOUNT_CHECKS: Final[Mapping[str, Check]] = {
    "SAFE_MODE": safe_mode,
    "MAX_POSITIONS": max_positions,
    "MAX_OPEN_LOTS": max_open_lots,
    "CURRENCY_EXPOSURE": currency_exposure,
    "CORRELATED_EXPOSURE": correlated_exposure,
    "OPEN_RISK": open_risk,
    "STRATEGY_LOSS": loss,
    "STRATEGY_DRAWDOWN": loss,
    "DAILY_LOSS": loss,
    "DAILY_LOSS_USED": daily_loss_used,
    "MAX_DRAWDOWN": loss,
    "EQUITY_STOP": equity_stop,
    "MARGIN_LEVEL": margin_level,
    "MARGIN_USE": margin_use,
    "RECON_MISMATCH": recon_mismatch,
    "BALANCE_MOVED": balance_moved,
    "GLOBAL_LOSS": loss,
    "GLOBAL_EXPOSURE": global_exposure,
    "GLOBAL_POSITIONS": max_positions,
}
