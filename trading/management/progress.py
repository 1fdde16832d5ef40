"""A progress bar for commands: one line that is drawn again, or a line now and then in a log."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

WIDTH = 30
STEP = 10
"""Percent between two lines where the output is no terminal."""


class Progress:
    """Draws what is done; call `show` as often as you like and `end` once."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out
        self._is_drawn = bool(out.isatty())
        self._next = 0

    def show(self, percent: int, text: str) -> None:
        """`percent` done (0 to 100), and a few words beside the bar."""
        line = f"[{'#' * (WIDTH * percent // 100):<{WIDTH}}] {percent:3}% {text}"
        if self._is_drawn:
            self._out.write(f"\r{line}\x1b[K", ending="")
            self._out.flush()
        elif percent >= self._next:
            self._next = percent - percent % STEP + STEP
            self._out.write(line)

    def end(self) -> None:
        """Leave the line."""
        if self._is_drawn:
            self._out.write("")
