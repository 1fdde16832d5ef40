"""The border between Decimal and float: prices and ticks, lots and steps, currencies.

Inside the simulator prices are whole ticks and volumes whole steps, so that comparisons are exact;
everywhere else they are Decimal. No other module converts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from trading.engine.types import Conversion, EngineError, Instrument, Quote

_NEARLY_ONE = 1 + Decimal("1e-12")
_CENTS = {"USC": "USD", "EUC": "EUR", "GBX": "GBP"}
"""Currencies of which a hundred make a whole one: those of cent accounts, and pence of shares."""


def price_to_ticks(price: Decimal, tick_size: Decimal) -> int:
    """The nearest whole number of ticks, halves up."""
    return int((price / tick_size).to_integral_value(ROUND_HALF_UP))


def ticks_to_price(ticks: int, tick_size: Decimal) -> Decimal:
    """An exact price on the tick grid."""
    return ticks * tick_size


def price_from_float(value: float, tick_size: Decimal) -> Decimal:
    """A float price as Decimal on the tick grid, rounded in float as the simulator does.

    EngineError when it is not a finite price above 0.
    """
    if not (math.isfinite(value) and value > 0):
        raise EngineError(f"Expected a finite price above 0, was {value}")
    return ticks_to_price(math.floor(value / float(tick_size) + 0.5), tick_size)


def distance_from_float(value: float, tick_size: Decimal) -> Decimal:
    """A float distance on the tick grid, at least one tick, rounded as the simulator does.

    EngineError when it is not a finite distance above 0.
    """
    if not (math.isfinite(value) and value > 0):
        raise EngineError(f"Expected a finite distance above 0, was {value}")
    return ticks_to_price(max(1, math.floor(value / float(tick_size) + 0.5)), tick_size)


def trail_from_float(value: float, tick_size: Decimal) -> Decimal:
    """A float distance on the tick grid, at least one tick, rounded up as the simulator does; what
    is within 1e-12 of whole ticks counts as them.

    EngineError when it is not a finite distance above 0.
    """
    if not (math.isfinite(value) and value > 0):
        raise EngineError(f"Expected a finite distance above 0, was {value}")
    ticks = math.ceil(value / float(tick_size) * (1.0 - 1e-12))
    return ticks_to_price(max(1, ticks), tick_size)


def spread_from_float(value: float, tick_size: Decimal) -> Decimal:
    """A float spread on the tick grid, rounded as the simulator does; EngineError when it is not
    finite or below 0."""
    if not (math.isfinite(value) and value >= 0):
        raise EngineError(f"Expected a finite spread of 0 or more, was {value}")
    return ticks_to_price(math.floor(value / float(tick_size) + 0.5), tick_size)


def whole_steps(budget: Decimal, cost: Decimal) -> int:
    """How many steps a budget buys, never rounded up and never negative.

    A quotient within 1e-12 of a whole number counts as it, here as in the simulator: 100 at
    333.33... a lot is 0.30 lots, however the division behind 333.33... was rounded.
    """
    if not (cost > 0 and budget > 0):
        return 0
    return int((budget / cost * _NEARLY_ONE).to_integral_value(ROUND_FLOOR))


def lots_to_steps(lots: Decimal, step: Decimal) -> int:
    """Lots as whole steps; EngineError when they are not."""
    steps = lots / step
    if steps != steps.to_integral_value():
        raise EngineError(f"Expected lots in steps of {step}, was {lots}")
    return int(steps)


def cents(amount: Decimal) -> Decimal:
    """Money as it is booked: two decimals, halves towards plus infinity as in the simulator."""
    return (amount * 100 + Decimal("0.5")).to_integral_value(ROUND_FLOOR) / 100


def money_from_float(amount: float) -> Decimal:
    """A booked float amount as Decimal; EngineError when it is not finite."""
    if not math.isfinite(amount):
        raise EngineError(f"Expected a finite amount, was {amount}")
    return cents(Decimal(repr(float(amount))))


def conversion_for(
    instrument: Instrument, account_currency: str, quotes: Mapping[str, Quote]
) -> Conversion:
    """How the profit of `instrument` becomes account currency, given the quotes at hand.

    Direct pair, then its inverse, then both legs through USD; each on the side that makes a loss
    larger. A currency of cents counts a hundred to its whole one. EngineError names the missing
    pair.
    """
    profit, parts = _whole(instrument.profit_currency)
    account, cents_of_account = _whole(account_currency)
    scale = cents_of_account / parts
    if profit == account:
        return Conversion(scale)
    if instrument.base_currency == account:
        return Conversion(scale, inverse=True)
    rate = _crossed(profit, account, quotes)
    if rate is None:
        raise EngineError(
            f"{instrument.symbol}: expected a quote of {profit}{account} or {account}{profit} "
            f"to convert {profit} into {account}, was none"
        )
    return Conversion(rate * scale)


def converting_pairs(instrument: Instrument, account_currency: str) -> frozenset[str]:
    """The pairs of whose quotes `conversion_for` may take one or two."""
    profit, account = whole_currency(instrument.profit_currency), whole_currency(account_currency)
    if account in (profit, instrument.base_currency):
        return frozenset()
    legs = {(profit, account)}
    if "USD" not in (profit, account):
        legs |= {(profit, "USD"), ("USD", account)}
    return frozenset(pair for one, other in legs for pair in (one + other, other + one))


def _whole(currency: str) -> tuple[str, Decimal]:
    """The currency that is quoted, and how many of the given one it is worth."""
    whole = _CENTS.get(currency)
    return (currency, Decimal(1)) if whole is None else (whole, Decimal(100))


def whole_currency(currency: str) -> str:
    """The currency that pairs are quoted in: USD for USC."""
    return _whole(currency)[0]


def rate_between(origin: str, target: str, quotes: Mapping[str, Quote]) -> Decimal | None:
    """What one unit of `origin` is worth in `target`, on the dearer side; None where no pair, and
    no two through USD, say it."""
    (one, parts), (other, cents_of_other) = _whole(origin), _whole(target)
    rate = Decimal(1) if one == other else _crossed(one, other, quotes)
    return None if rate is None else rate * cents_of_other / parts


def _crossed(origin: str, target: str, quotes: Mapping[str, Quote]) -> Decimal | None:
    rate = _pair_rate(origin, target, quotes)
    if rate is None and "USD" not in (origin, target):
        first, second = _pair_rate(origin, "USD", quotes), _pair_rate("USD", target, quotes)
        rate = first * second if first and second else None
    return rate


def _pair_rate(origin: str, target: str, quotes: Mapping[str, Quote]) -> Decimal | None:
    direct, inverse = quotes.get(origin + target), quotes.get(target + origin)
    if direct is not None:
        return direct.ask
    return 1 / inverse.bid if inverse is not None else None
