"""One account's streaming connection: what it knows, how far that can be trusted, and readings.

Everything of the SDK lives in the hub's loop; a link is asked from any thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from trading.brokers.base import Unavailable
from trading.brokers.metaapi import mapping
from trading.brokers.metaapi.listening import Ears
from trading.brokers.metaapi.packets import plain
from trading.brokers.metaapi.payload import PayloadError
from trading.brokers.metaapi.pulse import LinkState, Pulse
from trading.engine.types import Quote

if TYPE_CHECKING:
    from trading.brokers.metaapi.stream import Hub

MOST_DEALS: Final = 50_000
"""Deals that wait for somebody to take them; of more, the oldest are left to snapshots."""
READ_SECONDS: Final = 10.0
MEMORY_SECONDS: Final = 2.0
"""How long the hub's loop may be busy with something else."""
CLOSE_SECONDS: Final = 1.5
NUDGE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 3.0
LONGEST_RETRY: Final = 30.0
QUOTES: Final = [{"type": "quotes"}]
log = structlog.get_logger(__name__)


class Terminal(NamedTuple):
    """What the terminal has told: payloads of account information and positions."""

    information: Any
    positions: list[Any]


class Subscriber(NamedTuple):
    """Who wants the quotes of which symbols."""

    symbols: frozenset[str]
    on_quote: Callable[[Quote], None]


class Link:
    """Made by `Hub.link`. `start` and `stop` may be repeated; it connects until it is stopped."""

    def __init__(self, hub: Hub, account_id: str) -> None:
        self.account_id = account_id
        self._hub = hub
        self._lock = Lock()
        self._pulse = Pulse()
        self._deals: deque[Any] = deque(maxlen=MOST_DEALS)
        self._subscribers: tuple[Subscriber, ...] = ()
        self._quotes: dict[str, Quote] = {}
        self._account: Any = None
        self._stream: Any = None
        self._rpc: Any = None
        self._unlisten: Callable[[], None] = _nothing
        self._task: asyncio.Task[None] | None = None
        self._is_due = asyncio.Event()
        self._watched: set[str] = set()

    def __repr__(self) -> str:
        return f"Link({self.account_id!r})"

    # --- life

    def start(self) -> None:
        """Connect, and go on connecting; raises Unavailable when the hub has stopped."""
        self._hub.ask(self._begin, MEMORY_SECONDS)

    def stop(self) -> None:
        """Close the connection; safe to call twice and after the hub has stopped."""
        with suppress(Unavailable):
            self._hub.ask(self.close, CLOSE_SECONDS + MEMORY_SECONDS)

    @property
    def state(self) -> LinkState:
        """How far the connection can be trusted now."""
        return self._pulse.state(self._session_of)

    @property
    def epoch(self) -> int:
        """The same number twice: no connection and no synchronisation has begun in between."""
        return self._pulse.epoch

    # --- what it tells

    def subscribe(
        self, symbols: Iterable[str], on_quote: Callable[[Quote], None]
    ) -> Callable[[], None]:
        """Have the symbols' quotes told to `on_quote`, from the hub's thread, which must return at
        once; also after reconnections. Returns what ends it."""
        subscriber = Subscriber(frozenset(symbols), on_quote)
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)
        with suppress(Unavailable):  # not running: the start will see to it
            self._hub.call_soon(self._is_due.set)

        def end() -> None:
            with self._lock:
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return end

    def deals(self) -> list[Any]:
        """The deals told since the last call, as payloads; some may come twice."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._deals.popleft())
        return found

    # --- readings

    def terminal(self) -> Terminal:
        """What the terminal has told, without asking; raises Unavailable unless LIVE."""
        self.require(LinkState.LIVE)
        return self._hub.ask(self._recall, MEMORY_SECONDS)

    def read(self, method: str, *arguments: Any) -> Any:
        """Ask the terminal by a method of the SDK's RPC connection; raises Unavailable."""

        async def job() -> Any:
            return plain(await getattr(self._ready(), method)(*arguments))

        return self._hub.ask(job, READ_SECONDS)

    def require(self, *states: LinkState) -> None:
        """Raise Unavailable in any other state."""
        if (state := self.state) not in states:
            expected = " or ".join(states)
            raise Unavailable(f"{self.account_id}: expected a link {expected}, was {state}", state)

    # --- in the hub's loop

    async def close(self) -> None:
        """End everything, without waiting for a server that does not answer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        connections = [c for c in (self._stream, self._rpc) if c is not None]
        self._stream = self._rpc = None
        self._unlisten()
        self._unlisten = _nothing
        self._pulse.lost("")
        closing = [asyncio.ensure_future(connection.close()) for connection in connections]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)

    async def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._live())

    async def _live(self) -> None:
        await self._persist(self._open)
        while True:
            await self._persist(self._watch)
            try:
                await asyncio.wait_for(self._is_due.wait(), NUDGE_SECONDS)
            except TimeoutError:
                self._nudge()

    def _nudge(self) -> None:
        """The SDK may have given up asking for a terminal; it never says so."""
        if self.state in (LinkState.CONNECTING, LinkState.DOWN):
            self._hub.subscribe_again(self._account)

    async def _persist(self, job: Callable[[], Awaitable[None]]) -> None:
        """Do it until it is done; what makes it due cuts the pauses short."""
        pause = RETRY_SECONDS
        while True:
            self._is_due.clear()
            try:
                return await job()
            except Exception as e:  # noqa: BLE001 - the SDK's have no base of their own
                error = f"{type(e).__name__}: {e}"[:300]
                log.warning("link waits", account=self.account_id, error=error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_due.wait(), pause)
            pause = min(2 * pause, LONGEST_RETRY)

    async def _open(self) -> None:
        self._account = await self._hub.account(self.account_id)
        ears = Ears(
            pulse=self._pulse,
            session_of=self._session_of,
            on_price=self._on_price,
            on_deal=self._on_deal,
            on_synchronized=self._on_synchronized,
            on_news=self._is_due.set,
        )
        self._unlisten()
        self._unlisten = self._hub.listen(self.account_id, ears)
        self._stream = self._account.get_streaming_connection(self._hub.history())
        await self._stream.connect()
        self._rpc = self._account.get_rpc_connection()
        await self._rpc.connect()

    async def _watch(self) -> None:
        """Subscribe to what is wanted and not subscribed to since the last synchronisation; what
        is not LIVE yet makes itself heard when it is."""
        if self.state is not LinkState.LIVE:
            return
        missing = sorted(self._wanted() - self._watched)
        asked = [self._watch_one(symbol) for symbol in missing]
        results = await asyncio.gather(*asked, return_exceptions=True)
        for error in filter(None, results):
            raise error

    async def _watch_one(self, symbol: str) -> None:
        self._ready()
        async with asyncio.timeout(READ_SECONDS):
            await self._stream.subscribe_to_market_data(symbol, list(QUOTES), None, False)
        self._watched.add(symbol)

    async def _recall(self) -> Terminal:
        state = self._stream.terminal_state if self._stream is not None else None
        if state is None or not state.account_information:
            raise Unavailable(f"{self.account_id}: expected a known account, was none")
        return Terminal(plain(state.account_information), plain(state.positions))

    def _ready(self) -> Any:
        """The RPC connection; Unavailable where a request would wait for a terminal for ever, and
        spoil the wait of others when it is given up."""
        if self._rpc is None or not self._hub.is_connected(self.account_id):
            raise Unavailable(f"{self.account_id}: expected a connected terminal, was none")
        return self._rpc

    def _wanted(self) -> set[str]:
        return {symbol for subscriber in self._subscribers for symbol in subscriber.symbols}

    def _session_of(self, index: str) -> str:
        return self._hub.session_of(self._account, index)

    def _on_synchronized(self) -> None:
        self._watched.clear()
        self._is_due.set()

    def _on_deal(self, deal: Any) -> None:
        self._deals.append(plain(deal))

    def _on_price(self, price: Any) -> None:
        try:
            quote = mapping.price_part(plain(price)).quote
        except PayloadError as e:
            log.debug("price not readable", account=self.account_id, error=str(e))
            return
        last = self._quotes.get(quote.symbol)
        if last is not None and (quote.time < last.time or quote == last):
            return  # told by two instances, or late
        self._quotes[quote.symbol] = quote
        for subscriber in self._subscribers:
            if quote.symbol in subscriber.symbols:
                subscriber.on_quote(quote)


def _nothing() -> None:
    """Nothing is listened to."""
