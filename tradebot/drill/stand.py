"""A drill under way: the market place, the accounts and the processes, kept alive meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from tradebot.drill.crew import Crew, Nursery
from tradebot.drill.places import Place, place_open
from tradebot.drill.plan import Plan
from tradebot.drill.reports import logs
from tradebot.drill.stage import stage_set
from tradebot.drill.verdict import Verdict, verdict_of
from trading.models import Account, Deployment, Fill

SETTLE_SECONDS = 60.0
QUIET_SECONDS = 3.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stand:
    """What a scenario works with."""

    plan: Plan
    accounts: list[Account]
    place: Place
    crew: Crew

    def keep(self, seconds: float) -> None:
        """Let time pass; what ends is started again."""
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Let time pass until the condition holds; False when it has not within `seconds`."""
        deadline = monotonic() + seconds
        while not condition():
            if monotonic() > deadline:
                return False
            self.crew.revive()
            sleep(POLL_SECONDS)
        return True

    def wait_for_fills(self) -> None:
        """Until every account trades; SystemExit with the logs when one does not."""

        def all_trade() -> bool:
            return Fill.objects.values("account").distinct().count() == len(self.accounts)

        if not self.until(all_trade, SETTLE_SECONDS):
            raise SystemExit(f"Expected fills within {SETTLE_SECONDS} s, was none\n{logs()}")

    def entries_since(self, wall: float) -> list[dict[str, Any]]:
        """Deals of ours that opened a position after `wall`, epoch seconds."""
        deals = self.deals()
        return [d for d in deals if d["opens"] and d["client_id"] and d["wall"] > wall]

    def executions(self) -> int:
        """How many deals there are that no person made."""
        return sum(not deal["by_hand"] for deal in self.deals())

    def deals(self) -> list[dict[str, Any]]:
        """Every deal, as in the ledger."""
        return self.place.ledger()["executions"]

    def submits(self) -> list[dict[str, Any]]:
        """Every request to open a position that was received, as in its ledger."""
        return [r for r in self.place.ledger()["requests"] if r["op"] == "submit"]

    def settle(self) -> Verdict:
        """No new decisions; wait until nothing is wrong any more, or until that takes too long."""
        Deployment.objects.update(state=Deployment.State.PAUSED)
        deadline, quiet_since = monotonic() + SETTLE_SECONDS, None
        while True:
            self.keep(0.5)
            verdict = self._verdict()
            if verdict.faults:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = monotonic()
            is_quiet = quiet_since is not None and monotonic() - quiet_since >= QUIET_SECONDS
            if is_quiet or monotonic() > deadline:
                return verdict

    def _verdict(self) -> Verdict:
        names = {self.place.name_of(account.external_id): account for account in self.accounts}
        return verdict_of(executions=self.deals(), accounts=names)


@contextmanager
def stand_up(plan: Plan) -> Iterator[Stand]:
    """Everything started, and everything ended afterwards."""
    with place_open(plan) as place:
        accounts = stage_set(place=place, accounts=plan.accounts)
        nursery = Nursery({**os.environ, **place.environment})
        crew = Crew(nursery, {"gateway": plan.gateways, "qworker": plan.workers})
        try:
            crew.revive()
            yield Stand(plan, accounts, place, crew)
        finally:
            crew.stop()
            nursery.stop()
