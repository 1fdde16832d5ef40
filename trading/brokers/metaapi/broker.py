"""The `Broker` of a MetaTrader account at MetaApi, over REST: for workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from time import monotonic, sleep
from typing import Any, Final, TypeVar, cast

from trading.brokers.base import (
    EntryRequest,
    NotSent,
    Receipt,
    Rejected,
    Unavailable,
    UnknownOutcome,
)
from trading.brokers.metaapi import bodies, mapping
from trading.brokers.metaapi.account import (
    Money,
    account_of,
    made,
    orders_of,
    positions_of,
    snapshot_of,
)
from trading.brokers.metaapi.codes import ORDER_NOT_FOUND, POSITION_NOT_FOUND, UNPROVED, Outcome
from trading.brokers.metaapi.hosts import Cached
from trading.brokers.metaapi.payload import PayloadError
from trading.brokers.metaapi.rest import MetaApiClient, TradeAnswer
from trading.brokers.metaapi.specification import Specification, specification_of
from trading.engine.types import AccountState, EngineError, Fill, OrderKind, Quote, Snapshot

T = TypeVar("T")
DEAL_READS: Final = (0.0, 0.4)
"""Seconds to wait before each look for the deals of an order that was just executed."""
LONGEST_DEAL_READ: Final = 3.0
_SPECIFICATIONS: Final = Cached(ttl=3600.0)


class MetaApiBroker:
    """A `Broker` of one account at MetaApi; `money` is as `Money` says.

    A market order that was executed without its deals being readable yet is answered by a Receipt
    without fills, like a resting one: the next reading shows its deals.
    """

    def __init__(self, client: MetaApiClient, money: Money) -> None:
        self.money = money
        self._client = client

    def account(self) -> AccountState:
        """As the port says."""
        return account_of(self._client, self.money)

    def snapshot(self, since: datetime) -> Snapshot:
        """As the port says, but never complete.

        MetaApi tells only its socket whether a reading of history may have holes
        (`synchronizing`), not REST: what is absent here proves nothing.
        """
        return snapshot_of(self._client, self.money, since)

    def specification(self, symbol: str) -> Specification:
        """What the broker says of a symbol, at most an hour old; raises Unavailable."""
        key = (self._client.account_id, symbol)
        return cast(Specification, _SPECIFICATIONS.get(key, lambda: self._ask_of(symbol)))

    def submit(self, request: EntryRequest) -> Receipt:
        """As the port says."""
        ends = self._ends()
        answer = self._client.trade(self._entry(request), ends)
        _judge(answer)
        if not answer.order_id:
            raise _doubt(answer, "expected an order id, was none")
        if request.kind is not OrderKind.MARKET:
            return Receipt(answer.order_id, None)
        fills = self._executed(answer, answer.position_id or answer.order_id, request.lots, ends)
        position_id = next((fill.position_id for fill in fills), answer.position_id or None)
        marked = (replace(fill, client_id=request.client_id) for fill in fills)
        return Receipt(answer.order_id, position_id, tuple(marked))

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        """As the port says. A close that the broker has only taken over is UnknownOutcome until
        its deal can be read."""
        ends = self._ends()
        body = bodies.close_body(position_id) if lots is None else self._part(position_id, lots)
        answer = self._client.trade(body, ends)
        if lots is None and answer.number in POSITION_NOT_FOUND:
            return Receipt("", position_id)
        _judge(answer)
        fills = self._executed(answer, position_id, lots, ends, closes=True)
        if not fills and answer.outcome is Outcome.ACCEPTED:
            raise _doubt(answer, "taken over, not executed yet")
        return Receipt(answer.order_id, position_id, fills)

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """As the port says."""
        body = _refused("INVALID_STOPS", lambda: bodies.modify_body(position_id, stop, take))
        _judge_done(self._client.trade(body, self._ends()))

    def cancel(self, client_id: str) -> bool:
        """As the port says; the order is looked up by its client id first."""
        ends = self._ends()
        try:
            orders = self._read(lambda: self._client.orders(is_urgent=True), orders_of)
        except Unavailable as e:
            raise NotSent(str(e), e.code) from e
        ids = [order.id for order in orders if order.client_id == client_id]
        return sum(self._cancel(order_id, ends) for order_id in ids) > 0

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """Nothing: a worker hears of executions by reading, the gateway by its stream."""
        return ()

    # --- trades

    def _entry(self, request: EntryRequest) -> bodies.Body:
        try:
            specification = self.specification(request.symbol)
        except Unavailable as e:
            raise NotSent(str(e), e.code) from e
        step = specification.instrument.volume_step
        _refused("INVALID_VOLUME", lambda: bodies.volume_of(request.lots, step))
        return _refused("INVALID", lambda: bodies.entry_body(request, specification))

    def _part(self, position_id: str, lots: Decimal) -> bodies.Body:
        """The body of a partial close, after a look at the position."""
        try:
            positions = self._read(lambda: self._client.positions(is_urgent=True), positions_of)
            held = next((p for p in positions if p.id == position_id), None)
            if held is None:
                raise Rejected(f"Expected position {position_id}, was none", "POSITION_NOT_FOUND")
            step = self.specification(held.symbol).instrument.volume_step
        except Unavailable as e:
            raise NotSent(str(e), e.code) from e
        if lots > held.lots:
            raise Rejected(f"Expected at most {held.lots} lots, was {lots}", "INVALID_VOLUME")
        return _refused(
            "INVALID_VOLUME", lambda: bodies.partial_close_body(position_id, lots, step)
        )

    def _cancel(self, order_id: str, ends: float) -> bool:
        answer = self._client.trade(bodies.cancel_body(order_id), ends)
        if answer.number == ORDER_NOT_FOUND:
            return False
        _judge_done(answer)
        return True

    def _executed(
        self,
        answer: TradeAnswer,
        position_id: str,
        lots: Decimal | None,
        ends: float,
        *,
        closes: bool = False,
    ) -> tuple[Fill, ...]:
        """The fills of an order as far as they can be read now; stops looking once they make up
        `lots`, or at the first ones where that is None.

        On MetaTrader 4 the ticket of a position is the order of both its deals, so that a close is
        asked for its closing ones alone.
        """
        fills: tuple[Fill, ...] = ()
        for pause in DEAL_READS if answer.order_id else ():
            left = ends - monotonic() - pause
            if left <= 0:
                break
            sleep(pause)
            found = self._look(answer.order_id, position_id, min(left, LONGEST_DEAL_READ))
            fills = tuple(fill for fill in found if not (closes and fill.opens)) or fills
            if fills and (lots is None or sum(fill.lots for fill in fills) >= lots):
                break
        return fills

    def _look(self, order_id: str, position_id: str, longest: float) -> tuple[Fill, ...]:
        try:
            deals = self._client.deals_of_position(position_id, longest)
            fills = mapping.fills_of(deals)
            ours = {mapping.deal_id(d) for d in deals if mapping.order_id(d) == order_id}
        except (Unavailable, PayloadError):
            return ()
        return tuple(fill for fill in fills if fill.deal_id.removesuffix("/in") in ours)

    def _ends(self) -> float:
        return monotonic() + self._client.limits.trade

    # --- readings

    def _ask_of(self, symbol: str) -> Specification:
        return self._read(
            lambda: self._client.specification(symbol, is_urgent=True), specification_of
        )

    def _read(self, ask: Callable[[], Any], make: Callable[[Any], T]) -> T:
        payload = ask()
        return made(self._client, lambda: make(payload))


def _refused(code: str, make: Callable[[], T]) -> T:
    """A body, or Rejected where what is asked for cannot be said: the broker would refuse it."""
    try:
        return make()
    except EngineError as e:
        raise Rejected(str(e), code) from e


def _judge(answer: TradeAnswer) -> None:
    """Raise what the answer proves unless the broker did it or took it over."""
    outcome, words = answer.outcome, f"{answer.code}: {answer.message}"
    if outcome is Outcome.UNKNOWN:
        raise UnknownOutcome(words, answer.code)
    if outcome is Outcome.REJECTED or answer.number in UNPROVED:
        raise Rejected(words, answer.code)
    if outcome is Outcome.NOT_SENT:
        raise NotSent(words, answer.code)


def _judge_done(answer: TradeAnswer) -> None:
    """The same, where having taken it over is not enough."""
    _judge(answer)
    if answer.outcome is not Outcome.EXECUTED:
        raise _doubt(answer, "taken over, not executed yet")


def _doubt(answer: TradeAnswer, why: str) -> UnknownOutcome:
    return UnknownOutcome(f"{answer.code}: {why}", answer.code)
