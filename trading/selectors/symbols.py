"""Which symbols of a price source are worth streaming."""

from __future__ import annotations

from django.db.models import Q

from trading.models import Account, Symbol

ALL_UP_TO = 40
"""A source with no more symbols than this is streamed whole."""


def symbols_streamed(*, source: str) -> list[Symbol]:
    """All symbols of a small source; of a broker's thousands those that are deployed or held, and
    the pairs that convert their profit into the currency of an account, directly or through USD."""
    symbols = Symbol.objects.filter(source=source)
    if symbols.count() <= ALL_UP_TO:
        return list(symbols)
    held = Q(positions__closed_at__isnull=True, positions__isnull=False)
    wanted = list(symbols.filter(Q(deployments__isnull=False) | held).distinct())
    accounts = Account.objects.filter(source=source).values_list("currency", flat=True)
    currencies = {"USD", *accounts, *(symbol.profit_currency for symbol in wanted)}
    pairs = symbols.filter(base_currency__in=currencies, profit_currency__in=currencies)
    return list({symbol.pk: symbol for symbol in [*wanted, *pairs]}.values())
