"""What people name on the command line, as rows; CommandError says what there is instead."""

from __future__ import annotations

from django.core.management.base import CommandError

from trading.models import Account, Deployment, Symbol
from trading.selectors.bars import SymbolUnknown, symbol_get


def account_named(text: str) -> Account:
    """By its name, or by its number."""
    account = Account.objects.filter(name=text).first()
    if account is None and text.isdecimal():
        account = Account.objects.filter(pk=int(text)).first()
    if account is None:
        names = ", ".join(Account.objects.values_list("name", flat=True)[:20])
        raise CommandError(f"Expected an account among {names}, was {text!r}")
    return account


def deployment_numbered(number: int) -> Deployment:
    deployment = Deployment.objects.filter(pk=number).first()
    if deployment is None:
        raise CommandError(f"Expected a deployment, was {number}")
    return deployment


def symbol_named(text: str) -> Symbol:
    """EURUSD, or source:EURUSD."""
    try:
        return symbol_get(name=text)
    except SymbolUnknown as e:
        raise CommandError(str(e)) from e
