"""The crash drill: proves on this machine that no order is doubled and none is lost."""

import json
import secrets
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradebot.drill.crew import ROOT
from tradebot.drill.scratch import as_options, scratch
from tradebot.environment import text

MUST_BE_ZERO = (
    "duplicates",
    "unbound_positions",
    "unresolved_orders",
    "false_fills",
    "missing_events",
    "broken_invariants",
)


class Command(BaseCommand):
    """Works on a database of its own beside the configured one; that one is not touched."""

    help = (
        "Kill gateways and workers at named points and at random while they trade against a "
        "broker full of faults, then hold the record against the broker's own ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kills", type=int, default=50, help="SIGKILLs in all (default 50)")
        parser.add_argument("--seed", type=int, help="of every choice; default: a new one")
        parser.add_argument("--gateways", type=int, default=3, help="competing owners (default 3)")
        parser.add_argument("--workers", type=int, default=2, help="worker clusters (default 2)")
        parser.add_argument("--accounts", type=int, default=2, help="accounts (default 2)")
        parser.add_argument("--pace", type=float, default=0.25, help="mean seconds between harms")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("kills", "gateways", "workers", "accounts", "pace")
        plan = {name: options[name] for name in names}
        plan["seed"] = secrets.randbelow(2**31) if options["seed"] is None else options["seed"]
        url = "" if settings.EMBEDDED else text("DATABASE_URL")
        with scratch(url) as environment:
            result = _hold(plan, environment)
        self._tell(result, as_json=options["json"])
        failed = [name for name in MUST_BE_ZERO if result[name]]
        if failed:
            found = ", ".join(f"{name} {result[name]}" for name in failed)
            raise CommandError(f"Expected zeros, was {found}; seed {result['seed']}")

    def _tell(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result))
            return
        for name, value in result.items():
            self.stdout.write(f"{name:<18} {value}")


def _hold(plan: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Run the conductor in the scratch environment; CommandError when it does not finish."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tradebot.drill.conductor", as_options(plan)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise CommandError(f"Expected a result, was exit {done.returncode}; seed {plan['seed']}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result
