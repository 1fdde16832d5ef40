"""An account without a server around it, whose market stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.metaapi_emulator.accounts import Account, AccountKind, Terms
from tests.metaapi_emulator.codes import Code
from tests.metaapi_emulator.market import Market
from tests.metaapi_emulator.trading import Outcome, execute
from tests.metaapi_emulator.triggers import on_quote
from trading.brokers.venue.zigzag import MarketClock

NOON: Final = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)


class Desk:
    """EURUSD stands at 1.10000 / 1.10006."""

    def __init__(self, kind: AccountKind = AccountKind.MT5_HEDGING, **terms: Any) -> None:
        self.market = Market(NOON, 0, 200)
        self.account = Account("a", Terms(kind=kind, **{"has_costs": False, **terms}), self.market)
        self.move("1.10000")

    def move(self, bid: str, symbol: str = "EURUSD") -> None:
        """Let the account see a price."""
        self.market.pin(symbol, Decimal(bid))
        on_quote(self.account, symbol)

    def later(self, step: timedelta) -> None:
        """Let time pass, with a quote at the end of it."""
        self.market.clock = MarketClock.starting(self.market.now() + step, 0)
        on_quote(self.account, "EURUSD")

    def ask(self, action: str, **body: Any) -> Outcome:
        """A trade request about EURUSD."""
        return execute(self.account, {"actionType": action, "symbol": "EURUSD", **body})

    def code(self, action: str, **body: Any) -> Code:
        """The code a trade request is answered with."""
        return self.ask(action, **body).code

    def buy(self, volume: float = 0.1, **body: Any) -> str:
        """Buy at the market: the position's id."""
        return self._done("ORDER_TYPE_BUY", volume, body)

    def sell(self, volume: float = 0.1, **body: Any) -> str:
        """Sell at the market: the position's id."""
        return self._done("ORDER_TYPE_SELL", volume, body)

    @property
    def last_deal(self) -> dict[str, Any]:
        """The newest deal."""
        return self.account.deals[-1]

    @property
    def booked(self) -> Decimal:
        """What all deals together have brought, the deposit too."""
        names = ("profit", "commission")
        parts = (Decimal(str(deal[name])) for deal in self.account.deals for name in names)
        return sum(parts, Decimal(0))

    def _done(self, action: str, volume: float, body: dict[str, Any]) -> str:
        outcome = self.ask(action, volume=volume, **body)
        assert outcome.code is Code.DONE, outcome
        return outcome.position_id
