"""The emulator itself: market, accounts, faults and ledger, and what moves them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tests.metaapi_emulator.accounts import Account, Reason, Terms, Ticket
from tests.metaapi_emulator.codes import Code, Malformed, Refused
from tests.metaapi_emulator.dealing import Closing
from tests.metaapi_emulator.faults import UNANSWERED, Chance, Drawn, Fate, Faults
from tests.metaapi_emulator.formats import iso
from tests.metaapi_emulator.market import Market
from tests.metaapi_emulator.provisioning import Provisioned
from tests.metaapi_emulator.shapes import update_packet
from tests.metaapi_emulator.spells import Spells
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
        self._spells = Spells(self)

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
        self._spells.step()
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
        drawn = self.chance.fate(self.faults, op, account.id, *ids)
        fate = drawn.fate
        received.fate = fate.recorded
        refusal = _refusal(drawn)
        if refusal:
            received.outcome = refusal.name
            return Reply(self._answer(account, refusal), received, drawn.delay)
        if fate is Fate.LOSE_REQUEST:
            received.outcome = "LOST"
            return Reply(None, received)
        if fate is Fate.LATE:
            self.spawn(self._perform_late(account, body, received, drawn))
            return Reply(None, received)
        response = self._perform(account, body, received, drawn)
        self.flush(account, received)
        return Reply(None if fate in UNANSWERED else response, received, drawn.delay)

    def flush(self, account: Account, received: Received | None = None) -> None:
        """Write down what has just been executed and tell whoever listens."""
        changes = account.taken_changes()
        for fill in changes.fills:
            self.ledger.execution(account.id, fill, received)
        if not changes:
            return
        account.withheld.append(update_packet(account, changes))
        self._tell(account)

    def set_away(self, account: Account, *, is_away: bool) -> None:
        """The terminal loses its broker, or finds it again and tells what has happened since."""
        account.is_away = is_away
        self._tell(account)

    def is_synchronizing(self, account: Account) -> bool:
        """Whether a reading of the history says that it is not complete."""
        is_drawn = self.chance.strikes(self.faults, "incomplete", account.id)
        return self.faults.spend("synchronizing") or is_drawn

    def is_refused(self, operation: str) -> str:
        """Whether a request is answered "too_many" or "fail" instead of being looked at; else
        empty."""
        for name in ("too_many", "fail"):
            is_drawn = self.chance.strikes(self.faults, name, operation)
            if self.faults.spend(name, operation) or is_drawn:
                return name
        return ""

    async def be_slow(self, operation: str) -> None:
        """Take the time that the faults have an answer take."""
        await asyncio.sleep(self.chance.delay(self.faults, operation))

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

    def _tell(self, account: Account) -> None:
        """Push what is withheld, unless it still has to be."""
        if account.is_told:
            withheld, account.withheld = account.withheld, []
            for packet in withheld:
                self.spawn(self.sockets.push(account, packet))

    def _perform(
        self, account: Account, body: Mapping[str, Any], received: Received, drawn: Drawn
    ) -> dict[str, Any]:
        fate = drawn.fate
        twist = Twist(is_partial=fate is Fate.PARTIAL, drops_stop=fate is Fate.DROP_STOP)
        if drawn.lag and account.shown is account:
            account.lag()
            self.spawn(self._catch_up(account, drawn.lag))
        try:
            outcome = execute(account, body, twist)
        except Malformed:
            received.outcome = "MALFORMED"
            raise
        is_done = outcome.code in (Code.DONE, Code.DONE_PARTIAL)
        received.outcome = "EXECUTED" if is_done else outcome.code.name
        if fate is Fate.ERROR_AFTER:
            return self._answer(account, drawn.code)
        if fate is Fate.REJECT_EXECUTED and is_done:
            return self._answer(account, Code.REJECT)
        return outcome.to_json(account)

    async def _perform_late(
        self, account: Account, body: Mapping[str, Any], received: Received, drawn: Drawn
    ) -> None:
        await asyncio.sleep(self.faults.late_after)
        with suppress(Malformed):
            self._perform(account, body, received, drawn)
        self.flush(account, received)

    async def _catch_up(self, account: Account, lag: float) -> None:
        await asyncio.sleep(lag)
        account.catch_up()
        self._tell(account)

    def _answer(self, account: Account, code: Code) -> dict[str, Any]:
        return code.to_json(is_mt4=account.is_mt4)

    async def _show(self, symbols: set[str]) -> None:
        for account in list(self.accounts.values()):
            self.flush(account)
            watched = sorted(symbols & set(account.watched))
            if watched and not account.is_away:
                await self.sockets.push_prices(account, watched)


def _ids(body: Mapping[str, Any]) -> tuple[str, str]:
    return str(body.get("clientId") or ""), str(body.get("positionId") or "")


def _refusal(drawn: Drawn) -> Code | None:
    """The code a request is refused with before anything is done."""
    refusals = {
        Fate.REJECT: Code.REJECT,
        Fate.REQUOTE: Code.REQUOTE,
        Fate.ERROR_BEFORE: drawn.code,
    }
    return refusals.get(drawn.fate)
