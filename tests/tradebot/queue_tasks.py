"""Tasks for the tests of qworker; they leave their trace in a file."""

import os
import time
from pathlib import Path


def note(path: str, text: str) -> None:
    """Append a line."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


def slow(path: str, seconds: float) -> None:
    """Append a line before and after a pause."""
    note(path, f"begin {os.getpid()}")
    time.sleep(seconds)
    note(path, "end")
