"""MetaApi's payloads as values of the engine: pure, and the only place that knows their shapes.

Shapes are those of the documentation (accountInformation, position, order, deal, price, candle).
Ids are always texts. MetaApi counts a commission as negative money, the engine as a positive cost.
Entry orders, closes and so on in the other direction are made in `bodies`, specifications of
symbols read in `specification`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import numpy as np

from trading.brokers.metaapi.payload import Fields, PayloadError
from trading.engine.money import cents
from trading.engine.types import (
    LONG,
    SHORT,
    AccountState,
    Bars,
    EngineError,
    ExitReason,
    Fill,
    OrderKind,
    PositionState,
    Quote,
    RestingOrder,
)

T = TypeVar("T")
_SIDES: Final = {"POSITION_TYPE_BUY": LONG, "POSITION_TYPE_SELL": SHORT}
_DEAL_SIDES: Final = {"DEAL_TYPE_BUY": LONG, "DEAL_TYPE_SELL": SHORT}
_ORDER_TYPES: Final[Mapping[str, tuple[int, OrderKind]]] = {
    "ORDER_TYPE_BUY": (LONG, OrderKind.MARKET),
    "ORDER_TYPE_SELL": (SHORT, OrderKind.MARKET),
    "ORDER_TYPE_BUY_LIMIT": (LONG, OrderKind.LIMIT),
    "ORDER_TYPE_SELL_LIMIT": (SHORT, OrderKind.LIMIT),
    "ORDER_TYPE_BUY_STOP": (LONG, OrderKind.STOP),
    "ORDER_TYPE_SELL_STOP": (SHORT, OrderKind.STOP),
    "ORDER_TYPE_BUY_STOP_LIMIT": (LONG, OrderKind.STOP),
    "ORDER_TYPE_SELL_STOP_LIMIT": (SHORT, OrderKind.STOP),
}
_ENTRIES: Final = {
    name: name for name in ("DEAL_ENTRY_IN", "DEAL_ENTRY_OUT", "DEAL_ENTRY_INOUT")
} | {"DEAL_ENTRY_OUT_BY": "DEAL_ENTRY_OUT"}
_BY_HAND: Final = ("_REASON_CLIENT", "_REASON_MOBILE", "_REASON_WEB")
_REASONS: Final[Mapping[str, ExitReason]] = {
    "DEAL_REASON_SL": ExitReason.STOP,
    "DEAL_REASON_TP": ExitReason.TAKE,
    "DEAL_REASON_SO": ExitReason.STOP_OUT,
    "DEAL_REASON_EXPERT": ExitReason.SIGNAL,
}
_NO_REASON: Final = ("", "DEAL_REASON_UNKNOWN")
_COMMENTED: Final = (
    (re.compile(r"\[sl\b"), ExitReason.STOP),
    (re.compile(r"\[tp\b"), ExitReason.TAKE),
    (re.compile(r"(?:^|\[)so\b"), ExitReason.STOP_OUT),
)
"""What MetaTrader 4, which has no reasons, writes into the comment of a close."""
_FROM: Final = re.compile(r"\bfrom #(\d+)")
_TO: Final = re.compile(r"\bto #(\d+)")
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PricePart:
    """A quote and what one tick of one lot is worth in account currency, None where unknown."""

    quote: Quote
    profit_tick_value: Decimal | None
    loss_tick_value: Decimal | None


def checked(kind: str, make: Callable[[], T]) -> T:
    """A value of the engine, or PayloadError where the engine refuses what the payload says."""
    try:
        return make()
    except EngineError as e:
        raise PayloadError(f"{kind}: {e}") from e


def account_state(
    payload: Any, positions: Sequence[PositionState] = (), leverage: int = 1
) -> AccountState:
    """Account information with the positions; `leverage` where the payload names none."""
    fields = Fields("account information", payload)
    return AccountState(
        currency=fields.text("currency"),
        balance=fields.number("balance"),
        equity=fields.number("equity"),
        margin=fields.number("margin", Decimal(0)),
        leverage=fields.integer("leverage", 0) or leverage,
        positions=tuple(positions),
    )


def position_state(payload: Any) -> PositionState:
    """A position. Profit and swap are those of what is still open, where the broker tells."""
    fields = Fields("position", payload)
    return PositionState(
        id=fields.ident("id"),
        symbol=fields.text("symbol"),
        side=fields.one_of("type", _SIDES),
        lots=fields.positive("volume"),
        entry_price=fields.number("openPrice"),
        opened_at=fields.moment("time"),
        stop=fields.level("stopLoss"),
        take=fields.level("takeProfit"),
        profit=_open_part(fields, "profit", "unrealizedProfit"),
        swap=_open_part(fields, "swap", "unrealizedSwap"),
        magic=fields.integer("magic", 0),
        client_id=fields.text("clientId", ""),
        by_hand=_is_by_hand(fields),
    )


def resting_order(payload: Any) -> RestingOrder | None:
    """An order that is not executed yet, with the lots that remain; None for a close-by.

    A stop-limit order is a STOP here. A market order under way is one of kind MARKET, with the
    price it saw.
    """
    fields = Fields("order", payload)
    if fields.text("type") == "ORDER_TYPE_CLOSE_BY":
        return None
    side, kind = fields.one_of("type", _ORDER_TYPES)
    price = fields.level("openPrice")
    if price is None:
        if kind is not OrderKind.MARKET:
            fields.positive("openPrice")  # raises
        price = fields.number("currentPrice", Decimal(0))
    return RestingOrder(
        id=fields.ident("id"),
        symbol=fields.text("symbol"),
        side=side,
        lots=fields.level("currentVolume") or fields.positive("volume"),
        kind=kind,
        price=price,
        stop=fields.level("stopLoss"),
        take=fields.level("takeProfit"),
        magic=fields.integer("magic", 0),
        client_id=fields.text("clientId", ""),
    )


# --- deals


def fills_of(deals: Iterable[Any]) -> tuple[Fill, ...]:
    """Deals as fills, oldest first, each deal once; balance, credit and fee deals are left out.

    A deal that reverses a netting position becomes two fills: it closes what was open, which is
    known by the earlier deals of the position (all of them must be given, else PayloadError), and
    opens the rest a microsecond later, under the deal's id with "/in" behind it. A closing fill
    has the client id of the fill that opened its position, where that one is among the deals.
    """
    unique = {deal_id(deal): deal for deal in deals}
    traded = [d for d in map(_trade, unique.values()) if d is not None]
    traded.sort(key=lambda deal: (deal.fill.at, not deal.fill.opens))
    fills: list[Fill] = []
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    clients: dict[str, str] = {}
    for deal in traded:
        for fill in _parts(deal, held[deal.fill.position_id]):
            held[fill.position_id] += fill.side * (fill.lots if fill.opens else -fill.lots)
            if fill.opens:
                clients[fill.position_id] = fill.client_id
            else:
                opener = clients.get(fill.position_id) or fill.client_id
                fill = replace(fill, client_id=opener)
            fills.append(fill)
    return tuple(fills)


def reversed_positions(deals: Iterable[Any]) -> frozenset[str]:
    """The positions that some deal reverses: `fills_of` needs all the deals of each."""
    given = [Fields("deal", deal) for deal in deals]
    reversals = [d for d in given if d.raw("entryType") == "DEAL_ENTRY_INOUT"]
    return frozenset(d.ident("positionId") for d in reversals if d.raw("type") in _DEAL_SIDES)


def deal_id(payload: Any) -> str:
    """The id of a deal."""
    return Fields("deal", payload).ident("id")


def order_id(payload: Any) -> str:
    """The id of the order that caused a deal, empty where there is none."""
    return Fields("deal", payload).ident("orderId", "")


@dataclass(frozen=True, slots=True)
class _Trade:
    fill: Fill
    """The whole deal; of a reversal the part that opens."""
    is_reversal: bool


def _trade(payload: Any) -> _Trade | None:
    fields = Fields("deal", payload)
    if fields.text("type") not in _DEAL_SIDES:
        return None
    entry = fields.one_of("entryType", _ENTRIES)
    opens = entry != "DEAL_ENTRY_OUT"
    side = _DEAL_SIDES[fields.text("type")]
    fill = Fill(
        deal_id=fields.ident("id"),
        position_id=fields.ident("positionId"),
        symbol=fields.text("symbol"),
        side=side if opens else -side,
        opens=opens,
        lots=fields.positive("volume"),
        price=fields.number("price"),
        at=fields.moment("time"),
        profit=fields.number("profit", Decimal(0)),
        commission=-fields.number("commission", Decimal(0)) + Decimal(0),
        swap=fields.number("swap", Decimal(0)),
        reason=None if entry == "DEAL_ENTRY_IN" else _exit_reason(fields),
        client_id=fields.text("clientId", ""),
        magic=fields.integer("magic", 0),
        by_hand=_is_by_hand(fields),
    )
    return _Trade(fill, entry == "DEAL_ENTRY_INOUT")


def _parts(deal: _Trade, held: Decimal) -> tuple[Fill, ...]:
    """The fills of a deal when its position held so many lots, short ones negative."""
    fill = deal.fill
    if not deal.is_reversal:
        return (fill,)
    closed = -held * fill.side
    if not 0 < closed < fill.lots:
        raise PayloadError(
            f"deal {fill.deal_id}: expected the earlier deals of position {fill.position_id} to "
            f"leave less than {fill.lots} lots to reverse, was {closed}"
        )
    cost = cents(fill.commission * closed / fill.lots)
    closing = replace(fill, side=-fill.side, opens=False, lots=closed, commission=cost)
    opening = replace(
        fill,
        deal_id=f"{fill.deal_id}/in",
        lots=fill.lots - closed,
        at=fill.at + _INSTANT,
        profit=Decimal(0),
        commission=fill.commission - cost,
        swap=Decimal(0),
        reason=None,
    )
    return closing, opening


def _exit_reason(fields: Fields) -> ExitReason:
    """Why a deal closes: MANUAL for whatever neither we nor the levels of the position did."""
    reason = fields.text("reason", "")
    if reason not in _NO_REASON:
        return _REASONS.get(reason, ExitReason.MANUAL)
    comment = f"{fields.raw('brokerComment') or fields.raw('comment') or ''}".strip().lower()
    return next((why for mark, why in _COMMENTED if mark.search(comment)), ExitReason.SIGNAL)


def _is_by_hand(fields: Fields) -> bool:
    return fields.text("reason", "").endswith(_BY_HAND)


def _open_part(fields: Fields, whole: str, open_part: str) -> Decimal:
    return fields.number(open_part, fields.number(whole, Decimal(0)))


# --- partial closes of MetaTrader 4


def ticket_links(payloads: Iterable[Any]) -> dict[str, str]:
    """Ticket -> ticket of the first position it is the rest of.

    MetaTrader 4 closes a part by opening the rest under a new ticket, whose comment says "from
    #123"; the closed part's says "to #124". `payloads` are positions, orders and deals.
    """
    links: dict[str, str] = {}
    for payload in payloads:
        fields = Fields("position or deal", payload)
        comment = f"{fields.raw('comment') or ''} {fields.raw('brokerComment') or ''}"
        ticket = fields.ident("positionId", "") or fields.ident("id")
        if (older := _FROM.search(comment)) is not None:
            links[ticket] = older[1]
        if (newer := _TO.search(comment)) is not None:
            links.setdefault(newer[1], ticket)
    return {ticket: _root(ticket, links) for ticket in links}


def _root(ticket: str, links: Mapping[str, str]) -> str:
    seen = {ticket}
    while (older := links.get(ticket)) is not None and older not in seen:
        seen.add(older)
        ticket = older
    return ticket


# --- prices


def price_part(payload: Any) -> PricePart:
    """A current price: the quote at the server's time, and the tick values."""
    fields = Fields("price", payload)
    symbol, time = fields.text("symbol"), fields.moment("time")
    bid, ask = fields.number("bid"), fields.number("ask")
    return PricePart(
        checked("price", lambda: Quote(symbol, time, bid, ask)),
        fields.level("profitTickValue"),
        fields.level("lossTickValue"),
    )


def bars_of(candles: Iterable[Any], point: Decimal) -> Bars:
    """Candles as bars, oldest first, each once; the spread comes in points."""
    rows = {int(row[0]): row for row in (_row(candle, float(point)) for candle in candles)}
    if not rows:
        return Bars.empty()
    table = np.array([rows[time] for time in sorted(rows)], np.float64)
    return Bars(table[:, 0].astype(np.int64), *(table[:, column] for column in range(1, 7)))


def candle_time(payload: Any) -> datetime:
    """When a candle opened."""
    return Fields("candle", payload).moment("time")


def _row(payload: Any, point: float) -> tuple[float, ...]:
    fields = Fields("candle", payload)
    prices = (float(fields.positive(name)) for name in ("open", "high", "low", "close"))
    return (
        fields.moment("time").timestamp(),
        *prices,
        float(fields.number("tickVolume", Decimal(0))),
        float(fields.number("spread", Decimal(0))) * point,
    )
