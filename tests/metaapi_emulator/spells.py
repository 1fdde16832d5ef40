"""What befalls accounts and sockets by itself, drawn once a second: a person at the terminal, and
spells that pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Final

from tests.metaapi_emulator.accounts import Account, hand_ticket
from tests.metaapi_emulator.codes import Refused
from trading.brokers.venue.hands import ACTIONS, MOST_OPEN

if TYPE_CHECKING:
    from tests.metaapi_emulator.emulator import Emulator

LEAST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 6.0
"""How long a spell lasts; a link is not believed after five seconds of silence."""


class Spells:
    """Names and probabilities are those of `Rates`; durations are of the wall clock."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._second = int(monotonic())
        self._under_way: set[str] = set()
        self._turns: Mapping[str, Callable[[Account, bool], None]] = {
            "mute": self._mute,
            "away": self._away,
            "forbidden": self._forbid,
            "closed": self._close,
        }

    def step(self) -> None:
        """Perhaps something begins; at most once a second."""
        second = int(monotonic())
        if second == self._second or not self._emulator.accounts:
            return
        self._second = second
        chance, faults = self._emulator.chance, self._emulator.faults
        if chance.strikes(faults, "by_hand"):
            rng = chance.rng("hand")
            self._hand(self._someone(rng), rng)
        for name in ("storm", *self._turns):
            if name not in self._under_way and chance.strikes(faults, name):
                self._emulator.spawn(self._cast(name))

    async def _cast(self, name: str) -> None:
        rng = self._emulator.chance.rng("spell", name)
        account, seconds = self._someone(rng), rng.uniform(LEAST_SECONDS, MOST_SECONDS)
        self._under_way.add(name)
        try:
            if name == "storm":
                await self._emulator.sockets.drop(storm=seconds)
                await asyncio.sleep(seconds)
                return
            self._turns[name](account, True)
            await asyncio.sleep(seconds)
        finally:
            self._under_way.discard(name)
            if name in self._turns:
                self._turns[name](account, False)

    def _mute(self, _: Account, begins: bool) -> None:
        self._emulator.faults.mute = begins

    def _away(self, account: Account, begins: bool) -> None:
        self._emulator.set_away(account, is_away=begins)

    def _forbid(self, account: Account, begins: bool) -> None:
        account.may_trade = not begins

    def _close(self, account: Account, begins: bool) -> None:
        account.market.is_closed = begins

    def _someone(self, rng: Random) -> Account:
        return self._emulator.accounts[rng.choice(sorted(self._emulator.accounts))]

    def _hand(self, account: Account, rng: Random) -> None:
        action, held = rng.choice(ACTIONS), list(account.positions)
        with suppress(Refused):  # a person gets refused like everybody
            if not held or (action == "open" and len(held) < MOST_OPEN):
                side, lots = rng.choice((-1, 1)), Decimal(rng.randint(1, 5)) / 100
                self._emulator.open_by_hand(account, hand_ticket("EURUSD", side, lots))
            elif action == "remove the stop":
                self._emulator.modify_by_hand(account, rng.choice(held), None, None)
            else:
                self._emulator.close_by_hand(account, rng.choice(held))
