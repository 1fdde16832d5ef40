"""Hours in which a deployment may enter, as people write them down."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trading.engine.sessions import WEEKDAYS, Week, week_of
from trading.engine.types import EngineError

_TEXT: Final = re.compile(r"(?P<windows>.*?\d)(?:\s+(?P<zone>[A-Za-z_]\S*))?")
_WINDOW: Final = re.compile(
    r"(?:(?P<first>[A-Za-z]{3})(?:-(?P<last>[A-Za-z]{3}))?\s+)?"
    r"(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)"
)
_DAYS: Final = [name[:3] for name in WEEKDAYS]


@lru_cache(maxsize=256)
def hours_of(text: str) -> Week:
    """The week of "Mon-Fri 08:00-17:00, Sun 22:00-24:00 Europe/London"; empty = always open.

    Windows without days are of every day, those that end before they begin go over midnight, and
    without a zone the clock is UTC. EngineError names what cannot be read.
    """
    if not text.strip():
        return week_of({}, "trade")
    parts = _TEXT.fullmatch(text.strip())
    if parts is None:
        raise _unreadable(text)
    sessions: dict[str, list[list[str]]] = {}
    for window in parts["windows"].split(","):
        found = _WINDOW.fullmatch(window.strip())
        if found is None:
            raise _unreadable(window.strip())
        for day in _days(found["first"], found["last"]):
            sessions.setdefault(day, []).append([found["start"], found["end"]])
    return week_of({"zone": parts["zone"] or "UTC", "trade": sessions}, "trade")


def _days(first: str | None, last: str | None) -> list[str]:
    """Names of weekdays from first to last, also over Sunday."""
    if first is None:
        return list(WEEKDAYS)
    numbers = []
    for name in (first, last or first):
        if name.upper() not in _DAYS:
            raise EngineError(f"Expected a weekday such as Mon, was {name!r}")
        numbers.append(_DAYS.index(name.upper()))
    start, end = numbers
    return [WEEKDAYS[(start + n) % 7] for n in range((end - start) % 7 + 1)]


def _unreadable(text: str) -> EngineError:
    return EngineError(f"Expected hours such as Mon-Fri 08:00-17:00 Europe/London, was {text!r}")
