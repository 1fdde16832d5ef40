"""The WebSocket behind the dashboard: staff only, frames out, nothing in.

Frames are those of `trading.broadcast`. At connect the browser gets a `snapshot`; with
`?last=<event id>` first every event after that id. Then `events` frames in the order of ids,
none skipped and none twice, and `market` frames, which may be merged but never pile up.
"""

import asyncio
import json
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from asgiref.typing import WebSocketScope
from channels.auth import get_user
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from trading.broadcast import GROUP, EventsFrame, MarketFrame, SnapshotFrame
from trading.dashboard.frames import Seen, has_news, market_merged, rows_seen, without_seen
from trading.selectors import dashboard

REFUSED: Final = 4403
"""Close code: sign in again as staff; trying again is useless."""
UNWANTED: Final = 1008
"""Close code: the browser sent something, and this socket takes no commands."""
FAILED: Final = 1011
"""Close code: an error on our side; try again."""
PAGE: Final = 200
"""Events read and sent at a time."""

log = structlog.get_logger(__name__)


class DashboardConsumer(AsyncWebsocketConsumer):
    """One browser. Handlers of the channel layer only note that there is something to do;
    tasks of the consumer read and send it, so that a slow browser holds back nobody else.

    Memory is bounded: one market frame waits at most, events wait in the database, and what the
    server could not write yet is dropped with the connection when pings stay unanswered.
    """

    market_seconds = 0.2
    """Least time between market frames."""
    reread_seconds = 5.0
    """Events are read anew at least this often: a hint lost by the channel layer costs no more."""
    recheck_seconds = 60.0
    """How often the user and the session are looked up again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tasks: list[asyncio.Task[None]] = []
        self._hinted = asyncio.Event()
        self._market_waits = asyncio.Event()
        self._market: MarketFrame | None = None
        self._last_id = 0
        self._seen: Seen = {}

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler. The base class visits a thread first to tidy up database connections;
        handlers here use none, and that visit is most of the cost of a market frame."""
        handler = getattr(self, get_handler_name(message), None)
        if handler is None:
            raise ValueError(f"Expected a message with a handler, was {message['type']}")
        await handler(message)

    async def connect(self) -> None:
        if not _may_watch(self.scope.get("user")):
            await self.close(code=REFUSED)
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        self._start(self._serve())
        self._start(self._watch_session())

    async def disconnect(self, code: int) -> None:
        await self._stop_tasks()
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self._end(UNWANTED)

    async def events_hint(self, message: dict[str, Any]) -> None:
        """Somebody committed an event."""
        self._hinted.set()

    async def market_frame(self, message: dict[str, Any]) -> None:
        """Prices moved."""
        self._market = market_merged(self._market, message["frame"])
        self._market_waits.set()

    async def _serve(self) -> None:
        """Bring the browser up to date and keep it there."""
        last = _resume_id(self.scope)
        await (self._open_fresh() if last is None else self._open_resumed(last))
        self._start(self._pump_market())
        while True:
            self._hinted.clear()  # a hint that comes while we read makes us read again
            await self._send_news()
            try:
                await asyncio.wait_for(self._hinted.wait(), self.reread_seconds)
            except TimeoutError:
                continue

    async def _open_fresh(self) -> None:
        await self._send_snapshot(await database_sync_to_async(dashboard.snapshot)())

    async def _open_resumed(self, last: int) -> None:
        self._last_id = last
        await self._send_news()
        frame = await database_sync_to_async(dashboard.snapshot)()
        if frame["last_event_id"] >= last:  # else the log was begun anew: nothing to go on from
            frame = {**frame, "events": [], "last_event_id": self._last_id}
        await self._send_snapshot(frame)

    async def _send_snapshot(self, frame: SnapshotFrame) -> None:
        await self._send_frame(frame)
        self._last_id = frame["last_event_id"]
        self._seen = rows_seen(frame)

    async def _send_news(self) -> None:
        """Send everything after the last event sent, page by page."""
        full = True
        while full:
            frame = await database_sync_to_async(dashboard.events_after)(self._last_id, PAGE)
            full = len(frame["events"]) == PAGE
            news = without_seen(frame, self._seen)
            if has_news(news):
                await self._send_frame(news)
            self._seen = rows_seen(frame)
            if frame["events"]:
                self._last_id = frame["events"][-1]["id"]

    async def _pump_market(self) -> None:
        while True:
            await self._market_waits.wait()
            self._market_waits.clear()
            frame, self._market = self._market, None
            if frame is not None:
                await self._send_frame(frame)
            await asyncio.sleep(self.market_seconds)

    async def _watch_session(self) -> None:
        while True:
            await asyncio.sleep(self.recheck_seconds)
            store = import_module(settings.SESSION_ENGINE).SessionStore
            session = store(self.scope["session"].session_key)  # as it is now, not as at connect
            if not _may_watch(await get_user({**self.scope, "session": session})):
                await self._end(REFUSED)

    async def _send_frame(self, frame: SnapshotFrame | EventsFrame | MarketFrame) -> None:
        await self.send(text_data=json.dumps(frame, separators=(",", ":")))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; an error closes the connection, and the browser will come back."""
        try:
            await work
        except Exception:
            log.exception("dashboard connection failed")
            await self._end(FAILED)

    async def _end(self, code: int) -> None:
        """Close, and send nothing after it."""
        await self._stop_tasks()
        await self.close(code=code)

    async def _stop_tasks(self) -> None:
        others = [task for task in self._tasks if task is not asyncio.current_task()]
        self._tasks = []
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _may_watch(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    return user is not None and user.is_active and bool(getattr(user, "is_staff", False))


def _resume_id(scope: WebSocketScope) -> int | None:
    """The id of `?last=`; None when there is none that makes sense."""
    (text,) = parse_qs(scope["query_string"]).get(b"last", [b""])[-1:]
    return int(text) if text.isdigit() and len(text) <= 18 else None
