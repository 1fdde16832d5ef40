"""The rules of a fill as compiled scalars, shared by the simulator kernel and the book.

Prices are whole ticks (int), volumes whole steps (int), money floats of account currency that are
rounded to cents whenever they are booked. Side is +1 or -1. Bid prices carry the bars; the ask is
bid plus spread. A long position closes at the bid, a short one at the ask.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.engine.kernels import kernel
from trading.engine.sizing.margins import STOP_OUT_LEVEL as STOP_OUT_PERCENT
from trading.engine.sizing.margins import margin_terms
from trading.engine.types import Conversion, Costs, Instrument


class Contract(NamedTuple):
    """What the money of a symbol depends on, per step of volume, and where levels may be."""

    tick_size: float
    step_tick_value: float
    """Profit currency of one step per tick: tick size x contract size x volume step."""
    step_commission: float
    """Round turn of one step, account currency."""
    slippage: int
    """Ticks lost at market orders and stops."""
    swap_long: float
    swap_short: float
    """Points (ticks) per night."""
    inverse: bool
    """Profit converts at rate / price instead of at the given rate."""
    margin_share: float
    """Of the notional value, that a position needs as margin."""
    step_margin: float
    """Margin of one step that does not depend on the price, profit currency."""
    least_distance: int
    """Ticks that a stop or a take must at least be away from the closing price."""


STOP_OUT_LEVEL = float(STOP_OUT_PERCENT / 100)
"""Share of the used margin under which the broker closes."""


@kernel
def round_cents(amount: float) -> float:
    """Booked money: two decimals, halves up; what float noise keeps from a half counts as one."""
    return math.floor(amount * 100.0 + 0.500001) / 100.0


@kernel
def entry_price(side: int, bid: int, spread: int, slippage: int) -> int:
    """Market entry: buys at ask, sells at bid, slippage against us."""
    return bid + spread + slippage if side > 0 else bid - slippage


@kernel
def closing_price(side: int, bid: int, spread: int) -> int:
    """The side of the quote that would close the position now."""
    return bid if side > 0 else bid + spread


@kernel
def reaches(side: int, price: int, level: int) -> bool:
    """Whether a price that moves in the direction of `side` is at or beyond `level`."""
    return price >= level if side > 0 else price <= level


@kernel
def rate_at(contract: Contract, price: int, rate: float) -> float:
    """Account currency per unit of profit currency at `price`."""
    return rate / (price * contract.tick_size) if contract.inverse else rate


@kernel
def floating(
    contract: Contract, side: int, entry: int, price: int, steps: int, rate: float
) -> float:
    """Unbooked profit at `price`, account currency."""
    value = (price - entry) * side * steps * contract.step_tick_value
    return value * rate_at(contract, price, rate)


@kernel
def half_commission(contract: Contract, steps: int) -> float:
    """What one side of a trade books, as a cost (positive)."""
    return round_cents(steps * contract.step_commission / 2.0)


@kernel
def swap_of(
    contract: Contract, side: int, steps: int, nights: int, price: int, rate: float
) -> float:
    """What `nights` book for holding over 17:00 New York; negative is a cost."""
    points = contract.swap_long if side > 0 else contract.swap_short
    value = points * nights * steps * contract.step_tick_value
    return round_cents(value * rate_at(contract, price, rate))


@kernel
def margin_of(contract: Contract, steps: int, price: int, rate: float) -> float:
    """Margin of a position at `price`, account currency."""
    notional = steps * contract.step_tick_value * price
    margin = notional * contract.margin_share + steps * contract.step_margin
    return margin * rate_at(contract, price, rate)


@kernel
def whole_steps(budget: float, cost: float) -> int:
    """How many steps a budget buys; a quotient within 1e-12 of a whole number counts as it."""
    if not (cost > 0.0 and budget > 0.0):
        return 0
    return math.floor(budget / cost * (1.0 + 1e-12))


@kernel
def is_below(amount: float, reference: float, share: float) -> bool:
    """Whether `amount` is below reference x (1 - share); equal up to float noise is not below."""
    if share == math.inf:
        return False
    return amount < reference * (1.0 - share) * (1.0 - 2e-15)


def contract_of(
    instrument: Instrument, costs: Costs, conversion: Conversion, leverage: int
) -> Contract:
    """The floats of a symbol, from its Decimal specification.

    EngineError where its margin cannot be worked out.
    """
    step, margin = instrument.volume_step, margin_terms(instrument, leverage)
    return Contract(
        tick_size=float(instrument.tick_size),
        step_tick_value=float(instrument.tick_value * step),
        step_commission=float(costs.commission_per_lot * step),
        slippage=costs.slippage_ticks,
        swap_long=float(instrument.swap_long),
        swap_short=float(instrument.swap_short),
        inverse=conversion.inverse,
        margin_share=float(margin.share),
        step_margin=float(margin.fixed * step),
        least_distance=max(1, instrument.stops_level),
    )
