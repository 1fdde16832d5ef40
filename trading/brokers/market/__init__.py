"""The seeded simulated market: same seed, same prices, in every process and at every time."""

from trading.brokers.market.simulated import SimulatedMarket, Ticks
from trading.brokers.market.stream import SimulatedStream
from trading.brokers.market.symbols import SIMULATED_SYMBOLS, SimulatedSymbol

__all__ = ["SIMULATED_SYMBOLS", "SimulatedMarket", "SimulatedStream", "SimulatedSymbol", "Ticks"]
