"""What a symbol's name and prices say of its specification: a guess, for a person to check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from trading.engine.chunks import decimals_of
from trading.engine.types import Bars, EngineError

CURRENCIES: Final = (
    frozenset(("AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "NZD", "USD"))
    | frozenset(("CZK", "DKK", "HUF", "ILS", "NOK", "PLN", "RON", "RUB", "SEK", "TRY", "ZAR"))
    | frozenset(("BRL", "CNH", "CNY", "HKD", "INR", "KRW", "MXN", "SGD", "THB"))
)
LOT: Final = 100_000
METALS: Final = {"XAU": 100, "XAG": 5000, "XPT": 100, "XPD": 100}
"""Ounces per lot."""
INDEX_CURRENCIES: Final = (
    dict.fromkeys(("DE", "GER", "FR", "FRA", "EU", "EUSTX", "STOXX", "ES", "ESP", "IT"), "EUR")
    | dict.fromkeys(("UK", "GB"), "GBP")
    | dict.fromkeys(("JP", "JPN"), "JPY")
    | dict.fromkeys(("AU", "AUS"), "AUD")
    | dict.fromkeys(("CH", "SWI"), "CHF")
    | {"HK": "HKD", "CA": "CAD"}
)
"""Currency of an index by the letters before its number; others are taken for USD."""
FX_DIGITS: Final = 5
JPY_DIGITS: Final = 3

_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})")
_INDEX = re.compile(r"([A-Z]+)\d")


@dataclass(frozen=True, slots=True)
class Spec:
    """The part of a specification that prices and money depend on."""

    digits: int
    tick_size: Decimal
    contract_size: Decimal
    base_currency: str
    profit_currency: str


def spec_guess(name: str, decimals: int) -> Spec:
    """A currency pair or a metal by its letters, anything else as an index of contract size 1.

    `decimals`: the most its prices use. Currencies are quoted with five, in yen with three.
    """
    plain = name.upper().lstrip("#._")
    pair = _PAIR.match(plain)
    if pair and pair[2] in CURRENCIES and (pair[1] in CURRENCIES or pair[1] in METALS):
        base, profit = pair.groups()
        contract = METALS.get(base, LOT)
        if base in CURRENCIES:
            decimals = max(decimals, JPY_DIGITS if profit == "JPY" else FX_DIGITS)
    else:
        index = _INDEX.match(plain)
        base = profit = INDEX_CURRENCIES.get(index[1], "USD") if index else "USD"
        contract = 1
    return Spec(decimals, Decimal(1).scaleb(-decimals), Decimal(contract), base, profit)


def price_decimals(bars: Bars) -> int | None:
    """The most decimals among the prices; None when they are no decimal numbers."""
    return decimals_of(np.concatenate([bars.open, bars.high, bars.low, bars.close]))


def digits_of(tick_size: Decimal) -> int:
    """Decimals a price of this tick needs."""
    if not (tick_size.is_finite() and tick_size > 0):
        raise EngineError(f"Expected a tick size > 0, was {tick_size}")
    exponent = tick_size.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
