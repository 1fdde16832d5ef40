"""What trades at which price source: all sources at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from trading.models import Account, Deployment


@dataclass(slots=True)
class Trading:
    """What trades at one source."""

    accounts: list[Account] = field(default_factory=list)
    series: set[tuple[str, str]] = field(default_factory=set)
    """(symbol name, timeframe) of every deployment, running or not."""


def trading_by_source() -> Mapping[str, Trading]:
    """Two queries; a source that nothing trades at has an empty one."""
    found: defaultdict[str, Trading] = defaultdict(Trading)
    for account in Account.objects.order_by("pk"):
        found[account.source].accounts.append(account)
    columns = ("symbol__source", "symbol__name", "timeframe")
    for source, *series in Deployment.objects.order_by().values_list(*columns).distinct():
        found[source].series.add((series[0], series[1]))
    return found
