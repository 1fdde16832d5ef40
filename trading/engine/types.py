"""The values every part of the engine speaks in.

Arrays inside the engine are float64 and oldest first. What is sent to a broker, stored as money or
compared with a limit is Decimal and passes `trading.engine.money`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SideArray = npt.NDArray[np.int8]

TIMEFRAMES: Final[Mapping[str, int]] = {
    "M1": 60,
    "M5": 300,
    "M15": 900,
    "M30": 1800,
    "H1": 3600,
    "H4": 14400,
    "D1": 86400,
}
"""Seconds of each timeframe, by its MetaTrader name."""

LONG: Final = 1
SHORT: Final = -1
FLAT: Final = 0


class EngineError(ValueError):
    """An input the engine cannot work with; the message says what was expected and found."""


class OrderKind(StrEnum):
    MARKET = "MARKET"
    STOP = "STOP"
    LIMIT = "LIMIT"


class ExitReason(StrEnum):
    """Why a position was closed."""

    SIGNAL = "SIGNAL"
    STOP = "STOP"
    TAKE = "TAKE"
    STOP_OUT = "STOP_OUT"
    KILL = "KILL"
    MANUAL = "MANUAL"
    END = "END"
    PROTECTION = "PROTECTION"
    """The platform closed it: it could be given no stop, or the weekend was near."""


class Calculation(StrEnum):
    """How a broker works out profit and margin, by MetaTrader's names; see `sizing.margins`.

    Profit is distance x contract size, of FUTURES distance / tick size x tick price.
    """

    FOREX = "FOREX"
    FOREX_NO_LEVERAGE = "FOREX_NO_LEVERAGE"
    FUTURES = "FUTURES"
    CFD = "CFD"
    CFDINDEX = "CFDINDEX"
    CFDLEVERAGE = "CFDLEVERAGE"
    STOCKS = "EXCH_STOCKS"
    OTHER = "OTHER"
    """Not known to us: nothing of it is sized."""


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars of one symbol and timeframe: equally long arrays, oldest first.

    `time` holds the open time in epoch seconds (UTC); prices are bid prices; `volume` is the tick
    volume; `spread` is ask minus bid at the open, in price units.
    """

    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    spread: FloatArray

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in BAR_COLUMNS}
        if len(set(lengths.values())) != 1:
            raise EngineError(f"Expected columns of one length, was {lengths}")

    def __len__(self) -> int:
        return len(self.time)

    def slice(self, start: int, stop: int | None = None) -> Bars:
        """Rows [start:stop] as views; indices as in a Python slice."""
        return Bars(*(getattr(self, name)[start:stop] for name in BAR_COLUMNS))

    def tail(self, count: int) -> Bars:
        """The newest `count` rows (all of them when there are fewer)."""
        return self.slice(max(0, len(self) - count))

    @classmethod
    def empty(cls) -> Bars:
        return cls(np.empty(0, np.int64), *(np.empty(0) for _ in BAR_COLUMNS[1:]))


BAR_COLUMNS: Final = ("time", "open", "high", "low", "close", "volume", "spread")


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a broker says of a symbol.

    `tick_size` is the smallest price step; `contract_size` the units of base per lot; `swap_long`
    and `swap_short` are points (of `tick_size`) per lot and night, negative when they cost.
    """

    symbol: str
    tick_size: Decimal
    contract_size: Decimal
    volume_min: Decimal
    volume_step: Decimal
    volume_max: Decimal
    base_currency: str
    profit_currency: str
    swap_long: Decimal = Decimal(0)
    swap_short: Decimal = Decimal(0)
    triple_swap_weekday: int = 2
    """Weekday (Monday 0) whose 17:00 New York rollover books three nights."""
    stops_level: int = 0
    """Least distance of stop and take from the price, in ticks."""
    calculation: Calculation = Calculation.FOREX
    tick_price: Decimal | None = None
    """Profit currency that one lot of FUTURES gains per tick; counts in the margin of CFDINDEX."""
    margin_initial: Decimal = Decimal(0)
    """Margin of one lot where the broker fixes it, in `margin_currency`; 0 = by the formula."""
    margin_currency: str = ""  # the profit currency
    margin_rate: Decimal = Decimal(1)
    """What the broker multiplies the margin with."""
    volume_limit: Decimal | None = None
    """Most lots of the symbol to one side, open and resting; None = not limited."""

    def __post_init__(self) -> None:
        sizes = ("tick_size", "contract_size", "volume_min", "volume_step", "volume_max")
        for name in (*sizes, "margin_rate", "tick_price", "volume_limit"):
            value = getattr(self, name)
            if value is not None and not (value.is_finite() and value > 0):
                raise EngineError(f"{self.symbol}: expected {name} > 0, was {value}")
        if not (self.margin_initial.is_finite() and self.margin_initial >= 0):
            found = self.margin_initial
            raise EngineError(f"{self.symbol}: expected margin_initial >= 0, was {found}")

    @property
    def tick_value(self) -> Decimal:
        """Profit currency gained by one lot per tick."""
        if self.calculation is Calculation.FUTURES and self.tick_price is not None:
            return self.tick_price
        return self.tick_size * self.contract_size


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs beside the spread.

    `commission_per_lot` is a round turn in account currency, half booked at each side;
    `slippage_ticks` is paid at market entries and exits and at stops, never at takes.
    """

    commission_per_lot: Decimal = Decimal(0)
    slippage_ticks: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Best prices of a symbol; `time` is the market's own clock, UTC."""

    symbol: str
    time: datetime
    bid: Decimal
    ask: Decimal

    def __post_init__(self) -> None:
        if not (self.bid.is_finite() and self.ask.is_finite() and 0 < self.bid <= self.ask):
            raise EngineError(f"{self.symbol}: expected 0 < bid <= ask, was {self.bid}/{self.ask}")

    @property
    def spread(self) -> Decimal:
        return self.ask - self.bid


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A strategy's wishes, one row per bar, known at that bar's close.

    `side` is the position wanted (-1, 0, +1); an entry happens where `side` differs from the row
    before. `stop` and `take` are distances from the entry in price units (NaN = none); `trail` is
    how far the stop follows behind every later close (NaN = it stays); `entry` is NaN for a market
    order at the next open, else the price of a stop or limit order that lives for the next bar;
    `score` is the strategy's conviction, for the record.
    """

    side: SideArray
    stop: FloatArray
    take: FloatArray
    trail: FloatArray
    entry: FloatArray
    score: FloatArray

    def __len__(self) -> int:
        return len(self.side)


@dataclass(frozen=True, slots=True)
class PositionState:
    """An open position as the broker reports it; `profit` is floating, in account currency."""

    id: str
    symbol: str
    side: int
    lots: Decimal
    entry_price: Decimal
    opened_at: datetime
    stop: Decimal | None = None
    take: Decimal | None = None
    profit: Decimal = Decimal(0)
    swap: Decimal = Decimal(0)
    magic: int = 0
    client_id: str = ""
    """Client id of the order that opened it, where the broker keeps it."""
    by_hand: bool = False
    """Whether the broker says that a person opened it in a terminal."""


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """A pending order as the broker reports it."""

    id: str
    symbol: str
    side: int
    lots: Decimal
    kind: OrderKind
    price: Decimal
    stop: Decimal | None = None
    take: Decimal | None = None
    magic: int = 0
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as the broker reports it, money in `currency`."""

    currency: str
    balance: Decimal
    equity: Decimal
    margin: Decimal
    leverage: int
    positions: tuple[PositionState, ...] = ()
    day_start_equity: Decimal | None = None
    """max(balance, equity) at the last day boundary; None = not known yet."""

    @property
    def free_margin(self) -> Decimal:
        return self.equity - self.margin

    def without(self, closed: PositionState, booked: Decimal, margin: Decimal) -> AccountState:
        """The state after `closed` is gone: `booked` (profit less costs) is in the balance and its
        `margin` is free; an account without positions uses none."""
        rest = tuple(p for p in self.positions if p.id != closed.id)
        balance = self.balance + booked
        return replace(
            self,
            balance=balance,
            equity=balance + sum((p.profit + p.swap for p in rest), Decimal(0)),
            margin=max(Decimal(0), self.margin - margin) if rest else Decimal(0),
            positions=rest,
        )


@dataclass(frozen=True, slots=True)
class Conversion:
    """From a symbol's profit currency to the account's.

    One unit is worth `rate`, taken on the side that makes a loss larger. `inverse` says that the
    symbol's own base is the account currency (USDJPY on a USD account): then it is worth
    `rate` / price, where the rate is 1, or 100 on an account in cents.
    """

    rate: Decimal = Decimal(1)
    inverse: bool = False

    def at(self, price: Decimal) -> Decimal:
        """Account currency per unit of profit currency when the symbol trades at `price`."""
        return self.rate / price if self.inverse else self.rate


@dataclass(frozen=True, slots=True)
class Market:
    """All that a decision needs to know of a symbol's market right now."""

    instrument: Instrument
    quote: Quote
    conversion: Conversion = Conversion()
    costs: Costs = Costs()


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An entry that passed every check: what is to be sent, once."""

    symbol: str
    side: int
    lots: Decimal
    kind: OrderKind
    price: Decimal | None
    """Trigger or limit price; None for a market order."""
    stop: Decimal | None
    take: Decimal | None
    trail: Decimal | None = None
    """How far its stop follows behind every later close; None = it stays."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Every factor that led here, for the decision page."""


@dataclass(frozen=True, slots=True)
class Denied:
    """An entry that was wanted and refused."""

    code: str
    message: str
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trail:
    """Where the stop of an open position belongs after a bar, tighter than where it is."""

    position: PositionState
    stop: Decimal
    is_overtaken: bool
    """The market is there already: no stop can be set, the position is to be closed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One executed deal. `profit`, `commission` and `swap` are in account currency."""

    deal_id: str
    position_id: str
    symbol: str
    side: int
    """Side of the position it opens or closes."""
    opens: bool
    lots: Decimal
    price: Decimal
    at: datetime
    """The market's clock."""
    profit: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    swap: Decimal = Decimal(0)
    reason: ExitReason | None = None
    """Why it closed; None where it opens."""
    client_id: str = ""
    """Client id of the order that opened the position."""
    magic: int = 0
    by_hand: bool = False
    """Whether a person did it in a terminal."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of everything a broker knows of an account, as a basis for conclusions."""

    account: AccountState
    orders: tuple[RestingOrder, ...]
    """Pending orders."""
    deals: tuple[Fill, ...]
    """Executed since the moment asked for, oldest first."""
    time: datetime
    """The broker's clock when the reading began."""
    is_complete: bool = True
    """False while the broker still synchronises: what is absent then proves nothing."""
