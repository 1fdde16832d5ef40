"""What each trade code of MetaApi proves about the order it answers.

A code that is not listed proves nothing: UNKNOWN. So does an answer whose number and name
contradict each other. The codes are those of MetaApi (below 0), MetaTrader 4 (0 to 150) and
MetaTrader 5 (10004 and up), see the MQL4 and MQL5 references on trade server return codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What is known of an order after its answer."""

    EXECUTED = "EXECUTED"
    ACCEPTED = "ACCEPTED"
    """Taken over; nothing has been executed yet."""
    NOT_SENT = "NOT_SENT"
    """It never reached the broker."""
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


_E, _A, _N, _R, _U = Outcome

POSITION_NOT_FOUND: Final = frozenset({4753, 10036})
"""The position is gone already: for a close that is success."""
ORDER_NOT_FOUND: Final = 4754
"""The resting order is gone already."""
UNPROVED: Final = frozenset({-9, -8, -6, -5, -4})
"""By their names checks before the trade, but not documented as proof: to be verified by reading
before anybody relies on it."""

CODES: Final[Mapping[int, tuple[Outcome, str]]] = {
    # --- MetaApi
    -11: (_U, "TRADE_RETCODE_DISCONNECTED_DURING_TRADE"),
    -10: (_N, "TRADE_RETCODE_DISCONNECTED_BEFORE_TRADE"),
    -9: (_N, "ERR_PIP_SIZE_NOT_DEFINED"),
    -8: (_N, "ERR_INVESTOR"),
    -7: (_U, "ERR_TRADE_TIMED_OUT"),
    -6: (_N, "ERR_NO_QUOTES"),
    -5: (_N, "ERR_NOT_SYNCHRONIZED"),
    -4: (_N, "TRADE_RETCODE_ORDER_TYPE_NOT_SUPPORTED"),
    -1: (_U, "TRADE_RETCODE_UNKNOWN"),
    4753: (_R, "ERR_TRADE_POSITION_NOT_FOUND"),
    4754: (_R, "ERR_TRADE_ORDER_NOT_FOUND"),
    # --- MetaTrader 4
    0: (_E, "ERR_NO_ERROR"),
    1: (_U, "ERR_NO_RESULT"),
    2: (_U, "ERR_COMMON_ERROR"),
    3: (_U, "ERR_INVALID_TRADE_PARAMETERS"),
    4: (_U, "ERR_SERVER_BUSY"),
    5: (_U, "ERR_OLD_VERSION"),
    6: (_U, "ERR_NO_CONNECTION"),
    7: (_U, "ERR_NOT_ENOUGH_RIGHTS"),
    8: (_U, "ERR_TOO_FREQUENT_REQUESTS"),
    9: (_U, "ERR_MALFUNCTIONAL_TRADE"),
    64: (_U, "ERR_ACCOUNT_DISABLED"),
    65: (_U, "ERR_INVALID_ACCOUNT"),
    128: (_U, "ERR_TRADE_TIMEOUT"),
    129: (_R, "ERR_INVALID_PRICE"),
    130: (_R, "ERR_INVALID_STOPS"),
    131: (_R, "ERR_INVALID_TRADE_VOLUME"),
    132: (_R, "ERR_MARKET_CLOSED"),
    133: (_R, "ERR_TRADE_DISABLED"),
    134: (_R, "ERR_NOT_ENOUGH_MONEY"),
    135: (_R, "ERR_PRICE_CHANGED"),
    136: (_U, "ERR_OFF_QUOTES"),
    137: (_U, "ERR_BROKER_BUSY"),
    138: (_R, "ERR_REQUOTE"),
    139: (_U, "ERR_ORDER_LOCKED"),
    140: (_U, "ERR_LONG_POSITIONS_ONLY_ALLOWED"),
    141: (_U, "ERR_TOO_MANY_REQUESTS"),
    145: (_R, "ERR_TRADE_MODIFY_DENIED"),
    146: (_U, "ERR_TRADE_CONTEXT_BUSY"),
    147: (_R, "ERR_TRADE_EXPIRATION_DENIED"),
    148: (_R, "ERR_TRADE_TOO_MANY_ORDERS"),
    149: (_R, "ERR_TRADE_HEDGE_PROHIBITED"),
    150: (_R, "ERR_TRADE_PROHIBITED_BY_FIFO"),
    # --- MetaTrader 5
    10004: (_R, "TRADE_RETCODE_REQUOTE"),
    10006: (_R, "TRADE_RETCODE_REJECT"),
    10007: (_R, "TRADE_RETCODE_CANCEL"),
    10008: (_A, "TRADE_RETCODE_PLACED"),
    10009: (_E, "TRADE_RETCODE_DONE"),
    10010: (_E, "TRADE_RETCODE_DONE_PARTIAL"),
    10011: (_U, "TRADE_RETCODE_ERROR"),
    10012: (_U, "TRADE_RETCODE_TIMEOUT"),
    10013: (_R, "TRADE_RETCODE_INVALID"),
    10014: (_R, "TRADE_RETCODE_INVALID_VOLUME"),
    10015: (_R, "TRADE_RETCODE_INVALID_PRICE"),
    10016: (_R, "TRADE_RETCODE_INVALID_STOPS"),
    10017: (_R, "TRADE_RETCODE_TRADE_DISABLED"),
    10018: (_R, "TRADE_RETCODE_MARKET_CLOSED"),
    10019: (_R, "TRADE_RETCODE_NO_MONEY"),
    10020: (_R, "TRADE_RETCODE_PRICE_CHANGED"),
    10021: (_R, "TRADE_RETCODE_PRICE_OFF"),
    10022: (_R, "TRADE_RETCODE_INVALID_EXPIRATION"),
    10023: (_U, "TRADE_RETCODE_ORDER_CHANGED"),
    10024: (_R, "TRADE_RETCODE_TOO_MANY_REQUESTS"),
    10025: (_E, "TRADE_RETCODE_NO_CHANGES"),
    10026: (_R, "TRADE_RETCODE_SERVER_DISABLES_AT"),
    10027: (_R, "TRADE_RETCODE_CLIENT_DISABLES_AT"),
    10028: (_U, "TRADE_RETCODE_LOCKED"),
    10029: (_R, "TRADE_RETCODE_FROZEN"),
    10030: (_R, "TRADE_RETCODE_INVALID_FILL"),
    10031: (_U, "TRADE_RETCODE_CONNECTION"),
    10032: (_R, "TRADE_RETCODE_ONLY_REAL"),
    10033: (_R, "TRADE_RETCODE_LIMIT_ORDERS"),
    10034: (_R, "TRADE_RETCODE_LIMIT_VOLUME"),
    10035: (_R, "TRADE_RETCODE_INVALID_ORDER"),
    10036: (_R, "TRADE_RETCODE_POSITION_CLOSED"),
    10038: (_R, "TRADE_RETCODE_INVALID_CLOSE_VOLUME"),
    10039: (_R, "TRADE_RETCODE_CLOSE_ORDER_EXIST"),
    10040: (_R, "TRADE_RETCODE_LIMIT_POSITIONS"),
    10041: (_R, "TRADE_RETCODE_REJECT_CANCEL"),
    10042: (_R, "TRADE_RETCODE_LONG_ONLY"),
    10043: (_R, "TRADE_RETCODE_SHORT_ONLY"),
    10044: (_R, "TRADE_RETCODE_CLOSE_ONLY"),
    10045: (_R, "TRADE_RETCODE_FIFO_CLOSE"),
    10046: (_R, "TRADE_RETCODE_HEDGE_PROHIBITED"),
}
"""Number -> what it proves and its name."""

_BY_NAME: Final[Mapping[str, int]] = {name: code for code, (_, name) in CODES.items()}
_PREFIXES: Final = ("TRADE_RETCODE_", "ERR_TRADE_", "ERR_")
_SAME: Final[Mapping[str, str]] = {
    "ERR_INVALID_TRADE_VOLUME": "INVALID_VOLUME",
    "ERR_NOT_ENOUGH_MONEY": "NO_MONEY",
    "TRADE_RETCODE_INVALID_CLOSE_VOLUME": "INVALID_VOLUME",
    "TRADE_RETCODE_POSITION_CLOSED": "POSITION_NOT_FOUND",
}
"""Codes that say what another platform's code says."""


def outcome_of(number: int | None, name: str | None) -> Outcome:
    """What an answer's number and name prove, either of which may be missing."""
    named = _BY_NAME.get(name) if name is not None else number
    code = number if number is not None else named
    if code is None or code != named or code not in CODES:
        return Outcome.UNKNOWN
    return CODES[code][0]


def code_of(number: int | None, name: str | None) -> int | None:
    """The number of an answer, found by the name where only that was given."""
    return number if number is not None else _BY_NAME.get(name or "")


def port_code(number: int | None, name: str | None) -> str:
    """The code as the other brokers call it: INVALID_VOLUME for TRADE_RETCODE_INVALID_VOLUME."""
    known = CODES.get(number) if number is not None else None
    name = name or (known[1] if known else "")
    if name in _SAME:
        return _SAME[name]
    prefix = next((p for p in _PREFIXES if name.startswith(p)), "")
    return name[len(prefix) :] or str("" if number is None else number)
