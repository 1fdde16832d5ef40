"""Helpers for tests that start real processes."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def running(pid: int) -> bool:
    """Is there a process of this id that is not a zombie?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # gone by now, or a system without /proc
        return not Path("/proc").is_dir()
    return state != "Z"


def wait_for(condition: Callable[[], object], *, seconds: float = 20) -> bool:
    """Poll until the condition holds; False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def ended(pid: int, *, seconds: float = 20) -> bool:
    """Wait until the process has ended; False when it has not within `seconds`."""
    return wait_for(lambda: not running(pid), seconds=seconds)


def descendants(pid: int) -> list[int]:
    """The process and all that came of it, the oldest first (Linux only)."""
    found, index = [pid], 0
    while index < len(found):
        found += _children(found[index])
        index += 1
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
