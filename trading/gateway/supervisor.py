"""The gateway process: one session per price source, kept alive, and the sweeper."""

from __future__ import annotations

from math import inf
from threading import Thread
from time import monotonic, sleep

import structlog
from django.db import DatabaseError, close_old_connections, connections

from trading.brokers.base import BrokerError
from trading.engine.types import EngineError
from trading.gateway.office import PATIENCE, Office
from trading.gateway.porter import Porter
from trading.gateway.session import Session
from trading.gateway.sweeper import Sweeper
from trading.models import Account
from trading.services.accounts import account_halt, account_wait
from trading.services.bootstrap import metaapi_create
from trading.services.heartbeats import Heartbeat
from trading.services.journal import journal_ingest
from trading.services.leases import Grip, LeaseRefused, lease_acquire, lease_release, lease_renew
from trading.services.markets import Feed, feeds, market_clock_save, sources_known

STEP_SECONDS = 0.25
CLOCK_SECONDS = 2.0
LOOK_SECONDS = 1.0
RESTART_SECONDS = 1.0
"""Pause before a session that failed is started again."""
REOPEN_SECONDS = 10.0
"""Pause before a stream that could not be opened is tried again."""
log = structlog.get_logger(__name__)


class Live:
    """A session in its thread. `grip` is of the simulated market it runs, if it is one."""

    def __init__(self, feed: Feed, grip: Grip | None, office: Office) -> None:
        self.feed = feed
        self.grip = grip
        self.session = Session(feed.source, feed.open(), office)
        self.failed_at: float | None = None
        self.thread = Thread(target=self._run, name=f"session-{feed.source}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.session.run()
        except Exception:
            log.exception("session failed", source=self.feed.source)
            self.failed_at = monotonic()
        finally:
            connections.close_all()

    def hold(self) -> bool:
        """Keep the market ours and remember how far it has come; False when it is lost."""
        if self.grip is None or self.feed.market is None:
            return True
        if not lease_renew(grip=self.grip):
            return False
        market_clock_save(market=self.feed.market, at=self.session.stream.now())
        return True

    def stop(self) -> None:
        """End the session, remember its clock, let go of the market."""
        self.session.end()
        self.thread.join(timeout=5)
        try:
            self.hold()
        finally:
            if self.grip is not None:
                lease_release(grip=self.grip)


class Supervisor:
    """Runs until `stopping` is set, by a signal handler for instance: it takes no lock."""

    def __init__(self) -> None:
        self.stopping = False
        self._office = Office(PATIENCE)
        self._live: dict[str, Live] = {}
        self._sweeper = Sweeper()
        self._porter = Porter()
        self._heartbeat = Heartbeat("gateway")
        self._refused: dict[str, float] = {}
        self._saved = monotonic()
        self._looked = -inf

    def run(self) -> None:
        """Start sessions, keep them alive, sweep, and stop everything in order."""
        metaapi_create()
        halt_unsupported()
        self._porter.start()
        self._office.publisher.start()
        try:
            while not self.stopping:
                self._heartbeat.beat()
                self._try_step()
                sleep(STEP_SECONDS)
        finally:
            self._porter.stop()
            self._office.publisher.stop()
            for live in self._live.values():
                live.session.end()
            for source in list(self._live):
                self._end(source)
            self._heartbeat.end()

    def _try_step(self) -> None:
        """A database that is away is waited for: nothing is traded meanwhile."""
        try:
            self._step()
        except DatabaseError as e:
            log.error("database unavailable", error=str(e).strip())
            connections.close_all()

    def _step(self) -> None:
        if monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = monotonic()
            close_old_connections()
            self._ingest()
            self._start()
        for source, live in list(self._live.items()):
            if live.failed_at is not None and monotonic() - live.failed_at >= RESTART_SECONDS:
                self._end(source)
        if monotonic() - self._saved >= CLOCK_SECONDS:
            self._saved = monotonic()
            for source, live in list(self._live.items()):
                if not live.hold():
                    log.warning("market lost to another gateway", source=source)
                    self._end(source)
        self._sweeper.step()

    def _ingest(self) -> None:
        """Know what was done without the database before any session starts, and ever after."""
        try:
            count = journal_ingest()
        except OSError:
            log.exception("break-glass journal not read")
            return
        if count:
            log.warning("break-glass journal taken in", lines=count)

    def _start(self) -> None:
        """Sessions of the sources that have none here, where nobody else runs their market; none
        of those that are gone or have changed."""
        found = {feed.source: feed for feed in feeds()}
        for source, live in list(self._live.items()):
            if source not in found or found[source].version != live.feed.version:
                log.info("session ending: its source is gone or has changed", source=source)
                self._end(source)
        for source, feed in found.items():
            waits = monotonic() - self._refused.get(source, -inf) < REOPEN_SECONDS
            if source not in self._live and not waits:
                self._open(feed)

    def _open(self, feed: Feed) -> None:
        try:
            grip = lease_acquire(market=feed.market) if feed.market is not None else None
        except LeaseRefused:
            return
        if grip is None and feed.market is not None:
            return
        log.info("session starting", source=feed.source)
        try:
            self._live[feed.source] = Live(feed, grip, self._office)
        except (BrokerError, EngineError) as e:
            log.error("stream not opened", source=feed.source, error=str(e))
            self._refused[feed.source] = monotonic()
            for account in Account.objects.filter(kind="metaapi", source=feed.source):
                account_wait(account=account, reason=f"its stream: {e}")

    def _end(self, source: str) -> None:
        try:
            self._live.pop(source).stop()
        except DatabaseError as e:
            log.error("session not stopped in order", source=source, error=str(e).strip())


def halt_unsupported() -> None:
    """Accounts whose source no session serves stay halted and say why."""
    for account in Account.objects.exclude(source__in=sources_known()):
        account_halt(account=account, reason=f"No session serves the source {account.source!r}")
