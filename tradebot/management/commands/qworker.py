"""`manage.py qworker`: django-q2's cluster, hardened for supervisors that signal whole groups.

What differs from `qcluster`, each for a fault that was seen:

* SIGTERM and SIGINT act in the main process only. Heroku and terminals signal every process of a
  group; the stock cluster then cuts the task in flight and hangs.
* The handler only sets a flag; setting an Event inside a handler can dead-lock.
* A process of the cluster that was killed may hold the lock of a queue, which freezes the others
  for ever. All are ended and the command exits with 70: the supervisor starts it anew, and the
  queue hands the lost tasks out again. The same when the guard of the cluster itself stands still.
* A worker past its time limit may flush its result before it is killed.
* No process of the cluster outlives its parent (Linux).

It touches internals of django-q2, which is therefore pinned to its patch line.
"""

import os
import signal
import time
from argparse import ArgumentParser
from multiprocessing import Value, get_context
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from django.utils.module_loading import autodiscover_modules
from django_q import cluster

from tradebot.processes import tie_forks
from trading.services.heartbeats import STAMP_SECONDS, Heartbeat

RESTART = 70  # exit code: sysexits' EX_SOFTWARE
TIMED_OUT, RECYCLED = 0, -2  # values of a worker's timer; above 0 it is busy
FLUSH_SECONDS = 1.0
FINISH_SECONDS = 5.0

KEEP_CONNECTION = 60
"""Seconds a process of the cluster keeps its database connection."""
log = structlog.get_logger(__name__)


class Sentinel(cluster.Sentinel):  # type: ignore[misc]
    """The guard process: forks pusher, workers and monitor, and looks after them."""

    last_round = Value("d", 0.0, lock=False)
    """When the guard last looked around, in seconds of the monotonic clock; the main process reads
    it through shared memory."""

    def start(self) -> None:
        # Inherited by all the processes this one forks.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        super().start()

    def status(self) -> str:
        """The state for the statistics, which the guard asks for once in every round."""
        Sentinel.last_round.value = time.monotonic()
        status: str = super().status()
        return status

    def reincarnate(self, process: Any) -> None:
        """Replace a process of the cluster that has ended, or end the whole cluster."""
        timed_out = process in self.pool and process.timer.value == TIMED_OUT
        if timed_out:
            process.join(FLUSH_SECONDS)
            process.kill()
        elif process.exitcode:
            log.critical("process of the cluster died", exit_code=process.exitcode)
            self._end_cluster()
        super().reincarnate(process)

    def _end_cluster(self) -> None:
        """Exit at once, but for the tasks in flight, which get a moment to finish."""
        self.pusher.kill()  # no further tasks
        deadline = time.monotonic() + FINISH_SECONDS
        while time.monotonic() < deadline and self._busy():
            time.sleep(0.05)
        for process in [*self.pool, self.monitor]:
            process.kill()
        os._exit(RESTART)

    def _busy(self) -> bool:
        working = any(worker.is_alive() and worker.timer.value > 0 for worker in self.pool)
        return working or (self.monitor.is_alive() and not self.result_queue.empty())


class Command(BaseCommand):
    help = "Works off the task queue until SIGTERM or SIGINT."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--grace",
            type=float,
            default=25.0,
            help="seconds a task in flight may go on after a stop (default 25; Heroku kills at 30)",
        )

        parser.add_argument(
            "--standstill",
            type=float,
            default=60.0,
            help="seconds without a round of the guard that mean it hangs (default 60; its slowest "
            "step is a write to a locked database, 20)",
        )

    def handle(self, *, grace: float, standstill: float, **options: Any) -> None:
        self.asked = False
        autodiscover_modules("tasks")  # imported once here, and not again in every worker
        connections.close_all()  # a connection must not be shared by fork
        # The cluster asks Django to close old connections at every poll and every task; opening
        # one anew each time would be most of the work of an idle worker.
        connections["default"].settings_dict["CONN_MAX_AGE"] = KEEP_CONNECTION
        tie_forks()
        raise SystemExit(self._run(grace, standstill))

    def _run(self, grace: float, standstill: float) -> int:
        for stop_signal in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop_signal, self._ask)
        Sentinel.last_round.value = time.monotonic()
        fork = get_context("fork")
        stop = fork.Event()
        sentinel = fork.Process(target=Sentinel, args=(stop, fork.Event(), uuid4()))
        sentinel.start()
        log.info("worker running", workers=settings.Q_CLUSTER["workers"])
        heartbeat = Heartbeat("worker")
        while not self.asked and sentinel.is_alive():
            silence = time.monotonic() - Sentinel.last_round.value
            if silence > standstill:
                break
            if silence < STAMP_SECONDS:
                heartbeat.beat()
            time.sleep(0.1)
        if not self.asked:
            return _give_up(sentinel)
        heartbeat.end()
        stop.set()
        return _wait_for_end(sentinel, grace)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True


def _wait_for_end(sentinel: ForkProcess, grace: float) -> int:
    """Let the tasks in flight finish; 0 when they did in time, else 1."""
    sentinel.join(grace)
    if not sentinel.is_alive():
        log.info("worker stopped")
        return 0
    log.warning("a task was cut, it went on for too long after the stop", grace=grace)
    sentinel.kill()
    sentinel.join()
    return 1


def _give_up(sentinel: ForkProcess) -> int:
    log.critical("worker gives up, to be started anew", exit_code=sentinel.exitcode)
    sentinel.kill()
    sentinel.join()
    return RESTART
