"""The symbols of the simulated market: specification, starting price, temper."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from trading.engine.types import Costs, EngineError, Instrument


@dataclass(frozen=True, slots=True)
class SimulatedSymbol:
    """What the simulation needs to know of a symbol.

    `start_price` is the level prices return to over the years; `volatility` the typical move of a
    day, as a fraction of the price; `spread` the typical spread in ticks.
    """

    instrument: Instrument
    start_price: Decimal
    volatility: float
    spread: int
    costs: Costs

    def __post_init__(self) -> None:
        if self.start_price <= 0 or not 0 < self.volatility < 0.1 or self.spread < 1:
            raise EngineError(
                f"{self.name}: expected start_price > 0, 0 < volatility < 0.1 and spread >= 1, "
                f"was {self.start_price}, {self.volatility} and {self.spread}"
            )

    @property
    def name(self) -> str:
        return self.instrument.symbol

    @property
    def digits(self) -> int:
        """Decimals of a quoted price."""
        return -int(self.instrument.tick_size.normalize().as_tuple().exponent)


def _symbol(
    pair: tuple[str, str],
    tick_size: str,
    start_price: str,
    temper: tuple[float, int],
    swap: tuple[str, str],
) -> SimulatedSymbol:
    base, profit = pair
    volatility, spread = temper
    instrument = Instrument(
        symbol=base + profit,
        tick_size=Decimal(tick_size),
        contract_size=Decimal(100 if base == "XAU" else 100_000),
        volume_min=Decimal("0.01"),
        volume_step=Decimal("0.01"),
        volume_max=Decimal(50),
        base_currency=base,
        profit_currency=profit,
        swap_long=Decimal(swap[0]),
        swap_short=Decimal(swap[1]),
    )
    costs = Costs(commission_per_lot=Decimal(7), slippage_ticks=1)
    return SimulatedSymbol(instrument, Decimal(start_price), volatility, spread, costs)


SIMULATED_SYMBOLS: Final[Mapping[str, SimulatedSymbol]] = {
    spec.name: spec
    for spec in (
        _symbol(("EUR", "USD"), "0.00001", "1.12", (0.0045, 6), ("-7.1", "2.9")),
        _symbol(("GBP", "USD"), "0.00001", "1.29", (0.0052, 9), ("-3.4", "-1.6")),
        _symbol(("XAU", "USD"), "0.01", "2650", (0.0090, 18), ("-41.5", "17.8")),
        _symbol(("USD", "JPY"), "0.001", "146", (0.0055, 8), ("9.6", "-20.3")),
    )
}
"""The symbols of the source named "simulated"."""
