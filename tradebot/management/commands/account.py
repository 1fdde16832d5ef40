"""`manage.py account add | deploy | undeploy`: accounts at MetaApi, from the command line.

It is here and not with the other commands of trading because a password may come from a variable
of the environment, which only the wiring reads.
"""

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.models import Account, Connection
from trading.services.connections import (
    ConnectionFailed,
    NewAccount,
    account_add,
    account_deploy,
    account_undeploy,
)


class Command(BaseCommand):
    """A password is asked for, or read from a variable or the standard input: never an argument,
    which every user of the machine could see."""

    help = "Adds an account to MetaApi, starts or stops its terminal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        _add_arguments(actions.add_parser("add", help="let MetaApi run a login of a broker"))
        deploy = actions.add_parser("deploy", help="start the account's terminal")
        undeploy = actions.add_parser("undeploy", help="stop the account's terminal")
        for action in (deploy, undeploy):
            action.add_argument("account", help="name or number of the account")
            action.add_argument(
                "--wait", type=float, default=300.0, help="seconds until it gives up (%(default)g)"
            )
        undeploy.add_argument(
            "--force", action="store_true", help="although positions or orders are open"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actions = {"add": self._add, "deploy": self._deploy, "undeploy": self._undeploy}
        try:
            actions[options["action"]](options)
        except ConnectionFailed as e:
            raise CommandError(str(e)) from None

    def _add(self, options: dict[str, Any]) -> None:
        connection = _connection(options["connection"])
        login, server = options["login"], options["server"]
        terms = NewAccount(
            login=login,
            server=server,
            password=_password(options),
            platform=options["platform"],
            name=options["name"] or f"{server} {login[-3:]}",
        )
        self._say("adding; MetaApi may take minutes to find a new broker out")
        account = account_add(connection=connection, terms=terms, say=self._say)
        self.stdout.write(f"Account {account.pk}: {account}, {account.remote_state}")
        self.stdout.write(f"Next: manage.py account deploy {account.pk}")

    def _deploy(self, options: dict[str, Any]) -> None:
        account = _account(options["account"])
        row = account_deploy(account=account, say=self._say, longest=options["wait"])
        self.stdout.write(f"{row} is {row.remote_state}")

    def _undeploy(self, options: dict[str, Any]) -> None:
        account = _account(options["account"])
        row = account_undeploy(
            account=account, is_forced=options["force"], say=self._say, longest=options["wait"]
        )
        self.stdout.write(f"{row} is {row.remote_state}")

    def _say(self, line: str) -> None:
        self.stderr.write(f"... {line}")
        self.stderr.flush()


def _add_arguments(add: ArgumentParser) -> None:
    add.add_argument("--connection", help="name of the connection; needed where there are several")
    add.add_argument("--login", required=True)
    add.add_argument("--server", required=True, help="exactly as the terminal shows it")
    add.add_argument("--platform", required=True, choices=Account.Platform.values)
    add.add_argument("--name", default="", help="default: the server and the end of the login")
    password = add.add_mutually_exclusive_group()
    password.add_argument(
        "--password-env", metavar="VARIABLE", help="read the password from this variable"
    )
    password.add_argument(
        "--password-stdin", action="store_true", help="read it from the standard input's first line"
    )


def _password(options: dict[str, Any]) -> str:
    if options["password_env"]:
        name = options["password_env"]
        found, where = os.environ.get(name, ""), f"in the variable {name}"
    elif options["password_stdin"]:
        found, where = sys.stdin.readline().rstrip("\r\n"), "on the standard input"
    else:
        found, where = getpass.getpass(f"Password of {options['login']}: "), "typed"
    if not found:
        raise CommandError(f"Expected a password {where}, was nothing")
    return found


def _connection(named: str | None) -> Connection:
    found = Connection.objects.defer("token")
    chosen = list(found.filter(name=named) if named else found[:2])
    if len(chosen) != 1:
        names = ", ".join(found.values_list("name", flat=True)) or "none"
        raise CommandError(f"Expected --connection to name one of: {names}, was {named!r}")
    return chosen[0]


def _account(named: str) -> Account:
    accounts = Account.objects.filter(kind="metaapi")
    account = accounts.filter(name=named).first()
    if account is None and named.isdecimal():
        account = accounts.filter(pk=int(named)).first()
    if account is None:
        names = ", ".join(accounts.values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"Expected a MetaApi account among {names}, was {named!r}")
    return account
