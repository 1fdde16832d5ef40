"""A disk small enough to fill, and what fills it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tradebot.drill.unobtainable import Unobtainable

DISK_MIB = 64
BLOCK = b"\0" * 4096


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of its own with `DISK_MIB` in all; raises Unobtainable where mounting is not
    allowed."""
    with tempfile.TemporaryDirectory(prefix="tradebot-disk-") as name:
        size = f"size={DISK_MIB}m"
        _run("mount", "-t", "tmpfs", "-o", size, "tmpfs", name)
        try:
            yield Path(name)
        finally:
            _run("umount", "--lazy", name)


@dataclass(frozen=True, slots=True)
class Ballast:
    """A file that takes whatever is left of its disk."""

    path: Path

    def grow(self) -> None:
        """Take everything that is free."""
        with suppress(OSError), self.path.open("ab", buffering=0) as file:
            while file.write(BLOCK):
                pass

    def drop(self) -> None:
        """Give it all back."""
        self.path.unlink()


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as e:
        raise Unobtainable(f"Expected {command[0]}, was {e}") from e
    if done.returncode:
        raise Unobtainable(f"Expected to be allowed to {command[0]}, was {done.stderr.strip()}")
