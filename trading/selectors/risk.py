"""Which limits hold for a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db.models import Q

from trading.engine.risk import Control, Limits
from trading.models import Deployment, RiskLimit


def limits_of(*, deployment: Deployment) -> Limits:
    """The effective limits: of all enabled rows that apply, the strictest of each control."""
    rows = limit_rows(deployment=deployment)
    strictest = {control: row.value.normalize() for control, row in rows.items()}
    positions = strictest.get(Control.MAX_POSITIONS)
    return Limits(
        max_lots=strictest.get(Control.MAX_LOTS),
        max_spread=strictest.get(Control.MAX_SPREAD),
        max_positions=None if positions is None else int(positions),
        daily_loss=strictest.get(Control.DAILY_LOSS),
        margin_use=min(strictest.get(Control.MARGIN_USE, Limits().margin_use), Decimal(100)),
    )


def limit_rows(*, deployment: Deployment) -> Mapping[Control, RiskLimit]:
    """The row that sets each control, so that a screen can show where a value comes from."""
    applies = Q(account=deployment.account_id) | Q(deployment=deployment)
    everywhere = Q(account__isnull=True, deployment__isnull=True)
    rows = RiskLimit.objects.filter(applies | everywhere, enabled=True).order_by("-value", "-id")
    return {Control(row.control): row for row in rows}
