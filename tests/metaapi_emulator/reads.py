"""Reading requests, the same for REST and for the RPC of the sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tests.metaapi_emulator.accounts import Account
from tests.metaapi_emulator.codes import Malformed
from tests.metaapi_emulator.formats import number, parsed_time, times
from tests.metaapi_emulator.market import MINUTES, MT4_TIMEFRAMES, book, forming
from tests.metaapi_emulator.shapes import (
    orders_json,
    pending_json,
    position_json,
    positions_json,
    specification_of,
)
from trading.brokers.market import SIMULATED_SYMBOLS

Asked = Mapping[str, Any]
PAGE: Final = 1000


class Absent(Exception):
    """What was asked for does not exist."""


@dataclass(frozen=True, slots=True)
class Read:
    """A reading request: its name in a REST path, the key of its RPC response, how it is done."""

    operation: str
    key: str
    answer: Callable[[Account, Asked], Any]

    @property
    def is_history(self) -> bool:
        """Whether its RPC response tells if the history is complete."""
        return self.operation.startswith("history-")


def symbol_of(asked: Asked) -> str:
    """The symbol asked for; raises Absent."""
    symbol = str(asked.get("symbol"))
    if symbol not in SIMULATED_SYMBOLS:
        raise Absent(f"Symbol {symbol} is not defined by the broker")
    return symbol


def timeframe_of(account: Account, asked: Asked) -> str:
    """The timeframe asked for, if the platform has it; raises Malformed."""
    timeframe = str(asked.get("timeframe"))
    known = MT4_TIMEFRAMES if account.is_mt4 else tuple(MINUTES)
    if timeframe not in known:
        raise Malformed(timeframe=f"Expected one of {', '.join(known)}, was {timeframe}")
    return timeframe


def time_of(asked: Asked, name: str) -> datetime:
    """A time asked for; raises Malformed."""
    try:
        return parsed_time(str(asked.get(name)))
    except ValueError as e:
        raise Malformed(**{name: str(e)}) from e


def whole_of(asked: Asked, name: str, default: int, least: int, most: int) -> int:
    """A whole number asked for, within bounds; raises Malformed."""
    try:
        value = int(asked.get(name, default))
    except (TypeError, ValueError) as e:
        raise Malformed(**{name: str(e)}) from e
    if not least <= value <= most:
        raise Malformed(**{name: f"Expected {least} to {most}, was {value}"})
    return value


def _position(account: Account, asked: Asked) -> dict[str, Any]:
    position = account.positions.get(str(asked.get("positionId")))
    if position is None:
        raise Absent("Position not found")
    return position_json(account, position)


def _order(account: Account, asked: Asked) -> dict[str, Any]:
    order = account.pending.get(str(asked.get("orderId")))
    if order is None:
        raise Absent("Order not found")
    return pending_json(account, order)


def _within(rows: Iterable[dict[str, Any]], key: str, asked: Asked) -> list[dict[str, Any]]:
    """Rows from the start up to, not including, the end; a page of them."""
    start, end = (time_of(asked, name) for name in ("startTime", "endTime"))
    offset = whole_of(asked, "offset", 0, 0, 10**9)
    limit = whole_of(asked, "limit", PAGE, 1, PAGE)
    found = [row for row in rows if start <= parsed_time(row[key]) < end]
    return found[offset : offset + limit]


def _having(rows: Iterable[dict[str, Any]], key: str, value: object) -> list[dict[str, Any]]:
    return [row for row in rows if row.get(key) == str(value)]


def _deals_of_ticket(account: Account, asked: Asked) -> list[dict[str, Any]]:
    ticket = asked.get("ticket")
    return _having(account.deals, "id", ticket) + _having(account.deals, "orderId", ticket)


def _server_time(account: Account, _: Asked) -> dict[str, Any]:
    now = account.market.now()
    last = max(quote.time for quote in account.market.quotes.values())
    return {**times("", now), "lastQuoteTime": times("", last)}


def _margin(account: Account, asked: Asked) -> dict[str, Any]:
    order = asked.get("order", asked)
    symbol = symbol_of(order)
    try:
        volume, price = (Decimal(str(order[name])) for name in ("volume", "openPrice"))
    except (KeyError, ArithmeticError) as e:
        raise Malformed(order="Expected volume and openPrice") from e
    return {"margin": number(account.margin_of(symbol, volume, price))}


def _refreshed(account: Account, asked: Asked) -> dict[str, Any]:
    information = account.information()
    kept = ("equity", "margin", "freeMargin", "marginLevel", "accountCurrencyExchangeRate")
    symbols = asked.get("symbols") or []
    quotes = [account.market.price(symbol_of({"symbol": symbol})) for symbol in symbols]
    return {"quotes": quotes, **{name: information[name] for name in kept if name in information}}


READS: Final[Mapping[str, Read]] = {
    "getAccountInformation": Read(
        "account-information", "accountInformation", lambda account, _: account.information()
    ),
    "getPositions": Read("positions", "positions", lambda account, _: positions_json(account)),
    "getPosition": Read("positions", "position", _position),
    "getOrders": Read("orders", "orders", lambda account, _: orders_json(account)),
    "getOrder": Read("orders", "order", _order),
    "getHistoryOrdersByTicket": Read(
        "history-orders",
        "historyOrders",
        lambda account, asked: _having(account.history, "id", asked.get("ticket")),
    ),
    "getHistoryOrdersByPosition": Read(
        "history-orders",
        "historyOrders",
        lambda account, asked: _having(account.history, "positionId", asked.get("positionId")),
    ),
    "getHistoryOrdersByTimeRange": Read(
        "history-orders",
        "historyOrders",
        lambda account, asked: _within(account.history, "doneTime", asked),
    ),
    "getDealsByTicket": Read("history-deals", "deals", _deals_of_ticket),
    "getDealsByPosition": Read(
        "history-deals",
        "deals",
        lambda account, asked: _having(account.deals, "positionId", asked.get("positionId")),
    ),
    "getDealsByTimeRange": Read(
        "history-deals", "deals", lambda account, asked: _within(account.deals, "time", asked)
    ),
    "getSymbols": Read("symbols", "symbols", lambda *_: list(SIMULATED_SYMBOLS)),
    "getSymbolSpecification": Read(
        "specification",
        "specification",
        lambda account, asked: specification_of(account, symbol_of(asked)),
    ),
    "getSymbolPrice": Read(
        "current-price", "price", lambda account, asked: account.market.price(symbol_of(asked))
    ),
    "getCandle": Read(
        "current-candles",
        "candle",
        lambda account, asked: forming(
            account.market, symbol_of(asked), timeframe_of(account, asked)
        ),
    ),
    "getTick": Read(
        "current-tick", "tick", lambda account, asked: account.market.tick(symbol_of(asked))
    ),
    "getBook": Read(
        "current-book", "book", lambda account, asked: book(account.market, symbol_of(asked))
    ),
    "getServerTime": Read("server-time", "serverTime", _server_time),
    "calculateMargin": Read("calculate-margin", "margin", _margin),
    "refreshTerminalState": Read(
        "refresh-terminal-state", "symbols", lambda account, _: sorted(account.watched)
    ),
    "refreshSymbolQuotes": Read("refresh-symbol-quotes", "refreshedQuotes", _refreshed),
}
"""By the type of the RPC request."""
