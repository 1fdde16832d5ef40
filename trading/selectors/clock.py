"""The clock that decides who owns an account and how old a reading is; no host's wall clock.

With PostgreSQL, which several machines share, it is the database's. With SQLite, which belongs to
one machine, it is the kernel's monotonic clock, which nobody can set and which starts at the boot.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import connection

DATABASE_BOOT = "database"
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a laptop sleeps
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYSCTL = Path("/usr/sbin/sysctl")


@dataclass(frozen=True, slots=True)
class Moment:
    """A reading: `tick` in seconds, comparable with ticks of the same `boot` only."""

    tick: float
    boot: str


def clock_read() -> Moment:
    """Now, on the clock that all processes of this installation share."""
    if connection.vendor != "postgresql":
        return Moment(uptime(), boot_id())
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return Moment(float(cursor.fetchone()[0]), DATABASE_BOOT)


def seconds_since(tick: float, boot: str, now: Moment) -> float:
    """Seconds from `tick` to `now`.

    A tick of another boot cannot be compared: at least the uptime has passed since then.
    """
    return now.tick - tick if boot == now.boot else max(now.tick, 0.0)


def uptime() -> float:
    """Seconds on this kernel's monotonic clock: for deadlines inside one process."""
    return time.clock_gettime(_BOOTTIME)


@cache
def boot_id() -> str:
    """Another one after every boot of this machine. Raises RuntimeError where there is none.

    The moment of the boot by the wall clock would not do: it moves when that clock is set, and
    everything would look as if it were of an earlier boot.
    """
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text().strip()
    command = [str(_SYSCTL), "-n", "kern.bootsessionuuid"]  # macOS
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as e:
        raise RuntimeError(f"Expected the boot id in {_BOOT_ID} or from sysctl, was {e}") from e
    return done.stdout.strip()
