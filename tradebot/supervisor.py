"""Runs programs as child processes: their output with a prefix, restarts, a stop in order.

One thread, which must be the main one (see `processes`): it waits on the pipes of the children
and looks at each child in every round. Each child leads a session of its own, so that a Ctrl-C of
the terminal reaches only this process and the order of the stop is kept.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tradebot.processes import tied

ROUND_SECONDS = 0.1
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 30.0
"""A program that ran this long is well: its next restart is quick again."""
STEP_SECONDS = 0.5
"""How long a program has to itself before the next one is asked to stop as well."""
STOP_SECONDS = 6.0
FOUNDATION_SECONDS = 1.5
LONGEST_LINE = 1 << 16

Write = Callable[[str, str], None]
"""Takes the name of a program and one line of its output."""


@dataclass(frozen=True)
class Program:
    """What to run. The foundation serves the other programs and is stopped after all of them."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    foundation: bool = False


def pause_before_restart(*, ran: float, last_pause: float) -> float:
    """Seconds to wait: doubled at every failure, short again after a steady run."""
    if ran >= STEADY_SECONDS or last_pause == 0:
        return FIRST_PAUSE
    return min(2 * last_pause, LONGEST_PAUSE)


class Child:
    """A program and its process of the moment."""

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.pause = 0.0
        self.restart_at: float | None = None
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        self.restart_at = None
        self.rest = b""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self.output = os.fdopen(read_end, "rb", buffering=0)
        with os.fdopen(write_end, "wb") as output:
            self.process = subprocess.Popen(  # noqa: S603
                tied(self.program.command),
                env={**os.environ, **self.program.env},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def running(self) -> bool:
        return self.process.poll() is None

    def read(self) -> tuple[list[str], bool]:
        """Complete lines that came since the last call, and whether more may come."""
        try:
            data = os.read(self.output.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return [], True
        *lines, self.rest = (self.rest + data).split(b"\n")
        if self.rest and (not data or len(self.rest) >= LONGEST_LINE):
            lines, self.rest = [*lines, self.rest], b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines], bool(data)

    def kill(self) -> None:
        """End the process and whatever it left in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Starts programs in order, keeps them running, stops them in reverse order."""

    def __init__(self, directory: Path, write: Write) -> None:
        self.children: list[Child] = []
        self._directory = directory
        self._write = write
        self._restarting = True
        self._selector = selectors.DefaultSelector()

    def start(self, program: Program) -> Child:
        child = Child(program, self._directory)
        self.children.append(child)
        self._listen(child)
        return child

    def run(self, *, until: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """Look after the children until the condition holds; False when the time is over first."""
        deadline = time.monotonic() + seconds
        while not until():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._pass_on(min(ROUND_SECONDS, remaining))
            for child in self.children:
                self._look_after(child)
        return True

    def stop(self) -> None:
        """End all children, the last started first, and the foundations when all others ended."""
        self._restarting = False
        self._stop([c for c in self.children if not c.program.foundation], STOP_SECONDS)
        self._stop([c for c in self.children if c.program.foundation], FOUNDATION_SECONDS)
        self._pass_on(0)
        self._selector.close()
        for child in self.children:
            child.output.close()

    def _stop(self, children: Sequence[Child], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for child in reversed(children):
            if child.running():
                child.process.terminate()
            step = min(STEP_SECONDS, deadline - time.monotonic())
            self.run(until=lambda child=child: not child.running(), seconds=step)  # type: ignore[misc]
        in_time = self.run(
            until=lambda: not any(child.running() for child in children),
            seconds=deadline - time.monotonic(),
        )
        for child in children:
            if not in_time and child.running():
                self._write(child.program.name, f"killed, it did not stop within {seconds:g} s")
            child.kill()
            child.process.wait()

    def _listen(self, child: Child) -> None:
        self._selector.register(child.output, selectors.EVENT_READ, child)

    def _pass_on(self, seconds: float) -> None:
        """Wait for output at most so long and write what came."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            self._read(key.data)

    def _read(self, child: Child) -> None:
        lines, more = child.read()
        for line in lines:
            self._write(child.program.name, line)
        if not more:
            self._selector.unregister(child.output)

    def _look_after(self, child: Child) -> None:
        if child.running() or not self._restarting:
            return
        if child.restart_at is None:
            self._plan_restart(child)
        elif time.monotonic() >= child.restart_at:
            if child.output in self._selector.get_map():  # something else still holds the pipe
                self._selector.unregister(child.output)
            child.output.close()
            child.start()
            self._listen(child)

    def _plan_restart(self, child: Child) -> None:
        child.kill()  # what it left behind would work beside its successor
        now = time.monotonic()
        child.pause = pause_before_restart(ran=now - child.started, last_pause=child.pause)
        child.restart_at = now + child.pause
        code = child.process.returncode
        self._write(child.program.name, f"exited with {code}, starts again in {child.pause:g} s")
