"""Readings that the threads of a process make once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """A reading that is shared until it is older than `seconds`."""

    def __init__(self, read: Callable[[], T], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._lock = Lock()
        self._last: tuple[float, T] | None = None

    def get(self) -> T:
        """The reading; whoever finds it too old reads anew, and gets what goes wrong then."""
        with self._lock:
            began = monotonic()
            if self._last is None or began - self._last[0] >= self._seconds:
                self._last = began, self._read()
            return self._last[1]
