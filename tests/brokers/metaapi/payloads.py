"""Payloads as MetaApi sends them; a test changes what it is about."""

from typing import Any

TIME = "2026-01-14T12:00:00.000Z"
Payload = dict[str, Any]

MISSING = object()
"""A field with this value is left out."""


def _with(given: Payload, changes: Payload) -> Payload:
    merged = {**given, **changes}
    return {name: value for name, value in merged.items() if value is not MISSING}


def information(**changes: Any) -> Payload:
    given = {
        "platform": "mt5",
        "currency": "USD",
        "balance": 10_000,
        "equity": 10_010,
        "margin": 110,
        "freeMargin": 9_900,
        "leverage": 100,
        "type": "ACCOUNT_TRADE_MODE_DEMO",
    }
    return _with(given, changes)


def position(**changes: Any) -> Payload:
    given = {
        "id": "7",
        "type": "POSITION_TYPE_BUY",
        "symbol": "EURUSD",
        "magic": 3,
        "time": TIME,
        "openPrice": 1.1,
        "volume": 0.07,
        "swap": -1,
        "profit": 12,
        "clientId": "client-1",
        "reason": "POSITION_REASON_EXPERT",
        "stopLoss": 1.09,
        "takeProfit": 1.2,
    }
    return _with(given, changes)


def order(**changes: Any) -> Payload:
    given = {
        "id": "8",
        "type": "ORDER_TYPE_BUY_STOP",
        "state": "ORDER_STATE_PLACED",
        "symbol": "EURUSD",
        "magic": 3,
        "time": TIME,
        "openPrice": 1.11,
        "currentPrice": 1.1,
        "volume": 0.1,
        "currentVolume": 0.1,
        "clientId": "client-2",
    }
    return _with(given, changes)


def deal(**changes: Any) -> Payload:
    given = {
        "id": "100",
        "type": "DEAL_TYPE_BUY",
        "entryType": "DEAL_ENTRY_IN",
        "symbol": "EURUSD",
        "magic": 3,
        "time": TIME,
        "volume": 0.1,
        "price": 1.10012,
        "commission": -0.25,
        "swap": 0,
        "profit": 0,
        "positionId": "7",
        "orderId": "7",
        "clientId": "client-1",
        "reason": "DEAL_REASON_EXPERT",
    }
    return _with(given, changes)


def closing(**changes: Any) -> Payload:
    """The deal that closes `deal()`."""
    given = {
        "id": "101",
        "type": "DEAL_TYPE_SELL",
        "entryType": "DEAL_ENTRY_OUT",
        "time": "2026-01-14T12:05:00.000Z",
        "orderId": "9",
        "profit": 10,
    }
    return deal(**{**given, **changes})


def specification(**changes: Any) -> Payload:
    day = [{"from": "00:05:00.000", "to": "23:55:00.000"}]
    given = {
        "symbol": "EURUSD",
        "tickSize": 0.00001,
        "minVolume": 0.01,
        "maxVolume": 100,
        "volumeStep": 0.01,
        "contractSize": 100_000,
        "digits": 5,
        "point": 0.00001,
        "baseCurrency": "EUR",
        "profitCurrency": "USD",
        "swapMode": "SYMBOL_SWAP_MODE_POINTS",
        "swapLong": -7.5,
        "swapShort": 2,
        "swapRollover3Days": "WEDNESDAY",
        "fillingModes": ["SYMBOL_FILLING_FOK"],
        "allowedExpirationModes": ["SYMBOL_EXPIRATION_GTC", "SYMBOL_EXPIRATION_SPECIFIED"],
        "executionMode": "SYMBOL_TRADE_EXECUTION_MARKET",
        "tradeMode": "SYMBOL_TRADE_MODE_FULL",
        "quoteSessions": {"MONDAY": day},
        "tradeSessions": {"MONDAY": day, "FRIDAY": [{"from": "00:00:00", "to": "24:00:00"}]},
        "stopsLevel": 10,
        "freezeLevel": 2,
    }
    return _with(given, changes)


def done(**changes: Any) -> Payload:
    """The answer to a trade that was executed."""
    given = {
        "numericCode": 10009,
        "stringCode": "TRADE_RETCODE_DONE",
        "message": "Request completed",
        "orderId": "7",
        "positionId": "7",
    }
    return _with(given, changes)


def refused(number: int, name: str) -> Payload:
    """The answer to a trade that was not."""
    return {"numericCode": number, "stringCode": name, "message": "Said so"}


def candle(time: str, **changes: Any) -> Payload:
    given = {
        "time": time,
        "open": 1.1,
        "high": 1.11,
        "low": 1.09,
        "close": 1.105,
        "tickVolume": 40,
        "spread": 12,
    }
    return _with(given, changes)
