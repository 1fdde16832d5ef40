"""Stop trading now: needs the database and nothing else."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.models import Account, Deployment, KillMode
from trading.selectors.bars import SymbolUnknown, symbol_get
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
    if options["account"]:
        return Scope(account=_account(options["account"]))
    if options["deployment"]:
        found = Deployment.objects.filter(pk=options["deployment"]).first()
        if found is None:
            raise CommandError(f"Expected a deployment, was {options['deployment']}")
        return Scope(deployment=found)
    if options["symbol"]:
        try:
            return Scope(symbol=symbol_get(name=options["symbol"]))
        except SymbolUnknown as e:
            raise CommandError(str(e)) from e
    return Scope()


def _account(text: str) -> Account:
    accounts = Account.objects.filter(name=text)
    if text.isdigit():
        accounts = accounts | Account.objects.filter(pk=int(text))
    account = accounts.first()
    if account is None:
        names = ", ".join(Account.objects.values_list("name", flat=True)[:20])
        raise CommandError(f"Expected an account among {names}, was {text!r}")
    return account
