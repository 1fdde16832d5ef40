"""Who may trade a symbol of a netting account, which has one position for all that trade it."""

from __future__ import annotations

from trading.models import Account, Deployment, Symbol


def netting_rival(
    *, account: Account, symbol: Symbol, besides: Deployment | None = None
) -> Deployment | None:
    """The running deployment that another one on `symbol` would share its position with.

    None on a hedging account, and where nobody runs there.
    """
    if account.position_mode != Account.PositionMode.NETTING:
        return None
    running = Deployment.objects.filter(
        account=account, symbol=symbol, state=Deployment.State.RUNNING
    ).select_related("strategy", "symbol")
    if besides is not None:
        running = running.exclude(pk=besides.pk)
    return running.order_by("pk").first()


def shared_symbols(*, account: Account) -> list[str]:
    """Names of the symbols that more than one running deployment of the account trades."""
    running = Deployment.objects.filter(account=account, state=Deployment.State.RUNNING)
    names = list(running.order_by("symbol__name").values_list("symbol__name", flat=True))
    return sorted({name for name in names if names.count(name) > 1})
