"""MetaApi in a drill: the emulator of the tests, which lies beside the program.

Gateways reach it with the real SDK, workers over REST; only its addresses are another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
RATES: Final = replace(DRILL, lag=0.0, drop_event=0.0)
"""The emulator shows at once what was executed. It loses no packets: the SDK numbers them and waits
for one that is missing, so that a drill would drill its patience."""


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
            faults = {"rates": RATES.to_json(), "late_after": RATES.late_after}
            self._http.post("/emulator/faults", json=faults).raise_for_status()

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """As the protocol says."""
        return dict(self._http.get("/emulator/ledger").raise_for_status().json())


def _id(number: int) -> str:
    return f"drill{number:03}"
