"""Which kill switches are pulled, and what they stop."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from trading.models import Account, Deployment, KillMode, KillSwitch, Order, Symbol


def kills_pulled() -> QuerySet[KillSwitch]:
    """Every switch nobody has re-armed yet, oldest first."""
    related = ("account", "deployment__strategy", "deployment__symbol", "symbol")
    return (
        KillSwitch.objects.filter(rearmed_at__isnull=True).select_related(*related).order_by("id")
    )


def kills_on(
    *,
    account: Account,
    deployment: Deployment | int | None = None,
    symbol: Symbol | int | None = None,
) -> QuerySet[KillSwitch]:
    """The pulled switches that hold for an order or a position of `account`."""
    everything = Q(account=None, deployment=None, symbol=None)
    scope = everything | Q(account=account)
    if deployment is not None:
        scope |= Q(deployment=deployment)
    if symbol is not None:
        scope |= Q(symbol=symbol)
    return kills_pulled().filter(scope)


def kill_over(*, order: Order, mode: KillMode | None = None) -> KillSwitch | None:
    """The oldest pulled switch that holds for the order, of any mode or of one; asked in full only
    while any is pulled."""
    if not kills_pulled().exists():
        return None
    pulled = kills_on(account=order.account, deployment=order.deployment_id, symbol=order.symbol_id)
    return (pulled.filter(mode=mode) if mode else pulled).first()
