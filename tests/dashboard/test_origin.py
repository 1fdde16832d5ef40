"""The real application refuses WebSockets from pages of other sites, whoever is signed in."""

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from tests.dashboard.test_consumers import cookie_of
from tradebot.asgi import application

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("closed_connections"),
]


async def connected(user: User, origin: bytes | None) -> bool:
    headers = [(b"cookie", await sync_to_async(cookie_of)(user)), (b"host", b"127.0.0.1:8000")]
    if origin is not None:
        headers.append((b"origin", origin))
    socket = WebsocketCommunicator(application, "/ws/dashboard/", headers=headers)
    accepted, _ = await socket.connect(timeout=5)
    await socket.disconnect()
    return accepted


async def test_own_origin_is_let_in(staff: User) -> None:
    assert await connected(staff, b"http://127.0.0.1:8000")


@pytest.mark.parametrize("origin", [b"http://evil.example", b"null", b"", None])
async def test_foreign_or_missing_origin_is_refused(staff: User, origin: bytes | None) -> None:
    assert not await connected(staff, origin)
