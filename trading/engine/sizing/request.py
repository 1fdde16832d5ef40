"""What `size_position` is asked and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading.engine.sizing.caps import Caps
from trading.engine.sizing.facts import Facts
from trading.engine.sizing.rules import SizingRule
from trading.engine.types import AccountState, Conversion, Costs, Denied, Instrument


@dataclass(frozen=True, slots=True)
class SizingRequest:
    """What a size depends on.

    `price` is the expected entry (ask for a buy, bid for a sell) and `stop` the protective price.
    """

    instrument: Instrument
    account: AccountState
    side: int
    price: Decimal
    stop: Decimal
    rule: SizingRule = SizingRule()
    caps: Caps = Caps()
    costs: Costs = Costs()
    conversion: Conversion = Conversion()
    facts: Facts = Facts()

    def numbers(self) -> Iterable[tuple[str, Decimal]]:
        """Every number that is given and not checked by its own type, by name."""
        account, costs = self.account, self.costs
        yield "price", self.price
        yield "stop", self.stop
        yield "balance", account.balance
        yield "equity", account.equity
        yield "margin", account.margin
        yield "leverage", Decimal(account.leverage)
        yield "conversion rate", self.conversion.rate
        yield "commission_per_lot", costs.commission_per_lot
        yield "slippage_ticks", Decimal(costs.slippage_ticks)
        yield from self.caps.numbers()
        yield from self.facts.numbers()


@dataclass(frozen=True, slots=True)
class Sizing:
    """A size with the way it was found; `lots` is 0 where there is a `denial`.

    `loss_per_lot` (0 where it could not be found) and `money_at_risk` are in account currency.
    """

    lots: Decimal
    loss_per_lot: Decimal
    money_at_risk: Decimal
    factors: Mapping[str, str]
    denial: Denied | None = None
