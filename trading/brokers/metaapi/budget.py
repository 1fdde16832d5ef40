"""How many requests an account may make: a token bucket, and the pauses MetaApi asks for.

MetaApi counts requests for each account and answers 429 when there were too many. An order must
never wait behind readings, so that the last tokens are kept for trades.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from time import monotonic, sleep
from typing import Final

from trading.brokers.base import NotSent, Unavailable

LONGEST_PAUSE: Final = 600.0
"""Seconds that a 429 can silence an account; what asks for more is asked again after that."""
UNSAID_PAUSE: Final = 5.0
"""Pause after a 429 that names none."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`rate` tokens a second up to `burst`, of which readings leave `reserve` to trades."""

    rate: float = 10.0
    burst: float = 40.0
    reserve: float = 10.0


class Budget:
    """The budget of one account in this process; safe to use from any thread and after a fork."""

    _process: int
    _lock: Lock
    _tokens: float
    _filled_at: float
    _paused_until: float

    def __init__(
        self,
        allowance: Allowance = Allowance(),
        clock: Callable[[], float] = monotonic,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self._allowance = allowance
        self._clock = clock
        self._wait = wait
        self._begin()

    def read(self, longest: float) -> None:
        """Take a token for a reading, waiting up to `longest` seconds; raises Unavailable."""
        late = self._take(longest, self._allowance.reserve)
        if late is not None:
            raise Unavailable(
                f"Expected a request to be free within {longest:.1f} s, was {late:.1f} s", "BUDGET"
            )

    def trade(self, longest: float) -> None:
        """Take a token for a trade, the reserved ones too; raises NotSent after `longest`
        seconds, or at once when it would take longer."""
        late = self._take(longest, 0.0)
        if late is not None:
            raise NotSent(
                f"Expected a request to be free within {longest:.1f} s, was {late:.1f} s", "BUDGET"
            )

    def pause(self, seconds: float) -> None:
        """No request before this long from now: MetaApi said so."""
        with self._held():
            until = self._clock() + min(max(seconds, 0.0), LONGEST_PAUSE)
            self._paused_until = max(self._paused_until, until)

    def _take(self, longest: float, reserve: float) -> float | None:
        """None once a token was taken, else the seconds until there would be one."""
        ends = self._clock() + longest
        while True:
            with self._held():
                missing = self._missing(reserve)
                if missing <= 0:
                    self._tokens -= 1
                    return None
            left = ends - self._clock()
            if missing > left:
                return missing
            self._wait(missing)

    def _missing(self, reserve: float) -> float:
        """Seconds until a token may be taken; fills the bucket up to now."""
        now, allowance = self._clock(), self._allowance
        earned = (now - self._filled_at) * allowance.rate
        self._tokens = min(allowance.burst, self._tokens + earned)
        self._filled_at = now
        needed = max(0.0, 1 + reserve - self._tokens)
        # a hair more than the division says, so that the wait is not repeated for a rounding
        by_tokens = needed / allowance.rate + 1e-6 if needed > 1e-9 else 0.0
        return max(by_tokens, self._paused_until - now)

    def _held(self) -> Lock:
        if self._process != os.getpid():
            self._begin()  # a fork may have copied the lock while somebody held it
        return self._lock

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._tokens = self._allowance.burst
        self._filled_at = self._clock()
        self._paused_until = self._filled_at


def pause_of(
    recommended: datetime | None, server_time: datetime | None, retry_after: str | None
) -> float:
    """Seconds that an answer asks to wait: until the recommended time by the server's own clock
    (its Date header), else Retry-After, else UNSAID_PAUSE."""
    if recommended is not None and server_time is not None:
        return max(0.0, (recommended - server_time).total_seconds())
    if retry_after is not None and retry_after.isdecimal():
        return float(retry_after[:9])
    return UNSAID_PAUSE


_BUDGETS: dict[str, Budget] = {}


def budget_for(account_id: str) -> Budget:
    """The budget that everybody in this process who asks for the account shares."""
    return _BUDGETS.setdefault(account_id, Budget())
