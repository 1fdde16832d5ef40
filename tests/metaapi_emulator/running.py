"""Starting the emulator for a test, as a thread or as a process, and asking it things."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

from tests.metaapi_emulator.emulator import TOKEN, Emulator
from tests.metaapi_emulator.market import Market
from tests.metaapi_emulator.serving import served

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 20.0
_NUMBERS: Final = count(1)


class EmulatorSite:
    """A running emulator at `url`: its REST API with the token, and its admin side."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.url = url
        self.token = token
        self.http = httpx.Client(
            base_url=url, headers={"auth-token": token}, timeout=PATIENCE, trust_env=False
        )

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Post to /emulator/`path`; raises HTTPStatusError when it will not."""
        answer = self.http.post(f"/emulator/{path}", json=body).raise_for_status()
        return dict(answer.json())

    def open_account(self, kind: str = "mt5-hedging", **settings: Any) -> str:
        """A fresh account: its id. None begins with another one, or the SDK confuses them."""
        name = f"test-{next(_NUMBERS):05}"
        return str(self.ask("accounts", id=name, kind=kind, **settings)["id"])

    def faults(self, **values: Any) -> None:
        """These faults from now on, and no others."""
        self.http.delete("/emulator/faults").raise_for_status()
        self.ask("faults", **values)

    def pin(self, bid: float | None, symbol: str = "EURUSD", ask: float | None = None) -> None:
        """Hold a symbol at a price, or (None) let it swing again."""
        self.ask("pin", symbol=symbol, bid=bid, ask=ask)

    def ledger(self) -> Mapping[str, list[dict[str, Any]]]:
        """What it received and executed, as the venue's `Ledger.to_json` says."""
        return dict(self.http.get("/emulator/ledger").raise_for_status().json())

    def drawn(self) -> Mapping[str, int]:
        """How often each fault was drawn so far."""
        return dict(self.http.get("/emulator/drawn").raise_for_status().json())

    def executions(self, account: str) -> list[dict[str, Any]]:
        """The deals of one account."""
        return [deal for deal in self.ledger()["executions"] if deal["account"] == account]

    def read(self, account: str, path: str, **params: Any) -> Any:
        """A reading request of the REST API about an account."""
        url = f"/users/current/accounts/{account}/{path}"
        return self.http.get(url, params=params).raise_for_status().json()

    def trade(self, account: str, action: str, **body: Any) -> dict[str, Any]:
        """A trade over REST: the response, whatever its code."""
        url = f"/users/current/accounts/{account}/trade"
        answer = self.http.post(url, json={"actionType": action, **body}).raise_for_status()
        return dict(answer.json())

    def buy(self, account: str, volume: float = 0.1, **body: Any) -> dict[str, Any]:
        """Buy EURUSD at the market."""
        return self.trade(account, "ORDER_TYPE_BUY", symbol="EURUSD", volume=volume, **body)


@contextmanager
def emulator_thread(
    *, speed: float = 1.0, seed: int = 0, start: datetime | None = None
) -> Iterator[EmulatorSite]:
    """The emulator in a thread of this process."""
    ready, stop = threading.Event(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        emulator = Emulator(Market(start or datetime.now(UTC), speed, 200), seed=seed)
        async with served(emulator) as port:
            ports.append(port)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not ready.wait(PATIENCE):
        raise TimeoutError("Expected the emulator to start, was still starting")
    site = EmulatorSite(f"http://127.0.0.1:{ports[0]}")
    try:
        yield site
    finally:
        site.http.close()
        stop.set()
        thread.join(PATIENCE)


@contextmanager
def emulator_process(*options: str) -> Iterator[EmulatorSite]:
    """The emulator as a process started with these options."""
    command = [sys.executable, "-m", "tests.metaapi_emulator", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        site = EmulatorSite(f"http://127.0.0.1:{int(process.stdout.readline())}")
        try:
            yield site
        finally:
            site.http.close()
            process.terminate()
            process.wait(PATIENCE)
