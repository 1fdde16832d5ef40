"""What daphne serves: the application of `tradebot.asgi`, and a stamp that says so."""

import atexit
from threading import Thread

from tradebot.asgi import application
from trading.services.heartbeats import Heartbeat

__all__ = ["application"]
heartbeat = Heartbeat("web")
Thread(target=heartbeat.keep, name="heartbeat", daemon=True).start()
atexit.register(heartbeat.end)
