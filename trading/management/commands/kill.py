"""Stop trading now: needs the database and nothing else."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from trading.management.named import account_named, deployment_numbered, symbol_named
from trading.models import KillMode
from trading.services.switches import Scope, kill_pull


class Command(BaseCommand):
    """Pull a kill switch; `rearm` lets go of it."""

    help = (
        "Stop entries everywhere, or of one account, deployment or symbol, and keep them stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        scope = parser.add_mutually_exclusive_group()
        scope.add_argument("--account", help="name or number of an account")
        scope.add_argument("--deployment", type=int, help="number of a deployment")
        scope.add_argument("--symbol", help="EURUSD, or source:EURUSD")
        parser.add_argument("--mode", choices=KillMode.values, default=KillMode.HALT)
        parser.add_argument("--reason", required=True, help="what the others will read")

    def handle(self, *args: Any, **options: Any) -> None:
        switch = kill_pull(
            scope=_scope(options),
            mode=KillMode(options["mode"]),
            reason=options["reason"],
            actor=f"{getpass.getuser()} (command line)",
        )
        self.stdout.write(f"Switch {switch.pk}: {switch}. Re-arm: manage.py rearm {switch.pk} ...")


def _scope(options: dict[str, Any]) -> Scope:
    account, deployment, symbol = options["account"], options["deployment"], options["symbol"]
    return Scope(
        account=account_named(account) if account else None,
        deployment=deployment_numbered(deployment) if deployment is not None else None,
        symbol=symbol_named(symbol) if symbol else None,
    )
