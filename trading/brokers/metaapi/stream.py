"""The SDK of MetaApi, for the gateway: the only module that imports it, and only when it is used.

A `Hub` is the SDK's object with a thread for its event loop; `Hub.link` is the streaming connection
of one account; `gateway` makes a `Stream` and a `Broker` of that. The thread is a daemon: an event
loop with one of the SDK's sockets cannot be ended from within, and must not keep the process alive.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from threading import Lock, Thread, current_thread
from typing import Any, Final, TypeVar

import structlog

from trading.brokers.base import Unavailable
from trading.brokers.metaapi import guards
from trading.brokers.metaapi.hosts import Hosts
from trading.brokers.metaapi.link import Link
from trading.brokers.metaapi.listening import Ears, Events, History
from trading.brokers.metaapi.pulse import LinkState
from trading.brokers.metaapi.redirect import redirect
from trading.engine.types import EngineError

__all__ = ["Hub", "HubOptions", "Link", "LinkState", "hub_for"]

T = TypeVar("T")
PACKAGE: Final = "metaapi-cloud-sdk"
PROVED: Final = "29.1.1"
"""The version the guards are proved on; any other is refused."""
START_SECONDS: Final = 20.0
ACCOUNT_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 2.0
"""For each step of the end: the links, the sockets, the tasks."""
CANCELS: Final = 10
"""A task of a socket swallows the first ones."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HubOptions:
    """How the SDK is used. With a `hosts.base_url` it speaks to an emulator on this machine."""

    application: str = "tradebot"
    hosts: Hosts = Hosts()  # noqa: RUF009 - frozen
    request_seconds: float = 15.0
    retries: int = 2

    def to_sdk(self) -> dict[str, Any]:
        """The options as the SDK names them."""
        return {
            "application": self.application,
            "domain": self.hosts.provisioning_domain,
            "requestTimeout": self.request_seconds,
            "retryOpts": {"retries": self.retries},
        }


class Hub:
    """The SDK's object of one token, in an event loop of its own.

    Made by `hub_for`. EngineError for a version of the SDK that the guards are not proved on;
    Unavailable when it does not come up.
    """

    def __init__(self, token: str, options: HubOptions = HubOptions()) -> None:
        _check_version()
        self.options = options
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_on_stray)
        self._links: dict[str, Link] = {}
        self._lock = Lock()
        self._api: Any = None
        self.is_stopped = False
        self._thread = Thread(target=self._live, name="metaapi", daemon=True)
        self._thread.start()
        try:
            self._api = self.ask(lambda: self._made(token), START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def __repr__(self) -> str:
        return f"Hub({self.options.application!r})"

    def link(self, account_id: str) -> Link:
        """The account's streaming connection, the same one for everybody; not started."""
        with self._lock:
            return self._links.setdefault(account_id, Link(self, account_id))

    def stop(self) -> None:
        """End sockets, loop and thread within five seconds; safe to call twice."""
        with self._lock:
            is_stopped, self.is_stopped = self.is_stopped, True
        if is_stopped:
            return
        with suppress(TimeoutError, RuntimeError):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(2 * CLOSE_SECONDS)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS / 2)
        if not self._thread.is_alive():
            self._loop.close()

    # --- for links

    def ask(self, job: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Run a job in the loop and wait for it; whatever goes wrong is Unavailable."""
        if self.is_stopped:
            raise Unavailable("expected a running hub, was a stopped one")
        assert current_thread() is not self._thread, "the loop cannot wait for itself"
        future = self._scheduled(_limited(job, seconds))
        try:
            return future.result(seconds + 1)
        except Unavailable:
            raise
        except Exception as e:
            future.cancel()
            raise Unavailable(f"{type(e).__name__}: {e}"[:300], "SDK") from e

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have a function called in the loop; raises Unavailable when that has ended."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError as e:
            raise Unavailable(str(e)) from e

    async def account(self, account_id: str) -> Any:
        """The SDK's account."""
        async with asyncio.timeout(ACCOUNT_SECONDS):
            return await self._api.metatrader_account_api.get_account(account_id)

    def listen(self, account_id: str, ears: Ears) -> Callable[[], None]:
        """Have an account's events told, before the SDK itself acts on them where this is called
        before the connection is made. Returns what ends it."""
        from metaapi_cloud_sdk import SynchronizationListener

        listener = type("Listener", (Events, SynchronizationListener), {})()
        listener.ears = ears
        client = self._client
        client.add_synchronization_listener(account_id, listener)

        def end() -> None:
            with suppress(KeyError):  # the client is closed
                client.remove_synchronization_listener(account_id, listener)

        return end

    def history(self) -> Any:
        """A history storage of the SDK that keeps nothing."""
        from metaapi_cloud_sdk import HistoryStorage

        return type("Storage", (History, HistoryStorage), {})()

    def subscribe_again(self, account: Any) -> None:
        """Have the SDK ask for the account's terminal, unless it is doing so."""
        for replica in account.account_regions.values():
            for number in (0, 1):
                self._client.ensure_subscribe(replica, number)

    def is_connected(self, account_id: str) -> bool:
        """Whether the SDK would send a request at once instead of waiting for a terminal."""
        return bool(self._client.latency_service.get_active_account_instances(account_id))

    def session_of(self, account: Any, index: str) -> str:
        """The session of the socket of an instance ("region:number:host"), empty while that is
        not connected."""
        region, number, *_ = index.split(":")
        replica = account.account_regions.get(region)
        try:
            socket = self._client._get_socket_instance_by_account(replica, int(number))
        except (KeyError, IndexError):
            return ""
        return str(socket["sessionId"]) if socket and socket["socket"].connected else ""

    # --- the loop

    @property
    def _client(self) -> Any:
        return self._api._metaapi_websocket_client

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _scheduled(self, job: Coroutine[Any, Any, T]) -> Future[T]:
        try:
            return asyncio.run_coroutine_threadsafe(job, self._loop)
        except RuntimeError as e:
            job.close()
            raise Unavailable(str(e)) from e

    async def _made(self, token: str) -> Any:
        from metaapi_cloud_sdk import MetaApi
        from metaapi_cloud_sdk.logger import LoggerManager

        guards.log_without_print(LoggerManager)
        api = MetaApi(token, self.options.to_sdk())
        guards.install(api._metaapi_websocket_client)
        base_url = self.options.hosts.base_url
        return redirect(api, base_url) if base_url else api

    async def _end(self) -> None:
        links = [link.close() for link in self._links.values()]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*links, return_exceptions=True), CLOSE_SECONDS)
        if self._api is not None:
            await asyncio.sleep(0.1)  # closing a connection only schedules its last words
            with suppress(Exception):  # what does not close ends with the loop
                await asyncio.wait_for(self._client.close(), CLOSE_SECONDS / 2)
            self._client.stop()
            self._api._terminal_hash_manager._stop()
        for _ in range(CANCELS):
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS / 2 / CANCELS)


_HUBS: Final[dict[tuple[int, str, HubOptions], Hub]] = {}
_HUBS_LOCK: Final = Lock()


def hub_for(token: str, options: HubOptions = HubOptions()) -> Hub:
    """The hub of a token in this process, made when there is none (any more)."""
    key = (os.getpid(), token, options)
    with _HUBS_LOCK:
        hub = _HUBS.get(key)
        if hub is None or hub.is_stopped:
            hub = _HUBS[key] = Hub(token, options)
        return hub


async def _limited(job: Callable[[], Awaitable[T]], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await job()


def _check_version() -> None:
    try:
        found = version(PACKAGE)
    except PackageNotFoundError:
        found = "none"
    if found != PROVED:
        raise EngineError(f"Expected {PACKAGE} {PROVED}, was {found}")


def _on_stray(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Tasks that nobody awaits end with errors when the sockets are dropped."""
    error = type(context.get("exception")).__name__
    with suppress(ImportError):  # the process is ending
        log.debug("sdk task failed", message=context.get("message"), error=error)
