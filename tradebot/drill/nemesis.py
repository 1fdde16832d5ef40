"""Who does the harm: kills at named points and at random, pauses, switches; every choice seeded."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, sleep

from tradebot.drill.crew import Crew
from trading.crashpoints import POINTS
from trading.models import Account

BY_COMMAND = ("kill-committed", "flatten-some", "config-switched")
"""Points that are come by only when somebody gives a command."""
PASSING = tuple(point for point in POINTS if point not in BY_COMMAND)
ARMED = 2
"""Points that are armed at the same time."""
PATIENCE = 3.0
"""Seconds after which a point nobody came by is given up."""


@dataclass(slots=True)
class Nemesis:
    """Harms the crew until it has killed often enough."""

    crew: Crew
    points: Path
    rng: Random
    kills: int = 0
    pauses: int = 0
    by_point: Counter[str] = field(default_factory=Counter)
    _armed: dict[str, float] = field(default_factory=dict)
    _paused: dict[int, float] = field(default_factory=dict)

    def step(self) -> None:
        """One harm, and what is left of those before."""
        self._collect()
        self._resume()
        self._arm()
        draw = self.rng.random()
        if draw < 0.45:
            self._kill_someone()
        elif draw < 0.60:
            self._pause_someone()
        self.crew.revive()

    def rest(self) -> None:
        """No more harm: nothing stays armed or paused."""
        for name in list(self._armed):
            (self.points / name).unlink(missing_ok=True)
        self._collect()
        self._armed = {}
        for pid in self._paused:
            _send(pid, signal.SIGCONT)
        self._paused = {}

    def command(self, *command: str, point: str) -> None:
        """Run a management command that shall die at the point."""
        self._arm_one(point)
        pid = self.crew.nursery.fork(*command)
        with suppress(TimeoutError):
            self.crew.nursery.wait(pid, 10)
        self._collect()

    def arm(self, point: str) -> None:
        """Let the next process that comes by die there."""
        self._arm_one(point)

    def _arm(self) -> None:
        for name, since in list(self._armed.items()):
            if name in PASSING and monotonic() - since > PATIENCE:
                (self.points / name).unlink(missing_ok=True)
                del self._armed[name]
        while len([name for name in self._armed if name in PASSING]) < ARMED:
            free = [point for point in PASSING if point not in self._armed]
            self._arm_one(self.rng.choice(free))

    def _arm_one(self, name: str) -> None:
        draft = self.points / f".{name}"
        draft.write_text("SIGKILL")
        draft.rename(self.points / name)
        self._armed[name] = monotonic()

    def _collect(self) -> None:
        """Count the points that were taken: each was a kill."""
        for name in list(self._armed):
            taken = list(self.points.glob(f"{name}.*"))
            for file in taken:
                file.unlink()
                self.kills += 1
                self.by_point[name] += 1
            if taken or not (self.points / name).exists():
                self._armed.pop(name, None)

    def _kill_someone(self) -> None:
        leader = self._someone()
        if leader is None:
            return
        victims = self.crew.members(leader)
        if victims and _send(self.rng.choice(victims), signal.SIGKILL):
            self.kills += 1
            self.by_point["random"] += 1

    def _pause_someone(self) -> None:
        leader = self._someone()
        victims = self.crew.members(leader) if leader is not None else []
        if not victims:
            return
        victim = self.rng.choice(victims)
        if victim not in self._paused and _send(victim, signal.SIGSTOP):
            self._paused[victim] = monotonic() + self.rng.uniform(0.2, 5.0)
            self.pauses += 1

    def _resume(self) -> None:
        for pid in [pid for pid, until in self._paused.items() if monotonic() >= until]:
            _send(pid, signal.SIGCONT)
            del self._paused[pid]

    def _someone(self) -> int | None:
        leaders = self.crew.leaders()
        return self.rng.choice(leaders) if leaders else None


def flatten_and_die(nemesis: Nemesis, account: Account) -> None:
    """Pull a switch with a process that dies once it is committed, and kill the gateway that
    flattens half way."""
    nemesis.arm("flatten-some")
    name, reason = str(account), "--reason=drill"
    nemesis.command("kill", f"--account={name}", "--mode=FLATTEN", reason, point="kill-committed")


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def breathe(rng: Random, seconds: float) -> None:
    """Let the platform do something between two harms."""
    sleep(rng.uniform(0.3, 1.7) * seconds)
