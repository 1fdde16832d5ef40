"""The gateway process: live sessions, bar clock, sweeper."""

import signal
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand

from trading.gateway.supervisor import Supervisor

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT."""

    help = "Run the live sessions of all accounts."

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor()

        def ask_to_stop(signum: int, frame: FrameType | None) -> None:
            supervisor.stopping = True

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        log.info("gateway running")
        supervisor.run()
        log.info("gateway stopped")
