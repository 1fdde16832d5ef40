"""A thread that hands messages to the channel layer, so that no caller waits for it."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Mapping
from queue import Full, Queue
from threading import Lock, Thread
from typing import Any

import structlog
from channels.layers import get_channel_layer

GROUP = "dashboard"
CAPACITY = 1000
"""Messages that may wait; more are dropped, for a hint is worth nothing when it is old."""
SEND_SECONDS = 2.0
FLUSH_SECONDS = 0.5
log = structlog.get_logger(__name__)

Message = Mapping[str, Any]


class Sender:
    """One per process: a queue, a thread, an event loop that lives as long as the thread."""

    def __init__(self) -> None:
        self._queue: Queue[Message | None] = Queue(CAPACITY)
        self._thread = Thread(target=self._main, name="broadcast", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Queue a message; never blocks."""
        try:
            self._queue.put_nowait(message)
        except Full:
            log.warning("broadcast dropped", type=message["type"])

    def stop(self, seconds: float) -> None:
        """Send what waits, for at most `seconds`."""
        try:
            self._queue.put_nowait(None)
        except Full:
            return
        self._thread.join(seconds)

    def _main(self) -> None:
        with asyncio.Runner() as runner:
            while (message := self._queue.get()) is not None:
                try:
                    runner.run(_group_send(message))
                except Exception as e:  # noqa: BLE001  any layer, any failure: hints may be lost
                    log.warning("broadcast failed", error=str(e) or type(e).__name__)


async def _group_send(message: Message) -> None:
    layer = get_channel_layer()
    if layer is not None:
        await asyncio.wait_for(layer.group_send(GROUP, dict(message)), SEND_SECONDS)


_lock = Lock()
_sender: Sender | None = None


def send(message: Message) -> None:
    """Broadcast to all dashboards, soon, in order, or not at all."""
    global _sender  # one thread per process
    with _lock:
        if _sender is None:
            _sender = Sender()
    _sender.put(message)


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Send what waits before the process ends."""
    global _sender
    with _lock:
        sender, _sender = _sender, None
    if sender is not None:
        sender.stop(seconds)


def _forget() -> None:
    """A forked child has the object but not the thread."""
    global _sender, _lock
    _sender, _lock = None, Lock()


os.register_at_fork(after_in_child=_forget)
atexit.register(flush)
