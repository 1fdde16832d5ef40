"""What the sessions of one process have in common: readings of the database that hold for all of
them, and the publisher of what they see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from trading.gateway.guard import REFRESH_SECONDS
from trading.gateway.publisher import Publisher
from trading.gateway.shared import Shared
from trading.selectors.attention import Attention, attention_of
from trading.selectors.guards import rulebook
from trading.selectors.sources import Trading, trading_by_source

PATIENCE: Final = 0.25
"""Seconds a reading may be old in a gateway; a kill switch flattens within a second."""


class Office:
    """One for a process; without `patience` everybody reads for himself."""

    def __init__(self, patience: float = 0.0) -> None:
        self.publisher = Publisher()
        self.rules = Shared(rulebook, REFRESH_SECONDS if patience else 0.0)
        self._held: dict[str, frozenset[int]] = {}
        self._attention = Shared(self._look, patience)
        self._trading = Shared(trading_by_source, patience)

    def hold(self, source: str, accounts: Iterable[int]) -> None:
        """The accounts that a session looks after from now on."""
        self._held[source] = frozenset(accounts)

    def leave(self, source: str) -> None:
        """A session has ended."""
        self._held.pop(source, None)
        self.publisher.forget(source)

    def attention(self) -> Attention:
        """What waits for the accounts that are held."""
        return self._attention.get()

    def trading(self, source: str) -> Trading:
        """What trades at a source."""
        found: Mapping[str, Trading] = self._trading.get()
        return found.get(source) or Trading()

    def _look(self) -> Attention:
        return attention_of([pk for accounts in list(self._held.values()) for pk in accounts])
