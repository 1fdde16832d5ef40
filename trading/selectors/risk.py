"""Which limits hold for a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from trading.engine.orders import IN_DOUBT
from trading.engine.risk import Control, Limits
from trading.engine.types import AccountState, PositionState
from trading.models import Account, Deployment, Order, Position, RiskLimit


def limits_of(*, deployment: Deployment, rows: Sequence[RiskLimit] | None = None) -> Limits:
    """The effective limits: of all enabled rows that apply, the strictest of each control.

    `rows` are those of `limits_enabled`, where they have been read already.
    """
    setting = limit_rows(deployment=deployment, rows=rows)
    strictest = {control: row.value.normalize() for control, row in setting.items()}
    positions = strictest.get(Control.MAX_POSITIONS)
    return Limits(
        max_lots=strictest.get(Control.MAX_LOTS),
        max_spread=strictest.get(Control.MAX_SPREAD),
        max_positions=None if positions is None else int(positions),
        daily_loss=strictest.get(Control.DAILY_LOSS),
        margin_use=min(strictest.get(Control.MARGIN_USE, Limits().margin_use), Decimal(100)),
    )


def limits_enabled() -> Sequence[RiskLimit]:
    """Every limit that is in force anywhere, the strictest of each control last."""
    return list(RiskLimit.objects.filter(enabled=True).order_by("-value", "-id"))


def limit_rows(
    *, deployment: Deployment, rows: Sequence[RiskLimit] | None = None
) -> Mapping[Control, RiskLimit]:
    """The row that sets each control, so that a screen can show where a value comes from."""
    enabled = limits_enabled() if rows is None else rows
    return {Control(row.control): row for row in enabled if _applies(row, deployment)}


def _applies(row: RiskLimit, deployment: Deployment) -> bool:
    """Whether it is of the deployment, of its account, or of everything."""
    if row.deployment_id is not None:
        return row.deployment_id == deployment.pk
    return row.account_id is None or row.account_id == deployment.account_id


def account_state_of(*, account: Account) -> AccountState:
    """The account as we last saw it at the broker, with every position known to be open."""
    rows = Position.objects.filter(account=account, closed_at__isnull=True)
    return AccountState(
        currency=account.currency,
        balance=account.balance,
        equity=account.equity,
        margin=account.margin,
        leverage=account.leverage,
        positions=tuple(_position_state(*row) for row in rows.values_list(*COLUMNS)),
        day_start_equity=account.day_start_equity,
    )


def reserved_risk(*, account: Account) -> Decimal:
    """Money that orders on their way may lose, in account currency: no position shows it yet."""
    orders = Order.objects.filter(account=account, status__in=sorted(IN_DOUBT))
    return orders.aggregate(total=Sum("risk_money"))["total"] or Decimal(0)


COLUMNS = (
    "broker_id",
    "symbol__name",
    "side",
    "lots",
    "entry_price",
    "opened_at",
    "stop",
    "take",
    "profit",
    "swap",
    "deployment_id",
)
"""Of a position, in the order of the fields of its state."""


def _position_state(*columns: Any) -> PositionState:
    *given, deployment_id = columns
    values: tuple[Any, ...] = (*given, deployment_id or 0)
    return PositionState(*values)
