"""How a streaming connection fares, judged by what it has said and when. Pure.

The SDK's own flags stay true for a minute after a link has died; these stamps do not. The server
sends a status packet every second: its age is the age of all we know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from typing import Final

DEGRADED_SECONDS: Final = 5.0
"""Nothing that is older than this is taken for the present."""
DOWN_SECONDS: Final = 60.0
_PARTS: Final = frozenset({"orders", "deals"})


class LinkState(StrEnum):
    """How far an account's streaming connection can be trusted."""

    CONNECTING = "CONNECTING"
    """Never heard of the terminal yet."""
    SYNCING = "SYNCING"
    """The terminal is there; its state is being told anew."""
    LIVE = "LIVE"
    DEGRADED = "DEGRADED"
    """Silent for too long, or the terminal has lost its broker."""
    DOWN = "DOWN"


_BEST_FIRST: Final = (LinkState.LIVE, LinkState.SYNCING, LinkState.DEGRADED, LinkState.DOWN)


@dataclass(slots=True)
class Line:
    """One instance of the terminal; there are two where the account is of high reliability."""

    session: str
    """The socket's session it was authenticated in: another one knows nothing of it."""
    heard_at: float
    is_at_broker: bool = False
    synchronization: str = ""
    missing: set[str] = field(default_factory=lambda: set(_PARTS))
    """The parts of history that have not been told to their end."""

    def state(self, session: str, now: float) -> LinkState:
        """Its state where the socket is in this session (empty: it is gone)."""
        age = now - self.heard_at
        if session != self.session or age > DOWN_SECONDS:
            return LinkState.DOWN
        if age > DEGRADED_SECONDS:
            return LinkState.DEGRADED
        if self.missing:
            return LinkState.SYNCING
        return LinkState.LIVE if self.is_at_broker else LinkState.DEGRADED


class Pulse:
    """Stamps by instance, a key "region:number:host". Written by one thread, read by any."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._was_connected = False
        self.epoch = 0
        """Grows whenever something begins or ends: the same one twice = nothing in between."""

    def connected(self, key: str, session: str) -> None:
        """The terminal is there, and will tell its state from the beginning."""
        self.epoch += 1
        self._was_connected = True
        now = self._clock()
        lines = self._lines.items()
        kept = {name: line for name, line in lines if now - line.heard_at <= DOWN_SECONDS}
        self._lines = {**kept, key: Line(session, now)}

    def status(self, key: str, *, is_at_broker: bool) -> bool:
        """A status packet: it is there, with or without its broker. Whether that is news."""
        line = self._lines.get(key)
        if line is None:
            return False
        now = self._clock()
        is_news = line.is_at_broker != is_at_broker or now - line.heard_at > DEGRADED_SECONDS
        self.epoch += is_news
        line.heard_at, line.is_at_broker = now, is_at_broker
        return is_news

    def started(self, key: str, synchronization: str) -> None:
        """A synchronisation begins: what is known is not to be trusted until it ends."""
        line = self._lines.get(key)
        if line is not None:
            self.epoch += 1
            line.synchronization, line.missing = synchronization, set(_PARTS)

    def finished(self, key: str, synchronization: str, part: str) -> None:
        """The "orders" or "deals" of a synchronisation have been told to their end."""
        line = self._lines.get(key)
        if line is not None and line.synchronization == synchronization:
            line.missing.discard(part)

    def gone(self, key: str) -> None:
        """This instance is no more."""
        if key in self._lines:
            self.epoch += 1
            self._lines = {name: line for name, line in self._lines.items() if name != key}

    def lost(self, prefix: str) -> None:
        """All instances whose keys begin so are no more: of a region ("region:"), or all ("")."""
        for key in [key for key in self._lines if key.startswith(prefix)]:
            self.gone(key)

    def state(self, session_of: Callable[[str], str]) -> LinkState:
        """The state of the best instance; `session_of` gives the session of a key's socket now,
        empty while that is not connected."""
        now = self._clock()
        states = {line.state(session_of(key), now) for key, line in self._lines.items()}
        if not states:
            return LinkState.DOWN if self._was_connected else LinkState.CONNECTING
        return next(state for state in _BEST_FIRST if state in states)
