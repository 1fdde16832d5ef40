"""Who may open a WebSocket: pages of our own hosts, and nobody else."""

import pytest
from channels.testing import WebsocketCommunicator

from tradebot.asgi import application


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        (b"http://127.0.0.1:8000", True),
        (b"http://testserver", True),
        (b"https://evil.example.com", False),
        (b"http://127.0.0.1.evil.example.com", False),
        (b"null", False),
        (None, False),
    ],
)
async def test_origins(origin: bytes | None, passes: bool) -> None:
    headers = [(b"host", b"127.0.0.1:8000")] + ([(b"origin", origin)] if origin else [])
    socket = WebsocketCommunicator(application, "/no/such/path", headers=headers)
    if passes:  # gets as far as the router, which knows no such path
        with pytest.raises(ValueError, match="No route found"):
            await socket.connect()
    else:
        connected, code = await socket.connect()
        assert (connected, code) == (False, 403) or not connected
