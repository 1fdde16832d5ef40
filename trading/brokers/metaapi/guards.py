"""What the SDK 29.1.1 must not do to us. Each guard is proved by a test that fails without it.

They change one client object, never the SDK's classes; only the logger is everybody's. What the SDK
also does and what needs no guard here: orders that wait for a terminal (trades go by REST), a dead
link that looks alive (`pulse` has its own stamps), files (`link` has its own history).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

LONGEST_LINE: Final = 500
LONGEST_PAUSE: Final = 30.0
LONGEST_RECONNECT: Final = 2.0
"""Between two attempts to get a lost socket back: nobody trades meanwhile."""
SPREAD_SECONDS: Final = 0.02
"""Between the requests for two terminals after that."""
LOOK_SECONDS: Final = 0.05
_LOGGER: Final = "trading.brokers.metaapi.sdk"


def install(client: Any) -> None:
    """All guards of a client, before it connects."""
    drain_whole_queues(client)
    pause_between_attempts(client)
    reconnect_aside(client)
    reconnect_soon(client)
    resubscribe_at_once(client)
    probe_no_latency(client)
    convert_only_objects(client)
    call_listeners_directly(client)
    measure_no_health(client)


def drain_whole_queues(client: Any) -> None:
    """Process all packets of an account.

    The end of a synchronisation replaces the queue while it is being worked off: whatever arrived
    from then on is dropped. With two instances that happens at every start.
    """
    queues = client._event_queues

    async def drain(account_id: str) -> None:
        while queues.get(account_id):
            await queues[account_id].pop(0)()
        queues.pop(account_id, None)

    client._call_account_events = drain


def pause_between_attempts(client: Any) -> None:
    """Wait longer after each failed attempt to connect for the first time.

    The loop around it has no pause and no end; reconnections do pause by themselves.
    """
    ask: Callable[[int, int, str], Awaitable[str]] = client._get_server_url
    attempts: Counter[tuple[int, int, str]] = Counter()

    async def paused(number: int, index: int, region: str) -> str:
        key = (number, index, region)
        if client._socket_instances[region][number][index]["isReconnecting"]:
            attempts.pop(key, None)
            return await ask(number, index, region)
        if attempts[key]:
            await asyncio.sleep(min(0.25 * 2 ** min(attempts[key], 10), LONGEST_PAUSE))
        attempts[key] += 1
        return await ask(number, index, region)

    client._get_server_url = paused


def reconnect_aside(client: Any) -> None:
    """Get a lost socket back beside the report of its loss.

    That report ends only with the life of the next connection, and then marks the socket as not
    connected, which may be the one after that: it is never got back when it is lost in its turn.
    """
    reconnect: Callable[[int, int, str], Coroutine[Any, Any, None]] = client._reconnect
    tasks: set[asyncio.Task[None]] = set()

    async def aside(number: int, index: int, region: str) -> None:
        task = asyncio.create_task(reconnect(number, index, region))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    client._reconnect = aside


def reconnect_soon(client: Any) -> None:
    """Try steadily to get a lost socket back; the pauses double up to half a minute, which is how
    much later than the server everybody would be back."""
    ask: Callable[[int, int, str], Awaitable[str]] = client._get_server_url

    async def steady(number: int, index: int, region: str) -> str:
        socket = client._socket_instances[region][number][index]
        if socket["isReconnecting"]:  # it is doubled before the next pause
            socket["reconnectWaitTime"] = min(socket["reconnectWaitTime"], LONGEST_RECONNECT / 2)
        return await ask(number, index, region)

    client._get_server_url = steady


def resubscribe_at_once(client: Any) -> None:
    """Ask for the terminals again, one shortly after the other, once their socket is back.

    It lets each wait for up to five seconds, by chance. And it calls off what is being asked on the
    account's other socket, which nobody asks again.
    """
    manager = client._subscription_manager
    tasks: set[asyncio.Task[None]] = set()

    def call_off(number: int, index: int) -> None:
        """What was asked on the lost socket."""
        sockets = client.socket_instances_by_accounts[number]
        for key in list(manager._subscriptions):
            account_id, _, asked = key.rpartition(":")
            if asked == str(number) and sockets.get(account_id) == index:
                manager.cancel_subscribe(key)

    async def subscribe(account_id: str, number: int, pause: float) -> None:
        await asyncio.sleep(pause)
        while manager.is_account_subscribing(account_id, number):
            await asyncio.sleep(LOOK_SECONDS)
        if manager._awaiting_resubscribe[number].pop(account_id, False):  # nobody called it off
            await manager.schedule_subscribe(account_id, number)

    def resubscribe(number: int, index: int, account_ids: list[str]) -> None:
        call_off(number, index)
        awaiting = manager._awaiting_resubscribe.setdefault(number, {})
        for place, account_id in enumerate(dict.fromkeys(account_ids)):
            if account_id in awaiting:
                continue
            awaiting[account_id] = True
            task = asyncio.create_task(subscribe(account_id, number, place * SPREAD_SECONDS))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    manager.on_reconnected = resubscribe


def probe_no_latency(client: Any) -> None:
    """Open no socket just to find out how long that takes; there is a choice of regions only for
    accounts with replicas, and the loop around it has no pause either."""
    service = client.latency_service

    async def assumed(region: str) -> None:
        service._latency_cache.setdefault(region, 0.0)

    service._refresh_latency = assumed


def convert_only_objects(client: Any) -> None:
    """Look for times in objects alone: the numbers of a list are logged as an error each."""
    convert = client._convert_iso_time_to_date

    def converted(packet: Any, field_name: str = "") -> None:
        if isinstance(packet, dict | list):
            convert(packet, field_name)

    client._convert_iso_time_to_date = converted


def call_listeners_directly(client: Any) -> None:
    """Call listeners, and nothing else. For each call it starts a task that sleeps for a second, to
    warn of slow ones: with fifty accounts thousands of them at any time, half of all its work."""

    async def call(act: Callable[[], Awaitable[None]], label: str, throws: bool = False) -> None:
        try:
            await act()
        except Exception as e:
            if throws:
                raise
            client._logger.error(label, "failed with", type(e).__name__, e)

    client._process_event = call


def measure_no_health(client: Any) -> None:
    """Keep no statistics of uptimes: they parse the broker's time of every price once more, and
    nobody reads them."""
    add: Callable[[str, Any], None] = client.add_synchronization_listener

    def added(account_id: str, listener: Any) -> None:
        if type(listener).__name__ == "ConnectionHealthMonitor":
            listener.stop()
        else:
            add(account_id, listener)

    client.add_synchronization_listener = added


def log_without_print(manager: Any) -> None:
    """Send what the SDK logs to the standard library: it prints, or wraps a logger once more for
    each object it makes. For objects made from now on."""
    manager.get_logger = staticmethod(lambda category: SdkLog(str(category)))


class SdkLog:
    """A logger as the SDK uses it: texts or functions that make them, and loose arguments."""

    def __init__(self, category: str) -> None:
        self._logger = logging.getLogger(f"{_LOGGER}.{category}")

    def debug(self, message: Any, *arguments: Any, **_: Any) -> None:
        self._log(logging.DEBUG, message, arguments)

    def info(self, message: Any, *arguments: Any, **_: Any) -> None:
        self._log(logging.INFO, message, arguments)

    def warning(self, message: Any, *arguments: Any, **_: Any) -> None:
        self._log(logging.WARNING, message, arguments)

    warn = warning

    def error(self, message: Any, *arguments: Any, **_: Any) -> None:
        self._log(logging.ERROR, message, arguments)

    exception = error

    def _log(self, level: int, message: Any, arguments: tuple[Any, ...]) -> None:
        if not self._logger.isEnabledFor(level):
            return
        text = message() if callable(message) else message
        line = " ".join(str(part) for part in (text, *arguments))
        self._logger.log(level, "%s", line[:LONGEST_LINE])
