"""The processes of a drill, seen from outside: started, killed, paused, and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

from tradebot.drill.plan import Plan
from tradebot.drill.unobtainable import Unobtainable
from tradebot.processes import tied

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
PLATFORMS = ("mt5-hedging", "mt5-hedging", "mt4")
"""Of the accounts at the emulator, in turn."""


class Nursery:
    """The nursery process, and which of its children live."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tradebot.drill.nursery"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._born: SimpleQueue[int] = SimpleQueue()
        self.ended: dict[int, int] = {}
        """Exit status, as of `os.waitpid`, by process id."""
        Thread(target=self._listen, daemon=True).start()

    def fork(self, *command: str) -> int:
        """Start a management command; its process id, which is its group's too."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._born.get(timeout=START_SECONDS)

    def wait(self, pid: int, seconds: float = 30.0) -> int:
        """The exit status of a child; raises TimeoutError."""
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            if pid in self.ended:
                return self.ended[pid]
            sleep(0.01)
        raise TimeoutError(f"Expected process {pid} to end within {seconds} s, was running")

    def stop(self) -> None:
        """End the nursery and all its children."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "pid" in message:
                self._born.put(message["pid"])
            else:
                self.ended[message["ended"]] = message["status"]


class Crew:
    """So many gateways and workers, kept alive whatever happens to them."""

    def __init__(self, nursery: Nursery, wanted: Mapping[str, int]) -> None:
        self.nursery = nursery
        self._wanted = dict(wanted)
        self._pids: dict[int, str] = {}

    def revive(self) -> None:
        """Start what has ended, and the rest of what is left of its group."""
        for pid in [pid for pid in self._pids if pid in self.nursery.ended]:
            _signal_group(pid, signal.SIGKILL)
            del self._pids[pid]
        for command, count in self._wanted.items():
            for _ in range(count - list(self._pids.values()).count(command)):
                self._pids[self.nursery.fork(command)] = command

    def leaders(self, command: str | None = None) -> list[int]:
        """Process ids of what was started, of one command or of all."""
        return [p for p, c in self._pids.items() if command in (None, c)]

    def members(self, leader: int) -> list[int]:
        """Every process of the group, for a worker is several."""
        return sorted(pid for pid in _processes() if _group_of(pid) == leader)

    def stop(self) -> None:
        """Ask everything to end, then insist."""
        for pid in self._pids:
            _signal_group(pid, signal.SIGCONT)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + 20
        while monotonic() < deadline and any(p not in self.nursery.ended for p in self._pids):
            sleep(0.05)
        for pid in self._pids:
            _signal_group(pid, signal.SIGKILL)
        self._pids = {}


@contextmanager
def venue_process(seed: int, speed: float) -> Iterator[str]:
    """The venue in a process of its own; its address."""
    options = (f"--seed={seed}", f"--speed={speed}", "--balance=1000000")
    with _serving("trading.brokers.venue.server", *options) as address:
        yield address


def emulator_expect() -> None:
    """Raise Unobtainable where the emulator of MetaApi does not lie beside the program."""
    if not (ROOT / "tests" / "metaapi_emulator" / "__main__.py").is_file():
        raise Unobtainable(
            f"Expected the emulator of MetaApi in {ROOT / 'tests'}, was none: "
            "it comes with the sources only"
        )


def account_id(number: int) -> str:
    """The id of an account at the emulator; no other one begins with it."""
    return f"drill{number:03}"


def platform_of(number: int) -> str:
    """What runs an account at the emulator."""
    return PLATFORMS[(number - 1) % len(PLATFORMS)]


@contextmanager
def emulator_process(plan: Plan, token: str) -> Iterator[str]:
    """The emulator of MetaApi with the plan's accounts in a process of its own; its address."""
    numbers = range(1, plan.accounts + 1)
    accounts = [f"--account={account_id(n)}={platform_of(n)}" for n in numbers]
    options = (f"--seed={plan.seed}", f"--speed={plan.speed}", "--balance=1000000")
    with _serving("tests.metaapi_emulator", *options, f"--token={token}", *accounts) as address:
        yield address


@contextmanager
def _serving(module: str, *options: str) -> Iterator[str]:
    """A server that prints its port as the first line; its address."""
    process = subprocess.Popen(  # noqa: S603
        tied([sys.executable, "-m", module, *options]),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.wait(10)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
