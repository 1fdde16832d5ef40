"""The emulator behind a port of 127.0.0.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from tests.metaapi_emulator.admin import Admin
from tests.metaapi_emulator.cloud import Cloud
from tests.metaapi_emulator.emulator import Emulator
from tests.metaapi_emulator.rest import Rest, guard
from tests.metaapi_emulator.sockets import Sockets

LOOPBACK: Final = "127.0.0.1"
PATIENCE: Final = 0.2
"""Seconds open connections are waited for at the end; the SDK never closes its sockets."""


@asynccontextmanager
async def served(emulator: Emulator, port: int = 0) -> AsyncIterator[int]:
    """Serve it, and keep its market moving, for as long as the block lasts: the port."""
    app = web.Application(middlewares=[guard(emulator)])
    emulator.sockets = Sockets(emulator)
    emulator.sockets.attach(app)
    for part in (Rest(emulator), Cloud(emulator), Admin(emulator)):
        app.router.add_routes(part.routes())
    runner = web.AppRunner(app, shutdown_timeout=PATIENCE, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    movers = [asyncio.create_task(job()) for job in (emulator.run, emulator.sockets.run)]
    try:
        yield int(runner.addresses[0][1])
    finally:
        for mover in movers:
            mover.cancel()
        await asyncio.gather(*movers, return_exceptions=True)
        await emulator.sockets.drop()
        await emulator.stop()
        await runner.cleanup()
