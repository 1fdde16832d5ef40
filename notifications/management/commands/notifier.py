"""The notifier: matches new events and sends what is due, in small steps."""

import signal
import threading
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Final

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from notifications.services import (
    channel_bootstrap,
    delivery_claim,
    delivery_send,
    events_match,
)
from trading.services.heartbeats import Heartbeat

IDLE_SECONDS: Final = 0.5
OUTAGE_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 1.5
log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Deliver events to the notification channels until SIGTERM or SIGINT."

    def __init__(self) -> None:
        super().__init__()
        self.stopping = False
        self.heartbeat = Heartbeat("notifier")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then exit")

    def handle(self, *, once: bool, **options: object) -> None:
        if once:
            self.drain()
            self.heartbeat.end()
            return
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        # A provider or a name server may keep a call waiting for long, and nothing can cut that
        # short; so the work has a thread, which is left behind when it does not end in time. What
        # it was sending is then taken over as a possible duplicate.
        worker = threading.Thread(target=self.work, name="notifier", daemon=True)
        worker.start()
        log.info("notifier started")
        while worker.is_alive() and not self.stopping:
            worker.join(0.1)
        worker.join(GRACE_SECONDS)
        if not self.stopping:
            raise CommandError("The notifier ended by itself, see the log")
        self.heartbeat.end()
        log.info("notifier stopped", message_in_flight=worker.is_alive())

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True  # nothing more: a signal may come in the middle of anything

    def work(self) -> None:
        """Steps until told to stop; an outage of the database is waited out."""
        begun = False
        while not self.stopping:
            self.heartbeat.beat()
            try:
                if not begun:
                    channel_bootstrap()  # once: a channel that staff delete stays deleted
                    begun = True
                self.drain()
                self.rest(IDLE_SECONDS)
            except DatabaseError as e:
                log.warning("database unavailable", error=str(e))
                connection.close()
                self.rest(OUTAGE_SECONDS)
        connection.close()

    def drain(self) -> None:
        """Steps until there is nothing to do."""
        for step in (self.match, self.send):
            while not self.stopping and step():
                self.heartbeat.beat()

    def match(self) -> bool:
        """Look at the next events; False when there were none."""
        return events_match() > 0

    def send(self) -> bool:
        """Send the next due message; False when there was none."""
        delivery = delivery_claim()
        if delivery is None:
            return False
        delivery_send(delivery=delivery)
        return True

    def rest(self, seconds: float) -> None:
        """Sleep in slices, so that a signal is seen soon."""
        end = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < end:
            time.sleep(0.1)
