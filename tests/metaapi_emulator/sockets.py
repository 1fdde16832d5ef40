"""The Socket.IO side: sessions, subscriptions, packets in order, and the RPC requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from time import time as wall_time
from typing import Any, Final

import socketio  # type: ignore[import-untyped]
from aiohttp import web

from tests.metaapi_emulator.accounts import Account
from tests.metaapi_emulator.codes import Malformed
from tests.metaapi_emulator.emulator import Emulator, Reply
from tests.metaapi_emulator.faults import Pushes
from tests.metaapi_emulator.formats import iso
from tests.metaapi_emulator.market import forming
from tests.metaapi_emulator.reads import READS, Absent
from tests.metaapi_emulator.syncing import synchronization

Data = dict[str, Any]
Answer = Callable[["Request", Account], Awaitable[None]]
HOST: Final = "emulator-0"
MOST_REPLIES: Final = 1000
NOT_CONNECTED: Final = "It seems like the account is not connected to broker yet"


class Manager(socketio.AsyncManager):  # type: ignore[misc]
    """The pinned server's own `emit` fails on Python 3.11: it waits for bare coroutines."""

    async def emit(
        self, event: str, data: Any, namespace: str, room: str | None = None, **_: Any
    ) -> None:
        if room in self.rooms.get(namespace, {}):
            for sid in list(self.get_participants(namespace, room)):
                await self.server._emit_internal(sid, event, data, namespace, None)


@dataclass(slots=True)
class Subscription:
    """One socket that follows one account's terminal instance."""

    account_id: str
    instance: int
    sid: str
    replicas: int
    is_synchronized: bool = False
    number: int = 0
    timestamp: int = 0
    held: Data | None = None
    """A packet that is to arrive after the one behind it."""

    def restart(self) -> None:
        """Count from 0 under a new, later timestamp."""
        self.number, self.timestamp = -1, max(int(wall_time() * 1000), self.timestamp + 1)
        self.is_synchronized = False

    def address(self) -> Data:
        """Where a packet comes from."""
        return {"accountId": self.account_id, "instanceIndex": self.instance, "host": HOST}

    def numbered(self, packet: Mapping[str, Any]) -> Data:
        """The next packet of the sequence."""
        self.number += 1
        order = {"sequenceNumber": self.number, "sequenceTimestamp": self.timestamp}
        return {**self.address(), **packet, **order}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in on a socket."""

    sid: str
    data: Data

    @property
    def kind(self) -> str:
        return str(self.data.get("type"))

    @property
    def instance(self) -> int:
        return int(self.data.get("instanceIndex") or 0)


class Sockets:
    """Serves the sockets at /ws and pushes to whoever has subscribed."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._io = socketio.AsyncServer(
            client_manager=Manager(),
            async_mode="aiohttp",
            cors_allowed_origins="*",
            ping_interval=25,
            ping_timeout=60,
        )
        self._subscriptions: dict[tuple[str, int, str], Subscription] = {}
        self._connected: set[str] = set()
        self._refuses_until = 0.0
        self._replies: dict[str, Reply] = {}
        self._order = asyncio.Lock()
        self._sessions: Mapping[str, Answer] = {
            "subscribe": self._subscribe,
            "synchronize": self._synchronize,
            "unsubscribe": self._unsubscribe,
            "waitSynchronized": self._acknowledge,
            "removeApplication": self._acknowledge,
            "saveUptime": self._acknowledge,
            "subscribeToMarketData": self._watch,
            "unsubscribeFromMarketData": self._unwatch,
            "refreshMarketDataSubscriptions": self._rewatch,
        }

    def attach(self, app: web.Application) -> None:
        """Serve on this application."""
        self._io.attach(app, socketio_path="ws")
        self._io.on("connect", self._on_connect)
        self._io.on("disconnect", self._on_disconnect)
        self._io.on("request", self._on_request)

    async def run(self) -> None:
        """Send every subscription its status each second, until cancelled."""
        while True:
            for subscription in list(self._subscriptions.values()):
                await self._emit(subscription.sid, self._status(subscription))
            await asyncio.sleep(1)

    async def push(self, account: Account, packet: Mapping[str, Any]) -> None:
        """Send a packet to everybody who follows the account, or what the faults make of it."""
        pushes = self._emulator.chance.push(self._emulator.faults, account.id)
        if pushes.breaks:
            await self.drop(account.id)
            return
        await self._push(account, packet, pushes)

    async def push_prices(self, account: Account, symbols: list[str]) -> None:
        """Send the prices in force, and the forming candles where somebody asked for them."""
        information = account.shown.information()
        kept = ("equity", "margin", "freeMargin", "marginLevel", "accountCurrencyExchangeRate")
        candles = [
            forming(account.market, symbol, asked["timeframe"])
            for symbol in symbols
            for asked in account.watched.get(symbol, [])
            if asked.get("type") == "candles" and "timeframe" in asked
        ]
        packet = {
            "type": "prices",
            "prices": [account.market.price(symbol) for symbol in symbols],
            **({"candles": candles} if candles else {}),
            **{name: information[name] for name in kept if name in information},
        }
        await self._push(account, packet, Pushes())

    async def drop(self, account_id: str = "", storm: float = 0.0) -> None:
        """Close the sockets, those of one account or all, and let nobody in for `storm` seconds."""
        self._refuses_until = monotonic() + storm
        followers = {s.sid for s in self._subscriptions.values() if s.account_id == account_id}
        for sid in followers if account_id else set(self._connected):
            await self._io.disconnect(sid)

    async def forget(self, account_id: str) -> None:
        """End the subscriptions of an account that is no longer deployed."""
        for key in [key for key in self._subscriptions if key[0] == account_id]:
            subscription = self._subscriptions.pop(key)
            packet = {**subscription.address(), "type": "disconnected"}
            await self._emit(subscription.sid, packet)

    async def _on_connect(self, sid: str, environ: Mapping[str, Any]) -> bool:
        query = environ["aiohttp.request"].query
        if monotonic() < self._refuses_until or query.get("auth-token") != self._emulator.token:
            return False
        self._connected.add(sid)
        return True

    async def _on_disconnect(self, sid: str) -> None:
        self._connected.discard(sid)
        for key in [key for key in self._subscriptions if key[2] == sid]:
            del self._subscriptions[key]

    async def _on_request(self, sid: str, data: Data) -> None:
        if not self._emulator.faults.mute:
            self._emulator.spawn(self._handle(Request(sid, data)))  # the reader must not wait

    async def _handle(self, request: Request) -> None:
        account = self._emulator.accounts.get(str(request.data.get("accountId")))
        if account is None:
            await self._fail(request, "NotFoundError", "Trading account not found")
            return
        try:
            if request.kind in self._sessions:
                await self._sessions[request.kind](request, account)
            elif request.kind == "trade":
                await self._trade(request, account)
            else:
                await self._read(request, account)
        except Malformed as e:
            await self._fail(request, "ValidationError", str(e), details=e.details)
        except Absent as e:
            await self._fail(request, "NotFoundError", str(e))

    async def _subscribe(self, request: Request, account: Account) -> None:
        provisioned = self._emulator.provisioned[account.id]
        if not provisioned.is_deployed:
            await self._fail(request, "TimeoutError", NOT_CONNECTED)
            return
        await self._respond(request)
        replicas = 2 if provisioned.reliability == "high" else 1
        if request.instance >= replicas:
            return
        key = (account.id, request.instance, request.sid)
        subscription = Subscription(*key, replicas)
        self._subscriptions[key] = subscription
        packet = {**subscription.address(), "type": "authenticated", "replicas": replicas}
        await self._emit(request.sid, {**packet, "sessionId": request.data.get("sessionId")})
        await self._emit(request.sid, self._status(subscription))

    async def _synchronize(self, request: Request, account: Account) -> None:
        await self._respond(request)
        subscription = self._subscriptions.get((account.id, request.instance, request.sid))
        if subscription is None:
            return
        async with self._order:  # what happens meanwhile comes behind it
            subscription.restart()
            for packet in synchronization(account.shown, request.data):
                await self._emit(request.sid, subscription.numbered(packet))
            subscription.is_synchronized = True

    async def _unsubscribe(self, request: Request, account: Account) -> None:
        self._subscriptions.pop((account.id, request.instance, request.sid), None)
        await self._respond(request)

    async def _acknowledge(self, request: Request, _: Account) -> None:
        await self._respond(request)

    async def _watch(self, request: Request, account: Account) -> None:
        symbol = str(request.data.get("symbol"))
        if symbol not in account.market.quotes:
            raise Malformed(symbol=f"{symbol} is not defined by the broker")
        account.watched[symbol] = request.data.get("subscriptions") or [{"type": "quotes"}]
        await self._respond(request)
        await self.push_prices(account, [symbol])

    async def _unwatch(self, request: Request, account: Account) -> None:
        account.watched.pop(str(request.data.get("symbol")), None)
        await self._respond(request)

    async def _rewatch(self, request: Request, account: Account) -> None:
        for asked in request.data.get("subscriptions", []):
            account.watched[asked["symbol"]] = asked.get("subscriptions") or [{"type": "quotes"}]
        await self._respond(request)

    async def _trade(self, request: Request, account: Account) -> None:
        """Two instances carry the same request: it is done once and answered to both."""
        if await self._is_refused(request, "trade"):
            return
        name = str(request.data["requestId"])
        if name not in self._replies:
            self._replies[name] = await self._emulator.trade(account, request.data["trade"])
            for old in list(self._replies)[:-MOST_REPLIES]:
                del self._replies[old]
        reply = self._replies[name]
        if reply.response is not None:
            await asyncio.sleep(reply.delay)
            await self._respond(request, response=reply.response)
            reply.received.answered = True

    async def _read(self, request: Request, account: Account) -> None:
        read = READS.get(request.kind)
        if read is None:
            raise Malformed(type=f"Unknown request {request.kind}")
        if await self._is_refused(request, read.operation):
            return
        if account.is_away or not self._emulator.provisioned[account.id].is_deployed:
            await self._fail(request, "TimeoutError", NOT_CONNECTED)
            return
        more: Data = {read.key: read.answer(account.shown, request.data)}
        if read.is_history:
            more["synchronizing"] = self._emulator.is_synchronizing(account)
        await self._respond(request, **more)

    async def _is_refused(self, request: Request, operation: str) -> bool:
        """Let the faults act on a request."""
        refusal = self._emulator.is_refused(operation)
        if refusal == "too_many":
            metadata = self._emulator.too_many()
            await self._fail(
                request, "TooManyRequestsError", "Too many requests", metadata=metadata
            )
        elif refusal:
            await self._fail(request, "InternalError", "Internal error")
        else:
            await self._emulator.be_slow(operation)
        return bool(refusal)

    def _status(self, subscription: Subscription) -> Data:
        account = self._emulator.accounts.get(subscription.account_id)
        health = ("restApiHealthy", "copyFactorySubscriberHealthy", "rpcApiHealthy")
        return {
            **subscription.address(),
            "type": "status",
            "connected": account is not None and not account.is_away,
            "authenticated": True,
            "replicas": subscription.replicas,
            "healthStatus": dict.fromkeys(health, True),
        }

    async def _push(self, account: Account, packet: Mapping[str, Any], pushes: Pushes) -> None:
        async with self._order:
            for subscription in list(self._subscriptions.values()):
                if subscription.account_id == account.id and subscription.is_synchronized:
                    await self._send(subscription, subscription.numbered(packet), pushes)

    async def _send(self, subscription: Subscription, packet: Data, pushes: Pushes) -> None:
        if pushes.is_held and subscription.held is None:
            subscription.held = packet
            return
        for _ in range(pushes.copies):
            await self._emit(subscription.sid, packet)
        if subscription.held is not None:
            await self._emit(subscription.sid, subscription.held)
            subscription.held = None

    async def _emit(self, sid: str, packet: Data) -> None:
        if not self._emulator.faults.mute:
            await self._io.emit("synchronization", packet, room=sid)

    async def _respond(self, request: Request, **more: Any) -> None:
        now = iso(self._emulator.market.now())
        timestamps = {
            **request.data.get("timestamps", {}),
            "serverProcessingStarted": now,
            "serverProcessingFinished": now,
        }
        answer = {
            "type": "response",
            "accountId": request.data["accountId"],
            "requestId": request.data["requestId"],
            "timestamps": timestamps,
            **more,
        }
        if not self._emulator.faults.mute:
            await self._io.emit("response", answer, room=request.sid)

    async def _fail(self, request: Request, error: str, message: str, **more: Any) -> None:
        body = {"id": 1, "error": error, "message": message, **more}
        answer = {**body, "requestId": request.data["requestId"]}
        if not self._emulator.faults.mute:
            await self._io.emit("processingError", answer, room=request.sid)
