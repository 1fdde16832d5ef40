"""The stamp by which a process says that it lives."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic, sleep, time
from typing import Final

import structlog
from django.core.cache import cache

from trading.selectors.heartbeats import stamp_key

STAMP_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 86_400
"""After so long nobody expects a process back that died."""
log = structlog.get_logger(__name__)


class Heartbeat:
    """Of one process, by its name in `PROCESSES`. A cache that is away does not matter."""

    def __init__(self, process: str) -> None:
        self._key = stamp_key(process)
        self._stamped_at = -inf

    def beat(self) -> None:
        """Stamp, unless that was done just now; to be called in every round of the process."""
        if monotonic() - self._stamped_at < STAMP_SECONDS:
            return
        self._stamped_at = monotonic()
        self._try(lambda: cache.set(self._key, time(), FORGET_SECONDS))

    def keep(self) -> None:
        """Stamp for ever: for a thread of a process that has no rounds."""
        while True:
            self.beat()
            sleep(1.0)

    def end(self) -> None:
        """The process ends in order: nobody shall miss it."""
        self._try(lambda: cache.delete(self._key))

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as e:  # noqa: BLE001 - whatever the cache raises, the process goes on
            log.warning("liveness not stamped", stamp=self._key, error=str(e))
