"""The gateway's porter: looks at the accounts at MetaApi and brings new ones up.

A thread of its own, because MetaApi may take minutes to answer and sessions must not wait for it.
Every gateway may have one: they write down the same.
"""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic
from typing import Final

import structlog
from django.db import DatabaseError, close_old_connections, connections

from trading.models import Account
from trading.services.accounts import account_wait
from trading.services.connections import ConnectionFailed, account_bring_up

LOOK_SECONDS: Final = 1.0
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
SETTLED_SECONDS: Final = 300.0
"""Between two looks at an account that runs."""
log = structlog.get_logger(__name__)


class Porter:
    """Runs from `start` until `stop`."""

    def __init__(self) -> None:
        self._stop = Event()
        self._due: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._thread = Thread(target=self._run, name="porter", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End without waiting for an answer that is still to come."""
        self._stop.set()
        self._thread.join(timeout=1)

    def step(self) -> None:
        """Look at every account whose time has come."""
        rows = Account.objects.filter(kind="metaapi", connection__isnull=False).order_by("pk")
        for account in rows:
            if self._stop.is_set():
                return
            if self._due.get(account.pk, 0.0) <= monotonic():
                self._due[account.pk] = monotonic() + self._look(account)

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_SECONDS):
                self._try_step()
        finally:
            connections.close_all()

    def _try_step(self) -> None:
        """Nothing here may end the thread: an account that fails is looked at again."""
        close_old_connections()
        try:
            self.step()
        except DatabaseError as e:
            log.error("database unavailable", error=str(e).strip())
            connections.close_all()
        except Exception:
            log.exception("porter failed")
            self._stop.wait(FIRST_PAUSE)

    def _look(self, account: Account) -> float:
        """Seconds until the next look."""
        try:
            is_settled = account_bring_up(account=account)
        except ConnectionFailed as e:
            log.warning("account not brought up", account=str(account), error=str(e))
            account_wait(account=account, reason=f"MetaApi: {e}")
            return self._later(account)
        if is_settled:
            self._pauses.pop(account.pk, None)
            return SETTLED_SECONDS
        return FIRST_PAUSE

    def _later(self, account: Account) -> float:
        pause = self._pauses.get(account.pk, FIRST_PAUSE)
        self._pauses[account.pk] = min(2 * pause, LONGEST_PAUSE)
        return pause
