"""The tables. One module per concept; import the names from here."""

from trading.models.accounts import Account, Connection, EquityPoint, PaperBook
from trading.models.events import Event, Severity
from trading.models.markets import (
    BarChunk,
    Candle,
    HistoryImport,
    SimulatedMarket,
    Symbol,
    Timeframe,
)
from trading.models.orders import Fill, Order, OrderTransition, Position, Purpose, Side
from trading.models.risk import KillMode, KillSwitch, RiskLimit
from trading.models.strategies import Deployment, Strategy, StrategyRun

__all__ = [
    "Account",
    "BarChunk",
    "Candle",
    "Connection",
    "Deployment",
    "EquityPoint",
    "Event",
    "Fill",
    "HistoryImport",
    "KillMode",
    "KillSwitch",
    "Order",
    "OrderTransition",
    "PaperBook",
    "Position",
    "Purpose",
    "RiskLimit",
    "Severity",
    "Side",
    "SimulatedMarket",
    "Strategy",
    "StrategyRun",
    "Symbol",
    "Timeframe",
]
