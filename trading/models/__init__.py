"""The tables. One module per concept; import the names from here."""

from trading.models.accounts import (
    Account,
    AccountGroup,
    Connection,
    EquityPoint,
    PaperBook,
    PaperDeal,
)
from trading.models.events import Event, Severity
from trading.models.leases import Installation, Lease, QuoteBoard
from trading.models.limits import RiskLimit
from trading.models.losses import BalanceMove, Challenge, DayMark, LossState
from trading.models.markets import (
    BarChunk,
    Candle,
    HistoryBackfill,
    HistoryImport,
    SimulatedMarket,
    Symbol,
    SymbolSpecification,
    Timeframe,
)
from trading.models.news import NewsEvent
from trading.models.orders import (
    Fill,
    Order,
    OrderTransition,
    Origin,
    Position,
    PositionOrigin,
    Purpose,
    Side,
)
from trading.models.protections import Lock, ProtectionRule
from trading.models.risk import Breach, KillMode, KillSwitch
from trading.models.strategies import Deployment, Strategy, StrategyRun

__all__ = [
    "Account",
    "AccountGroup",
    "BalanceMove",
    "BarChunk",
    "Breach",
    "Candle",
    "Challenge",
    "Connection",
    "DayMark",
    "Deployment",
    "EquityPoint",
    "Event",
    "Fill",
    "HistoryBackfill",
    "HistoryImport",
    "Installation",
    "KillMode",
    "KillSwitch",
    "Lease",
    "Lock",
    "LossState",
    "NewsEvent",
    "Order",
    "OrderTransition",
    "Origin",
    "PaperBook",
    "PaperDeal",
    "Position",
    "PositionOrigin",
    "ProtectionRule",
    "Purpose",
    "QuoteBoard",
    "RiskLimit",
    "Severity",
    "Side",
    "SimulatedMarket",
    "Strategy",
    "StrategyRun",
    "Symbol",
    "SymbolSpecification",
    "Timeframe",
]
