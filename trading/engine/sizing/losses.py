"""What one lot loses when its stop is hit, and whether the broker thinks so too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from trading.engine.sizing.margins import unit_value
from trading.engine.types import Conversion, Costs, Instrument

TICK_VALUE_TOLERANCE: Final = Decimal("0.01")
"""Share of the broker's tick value by which ours may differ from it."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Where a trade is expected to begin and to be stopped, and what it must allow for."""

    side: int
    price: Decimal
    stop: Decimal
    """The stop that counts: of ATR sizing it may lie beyond the order's own."""
    gap_ticks: int
    nights: int


@dataclass(frozen=True, slots=True)
class Loss:
    """The parts of the loss of one lot: distances in price units, the rest in account currency."""

    distance: Decimal
    slippage: Decimal
    """At the entry and at the stop together."""
    gap: Decimal
    rate: Decimal
    """Account currency per unit of profit currency, where it is worst."""
    moved: Decimal
    """What the price takes, over distance, slippage and gap."""
    commission: Decimal
    swap: Decimal
    """What the nights are expected to cost, a positive number; nights that pay count as 0."""

    @property
    def total(self) -> Decimal:
        return self.moved + self.commission + self.swap

    @property
    def factors(self) -> Mapping[str, str]:
        """For the record."""
        return {
            "stop_distance": f"{self.distance:f}",
            "slippage": f"{self.slippage:f}",
            "gap": f"{self.gap:f}",
            "rate": f"{self.rate:.8f}",
            "commission": f"{self.commission:f}",
            "swap": f"{self.swap:.2f}",
            "loss_per_lot": f"{self.total:.6f}",
        }


def loss_of(instrument: Instrument, levels: Levels, costs: Costs, conversion: Conversion) -> Loss:
    """(distance + slippage on both sides + gap) x unit value x rate + commission + swap.

    The unit value is the contract size, of FUTURES tick price / tick size. A rate that depends on
    the price is taken at the lower of entry and stop, its worst.
    """
    tick = instrument.tick_size
    distance = abs(levels.price - levels.stop)
    slippage, gap = 2 * costs.slippage_ticks * tick, levels.gap_ticks * tick
    rate = conversion.at(min(levels.price, levels.stop))
    points = instrument.swap_long if levels.side > 0 else instrument.swap_short
    return Loss(
        distance=distance,
        slippage=slippage,
        gap=gap,
        rate=rate,
        moved=(distance + slippage + gap) * unit_value(instrument) * rate,
        commission=costs.commission_per_lot,
        swap=levels.nights * max(Decimal(0), -points) * instrument.tick_value * rate,
    )


def is_same_tick_value(ours: Decimal, brokers: Decimal) -> bool:
    """Whether what we take a lot to lose per tick is what the broker says, within one percent."""
    return abs(ours - brokers) <= TICK_VALUE_TOLERANCE * brokers
