"""Places at which a drill may end or stop a process, to prove that nothing is lost there.

A drill writes a file named after the point into its directory, with the name of a signal in it;
the first process that comes by takes the file and sends itself that signal. Without a directory,
that is always but in a drill, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

POINTS: Final = (
    "c0-before-intent",
    "c1-intent-committed",
    "c2-sending-committed",
    "c3-before-write",
    "c4-after-write",
    "c5-reply-read",
    "c6-result-committed",
    "c7-recon-read",
    "c8-recon-bound",
    "lease-acquired",
    "lease-renewed",
    "kill-committed",
    "flatten-some",
    "config-switched",
)

_directory: Path | None = None


def arm(directory: str) -> None:
    """Look into this directory from now on; empty means never."""
    global _directory  # one for the process, from the settings
    _directory = Path(directory) if directory else None


def crash_point(name: str) -> None:
    """Die or stop here if a drill has asked for it."""
    if _directory is None:
        return
    assert name in POINTS, name
    taken = _directory / f"{name}.{os.getpid()}"
    try:
        (_directory / name).rename(taken)
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.Signals[taken.read_text()])
