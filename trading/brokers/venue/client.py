"""The adapter to the venue: a connection for every request, so that it survives a fork."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from trading.brokers.base import (
    BrokerError,
    EntryRequest,
    NotSent,
    Receipt,
    Rejected,
    Unavailable,
    UnknownOutcome,
)
from trading.brokers.venue.feeds import Subscription
from trading.brokers.venue.wire import NotConnected, address_of, decode, encode, exchange
from trading.crashpoints import crash_point
from trading.engine.types import AccountState, EngineError, Fill, Quote, Snapshot

T = TypeVar("T")


class VenueBroker:
    """A `Broker` of one account at the venue of `address` ("HOST:PORT").

    A call is over after `deadline` seconds. Once a request is written, only a clean answer is
    taken for one: all else is UnknownOutcome.
    """

    def __init__(self, address: str, account: str, deadline: float = 20.0) -> None:
        self._address = address_of(address)
        self._account = account
        self._deadline = deadline
        self._events: SimpleQueue[Fill] = SimpleQueue()
        self._subscription: Subscription | None = None

    def account(self) -> AccountState:
        """As the port says."""
        return self._read(AccountState, op="account")

    def snapshot(self, since: datetime) -> Snapshot:
        """As the port says."""
        return self._read(Snapshot, op="snapshot", since=since)

    def submit(self, request: EntryRequest) -> Receipt:
        """As the port says."""
        return self._receipt(op="submit", request=request)

    def close(self, position_id: str, lots: Decimal | None = None) -> Receipt:
        """As the port says."""
        return self._receipt(op="close", position_id=position_id, lots=lots)

    def modify(self, position_id: str, stop: Decimal | None, take: Decimal | None) -> None:
        """As the port says."""
        self._trade(op="modify", position_id=position_id, stop=stop, take=take)

    def cancel(self, client_id: str) -> bool:
        """As the port says."""
        result = self._trade(op="cancel", client_id=client_id)
        if not isinstance(result, bool):
            raise UnknownOutcome(f"expected true or false, was {result!r}")
        return result

    def feed(self, quotes: Sequence[Quote]) -> Sequence[Fill]:
        """The executions pushed since the last call; the venue sees its own market.

        The first call in a process starts the thread that listens. What happens while it is not
        connected is not told again: readings show it.
        """
        if self._subscription is None or not self._subscription.is_of_this_process:
            self._events = SimpleQueue()
            message = {"op": "subscribe", "account": self._account}
            self._subscription = Subscription(self._address, message, self._on_event)
            self._subscription.start()
        fills = []
        while True:
            try:
                fills.append(self._events.get_nowait())
            except Empty:
                return fills

    @property
    def is_listening(self) -> bool:
        """Whether the venue pushes executions to this process now."""
        return self._subscription is not None and self._subscription.is_connected

    def stop(self) -> None:
        """End the thread that listens; the next `feed` starts another."""
        if self._subscription is not None:
            self._subscription.stop()
            self._subscription = None

    def _on_event(self, message: Mapping[str, Any]) -> None:
        if "fill" in message:
            self._events.put(decode(Fill, message["fill"]))

    def _read(self, kind: type[T], **asked: Any) -> T:
        try:
            answer = exchange(self._address, self._message(asked), self._deadline)
            if "result" not in answer:
                raise Unavailable(str(answer.get("message")), str(answer.get("code", "")))
            return decode(kind, answer["result"])
        except (OSError, EngineError) as e:
            raise Unavailable(f"{self._account}: {e}") from e

    def _receipt(self, **asked: Any) -> Receipt:
        result = self._trade(**asked)
        try:
            return decode(Receipt, result)
        except EngineError as e:
            raise UnknownOutcome(f"{self._account}: {e}") from e

    def _trade(self, **asked: Any) -> Any:
        message = self._message(asked)
        try:
            answer = exchange(self._address, message, self._deadline, _written)
        except NotConnected as e:
            raise NotSent(f"{self._account}: {e}") from e
        except (OSError, EngineError) as e:
            raise UnknownOutcome(f"{self._account}: {e}") from e
        if "result" not in answer:
            raise _refusal(answer)
        return answer["result"]

    def _message(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"account": self._account, **{name: encode(item) for name, item in asked.items()}}


def _written() -> None:
    crash_point("c4-after-write")


def _refusal(answer: Mapping[str, Any]) -> BrokerError:
    """Only what calls itself a refusal, with a code, is one."""
    code, message = answer.get("code"), str(answer.get("message"))
    if answer.get("error") == "rejected" and isinstance(code, str) and code:
        return Rejected(message, code)
    return UnknownOutcome(f"{code}: {message}", str(code or ""))
