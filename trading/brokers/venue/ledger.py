"""The venue's own truth: every request it received and everything it executed.

It is written where the execution happens and knows nothing of what an adapter believes, so that a
checker may hold the two against each other. Append-only, in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Any

from trading.brokers.venue.faults import Fate
from trading.brokers.venue.wire import encode
from trading.engine.types import ExitReason, Fill


@dataclass(slots=True)
class Received:
    """A trade request; `at` is the market's clock, `wall` epoch seconds."""

    number: int
    op: str
    account: str
    client_id: str
    position_id: str
    at: datetime
    wall: float
    fate: Fate = Fate.HONEST
    outcome: str = ""
    """EXECUTED, or the code it was refused with; empty while it waits to be executed late."""
    answered: bool = False
    """Whether the asker has confirmed that it holds the answer, be it an honest one or not."""


@dataclass(frozen=True, slots=True)
class Executed:
    """A deal; `request` is the number of what asked for it, None for a level hit or a hand."""

    account: str
    fill: Fill
    wall: float
    request: int | None


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a person did: open, close or modify."""

    account: str
    action: str
    position_id: str
    at: datetime


class Ledger:
    """Not safe for threads: the exchange's lock guards it."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.executed: list[Executed] = []
        self.hands: list[ByHand] = []
        self._submitted: dict[tuple[str, str], int] = {}

    def request(self, op: str, account: str, ids: tuple[str, str], at: datetime) -> Received:
        """Write down that a request has arrived; `ids` are client id and position id."""
        entry = Received(len(self.received), op, account, *ids, at, time())
        self.received.append(entry)
        if op == "submit":
            self._submitted[account, entry.client_id] = entry.number
        return entry

    def execution(self, account: str, fill: Fill, request: Received | None) -> None:
        """Write down a deal; one that a resting order opened belongs to the order's request."""
        number = None
        if request is not None and (fill.opens or fill.reason is ExitReason.SIGNAL):
            number = request.number
        elif fill.opens:
            number = self._submitted.get((account, fill.client_id))
        self.executed.append(Executed(account, fill, time(), number))

    def hand(self, account: str, action: str, position_id: str, at: datetime) -> None:
        """Write down what a person did."""
        self.hands.append(ByHand(account, action, position_id, at))

    def executions(self) -> list[dict[str, Any]]:
        """Every deal as JSON, in the order of execution: the fields of `Fill` with `account`,
        `wall`, `request` and `answered` (None where nobody asked)."""
        return [self._execution(entry) for entry in self.executed]

    def to_json(self) -> dict[str, Any]:
        """`requests`, `executions` and `by_hand`, each in order of time."""
        return {
            "requests": encode(self.received),
            "executions": self.executions(),
            "by_hand": encode(self.hands),
        }

    def _execution(self, entry: Executed) -> dict[str, Any]:
        asked = None if entry.request is None else self.received[entry.request]
        return {
            **encode(entry.fill),
            "account": entry.account,
            "wall": entry.wall,
            "request": entry.request,
            "answered": asked and asked.answered,
        }
