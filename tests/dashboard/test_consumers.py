"""The WebSocket of the dashboard, on the real channel layer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import path

from tests.factories import make_deployment, make_event, make_run
from trading import broadcast
from trading.broadcast import MarketFrame
from trading.dashboard import consumers
from trading.dashboard.consumers import FAILED, REFUSED, UNWANTED, DashboardConsumer
from trading.models import StrategyRun
from trading.selectors import dashboard

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("closed_connections"),
]
Connect = Callable[..., Awaitable[WebsocketCommunicator]]


class ImpatientConsumer(DashboardConsumer):
    """The same with shorter waits."""

    market_seconds = 0.05
    reread_seconds = 0.05
    recheck_seconds = 0.05


def cookie_of(user: User) -> bytes:
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}".encode()


async def socket_of(
    user: User | None, query: str = "", consumer: type[DashboardConsumer] = DashboardConsumer
) -> WebsocketCommunicator:
    routes: Any = [path("ws/", consumer.as_asgi())]  # type: ignore[arg-type]
    headers = [(b"cookie", await sync_to_async(cookie_of)(user))] if user else []
    application = AuthMiddlewareStack(URLRouter(routes))
    return WebsocketCommunicator(application, f"/ws/{query}", headers=headers)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens accepted connections and closes them at the end."""
    opened: list[WebsocketCommunicator] = []

    async def _connect(user: User, query: str = "", **kwargs: Any) -> WebsocketCommunicator:
        socket = await socket_of(user, query, **kwargs)
        opened.append(socket)
        connected, _ = await socket.connect(timeout=5)
        assert connected
        return socket

    yield _connect
    for socket in opened:
        await socket.disconnect()


async def frame_of(socket: WebsocketCommunicator, kind: str) -> Any:
    """The next frame of a kind; others before it are passed over."""
    while True:
        frame = await socket.receive_json_from(timeout=5)
        if frame["type"] == kind:
            return frame


async def event_ids(socket: WebsocketCommunicator, last: int) -> list[int]:
    """Ids of the events that come, in their order, up to `last`."""
    ids: list[int] = []
    while last not in ids:
        frame = await frame_of(socket, "events")
        ids += [event["id"] for event in frame["events"]]
    return ids


async def make_events(count: int) -> list[int]:
    return await sync_to_async(lambda: [make_event().pk for _ in range(count)])()


def market_frame(number: int) -> MarketFrame:
    quote = broadcast.QuotePayload(symbol="EURUSD", time=number, bid="1.1", ask="1.2")
    return {
        "type": "market",
        "quotes": [quote],
        "candles": [],
        "accounts": [],
        "positions": [],
        "deployments": [],
    }


def market_storm(count: int) -> None:
    for number in range(count):
        broadcast.market(market_frame(number))


@pytest.mark.parametrize("user", ["stranger", None])
async def test_who_is_not_staff_is_refused_before_accept(
    user: str | None, request: pytest.FixtureRequest, stranger: User
) -> None:
    socket = await socket_of(stranger if user else None)
    assert await socket.connect(timeout=5) == (False, REFUSED)


async def test_staff_who_left_is_refused(staff: User) -> None:
    socket = await socket_of(staff)
    await User.objects.filter(pk=staff.pk).aupdate(is_active=False)
    assert await socket.connect(timeout=5) == (False, REFUSED)


async def test_first_frame_is_the_snapshot(connect: Connect, staff: User) -> None:
    (event,) = await make_events(1)
    frame = await (await connect(staff)).receive_json_from(timeout=5)
    assert (frame["type"], frame["last_event_id"]) == ("snapshot", event)
    assert [row["id"] for row in frame["events"]] == [event]


async def test_event_arrives_once_it_is_committed(connect: Connect, staff: User) -> None:
    socket = await connect(staff)
    await frame_of(socket, "snapshot")
    ids = await make_events(3)
    assert await event_ids(socket, ids[-1]) == ids


async def test_events_of_many_pages_come_in_order_and_once(
    connect: Connect, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "PAGE", 3)
    socket = await connect(staff)
    await frame_of(socket, "snapshot")
    ids = await make_events(10)
    assert await event_ids(socket, ids[-1]) == ids


async def test_lost_hint_is_made_good(
    connect: Connect, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await connect(staff, consumer=ImpatientConsumer)
    await frame_of(socket, "snapshot")
    monkeypatch.setattr(broadcast, "hint_events", lambda event_id: None)
    ids = await make_events(2)
    assert await event_ids(socket, ids[-1]) == ids


async def test_resume_sends_what_was_missed_before_the_snapshot(
    connect: Connect, staff: User
) -> None:
    ids = await make_events(5)
    socket = await connect(staff, f"?last={ids[1]}")
    assert await event_ids(socket, ids[-1]) == ids[2:]
    frame = await frame_of(socket, "snapshot")
    assert (frame["last_event_id"], frame["events"]) == (ids[-1], [])


async def test_resume_goes_on_with_new_events(connect: Connect, staff: User) -> None:
    (first,) = await make_events(1)
    socket = await connect(staff, f"?last={first}")
    await frame_of(socket, "snapshot")
    ids = await make_events(2)
    assert await event_ids(socket, ids[-1]) == ids


@pytest.mark.parametrize("last", ["999999", "-1", "x", "", "9" * 40])
async def test_resume_from_nowhere_is_a_fresh_start(
    connect: Connect, staff: User, last: str
) -> None:
    (event,) = await make_events(1)
    frame = await frame_of(await connect(staff, f"?last={last}"), "snapshot")
    assert [row["id"] for row in frame["events"]] == [event]


async def test_new_decision_arrives_without_an_event(connect: Connect, staff: User) -> None:
    run = await sync_to_async(lambda: make_run(deployment=make_deployment()))()
    socket = await connect(staff, consumer=ImpatientConsumer)
    await frame_of(socket, "snapshot")
    await StrategyRun.objects.filter(pk=run.pk).aupdate(outcome="ENTRY")
    frame = await frame_of(socket, "events")
    assert (frame["events"], frame["deployments"][0]["outcome"]) == ([], "ENTRY")


async def test_market_frame_reaches_every_browser(connect: Connect, staff: User) -> None:
    sockets = [await connect(staff) for _ in range(2)]
    for socket in sockets:
        await frame_of(socket, "snapshot")
    await sync_to_async(broadcast.market)(market_frame(7))
    for socket in sockets:
        assert (await frame_of(socket, "market"))["quotes"][0]["time"] == 7


async def test_frames_that_come_too_fast_become_one(connect: Connect, staff: User) -> None:
    socket = await connect(staff)
    await frame_of(socket, "snapshot")
    await sync_to_async(market_storm)(40)
    times: list[int] = []
    while not times or times[-1] != 39:
        times.append((await frame_of(socket, "market"))["quotes"][0]["time"])
    assert len(times) < 10
    assert times == sorted(times)


async def test_browser_that_speaks_is_cut_off(connect: Connect, staff: User) -> None:
    socket = await connect(staff)
    await frame_of(socket, "snapshot")
    await socket.send_to(text_data='{"close": "everything"}')
    assert (await closing(socket))["code"] == UNWANTED


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}, {"password": "x"}])
async def test_who_may_no_longer_watch_is_cut_off(
    connect: Connect, staff: User, change: dict[str, object]
) -> None:
    socket = await connect(staff, consumer=ImpatientConsumer)
    await frame_of(socket, "snapshot")
    await User.objects.filter(pk=staff.pk).aupdate(**change)
    assert (await closing(socket))["code"] == REFUSED


async def test_sign_out_cuts_off(connect: Connect, staff: User) -> None:
    socket = await connect(staff, consumer=ImpatientConsumer)
    await frame_of(socket, "snapshot")
    await Session.objects.all().adelete()
    assert (await closing(socket))["code"] == REFUSED


async def test_who_may_watch_goes_on_watching(connect: Connect, staff: User) -> None:
    socket = await connect(staff, consumer=ImpatientConsumer)
    await frame_of(socket, "snapshot")
    await asyncio.sleep(0.3)
    (event,) = await make_events(1)
    assert await event_ids(socket, event) == [event]


async def test_error_on_our_side_closes_so_that_the_browser_comes_back(
    connect: Connect, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await connect(staff)
    await frame_of(socket, "snapshot")
    monkeypatch.setattr(dashboard, "events_after", broken)
    await make_events(1)
    assert (await closing(socket))["code"] == FAILED


async def closing(socket: WebsocketCommunicator) -> Any:
    """The close message; frames before it are passed over."""
    while True:
        message = await socket.receive_output(timeout=5)
        if message["type"] == "websocket.close":
            return message


def broken(last_id: int, limit: int) -> None:
    raise RuntimeError("the database is gone")
