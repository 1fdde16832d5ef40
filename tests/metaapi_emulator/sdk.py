"""The real SDK in a test: its loop in a thread of its own, and no call without a time-out.

The loop cannot be ended by cancelling while a socket is up, so it runs in a daemon thread and its
sockets are closed by hand.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from metaapi_cloud_sdk import MetaApi

from tests.metaapi_emulator.recording import Listener, MemoryStorage
from tests.metaapi_emulator.running import EmulatorSite
from trading.brokers.metaapi.redirect import redirect

T = TypeVar("T")
PATIENCE: Final = 20.0
OPTIONS: Final = {
    "application": "tests",
    "requestTimeout": 3,
    "retryOpts": {"retries": 1, "minDelayInSeconds": 0.1, "maxDelayInSeconds": 0.5},
}


class Sdk:
    """A MetaApi object that speaks to an emulator; made inside its own running loop."""

    def __init__(self, site: EmulatorSite) -> None:
        self.loop = asyncio.new_event_loop()
        self.events: list[tuple[str, Any]] = []
        self._streams: list[Any] = []
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self.api = self.run(self._made(site))

    def run(self, job: Coroutine[Any, Any, T], timeout: float = PATIENCE) -> T:
        """Run a coroutine in the SDK's loop and wait for it, `timeout` seconds at most."""
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(timeout)

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call something of the SDK in its loop that is no coroutine itself."""

        async def job() -> T:
            return function(*arguments)

        return self.run(job())

    def account(self, account_id: str) -> Any:
        """The SDK's account."""
        return self.run(self.api.metatrader_account_api.get_account(account_id))

    def stream(self, account_id: str) -> Any:
        """A streaming connection that has synchronised; its events are kept in `events`."""
        account = self.account(account_id)
        connection = self.call(account.get_streaming_connection, MemoryStorage())
        self.call(connection.add_synchronization_listener, Listener(self.events))
        self._streams.append(connection)
        self.run(connection.connect())
        self.run(connection.wait_synchronized({"timeoutInSeconds": PATIENCE}))
        return connection

    def rpc(self, account_id: str) -> Any:
        """An RPC connection that has synchronised."""
        connection = self.call(self.account(account_id).get_rpc_connection)
        self._streams.append(connection)
        self.run(connection.connect())
        self.run(connection.wait_synchronized(PATIENCE))
        return connection

    def seen(self, name: str) -> list[Any]:
        """What a listener was told under this name."""
        return [value for kind, value in list(self.events) if kind == name]

    def close(self) -> None:
        """Close the sockets and end the loop."""
        with suppress(Exception):  # what does not close dies with the daemon thread
            self.run(self._closed(), 5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def _live(self) -> None:
        asyncio.set_event_loop(self.loop)
        # Tasks of the SDK that nobody awaits end with errors when its sockets are dropped.
        self.loop.set_exception_handler(lambda *_: None)
        self.loop.run_forever()

    async def _made(self, site: EmulatorSite) -> Any:
        return redirect(MetaApi(site.token, OPTIONS), site.url)

    async def _closed(self) -> None:
        client = self.api._metaapi_websocket_client
        for stream in self._streams:
            await stream.close()
        await asyncio.sleep(0.1)  # closing a connection only schedules its last words
        await asyncio.wait_for(client.close(), 3)
        client.stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1)


@contextmanager
def connected(site: EmulatorSite) -> Iterator[Sdk]:
    """The SDK for as long as the block lasts."""
    sdk = Sdk(site)
    try:
        yield sdk
    finally:
        sdk.close()


def wait_for(condition: Callable[[], T], *, seconds: float = 10) -> T:
    """Poll until the condition holds and return it; AssertionError when it does not in time."""
    ends = monotonic() + seconds
    while not (found := condition()):
        assert monotonic() < ends, "Expected the condition to hold in time, was never true"
        sleep(0.02)
    return found
