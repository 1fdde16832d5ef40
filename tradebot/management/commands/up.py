"""`manage.py up`: the whole platform on one machine, in one command.

Starts the embedded Valkey (unless REDIS_URL is given), migrates, sets up what the first start
needs, then runs web, worker, gateway and notifier and keeps them running.
"""

import errno
import fcntl
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from tradebot import embedded
from tradebot.environment import text
from tradebot.supervisor import Program, Supervisor

PORT_SECONDS = 3.0  # the web process of a run that was killed needs a moment to end
READY_SECONDS = 60.0
WORKER_GRACE = "5"  # below the supervisor's own patience
COLOURS = {"valkey": 35, "web": 36, "worker": 33, "gateway": 32, "notifier": 34, "up": 1}


class Command(BaseCommand):
    help = "Runs the whole platform on this machine until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")
        parser.add_argument(
            "--no-demo",
            dest="demo",
            action="store_false",
            default=settings.DEMO,
            help="set up no demo account at the first start",
        )

    def handle(self, *, host: str, port: int, demo: bool, **options: Any) -> None:
        self.asked = self.interruptible = False
        self.console = Console(sys.stdout)
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(signal.SIGHUP, self._ask)
        with _only_one(settings.VAR_DIR):
            _expect_free(host, port)
            supervisor = Supervisor(settings.BASE_DIR, self.console)
            try:
                self._run(supervisor, host=host, port=port, demo=demo)
            except KeyboardInterrupt:
                pass  # asked to stop while it was still setting up
            finally:
                supervisor.stop()
        self.console("up", "stopped")

    def _run(self, supervisor: Supervisor, *, host: str, port: int, demo: bool) -> None:
        _start_valkey(supervisor)
        with self._interruptible():
            banner = _prepare(host, port, demo=demo)
        for program in _programs(host, port):
            supervisor.start(program)
        try:
            supervisor.run(until=lambda: self.asked or _listens(host, port), seconds=READY_SECONDS)
        finally:  # the password in it is shown only this once
            for line in banner:
                self.console("up", line)
        supervisor.run(until=lambda: self.asked)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True
        if first and self.interruptible:
            raise KeyboardInterrupt

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let a signal break off what runs inside."""
        if self.asked:
            raise KeyboardInterrupt
        self.interruptible = True
        try:
            yield
        finally:
            self.interruptible = False


class Console:
    """Writes lines of the children with the name of the child before them."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._coloured = stream.isatty()

    def __call__(self, name: str, line: str) -> None:
        prefix = f"{name:<8} |"
        if self._coloured:
            prefix = f"\x1b[{COLOURS.get(name, 0)}m{prefix}\x1b[0m"
        try:
            self._stream.write(f"{prefix} {line}\n")
            self._stream.flush()
        except OSError:
            pass  # nobody reads any more; the platform goes on


@contextmanager
def _only_one(var_dir: Path) -> Iterator[None]:
    """Refuse a second run on the same directory; the lock ends with the process."""
    with (var_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"Expected {var_dir} to be in use by nobody, was in use by process {file.read()}. "
                "Stop that one, or set TRADEBOT_VAR to another directory."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _expect_free(host: str, port: int) -> None:
    deadline = time.monotonic() + PORT_SECONDS
    while error := _bind_error(host, port):
        if error.errno != errno.EADDRINUSE:
            raise CommandError(f"Expected to listen on {host}:{port}, was refused: {error}")
        if time.monotonic() > deadline:
            raise CommandError(
                f"Expected port {port} of {host} to be free, was in use. "
                f"Take another one: make run PORT={port + 1}"
            )
        time.sleep(0.1)


def _bind_error(host: str, port: int) -> OSError | None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as e:
        return e
    return None


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((_local(host), port), timeout=1):
            return True
    except OSError:
        return False


def _local(host: str) -> str:
    """The address to reach this host's listener from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _start_valkey(supervisor: Supervisor) -> None:
    if not settings.EMBEDDED_VALKEY:
        return
    var_dir, path = settings.VAR_DIR, embedded.valkey_socket(settings.VAR_DIR)
    if embedded.valkey_alive(path):  # left by a run that was killed, and about to end with it
        embedded.valkey_shutdown(path)
    command = embedded.valkey_command(var_dir)
    child = supervisor.start(Program("valkey", command, foundation=True))
    supervisor.run(
        until=lambda: embedded.valkey_alive(path) or not child.running(),
        seconds=embedded.START_SECONDS,
    )
    if not child.running():
        raise CommandError(embedded.valkey_complaint(var_dir))


def _prepare(host: str, port: int, *, demo: bool) -> list[str]:
    """Bring database and files up to date; returns what to tell when all runs."""
    from notifications.services import channel_bootstrap
    from trading.services.bootstrap import bootstrap_run

    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as e:
        raise CommandError(f"Expected the database to answer, was: {e}") from None
    if not settings.EMBEDDED:
        call_command("collectstatic", interactive=False, verbosity=0)
    report = bootstrap_run(demo=demo)
    channel = channel_bootstrap()
    connections.close_all()
    url = f"http://{_local(host)}:{port}"
    login = "user admin"
    if report.admin_password is not None:
        login += f", password {report.admin_password} (shown only now)"
    return [
        *report.lines,
        *([f"Created the channel {channel}"] if channel is not None else []),
        f"Dashboard  {url}/dashboard/",
        f"Admin      {url}/admin/",
        f"Sign in    {login}",
        "Stop       Ctrl-C",
    ]


def _programs(host: str, port: int) -> list[Program]:
    shared = {"PYTHONUNBUFFERED": "1"}
    if sys.stdout.isatty():
        shared["FORCE_COLOR"] = "1"
    if not text("BACKEND_API_URL"):
        shared["BACKEND_API_URL"] = f"http://{_local(host)}:{port}"
    manage = [sys.executable, "manage.py"]
    daphne = [sys.executable, "-m", "daphne", "-v", "0", "-b", host, "-p", str(port)]
    return [
        Program("web", [*daphne, "tradebot.web:application"], {**shared, "DATABASE_POOL": "yes"}),
        Program("worker", [*manage, "qworker", "--grace", WORKER_GRACE], shared),
        Program("gateway", [*manage, "gateway"], shared),
        Program("notifier", [*manage, "notifier"], shared),
    ]
