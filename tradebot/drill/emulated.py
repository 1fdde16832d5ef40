"""MetaApi in a drill: the emulator of the tests, which lies beside the program.

Gateways reach it with the real SDK, workers over REST; only its addresses are another's.

Its market runs faster than a stream of MetaApi believes. No decision rests on that: bars close by
quotes, and how long a signal is good for is set for all of a drill. Only how far a series is filled
up is reckoned short, until the next gateway fills it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx

from tradebot.drill.crew import account_id, platform_of
from trading.brokers.metaapi import Hosts, MetaApiClient, mapping
from trading.brokers.venue.faults import DRILL
from trading.brokers.venue.zigzag import SYMBOLS
from trading.engine.types import Bars
from trading.models import Connection

TOKEN: Final = "drill.drill.drill"  # noqa: S105 - the emulator's, on this machine
PATIENCE: Final = 20.0
STEP: Final = timedelta(minutes=1)
RATES: Final[Mapping[str, float]] = {
    **DRILL.to_json(),
    "drop_event": 0.03,
    "swap_event": 0.05,
    "requote": 0.03,
    "error_before": 0.05,
    "lose_request": 0.02,
    "too_many": 0.01,
    "fail": 0.01,
    "slow": 0.03,
    "mute": 0.03,
    "storm": 0.015,
    "away": 0.03,
    "forbidden": 0.015,
    "closed": 0.01,
}
"""Of the emulator's `Rates`. It loses fewer packets than the venue: the SDK waits for a lost one as
long as a gateway of the drill lives, and takes in nothing behind it."""


class EmulatedPlace:
    """The emulator at `url`, as `tradebot.drill.places.Place` says."""

    def __init__(self, url: str) -> None:
        self.environment: Mapping[str, str] = {"METAAPI_BASE_URL": url}
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)

    def close(self) -> None:
        """Ask it nothing any more."""
        self._http.close()

    def columns(self, number: int) -> dict[str, Any]:
        """As the protocol says; each account is a price source of its own."""
        connection, _ = Connection.objects.get_or_create(name="emulator", defaults={"token": TOKEN})
        return {
            "kind": "metaapi",
            "connection": connection,
            "external_id": account_id(number),
            "source": f"metaapi-{account_id(number)}",
            "platform": platform_of(number).partition("-")[0],
            "remote_state": "DEPLOYED",
            "leverage": 100,
        }

    def name_of(self, external_id: str) -> str:
        """As the protocol says."""
        return external_id

    def history(self, symbol: str, span: timedelta) -> Bars:
        """As the protocol says."""
        client = MetaApiClient(TOKEN, account_id(1), Hosts(base_url=self._url))
        last = client.server_time() - STEP
        candles = client.candles(symbol, "M1", last, span // STEP)
        return mapping.bars_of(candles, SYMBOLS[symbol].instrument.tick_size)

    def set_faulty(self, *, is_faulty: bool) -> None:
        """As the protocol says."""
        self._http.delete("/emulator/faults").raise_for_status()
        if is_faulty:
            faults = {"rates": RATES, "late_after": DRILL.late_after}
            self._http.post("/emulator/faults", json=faults).raise_for_status()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """As the protocol says."""
        return dict(self._asked("ledger"))

    def drawn(self) -> dict[str, int]:
        """As the protocol says."""
        return dict(self._asked("drawn"))

    def _asked(self, what: str) -> Any:
        return self._http.get(f"/emulator/{what}").raise_for_status().json()
