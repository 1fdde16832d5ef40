"""Writes down what an equity guard remembers, no more often than it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import inf
from time import monotonic
from typing import Final

from trading.engine.risk import Clock, DrawdownState, Subject
from trading.engine.risk.watching import Owner
from trading.services.guards import states_keep

LEAST_SECONDS: Final = 1.0
STILL_SECONDS: Final = 5.0
"""Between two writings where equity alone, and its peak, have changed."""
Key = tuple[Owner, Clock]
States = Mapping[Key, DrawdownState]


class Keeper:
    """Of one guard; `known` are the states as they are written down."""

    def __init__(self) -> None:
        self._kept: dict[Key, DrawdownState] = {}
        self._kept_at: dict[Key, float] = {}
        self._looked = -inf

    def know(self, states: States) -> None:
        """These have been read just now."""
        self._kept.update(states)

    def keep(self, states: States, read_at: datetime, *, at_once: bool = False) -> None:
        """Write down what has changed; a period that begins does not wait."""
        began = monotonic()
        begun = {key for key, state in states.items() if self._is_begun(key, state)}
        if not (begun or at_once) and began - self._looked < LEAST_SECONDS:
            return
        self._looked = began
        changed = {key: s for key, s in states.items() if at_once or self._matters(key, s, began)}
        if changed:
            states_keep(states=changed, begun=begun, read_at=read_at)
            self._kept.update(changed)
            self._kept_at.update(dict.fromkeys(changed, began))

    def _is_begun(self, key: Key, state: DrawdownState) -> bool:
        kept = self._kept.get(key)
        return kept is None or kept.started != state.started

    def _matters(self, key: Key, state: DrawdownState, at: float) -> bool:
        kept = self._kept.get(key)
        if kept is None or kept == state:
            return kept is None
        if key[0].subject is Subject.DEPLOYMENT:  # the gate asks the row for its equity
            return True
        still = replace(kept, equity=state.equity, highest_equity=state.highest_equity)
        return still != state or at - self._kept_at.get(key, -inf) >= STILL_SECONDS
