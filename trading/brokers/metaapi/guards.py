"""What the SDK 29.1.1 must not do to us. Each guard is proved by a test that fails without it.

They change one client object, never the SDK's classes; only the logger is everybody's. What the SDK
also does and what needs no guard here: orders that wait for a terminal (trades go by REST), a dead
link that looks alive (`pulse` has its own stamps), files (`link` has its own history).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

LONGEST_LINE: Final = 500
LONGEST_PAUSE: Final = 30.0
_LOGGER: Final = "trading.brokers.metaapi.sdk"


def install(client: Any) -> None:
    """All guards of a client, before it connects."""
    drain_whole_queues(client)
    pause_between_attempts(client)
    probe_no_latency(client)
    convert_only_objects(client)


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
