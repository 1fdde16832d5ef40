"""What a drill may ask of the venue beside trading: faults, the ledger, a person's hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trading.brokers.base import Rejected, Unavailable
from trading.brokers.venue.faults import Faults
from trading.brokers.venue.wire import address_of, encode, exchange
from trading.engine.types import EngineError


class VenueAdmin:
    """The other side of the venue at `address` ("HOST:PORT").

    Raises Unavailable when it does not answer, Rejected when it will not.
    """

    def __init__(self, address: str, deadline: float = 20.0) -> None:
        self._address = address_of(address)
        self._deadline = deadline

    def set_faults(self, faults: Faults) -> None:
        """These faults from now on."""
        self._ask("set_faults", faults=faults.to_json())

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """The venue's own truth, as `Ledger.to_json` says."""
        return dict(self._ask("ledger"))

    def executions(self) -> list[dict[str, Any]]:
        """Every deal, as `Ledger.executions` says."""
        return self.ledger()["executions"]

    def open_by_hand(
        self,
        account: str,
        *,
        symbol: str = "EURUSD",
        side: int = 1,
        lots: Decimal = Decimal("0.01"),
        stop: Decimal | None = None,
    ) -> str:
        """A person opens a position at the market; its id."""
        return str(
            self._ask(
                "open_by_hand", account=account, symbol=symbol, side=side, lots=lots, stop=stop
            )
        )

    def close_by_hand(self, account: str, position_id: str, lots: Decimal | None = None) -> None:
        """A person closes a position, or `lots` of it."""
        self._ask("close_by_hand", account=account, position_id=position_id, lots=lots)

    def modify_by_hand(
        self, account: str, position_id: str, stop: Decimal | None, take: Decimal | None
    ) -> None:
        """A person gives a position these levels, None for no level."""
        self._ask("modify_by_hand", account=account, position_id=position_id, stop=stop, take=take)

    def tick(self, symbol: str, bid: Decimal | None) -> None:
        """Hold a symbol at a bid from now on, or (None) let it swing again."""
        self._ask("tick", symbol=symbol, bid=bid)

    def stop(self) -> None:
        """End the process."""
        self._ask("stop")

    def _ask(self, op: str, **asked: Any) -> Any:
        message = {"op": op, **{name: encode(item) for name, item in asked.items()}}
        try:
            answer = exchange(self._address, message, self._deadline)
        except (OSError, EngineError) as e:
            raise Unavailable(str(e)) from e
        if "result" not in answer:
            raise Rejected(str(answer.get("message")), str(answer.get("code", "")))
        return answer["result"]
