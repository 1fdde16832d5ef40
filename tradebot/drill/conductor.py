"""One drill from its beginning to its verdict; runs with the settings of the scratch database.

`python -m tradebot.drill.conductor '{"kills": 50, ...}'` prints one JSON object on its last line.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradebot.drill.nemesis import Nemesis
    from tradebot.drill.verdict import Verdict
    from trading.models import Account

SETTLE_SECONDS = 60.0
QUIET_SECONDS = 3.0
LOG_TAIL = 4000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a drill shall do. `pace` is the mean pause between two harms, in seconds."""

    kills: int
    seed: int
    gateways: int = 3
    workers: int = 2
    accounts: int = 2
    pace: float = 0.25
    speed: float = 60.0


def main() -> None:
    """Set up Django on the scratch database, hold the drill, print the result."""
    import django
    from django.core.management import call_command

    plan = Plan(**json.loads(sys.argv[1]))
    django.setup()
    call_command("migrate", verbosity=0)
    result = hold(plan)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def hold(plan: Plan) -> dict[str, Any]:
    """The drill: harm until the kills are done, settle, judge."""
    from tradebot.drill.crew import Crew, Nursery, venue_process
    from tradebot.drill.stage import stage_set
    from trading.brokers.venue.admin import VenueAdmin

    began = monotonic()
    with venue_process(plan.seed, plan.speed) as address:
        accounts = stage_set(address=address, accounts=plan.accounts)
        nursery = Nursery(os.environ)
        crew = Crew(nursery, {"gateway": plan.gateways, "qworker": plan.workers})
        try:
            crew.revive()
            nemesis = _harm(plan, crew, VenueAdmin(address), accounts)
            verdict = _settle(address, accounts, crew)
        finally:
            crew.stop()
            nursery.stop()
    return _report(plan, nemesis, verdict, monotonic() - began)


def _harm(plan: Plan, crew: Any, venue: Any, accounts: list[Account]) -> Nemesis:
    from tradebot.drill.nemesis import Nemesis, breathe, flatten_and_die
    from trading.brokers.venue.faults import DRILL, Faults

    rng = Random(plan.seed)  # noqa: S311  a drill, repeatable
    nemesis = Nemesis(crew, Path(os.environ["CRASH_POINTS"]), rng)
    _wait_for_fills(accounts)
    venue.set_faults(DRILL)
    flattened = 0
    while nemesis.kills < plan.kills:
        breathe(rng, plan.pace)
        nemesis.step()
        _operate(rng)
        if nemesis.kills >= (flattened + 1) * 40:
            flattened += 1
            flatten_and_die(nemesis, rng.choice(accounts))
    nemesis.rest()
    venue.set_faults(Faults())
    return nemesis


def _wait_for_fills(accounts: list[Account]) -> None:
    """Harm begins once every account trades."""
    from trading.models import Fill

    deadline = monotonic() + SETTLE_SECONDS
    while Fill.objects.values("account").distinct().count() < len(accounts):
        if monotonic() > deadline:
            raise SystemExit(f"Expected fills within {SETTLE_SECONDS} s, was none\n{_logs()}")
        sleep(0.1)


def _operate(rng: Random) -> None:
    """What a person on duty does: let go of switches, resume what was paused after rejections."""
    from django.contrib.auth.models import User

    from trading.models import Deployment
    from trading.selectors.kills import kills_pulled
    from trading.services.kills import kill_rearm
    from trading.services.strategies import deployment_resume

    if rng.random() > 0.1:
        return
    person, _ = User.objects.get_or_create(username="drill", is_superuser=True, is_staff=True)
    for switch in kills_pulled():
        kill_rearm(switch=switch, actor=person, reason="the drill goes on")
    for deployment in Deployment.objects.filter(state=Deployment.State.PAUSED):
        deployment_resume(deployment=deployment, actor=person)


def _settle(address: str, accounts: list[Account], crew: Any) -> Verdict:
    """No new decisions; wait until nothing is wrong any more, or until that takes too long."""
    from tradebot.drill.verdict import verdict_of
    from trading.brokers.venue.admin import VenueAdmin
    from trading.models import Deployment

    Deployment.objects.update(state=Deployment.State.PAUSED)
    names = {account.external_id.partition("/")[2]: account for account in accounts}
    deadline, quiet_since = monotonic() + SETTLE_SECONDS, None
    while True:
        sleep(0.5)
        crew.revive()
        executions = VenueAdmin(address).executions()
        verdict = verdict_of(executions=executions, accounts=names)
        if verdict.faults:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = monotonic()
        elif monotonic() - quiet_since >= QUIET_SECONDS:
            return verdict
        if monotonic() > deadline:
            return verdict


def _report(plan: Plan, nemesis: Nemesis, verdict: Verdict, seconds: float) -> dict[str, Any]:
    from django.db import connection

    from trading.models import Order, StrategyRun

    counts: Mapping[str, int] = {
        "duplicates": len(verdict.duplicates),
        "unbound_positions": len(verdict.unbound_positions),
        "unresolved_orders": len(verdict.unresolved_orders),
        "false_fills": len(verdict.false_fills),
        "missing_events": len(verdict.missing_events),
    }
    report = {
        "kills": nemesis.kills,
        "pauses": nemesis.pauses,
        "broker_executions": verdict.executions,
        **counts,
        "seconds": round(seconds, 1),
        "seed": plan.seed,
        "database": connection.vendor,
        "broken_invariants": len(verdict.broken_invariants),
        "kills_by_point": dict(sorted(nemesis.by_point.items())),
        "entries": _count(Order.objects.filter(purpose="ENTRY"), "status"),
        "answers": _count(StrategyRun.objects.exclude(code=""), "code"),
    }
    if verdict.faults:
        report["faults"] = {name: list(found)[:20] for name, found in verdict.faults.items()}
        report["logs"] = _logs()
    return report


def _count(rows: Any, column: str) -> dict[str, int]:
    return dict(sorted(Counter(rows.values_list(column, flat=True)).items()))


def _logs() -> str:
    """The end of what the processes wrote."""
    folder = Path(os.environ["TRADEBOT_VAR"])
    files = sorted(folder.glob("*.log"))
    return "\n".join(f"== {f.name}\n{f.read_text(errors='replace')[-LOG_TAIL:]}" for f in files)


if __name__ == "__main__":
    main()
