"""Margin by price-calculation mode, as MetaTrader 5 does it (MQL5 reference, SYMBOL_CALC_MODE).

Per lot, before conversion:

    FOREX, CFDLEVERAGE       price x contract size / leverage x margin rate
    FOREX_NO_LEVERAGE, CFD, EXCH_STOCKS   price x contract size x margin rate
    CFDINDEX                 price x contract size x tick price / tick size x margin rate
    FUTURES                  initial margin x margin rate

The margin of FOREX is base currency; valued at the symbol's own price it has the form above. An
initial margin that the broker sets replaces contract size (and price), in modes with leverage
divided by it as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from trading.engine.types import Calculation, EngineError, Instrument

LEVERAGED: Final = frozenset({Calculation.FOREX, Calculation.CFDLEVERAGE})
ZERO: Final = Decimal(0)
STOP_OUT_LEVEL: Final = Decimal(50)
"""Margin level under which the broker closes, percent (the ESMA retail rule)."""


class MarginTerms(NamedTuple):
    """Margin of a lot = (share x price x unit value + fixed) x rate of the profit currency."""

    share: Decimal
    """Of the lot's notional value."""
    fixed: Decimal
    """Profit currency."""


def margin_terms(instrument: Instrument, leverage: int) -> MarginTerms:
    """How margin follows from the price. EngineError where the broker's terms are not known."""
    mode, fixed = instrument.calculation, instrument.margin_initial
    share = instrument.margin_rate / (leverage if mode in LEVERAGED else 1)
    if fixed > 0:
        currency = instrument.margin_currency or instrument.profit_currency
        if currency == instrument.profit_currency:
            return MarginTerms(ZERO, fixed * share)
        if currency == instrument.base_currency:  # so many units of base, worth the price
            return MarginTerms(fixed * share / unit_value(instrument), ZERO)
        raise EngineError(
            f"{instrument.symbol}: expected a margin in {instrument.profit_currency} or "
            f"{instrument.base_currency}, was {currency}"
        )
    if mode is Calculation.FUTURES:
        raise EngineError(f"{instrument.symbol}: expected an initial margin of futures, was none")
    if mode is Calculation.CFDINDEX and instrument.tick_price is not None:
        share = share * instrument.tick_price / instrument.tick_size
    return MarginTerms(share, ZERO)


def unit_value(instrument: Instrument) -> Decimal:
    """Profit currency that one lot gains when the price moves by 1."""
    if instrument.calculation is Calculation.FUTURES:
        return instrument.tick_value / instrument.tick_size
    return instrument.contract_size


def notional(instrument: Instrument, price: Decimal, rate: Decimal) -> Decimal:
    """What one lot is worth at `price`, account currency; `rate` turns profit into it."""
    return price * unit_value(instrument) * rate


def margin_level(equity: Decimal, margin: Decimal) -> Decimal | None:
    """Equity in percent of the margin in use; None where none is."""
    return 100 * equity / margin if margin > 0 else None
