"""Where a drill trades: a market place in a process of its own, with faults and a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any, Protocol

from tradebot.drill.crew import emulator_process, venue_process
from tradebot.drill.emulated import TOKEN, EmulatedPlace
from tradebot.drill.plan import METAAPI, Plan
from trading.brokers.venue.admin import VenueAdmin
from trading.brokers.venue.faults import DRILL, Faults
from trading.brokers.venue.feeds import VenueStream
from trading.engine.types import Bars


class Place(Protocol):
    """A running market place."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What gateways and workers need to find it."""

    def columns(self, number: int) -> dict[str, Any]:
        """Of the row of its account with this number, from 1: kind, external id, source."""

    def name_of(self, external_id: str) -> str:
        """What the ledger calls an account."""

    def history(self, symbol: str, span: timedelta) -> Bars:
        """The last closed bars of a minute."""

    def set_faulty(self, *, is_faulty: bool) -> None:
        """Everything goes wrong now and then, or nothing any more."""

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Its own truth, as `trading.brokers.venue.ledger.Ledger.to_json` says."""

    def drawn(self) -> Mapping[str, int]:
        """How often it has done what to a request or to what it tells."""


class VenuePlace:
    """The venue at `address`."""

    environment: Mapping[str, str] = {}

    def __init__(self, address: str) -> None:
        self._address = address
        self._admin = VenueAdmin(address)

    def columns(self, number: int) -> dict[str, Any]:
        """As the protocol says."""
        external_id = f"{self._address}/A{number}"
        return {"kind": "venue", "external_id": external_id, "source": "venue"}

    def name_of(self, external_id: str) -> str:
        """As the protocol says."""
        return external_id.partition("/")[2]

    def history(self, symbol: str, span: timedelta) -> Bars:
        """As the protocol says."""
        stream = VenueStream(self._address)
        end = stream.now()
        return stream.history(symbol, "M1", end - span, end)

    def set_faulty(self, *, is_faulty: bool) -> None:
        """As the protocol says."""
        self._admin.set_faults(DRILL if is_faulty else Faults())

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """As the protocol says."""
        return self._admin.ledger()

    def drawn(self) -> Mapping[str, int]:
        """As the protocol says; only what became of requests."""
        return Counter(r["fate"].lower() for r in self.ledger()["requests"])


@contextmanager
def place_open(plan: Plan) -> Iterator[Place]:
    """The plan's market place, running."""
    if plan.broker == METAAPI:
        with (
            emulator_process(plan, TOKEN) as address,
            closing(EmulatedPlace(f"http://{address}")) as place,
        ):
            yield place
    else:
        with venue_process(plan.seed, plan.speed) as address:
            yield VenuePlace(address)
