"""The crash drill: proves on this machine that no order is doubled and none is lost."""

import json
import secrets
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradebot.drill.plan import BROKERS, SCENARIOS, VENUE, Plan, plan_for
from tradebot.drill.runner import DrillFailed, drill_hold
from tradebot.drill.unobtainable import Unobtainable
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
        "broker full of faults, or take something away that they need, then hold the record "
        "against the broker's own ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Plan()
        parser.add_argument(
            "--scenario",
            choices=SCENARIOS,
            default=usual.scenario,
            help="kills and switch are about orders under way; database, cache and disk are about "
            "our own servers and end alike with any broker",
        )
        parser.add_argument(
            "--broker",
            choices=BROKERS,
            default=VENUE,
            help="venue, or metaapi: the emulator of its tests",
        )
        parser.add_argument("--kills", type=int, default=usual.kills, help="SIGKILLs in all")
        parser.add_argument("--seed", type=int, help="of every choice; default: a new one")
        parser.add_argument("--gateways", type=int, help="rival owners")
        parser.add_argument("--workers", type=int, help="worker clusters")
        parser.add_argument("--accounts", type=int)
        parser.add_argument("--pace", type=float, help="mean seconds between two harms")
        parser.add_argument(
            "--speed", type=float, default=usual.speed, help="of the market's clock"
        )
        parser.add_argument("--rounds", type=int, default=usual.rounds, help="pulls of the switch")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seed"] is None:
            options["seed"] = secrets.randbelow(2**31)
        names = [f.name for f in fields(Plan) if options.get(f.name) is not None]
        try:
            plan = plan_for(**{name: options[name] for name in names})
            result = drill_hold(plan, "" if settings.EMBEDDED else text("DATABASE_URL"))
        except (DrillFailed, Unobtainable, ValueError) as e:
            raise CommandError(str(e)) from e
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
            self.stdout.write(f"{name:<22} {value}")
