"""Keep entries out for a while."""

import getpass
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from trading.management.named import account_named, deployment_numbered, symbol_named
from trading.models import Side
from trading.services.protections import LockScope, lock_add

SIDES = {side.label.lower(): side for side in Side}


class Command(BaseCommand):
    """Put on a lock; `unlock` releases it."""

    help = (
        "Keep entries out everywhere, or of one account, symbol, symbol of an account or "
        "deployment; exits go on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", help="name or number of an account")
        parser.add_argument("--symbol", help="EURUSD, or source:EURUSD")
        parser.add_argument("--deployment", type=int, help="number of a deployment")
        parser.add_argument("--side", choices=SIDES, help="only entries of this side")
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--minutes", type=int, help="how long; without it until it is released")
        end.add_argument("--until", type=_moment, help="2026-03-06T22:00, UTC unless it says so")
        parser.add_argument("--reason", required=True, help="what the others will read")

    def handle(self, *args: Any, **options: Any) -> None:
        minutes = options["minutes"]
        until = options["until"] if minutes is None else now() + timedelta(minutes=minutes)
        try:
            lock = lock_add(
                scope=_scope(options),
                reason=options["reason"],
                actor=f"{getpass.getuser()} (command line)",
                expires_at=until,
            )
        except ValidationError as e:
            raise CommandError(e.message) from e
        self.stdout.write(f"Lock {lock.pk}: {lock}. Release: manage.py unlock {lock.pk} ...")


def _scope(options: dict[str, Any]) -> LockScope:
    account, symbol, number = options["account"], options["symbol"], options["deployment"]
    return LockScope(
        account=account_named(account) if account else None,
        symbol=symbol_named(symbol) if symbol else None,
        deployment=deployment_numbered(number) if number is not None else None,
        side=SIDES[options["side"]] if options["side"] else None,
    )


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a time such as 2026-03-06T22:00, was {text!r}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
