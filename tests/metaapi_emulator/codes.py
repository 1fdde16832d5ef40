"""The codes a trade is answered with, for both platforms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code of MT5 and, where it has one of its own, of MT4."""

    number: int
    name: str
    text: str
    mt4: tuple[int, str] | None = None


class Code(Enum):
    """Every answer the emulator can give to a trade."""

    UNSUPPORTED = Meaning(-4, "TRADE_RETCODE_ORDER_TYPE_NOT_SUPPORTED", "Order type not supported")
    INVESTOR = Meaning(-8, "ERR_INVESTOR", "The account is read only")
    NEVER_DELIVERED = Meaning(
        -10, "TRADE_RETCODE_DISCONNECTED_BEFORE_TRADE", "Disconnected before the trade"
    )
    DELIVERED = Meaning(
        -11, "TRADE_RETCODE_DISCONNECTED_DURING_TRADE", "Disconnected during the trade"
    )
    TIMED_OUT = Meaning(-7, "ERR_TRADE_TIMED_OUT", "No word from the terminal in time")
    UNKNOWN = Meaning(-1, "TRADE_RETCODE_UNKNOWN", "Unknown result")
    REQUOTE = Meaning(10004, "TRADE_RETCODE_REQUOTE", "Requote", (138, "ERR_REQUOTE"))
    REJECT = Meaning(
        10006, "TRADE_RETCODE_REJECT", "Request rejected", (146, "ERR_TRADE_CONTEXT_BUSY")
    )
    DONE = Meaning(10009, "TRADE_RETCODE_DONE", "Request completed", (0, "ERR_NO_ERROR"))
    DONE_PARTIAL = Meaning(
        10010, "TRADE_RETCODE_DONE_PARTIAL", "Only part of the request was completed"
    )
    TIMEOUT = Meaning(
        10012, "TRADE_RETCODE_TIMEOUT", "Request timed out", (128, "ERR_TRADE_TIMEOUT")
    )
    INVALID = Meaning(
        10013, "TRADE_RETCODE_INVALID", "Invalid request", (3, "ERR_INVALID_TRADE_PARAMETERS")
    )
    INVALID_VOLUME = Meaning(
        10014, "TRADE_RETCODE_INVALID_VOLUME", "Invalid volume", (131, "ERR_INVALID_TRADE_VOLUME")
    )
    INVALID_PRICE = Meaning(
        10015, "TRADE_RETCODE_INVALID_PRICE", "Invalid price", (129, "ERR_INVALID_PRICE")
    )
    INVALID_STOPS = Meaning(
        10016, "TRADE_RETCODE_INVALID_STOPS", "Invalid stops", (130, "ERR_INVALID_STOPS")
    )
    TRADE_DISABLED = Meaning(
        10017, "TRADE_RETCODE_TRADE_DISABLED", "Trade is disabled", (133, "ERR_TRADE_DISABLED")
    )
    MARKET_CLOSED = Meaning(
        10018, "TRADE_RETCODE_MARKET_CLOSED", "Market is closed", (132, "ERR_MARKET_CLOSED")
    )
    NO_MONEY = Meaning(
        10019, "TRADE_RETCODE_NO_MONEY", "Not enough money", (134, "ERR_NOT_ENOUGH_MONEY")
    )
    INVALID_EXPIRATION = Meaning(
        10022,
        "TRADE_RETCODE_INVALID_EXPIRATION",
        "Invalid expiration",
        (147, "ERR_TRADE_EXPIRATION_DENIED"),
    )
    NO_CHANGES = Meaning(10025, "TRADE_RETCODE_NO_CHANGES", "No changes", (1, "ERR_NO_RESULT"))
    INVALID_FILL = Meaning(10030, "TRADE_RETCODE_INVALID_FILL", "Invalid filling mode")
    UNKNOWN_SYMBOL = Meaning(
        4301, "ERR_MARKET_UNKNOWN_SYMBOL", "Unknown symbol", (4106, "ERR_UNKNOWN_SYMBOL")
    )
    POSITION_NOT_FOUND = Meaning(4753, "ERR_TRADE_POSITION_NOT_FOUND", "Position not found")
    ORDER_NOT_FOUND = Meaning(4754, "ERR_TRADE_ORDER_NOT_FOUND", "Order not found")

    def to_json(self, *, is_mt4: bool) -> dict[str, Any]:
        """`numericCode`, `stringCode` and `message`."""
        number, name = self.value.number, self.value.name
        if is_mt4 and self.value.mt4:
            number, name = self.value.mt4
        return {"numericCode": number, "stringCode": name, "message": self.value.text}


class Refused(Exception):
    """A trade that is not done, for the reason its `code` says."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value.text)
        self.code = code


class Malformed(Exception):
    """A request that does not even have the right shape; `details` names the parameters."""

    def __init__(self, **details: str) -> None:
        super().__init__("Validation failed")
        self.details = [{"parameter": name, "message": text} for name, text in details.items()]
