"""An account of a trading platform: what it holds, what it owes, and what has just changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any, Final
from zlib import crc32

from tests.metaapi_emulator.formats import cents, number, times
from tests.metaapi_emulator.market import ACCOUNT_CURRENCY, Market
from trading.brokers.market import SIMULATED_SYMBOLS
from trading.engine.types import ExitReason, Fill, Instrument

FIRST_TICKET: Final = 46_870_472
STOP_OUT_PERCENT: Final = 50


class AccountKind(StrEnum):
    """The platform and how it keeps positions."""

    MT5_HEDGING = "mt5-hedging"
    MT5_NETTING = "mt5-netting"
    MT4 = "mt4"


class Reason(StrEnum):
    """Why something was executed, as MT5 puts it."""

    EXPERT = "EXPERT"
    CLIENT = "CLIENT"
    STOP = "SL"
    TAKE = "TP"
    STOP_OUT = "SO"

    @property
    def exit(self) -> ExitReason:
        """The same in the engine's words."""
        return EXITS[self]


EXITS: Final[Mapping[Reason, ExitReason]] = {
    Reason.EXPERT: ExitReason.SIGNAL,
    Reason.CLIENT: ExitReason.MANUAL,
    Reason.STOP: ExitReason.STOP,
    Reason.TAKE: ExitReason.TAKE,
    Reason.STOP_OUT: ExitReason.STOP_OUT,
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an entry asks for; `volume` in lots, `price` only for what rests."""

    symbol: str
    side: int
    volume: Decimal
    price: Decimal | None = None
    stop: Decimal | None = None
    take: Decimal | None = None
    magic: int = 0
    client_id: str = ""
    comment: str = ""
    reason: Reason = Reason.EXPERT

    @property
    def way(self) -> str:
        """BUY or SELL."""
        return way(self.side)


@dataclass(slots=True)
class Position:
    """An open position. What is `hidden` the platform no longer knows, only the ledger does."""

    id: str
    ticket: Ticket
    volume: Decimal
    price: Decimal
    opened: datetime
    updated: datetime
    stop: Decimal | None
    take: Decimal | None
    commission: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    broker_comment: str = ""
    is_hidden: bool = False
    """Whether client id and comment were overwritten, as MT4 does with the rest of a partial
    close."""

    @property
    def side(self) -> int:
        """1 or -1."""
        return self.ticket.side

    @property
    def symbol(self) -> str:
        return self.ticket.symbol


@dataclass(slots=True)
class Pending:
    """A resting order; `kind` is LIMIT or STOP."""

    id: str
    ticket: Ticket
    kind: str
    placed: datetime
    expiration: str = "ORDER_TIME_GTC"
    expires: datetime | None = None


@dataclass(slots=True)
class Changes:
    """What has changed since the last look; position and order ids in order."""

    positions: dict[str, None] = field(default_factory=dict)
    gone_positions: dict[str, None] = field(default_factory=dict)
    orders: dict[str, None] = field(default_factory=dict)
    gone_orders: dict[str, None] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    deals: list[dict[str, Any]] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.positions, self.gone_positions, self.orders, self.gone_orders, self.deals))


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account is set up."""

    kind: AccountKind = AccountKind.MT5_HEDGING
    balance: Decimal = Decimal(10_000)
    credit: Decimal = Decimal(0)
    leverage: int = 100
    has_costs: bool = True
    is_investor: bool = False


class Account:
    """One account at a market. The functions of `dealing` and `trading` act on it."""

    def __init__(self, name: str, terms: Terms, market: Market) -> None:
        self.id = name
        self.terms = terms
        self.market = market
        self.balance = terms.balance
        self.credit = terms.credit
        self.is_away = False
        """Whether the terminal has lost its broker."""
        self.may_trade = True
        self.positions: dict[str, Position] = {}
        self.pending: dict[str, Pending] = {}
        self.history: list[dict[str, Any]] = []
        self.deals: list[dict[str, Any]] = []
        self.watched: dict[str, list[dict[str, Any]]] = {}
        """What is streamed, by symbol."""
        self.changes = Changes()
        self.withheld: list[dict[str, Any]] = []
        """Packets that wait for the terminal to come back, or for the end of a lag."""
        self._picture: Account | None = None
        # The SDK takes positions of the same ticket and content for the same one, whoever's.
        self._tickets = count(FIRST_TICKET + crc32(self.id.encode()) % 10_000 * 10_000)
        self.deals.append(self._deposit(market.now() - timedelta(days=1)))

    @property
    def is_mt4(self) -> bool:
        return self.terms.kind is AccountKind.MT4

    @property
    def is_netting(self) -> bool:
        return self.terms.kind is AccountKind.MT5_NETTING

    @property
    def platform(self) -> str:
        return "mt4" if self.is_mt4 else "mt5"

    def next_id(self) -> str:
        """A new ticket number."""
        return str(next(self._tickets))

    @property
    def shown(self) -> Account:
        """What readings tell of: as it was before the lag, while there is one."""
        return self._picture or self

    @property
    def is_told(self) -> bool:
        """Whether what happens is told at once."""
        return not self.is_away and self._picture is None

    def lag(self) -> None:
        """Show from now on what is now, whatever happens, until `catch_up`."""
        self._picture = picture = copy(self)
        picture.positions = {name: copy(held) for name, held in self.positions.items()}
        picture.pending = {name: copy(order) for name, order in self.pending.items()}
        picture.history, picture.deals = [*self.history], [*self.deals]

    def catch_up(self) -> None:
        """The lag is over."""
        self._picture = None

    def taken_changes(self) -> Changes:
        """What has changed, and begin anew."""
        changes, self.changes = self.changes, Changes()
        return changes

    def touch(self, position: Position) -> None:
        """The position has changed."""
        position.updated = self.market.now()
        self.changes.positions[position.id] = None

    def instrument(self, symbol: str) -> Instrument:
        """The instrument behind a symbol."""
        return SIMULATED_SYMBOLS[symbol].instrument

    def opening_price(self, symbol: str, side: int) -> Decimal:
        """What a market order of that side pays."""
        quote = self.market.quotes[symbol]
        return quote.ask if side > 0 else quote.bid

    def closing_price(self, symbol: str, side: int) -> Decimal:
        """What a position of that side would be closed at."""
        return self.opening_price(symbol, -side)

    def profit(self, position: Position, price: Decimal, volume: Decimal) -> Decimal:
        """What closing `volume` of it at `price` earns, before costs."""
        contract = self.instrument(position.symbol).contract_size
        gained = (price - position.price) * position.side * contract * volume
        return cents(gained * self.market.worth(position.symbol))

    def floating(self, position: Position) -> Decimal:
        """What the position earns if it is closed now, before costs."""
        price = self.closing_price(position.symbol, position.side)
        return self.profit(position, price, position.volume)

    def commission(self, symbol: str, volume: Decimal) -> Decimal:
        """One side's commission; not positive."""
        costs = SIMULATED_SYMBOLS[symbol].costs
        return -cents(costs.commission_per_lot * volume / 2) if self.terms.has_costs else Decimal(0)

    def margin_of(self, symbol: str, volume: Decimal, price: Decimal) -> Decimal:
        """The margin a volume at a price uses."""
        instrument = self.instrument(symbol)
        worth = price * self.market.worth(symbol)
        if instrument.base_currency == ACCOUNT_CURRENCY:
            worth = Decimal(1)
        return cents(volume * instrument.contract_size * worth / self.terms.leverage)

    @property
    def margin(self) -> Decimal:
        """The margin in use."""
        used = (self.margin_of(p.symbol, p.volume, p.price) for p in self.positions.values())
        return sum(used, Decimal(0))

    @property
    def equity(self) -> Decimal:
        """Balance, credit and what floats."""
        floating = (self.floating(p) for p in self.positions.values())
        return sum(floating, self.balance + self.credit)

    def held(self, symbol: str) -> Iterator[Position]:
        """The positions of a symbol, oldest first."""
        return (p for p in list(self.positions.values()) if p.symbol == symbol)

    def information(self) -> dict[str, Any]:
        """The account information; `marginLevel` only while margin is in use."""
        equity, margin = self.equity, self.margin
        mode = "RETAIL_NETTING" if self.is_netting else "RETAIL_HEDGING"
        level = {"marginLevel": number(cents(equity / margin * 100))} if margin else {}
        return {
            "platform": self.platform,
            "broker": "Emulator Ltd",
            "currency": ACCOUNT_CURRENCY,
            "server": "Emulator-Demo",
            "name": "Emulated",
            "login": 50194988,
            "type": "ACCOUNT_TRADE_MODE_DEMO",
            "leverage": self.terms.leverage,
            "marginMode": f"ACCOUNT_MARGIN_MODE_{mode}",
            "tradeAllowed": self.may_trade and not self.terms.is_investor,
            "investorMode": self.terms.is_investor,
            "balance": number(self.balance),
            "credit": number(self.credit),
            "equity": number(equity),
            "margin": number(margin),
            "freeMargin": number(equity - margin),
            **level,
            "accountCurrencyExchangeRate": 1,
        }

    def _deposit(self, at: datetime) -> dict[str, Any]:
        reason = {} if self.is_mt4 else {"reason": "DEAL_REASON_CLIENT"}
        return {
            "id": self.next_id(),
            "platform": self.platform,
            "type": "DEAL_TYPE_BALANCE",
            "entryType": "DEAL_ENTRY_IN",
            **times("", at),
            "profit": number(self.balance),
            "commission": 0,
            "swap": 0,
            "comment": "Deposit",
            **reason,
            "accountCurrencyExchangeRate": 1,
        }


def way(side: int) -> str:
    """BUY or SELL."""
    return "BUY" if side > 0 else "SELL"


def hand_ticket(
    symbol: str,
    side: int,
    lots: Decimal,
    stop: Decimal | None = None,
    take: Decimal | None = None,
) -> Ticket:
    """A market order of a person."""
    return Ticket(symbol, side, lots, stop=stop, take=take, reason=Reason.CLIENT)
