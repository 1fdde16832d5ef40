"""Close everything of an account: through its gateway, or by itself when the database is down."""

import getpass
import os
import shlex
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from math import isfinite
from time import monotonic, sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db import Error

from trading.engine.orders import RESERVING
from trading.management.named import account_named
from trading.models import Account, KillMode, KillSwitch, Lease, Order, Position, Purpose
from trading.selectors.clock import clock_read
from trading.selectors.leases import lease_standing
from trading.services.breakglass import (
    BreakGlassError,
    Journal,
    broker_of_card,
    card_find,
    card_flatten,
)
from trading.services.switches import Scope, kill_pull

LOOK_SECONDS = 0.5
SOME = 5


class Command(BaseCommand):
    """Ends with 0 only when the account is flat. May be ended anywhere and given again."""

    help = "Close every position of an account and take its pending orders back."
    requires_system_checks = []  # they may ask the database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="name or number of the account")
        parser.add_argument(
            "--break-glass",
            action="store_true",
            help="without database and gateway: ask the broker itself",
        )
        parser.add_argument(
            "--reason", default="from the command line", help="what the others will read"
        )
        parser.add_argument(
            "--wait", type=_seconds, default=60.0, help="seconds until it gives up (%(default)g)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["break_glass"]:
            self._break_glass(options["account"], options["reason"], options["wait"])
            return
        try:
            self._pull(account_named(options["account"]), options["reason"], options["wait"])
        except Error as e:
            again = f"manage.py flatten {shlex.quote(options['account'])} --break-glass"
            raise CommandError(
                f"Expected the database to answer, was: {e}; without it: {again}"
            ) from e

    def _break_glass(self, named: str, reason: str, wait: float) -> None:
        try:
            card = card_find(named=named)
            broker = broker_of_card(card)
        except BreakGlassError as e:
            raise CommandError(str(e)) from e
        journal = Journal(card, _actor(), reason, lambda text: _say(self.stderr, text))
        left = card_flatten(
            card=card,
            broker=broker,
            journal=journal,
            wait=wait,
            say=lambda text: _say(self.stdout, text),
        )
        if left:
            raise CommandError(f"Expected {card.name} flat within {wait:g} s, was: {left}")
        _say(self.stdout, f"{card.name} is flat. Its gateway pulls a FLATTEN switch later on.")

    def _pull(self, account: Account, reason: str, wait: float) -> None:
        switch = kill_pull(
            scope=Scope(account=account), mode=KillMode.FLATTEN, reason=reason, actor=_actor()
        )
        self.stdout.write(f"Switch {switch.pk} is pulled: {switch}")
        self._await(account, wait, switch)
        again = f"manage.py rearm {switch.pk} --user NAME --reason TEXT"
        self.stdout.write(f"{account} is flat. The switch stays pulled; re-arm: {again}")

    def _await(self, account: Account, wait: float, switch: KillSwitch) -> None:
        """Until a gateway has read the broker again and nothing is open on record."""
        ends, said = monotonic() + wait, ""
        while left := _left(account):
            if monotonic() >= ends:
                stays = f"Switch {switch.pk} stays pulled."
                raise CommandError(
                    f"Expected {account} flat within {wait:g} s, was: {left}. {stays}"
                )
            if left != said:
                self.stdout.write(f"{account}: {left}")
                said = left
            sleep(LOOK_SECONDS)


def _left(account: Account) -> str:
    """What keeps the account, as it was read before the switch, from being flat for certain."""
    left = [f"open {p}" for p in _some_positions(account)]
    unsettled = Order.objects.filter(
        account=account, purpose=Purpose.ENTRY, status__in=[s.value for s in RESERVING]
    )
    left += [f"{o.status} {o}" for o in unsettled.select_related("symbol")[:SOME]]
    if Account.objects.filter(pk=account.pk, observed_at=account.observed_at).exists():
        left.append("its broker was not read since")
    return ", ".join([*left, *_standing(account)] if left else [])


def _some_positions(account: Account) -> list[Position]:
    rows = Position.objects.filter(account=account, closed_at__isnull=True)
    return list(rows.select_related("symbol").order_by("id")[:SOME])


def _standing(account: Account) -> list[str]:
    lease = Lease.objects.filter(account=account).first()
    if lease is None:
        return ["no gateway runs the account"]
    problem = lease_standing(lease, clock_read())
    return [] if problem is None else [f"{problem[0]}: {problem[1]}"]


def _actor() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may know no name for its user
        user = f"user {os.getuid()}"
    return f"{user} (command line)"


def _say(out: OutputWrapper, text: str) -> None:
    """A terminal that is gone, or a full disk behind it, must not keep positions open."""
    with suppress(OSError, ValueError):
        out.write(text)
        out.flush()


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if isfinite(float(text)) and float(text) >= 0:
            return float(text)
    raise ArgumentTypeError(f"expected seconds, 0 or more, was {text!r}")
