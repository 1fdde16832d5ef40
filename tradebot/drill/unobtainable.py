"""What a drill needs and a machine may not have."""

from __future__ import annotations


class Unobtainable(Exception):
    """This machine cannot give what the drill needs; the message says what and why."""

    def __init__(self, message: str, *, needs_postgres: bool = False) -> None:
        super().__init__(message)
        self.needs_postgres = needs_postgres
