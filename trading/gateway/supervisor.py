"""The gateway process: one session per price source, kept alive, and the sweeper."""

from __future__ import annotations

from threading import Thread
from time import monotonic, sleep

import structlog
from django.db import close_old_connections, connections

from trading.gateway.session import Session
from trading.gateway.sweeper import Sweeper
from trading.models import Account, SimulatedMarket
from trading.services.accounts import account_halt
from trading.services.bootstrap import metaapi_create
from trading.services.markets import market_clock_save, simulated_stream

STEP_SECONDS = 0.25
CLOCK_SECONDS = 2.0
RESTART_SECONDS = 5.0
"""Pause before a session that failed is started again."""
log = structlog.get_logger(__name__)


class Live:
    """A session in its thread."""

    def __init__(self, market: SimulatedMarket) -> None:
        self.market = market
        self.session = Session(market.source, simulated_stream(market=market), speed=market.speed)
        self.failed_at: float | None = None
        self.thread = Thread(target=self._run, name=f"session-{market.source}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.session.run()
        except Exception:
            log.exception("session failed", source=self.market.source)
            self.failed_at = monotonic()
        finally:
            connections.close_all()

    def save_clock(self) -> None:
        """Remember how far this market has come."""
        market_clock_save(market=self.market, at=self.session.stream.now())

    def stop(self) -> None:
        """End the session and remember its clock."""
        self.session.stop.set()
        self.thread.join(timeout=5)
        self.save_clock()


class Supervisor:
    """Runs until `stopping` is set, by a signal handler for instance: it takes no lock."""

    def __init__(self) -> None:
        self.stopping = False
        self._live: dict[str, Live] = {}
        self._sweeper = Sweeper()
        self._saved = monotonic()

    def run(self) -> None:
        """Start sessions, keep them alive, sweep, and stop everything in order."""
        metaapi_create()
        halt_unsupported()
        try:
            while not self.stopping:
                self._step()
                sleep(STEP_SECONDS)
        finally:
            for live in self._live.values():
                live.stop()

    def _step(self) -> None:
        for market in SimulatedMarket.objects.exclude(source__in=self._live):
            log.info("session starting", source=market.source, market_time=str(market.market_time))
            self._live[market.source] = Live(market)
        for source, live in list(self._live.items()):
            if live.failed_at is not None and monotonic() - live.failed_at >= RESTART_SECONDS:
                live.stop()
                del self._live[source]
        if monotonic() - self._saved >= CLOCK_SECONDS:
            self._saved = monotonic()
            close_old_connections()
            for live in self._live.values():
                live.save_clock()
        self._sweeper.step()


def halt_unsupported() -> None:
    """Accounts whose source no session serves stay halted and say why."""
    served = SimulatedMarket.objects.values("source")
    for account in Account.objects.exclude(source__in=served):
        account_halt(account=account, reason=f"No session serves the source {account.source!r}")
