"""The specification of a symbol as MetaApi reports it."""

from __future__ import annotations

from typing import Any, Final

from tests.metaapi_emulator.formats import number
from trading.brokers.market import SIMULATED_SYMBOLS

DAYS: Final = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
FILLING_MODES: Final = ("SYMBOL_FILLING_FOK", "SYMBOL_FILLING_IOC")
ORDER_TYPES: Final = ("MARKET", "LIMIT", "STOP", "SL", "TP")
PIP_TICKS: Final = 10


def specification(symbol: str, *, is_mt4: bool) -> dict[str, Any]:
    """Open on every day, so that it matters not on which day a test runs. MT4 knows no swap rates
    by day and fewer expirations."""
    spec = SIMULATED_SYMBOLS[symbol]
    instrument, point = spec.instrument, number(spec.instrument.tick_size)
    sessions = {day: [{"from": "00:00:00.000", "to": "23:59:59.999"}] for day in DAYS}
    modes = ["GTC", "SPECIFIED"] if is_mt4 else ["GTC", "DAY", "SPECIFIED", "SPECIFIED_DAY"]
    swaps = {} if is_mt4 else {"swapRates": [0.0, 1.0, 1.0, 3.0, 1.0, 1.0, 0.0]}
    return {
        "symbol": symbol,
        "description": symbol,
        "path": f"Forex\\{symbol}",
        "digits": spec.digits,
        "point": point,
        "tickSize": point,
        "pipSize": number(PIP_TICKS * instrument.tick_size),
        "minVolume": number(instrument.volume_min),
        "maxVolume": number(instrument.volume_max),
        "volumeStep": number(instrument.volume_step),
        "contractSize": number(instrument.contract_size),
        "stopsLevel": instrument.stops_level,
        "freezeLevel": 0,
        "fillingModes": list(FILLING_MODES),
        "executionMode": "SYMBOL_TRADE_EXECUTION_MARKET",
        "tradeMode": "SYMBOL_TRADE_MODE_FULL",
        "quoteSessions": sessions,
        "tradeSessions": sessions,
        "initialMargin": 0,
        "maintenanceMargin": 0,
        "hedgedMargin": number(instrument.contract_size),
        "hedgedMarginUsesLargerLeg": False,
        "marginCurrency": instrument.base_currency,
        "baseCurrency": instrument.base_currency,
        "profitCurrency": instrument.profit_currency,
        "priceCalculationMode": "SYMBOL_CALC_MODE_FOREX",
        "swapMode": "SYMBOL_SWAP_MODE_POINTS",
        "swapLong": number(instrument.swap_long),
        "swapShort": number(instrument.swap_short),
        "swapRollover3Days": "WEDNESDAY",
        **swaps,
        "allowedExpirationModes": [f"SYMBOL_EXPIRATION_{mode}" for mode in modes],
        "allowedOrderTypes": [f"SYMBOL_ORDER_{kind}" for kind in ORDER_TYPES],
        "orderGTCMode": "SYMBOL_ORDERS_GTC",
    }
