"""What a lot loses per tick: by our specification, and by the broker's word.

They differ where a contract size is wrong or an account counts in cents; then every size would be
wrong by as much, and no entry is let through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

import structlog
from django.db import transaction
from django.utils.timezone import now

from trading.brokers.base import Unavailable
from trading.brokers.metaapi.mapping import PricePart, price_part
from trading.brokers.metaapi.payload import PayloadError
from trading.engine.money import conversion_for
from trading.engine.sizing import is_same_tick_value
from trading.engine.types import EngineError, Quote
from trading.models import Account, Severity, Symbol
from trading.services.events import Happening, event_append

log = structlog.get_logger(__name__)
_RATIO_PLACES: Final = Decimal("1e-9")


class PriceClient(Protocol):
    """What is asked of an account's client; raises Unavailable."""

    def price(self, symbol: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class TickValue:
    """Account currency that one lot loses per tick."""

    symbol: Symbol
    currency: str
    ours: Decimal
    brokers: Decimal | None
    """None where the broker names none."""

    @property
    def is_same(self) -> bool:
        """Whether both agree, as far as the broker says anything."""
        return self.brokers is None or is_same_tick_value(self.ours, self.brokers)

    def __str__(self) -> str:
        brokers = "none" if self.brokers is None else f"{self.brokers:.5f}"
        return (
            f"{self.symbol.name}: a lot loses {self.ours:.5f} {self.currency} per tick, "
            f"the broker says {brokers}"
        )


def tick_value_compare(*, account: Account, client: PriceClient, symbol: Symbol) -> TickValue:
    """Ask the broker, keep what came of it with the symbol, and tell when a mismatch begins.

    Raises Unavailable, and EngineError or PayloadError for a price that cannot be worked with.
    """
    price = price_part(client.price(symbol.name))
    quotes = _converting(client, symbol, account.currency)
    instrument = symbol.instrument()
    conversion = conversion_for(instrument, account.currency, quotes)
    ours = instrument.tick_value * conversion.at(price.quote.bid)
    found = TickValue(symbol, account.currency, ours, price.loss_tick_value)
    _keep(account, found)
    return found


def tick_values_compare(
    *, account: Account, client: PriceClient, symbols: Iterable[Symbol]
) -> list[TickValue]:
    """All that can be compared; what cannot be read is in the log."""
    found = []
    for symbol in symbols:
        try:
            found.append(tick_value_compare(account=account, client=client, symbol=symbol))
        except (Unavailable, EngineError, PayloadError) as e:
            log.warning("tick value not compared", symbol=str(symbol), error=str(e))
    return found


@transaction.atomic
def _keep(account: Account, found: TickValue) -> None:
    symbol = Symbol.objects.select_for_update().get(pk=found.symbol.pk)
    before, ratio = symbol.tick_value_ratio, None
    if found.brokers is not None:
        ratio = (found.brokers / found.ours).quantize(_RATIO_PLACES)
    Symbol.objects.filter(pk=symbol.pk).update(tick_value_ratio=ratio, tick_value_at=now())
    was_same = before is None or is_same_tick_value(Decimal(1), before)
    if was_same and not found.is_same:
        event_append(
            happening=Happening(
                kind="symbol.mismatch",
                message=f"{found}: no entries until they agree",
                severity=Severity.CRITICAL,
                account=account,
                payload={"symbol": str(symbol), "ours": found.ours, "broker": found.brokers},
            )
        )


def _converting(client: PriceClient, symbol: Symbol, currency: str) -> dict[str, Quote]:
    """Quotes, by canonical name, of the pairs that may convert the symbol's profit."""
    if currency in (symbol.profit_currency, symbol.base_currency):
        return {}
    ends = {symbol.profit_currency, currency, "USD"}
    wanted = [a + b for a in ends for b in ends if a != b]
    pairs = Symbol.objects.filter(source=symbol.source, canonical__in=wanted)
    return {pair.canonical: _price(client, pair).quote for pair in pairs}


def _price(client: PriceClient, symbol: Symbol) -> PricePart:
    return price_part(client.price(symbol.name))
