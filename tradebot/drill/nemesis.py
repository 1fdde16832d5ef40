"""Who does the harm: kills at named points and at random, pauses, switches; every choice seeded."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Timer
from time import monotonic, sleep

from tradebot.drill.crew import Crew
from trading.crashpoints import POINTS
from trading.models import Account, Deployment

BY_COMMAND = ("kill-committed", "flatten-some", "config-switched")
"""Points that are come by only when somebody gives a command."""
PASSING = tuple(point for point in POINTS if point not in BY_COMMAND)
ARMED = 2
"""Points that are armed at the same time."""
PATIENCE = 3.0
"""Seconds after which a point nobody came by is given up."""
COMMAND_PATIENCE = 10.0
"""The same for a point that somebody comes by only after a command."""


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
    _paused: list[tuple[int, Timer]] = field(default_factory=list)

    def step(self) -> None:
        """One harm, and what is left of those before."""
        self._collect()
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
        for pid, timer in self._paused:
            timer.cancel()
            _send(pid, signal.SIGCONT)
        self._paused = []

    def flatten_and_die(self, account: Account) -> None:
        """Pull a switch with a process that dies once it is committed, and kill the gateway that
        flattens half way."""
        self._arm_one("flatten-some")
        scope, mode = f"--account={account}", "--mode=FLATTEN"
        self._command("kill", scope, mode, "--reason=drill", point="kill-committed")

    def turn_and_die(self, deployment: Deployment) -> None:
        """Pause or resume a deployment with a process that dies once it is committed."""
        errand = "tradebot.drill.errands:deployment_turn"
        self._command(errand, str(deployment.pk), point="config-switched")

    @property
    def awaits_flatten(self) -> bool:
        """Whether a gateway shall still die while it flattens."""
        return "flatten-some" in self._armed

    @property
    def unreached(self) -> list[str]:
        """Points at which nobody has died yet."""
        return [point for point in POINTS if not self.by_point[point]]

    def _command(self, *command: str, point: str) -> None:
        """Run a command that shall die at the point."""
        self._arm_one(point)
        pid = self.crew.nursery.fork(*command)
        with suppress(TimeoutError):
            self.crew.nursery.wait(pid, 10)
        self._collect()

    def _arm(self) -> None:
        for name, since in list(self._armed.items()):
            patience = PATIENCE if name in PASSING else COMMAND_PATIENCE
            if monotonic() - since > patience:
                (self.points / name).unlink(missing_ok=True)
                del self._armed[name]
        while len([name for name in self._armed if name in PASSING]) < ARMED:
            self._arm_one(self._rare())

    def _rare(self) -> str:
        """A point that is not armed, rather one at which few have died."""
        free = [point for point in PASSING if point not in self._armed]
        weights = [1 / (1 + self.by_point[point]) for point in free]
        return self.rng.choices(free, weights)[0]

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
        if _send(victim, signal.SIGSTOP):
            # By a timer: who waits for the victim's lock on the database cannot wake it up.
            timer = Timer(self.rng.uniform(0.2, 5.0), _send, (victim, signal.SIGCONT))
            timer.start()
            self._paused.append((victim, timer))
            self.pauses += 1

    def _someone(self) -> int | None:
        leaders = self.crew.leaders()
        return self.rng.choice(leaders) if leaders else None


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def breathe(rng: Random, seconds: float) -> None:
    """Let the platform do something between two harms."""
    sleep(rng.uniform(0.3, 1.7) * seconds)
