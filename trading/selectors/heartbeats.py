"""Which processes of the platform live, by the stamps they leave in the cache."""

from __future__ import annotations

from time import time
from typing import Final

from django.core.cache import cache

PROCESSES: Final = ("web", "worker", "gateway", "notifier")


def heartbeats() -> dict[str, float | None]:
    """Seconds since the last stamp of each process, wall clock; None where it has ended in order,
    or never ran. Of several of a kind the newest stamp counts. Raises what the cache raises."""
    stamps = cache.get_many([stamp_key(process) for process in PROCESSES])
    ages = {name: time() - stamp for name, stamp in stamps.items()}
    return {process: _age(ages.get(stamp_key(process))) for process in PROCESSES}


def stamp_key(process: str) -> str:
    """Where a process leaves its stamp, in epoch seconds."""
    return f"stamp:{process}"


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, seconds)
