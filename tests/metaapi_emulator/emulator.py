"""The emulator itself: market, accounts, faults and ledger, and what moves them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from tests.metaapi_emulator.accounts import Account, Reason, Terms, Ticket
from tests.metaapi_emulator.codes import Code, Malformed, Refused
from tests.metaapi_emulator.dealing import Closing
from tests.metaapi_emulator.faults import UNANSWERED, Chance, Fate, Faults
from tests.metaapi_emulator.formats import iso
from tests.metaapi_emulator.market import Market
from tests.metaapi_emulator.provisioning import Provisioned
from tests.metaapi_emulator.shapes import update_packet
from tests.metaapi_emulator.trading import (
    Outcome,
    Twist,
    entry,
    execute,
    leave_part,
    operation,
    set_levels,
)
from tests.metaapi_emulator.triggers import on_quote, stop_out
from trading.brokers.venue.hands import ACTIONS, MOST_OPEN
from trading.brokers.venue.ledger import Ledger, Received

if TYPE_CHECKING:
    from tests.metaapi_emulator.sockets import Sockets

TOKEN: Final = "emulated.api.token"
STEP_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a trade request is answered: a response, or nothing at all."""

    response: dict[str, Any] | None
    received: Received
    delay: float = 0.0


class Emulator:
    """Lives in one event loop. `sockets` is set once it is served."""

    def __init__(self, market: Market, *, seed: int = 0, token: str = TOKEN) -> None:
        self.market = market
        self.token = token
        self.chance = Chance(seed)
        self.faults = Faults()
        self.ledger = Ledger()
        self.accounts: dict[str, Account] = {}
        self.provisioned: dict[str, Provisioned] = {}
        self.sockets: Sockets
        self._tasks: set[asyncio.Task[None]] = set()
        self._second = int(monotonic())

    def open_account(self, account_id: str, terms: Terms, **settings: Any) -> Account:
        """A new account, deployed unless the settings say otherwise."""
        settings.setdefault("created", self.market.now())
        self.accounts[account_id] = Account(account_id, terms, self.market)
        self.provisioned[account_id] = Provisioned(
            account_id, terms.kind, market=self.market, **settings
        )
        return self.accounts[account_id]

    def spawn(self, job: Coroutine[Any, Any, None]) -> None:
        """Run something beside the request at hand."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End everything that was spawned."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self) -> None:
        """Keep the market moving until cancelled."""
        while True:
            await self.advance()
            await asyncio.sleep(STEP_SECONDS)

    async def advance(self) -> None:
        """Let everybody see the quotes that have become due."""
        quotes = self.market.due()
        for quote in quotes:
            self.market.quotes[quote.symbol] = quote
            for account in self.accounts.values():
                on_quote(account, quote.symbol)
        self._live_by_hand()
        await self._show({quote.symbol for quote in quotes})

    async def pin(self, symbol: str, bid: Decimal | None, ask: Decimal | None = None) -> None:
        """Hold a symbol at a price, or (None) let it swing again."""
        self.market.pin(symbol, bid, ask)
        for account in self.accounts.values():
            on_quote(account, symbol)
        await self._show({symbol})

    async def trade(self, account: Account, body: Mapping[str, Any]) -> Reply:
        """Do what is asked, or what the faults make of it; raises Malformed."""
        op, ids = operation(body), _ids(body)
        received = self.ledger.request(op, account.id, ids, self.market.now())
        fate, delay = self.chance.fate(self.faults, op, account.id, *ids)
        received.fate = fate.recorded
        refusal = _refusal(fate, self.faults)
        if refusal:
            received.outcome = refusal.name
            return Reply(self._answer(account, refusal), received, delay)
        if fate is Fate.LOSE_REQUEST:
            received.outcome = "LOST"
            return Reply(None, received)
        if fate is Fate.LATE:
            self.spawn(self._perform_late(account, body, received))
            return Reply(None, received)
        response = self._perform(account, body, received, fate)
        self.flush(account, received)
        return Reply(None if fate in UNANSWERED else response, received, delay)

    def flush(self, account: Account, received: Received | None = None) -> None:
        """Write down what has just been executed and tell whoever listens."""
        changes = account.taken_changes()
        for fill in changes.fills:
            self.ledger.execution(account.id, fill, received)
        if not changes:
            return
        packet = update_packet(account, changes)
        if account.is_away:
            account.withheld.append(packet)
        else:
            self.spawn(self.sockets.push(account, packet))

    def set_away(self, account: Account, *, is_away: bool) -> None:
        """The terminal loses its broker, or finds it again and tells what has happened since."""
        account.is_away = is_away
        if not is_away:
            withheld, account.withheld = account.withheld, []
            for packet in withheld:
                self.spawn(self.sockets.push(account, packet))

    def is_synchronizing(self, account: Account) -> bool:
        """Whether a reading of the history says that it is not complete."""
        rate = self.faults.rates.get("incomplete", 0.0)
        drawn = self.chance.rng("history", account.id).random() < rate
        return self.faults.spend("synchronizing") or drawn

    def by_hand(self, account: Account, action: str, act: Callable[[], Outcome]) -> str:
        """A person does something at the terminal: the position's id; raises Refused."""
        outcome = act()
        self.flush(account)
        self.ledger.hand(account.id, action, outcome.position_id, self.market.now())
        return outcome.position_id

    def open_by_hand(self, account: Account, ticket: Ticket) -> str:
        """A person opens a position; raises Refused."""
        return self.by_hand(account, "open", lambda: entry(account, ticket))

    def close_by_hand(self, account: Account, position_id: str, lots: Decimal | None = None) -> str:
        """A person closes a position or a part of it; raises Refused."""
        position = account.positions.get(position_id)
        if position is None:
            raise Refused(Code.POSITION_NOT_FOUND)
        volume, closing = lots or position.volume, Closing(Reason.CLIENT)
        return self.by_hand(
            account, "close", lambda: leave_part(account, position, volume, closing)
        )

    def modify_by_hand(
        self, account: Account, position_id: str, stop: Decimal | None, take: Decimal | None
    ) -> str:
        """A person changes or removes the levels; raises Refused."""
        position = account.positions.get(position_id)
        if position is None:
            raise Refused(Code.POSITION_NOT_FOUND)
        return self.by_hand(account, "modify", lambda: set_levels(account, position, stop, take))

    def lose_money(self, account: Account, equity: Decimal) -> None:
        """Book a withdrawal that leaves so much equity; what cannot be held is stopped out."""
        account.balance -= account.equity - equity
        stop_out(account)
        self.flush(account)

    def too_many(self) -> dict[str, Any]:
        """The metadata of a refusal for too many requests."""
        again = datetime.now(UTC) + timedelta(seconds=self.faults.retry_after)
        return {
            "type": "LIMIT_REQUEST_RATE_PER_USER",
            "periodInMinutes": 1,
            "maxRequestsForPeriod": 1000,
            "recommendedRetryTime": iso(again),
        }

    def _perform(
        self, account: Account, body: Mapping[str, Any], received: Received, fate: Fate
    ) -> dict[str, Any]:
        twist = Twist(is_partial=fate is Fate.PARTIAL, drops_stop=fate is Fate.DROP_STOP)
        try:
            outcome = execute(account, body, twist)
        except Malformed:
            received.outcome = "MALFORMED"
            raise
        is_done = outcome.code in (Code.DONE, Code.DONE_PARTIAL)
        received.outcome = "EXECUTED" if is_done else outcome.code.name
        if fate is Fate.ERROR_AFTER:
            return self._answer(account, Code[self.faults.error_code])
        if fate is Fate.REJECT_EXECUTED and is_done:
            return self._answer(account, Code.REJECT)
        return outcome.to_json(account)

    async def _perform_late(
        self, account: Account, body: Mapping[str, Any], received: Received
    ) -> None:
        await asyncio.sleep(self.faults.late_after)
        with suppress(Malformed):
            self._perform(account, body, received, Fate.LATE)
        self.flush(account, received)

    def _answer(self, account: Account, code: Code) -> dict[str, Any]:
        return code.to_json(is_mt4=account.is_mt4)

    async def _show(self, symbols: set[str]) -> None:
        for account in list(self.accounts.values()):
            self.flush(account)
            watched = sorted(symbols & set(account.watched))
            if watched and not account.is_away:
                await self.sockets.push_prices(account, watched)

    def _live_by_hand(self) -> None:
        """Once a second, perhaps a person does something."""
        rate, second = self.faults.rates.get("by_hand", 0.0), int(monotonic())
        if second == self._second or not self.accounts:
            return
        self._second = second
        rng = self.chance.rng("hand")
        if rng.random() >= rate:
            return
        account = self.accounts[rng.choice(sorted(self.accounts))]
        action, held = rng.choice(ACTIONS), list(account.positions)
        with suppress(Refused):  # a person gets refused like everybody
            if not held or (action == "open" and len(held) < MOST_OPEN):
                side, lots = rng.choice((-1, 1)), Decimal(rng.randint(1, 5)) / 100
                self.open_by_hand(account, hand_ticket("EURUSD", side, lots))
            elif action == "remove the stop":
                self.modify_by_hand(account, rng.choice(held), None, None)
            else:
                self.close_by_hand(account, rng.choice(held))


def hand_ticket(
    symbol: str,
    side: int,
    lots: Decimal,
    stop: Decimal | None = None,
    take: Decimal | None = None,
) -> Ticket:
    """A market order of a person."""
    return Ticket(symbol, side, lots, stop=stop, take=take, reason=Reason.CLIENT)


def _ids(body: Mapping[str, Any]) -> tuple[str, str]:
    return str(body.get("clientId") or ""), str(body.get("positionId") or "")


def _refusal(fate: Fate, faults: Faults) -> Code | None:
    """The code a request is refused with before anything is done."""
    refusals = {
        Fate.REJECT: Code.REJECT,
        Fate.REQUOTE: Code.REQUOTE,
        Fate.ERROR_BEFORE: Code[faults.error_code],
    }
    return refusals.get(fate)
