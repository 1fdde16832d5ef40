"""What may be asked of the venue: a message in, a reply out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from trading.brokers.base import EntryRequest, Receipt
from trading.brokers.venue.exchange import Exchange, Reply, Subscriber, Trade
from trading.brokers.venue.faults import Choice, Faults
from trading.brokers.venue.hands import halved
from trading.brokers.venue.wire import decode, encode
from trading.brokers.venue.zigzag import SYMBOLS, zigzag_bars
from trading.engine.bars import timeframe_seconds
from trading.engine.book import Book
from trading.engine.book_state import Ticket
from trading.engine.types import BAR_COLUMNS, EngineError, OrderKind

T = TypeVar("T")
Message = Mapping[str, Any]


def reply_to(exchange: Exchange, message: Message) -> Reply:
    """Do what the message asks, now; EngineError when it asks for nothing that exists."""
    op = message.get("op")
    if not isinstance(op, str) or op not in OPERATIONS:
        raise EngineError(f"Expected one of {', '.join(OPERATIONS)}, was {op!r}")
    with exchange.lock:
        exchange.advance()
        return OPERATIONS[op](exchange, message)


def subscriber_of(exchange: Exchange, message: Message) -> Subscriber:
    """A subscription as the message wants it: `account` and `symbols`, each may be absent."""
    symbols = message.get("symbols", [])
    if not isinstance(symbols, list) or not set(symbols) <= set(SYMBOLS):
        raise EngineError(f"Expected symbols of {', '.join(SYMBOLS)}, was {symbols!r}")
    subscriber = Subscriber(str(message.get("account", "")), frozenset(symbols))
    with exchange.lock:
        exchange.advance()
        subscriber.push(clock_of(exchange))
        exchange.subscribers.append(subscriber)
    return subscriber


def clock_of(exchange: Exchange) -> dict[str, Any]:
    """The market's clock: epoch seconds now, and how fast it runs."""
    return {"time": exchange.clock.time(), "speed": exchange.clock.speed}


def _given(message: Message, name: str, kind: type[T]) -> T:
    return decode(kind, message.get(name))


def _maybe(message: Message, name: str, kind: type[T]) -> T | None:
    return None if message.get(name) is None else decode(kind, message[name])


def _now(exchange: Exchange, message: Message) -> Reply:
    return Reply({"result": clock_of(exchange)})


def _account(exchange: Exchange, message: Message) -> Reply:
    account = exchange.account(_given(message, "account", str))
    return Reply({"result": encode(account.state(exchange.wall()))})


def _snapshot(exchange: Exchange, message: Message) -> Reply:
    account = exchange.account(_given(message, "account", str))
    since = _given(message, "since", datetime)
    snapshot = account.snapshot(exchange.wall(), since, exchange.now())
    is_incomplete = exchange.rng("snapshot", account.name).random() < exchange.faults.incomplete
    return Reply({"result": encode(replace(snapshot, is_complete=not is_incomplete))})


def _history(exchange: Exchange, message: Message) -> Reply:
    timeframe = _given(message, "timeframe", str)
    start, end = (_given(message, name, datetime).timestamp() for name in ("start", "end"))
    closed = exchange.clock.time() // 1 - timeframe_seconds(timeframe) + 1
    span = (start, min(end, closed))
    bars = zigzag_bars(_given(message, "symbol", str), timeframe, span, exchange.amplitude)
    return Reply({"result": {name: getattr(bars, name).tolist() for name in BAR_COLUMNS}})


def _submit(exchange: Exchange, message: Message) -> Reply:
    request = decode(EntryRequest, message.get("request"))

    def perform(book: Book, choice: Choice) -> str | None:
        return book.submit(_ticket_of(request, choice))[0]

    return exchange.trade(
        Trade(
            "submit",
            _given(message, "account", str),
            request.client_id,
            "",
            perform,
            lambda result, fills: Receipt(request.client_id, result, tuple(fills)),
        )
    )


def _ticket_of(request: EntryRequest, choice: Choice) -> Ticket:
    part = halved(request.symbol, request.lots) if choice.is_partial else Decimal(0)
    is_cut = part > 0 and request.kind is OrderKind.MARKET
    return Ticket(
        client_id=request.client_id,
        symbol=request.symbol,
        side=request.side,
        lots=part if is_cut else request.lots,
        kind=request.kind,
        price=request.price,
        stop=None if choice.drops_stop else request.stop,
        take=request.take,
        magic=request.magic,
        expires_at=request.expires_at,
    )


def _close(exchange: Exchange, message: Message) -> Reply:
    position_id, lots = _given(message, "position_id", str), _maybe(message, "lots", Decimal)
    return exchange.trade(
        Trade(
            "close",
            _given(message, "account", str),
            "",
            position_id,
            lambda book, choice: book.close(position_id, lots=lots),
            lambda result, fills: Receipt(
                f"close-{position_id}" if fills else "", position_id, tuple(fills)
            ),
        )
    )


def _modify(exchange: Exchange, message: Message) -> Reply:
    position_id = _given(message, "position_id", str)
    stop, take = _maybe(message, "stop", Decimal), _maybe(message, "take", Decimal)
    return exchange.trade(
        Trade(
            "modify",
            _given(message, "account", str),
            "",
            position_id,
            lambda book, choice: book.modify(position_id, stop, take),
            lambda result, fills: None,
        )
    )


def _cancel(exchange: Exchange, message: Message) -> Reply:
    client_id = _given(message, "client_id", str)
    return exchange.trade(
        Trade(
            "cancel",
            _given(message, "account", str),
            client_id,
            "",
            lambda book, choice: book.cancel(client_id),
            lambda result, fills: result,
        )
    )


def _set_faults(exchange: Exchange, message: Message) -> Reply:
    exchange.faults = Faults.from_json(_given_object(message, "faults"))
    return Reply({"result": exchange.faults.to_json()})


def _given_object(message: Message, name: str) -> dict[str, Any]:
    value = message.get(name)
    if not isinstance(value, dict):
        raise EngineError(f"Expected {name} as an object, was {value!r}")
    return value


def _ledger(exchange: Exchange, message: Message) -> Reply:
    return Reply({"result": exchange.ledger.to_json()})


def _open_by_hand(exchange: Exchange, message: Message) -> Reply:
    account = exchange.account(_given(message, "account", str))
    size = (_given(message, "side", int), _given(message, "lots", Decimal))
    symbol, stop = _given(message, "symbol", str), _maybe(message, "stop", Decimal)
    return Reply({"result": exchange.open_by_hand(account, symbol, size, stop)})


def _close_by_hand(exchange: Exchange, message: Message) -> Reply:
    account = exchange.account(_given(message, "account", str))
    position_id, lots = _given(message, "position_id", str), _maybe(message, "lots", Decimal)
    exchange.close_by_hand(account, position_id, lots)
    return Reply({"result": None})


def _modify_by_hand(exchange: Exchange, message: Message) -> Reply:
    account = exchange.account(_given(message, "account", str))
    levels = (_maybe(message, "stop", Decimal), _maybe(message, "take", Decimal))
    exchange.modify_by_hand(account, _given(message, "position_id", str), *levels)
    return Reply({"result": None})


def _tick(exchange: Exchange, message: Message) -> Reply:
    symbol = _given(message, "symbol", str)
    exchange.pin(symbol, _maybe(message, "bid", Decimal))
    return Reply({"result": encode(exchange.quote(symbol))})


OPERATIONS: Final[Mapping[str, Callable[[Exchange, Message], Reply]]] = {
    "now": _now,
    "account": _account,
    "snapshot": _snapshot,
    "history": _history,
    "submit": _submit,
    "close": _close,
    "modify": _modify,
    "cancel": _cancel,
    "set_faults": _set_faults,
    "ledger": _ledger,
    "open_by_hand": _open_by_hand,
    "close_by_hand": _close_by_hand,
    "modify_by_hand": _modify_by_hand,
    "tick": _tick,
}
