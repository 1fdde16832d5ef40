"""Let go of a kill switch."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError

from trading.models import KillSwitch
from trading.selectors.kills import kills_pulled
from trading.services.switches import kill_rearm


class Command(BaseCommand):
    """Without a number it lists the switches that are pulled."""

    help = "Re-arm a kill switch, in the name of a permitted user and with a reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("switch", type=int, nargs="?", help="number of the switch")
        parser.add_argument("--user", help="who re-arms; needs the permission")
        parser.add_argument("--reason", default="", help="why it is safe again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["switch"] is None:
            self._list()
            return
        switch = KillSwitch.objects.filter(pk=options["switch"]).first()
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if switch is None or user is None:
            was = f"switch {options['switch']}, user {options['user']}"
            raise CommandError(f"Expected a switch and an active user, was {was}")
        try:
            done = kill_rearm(switch=switch, actor=user, reason=options["reason"])
        except (PermissionDenied, ValidationError) as e:
            raise CommandError(str(getattr(e, "message", e))) from e
        self.stdout.write(f"{switch}: {'re-armed' if done else 'was re-armed already'}")

    def _list(self) -> None:
        for switch in kills_pulled():
            self.stdout.write(
                f"{switch.pk}: {switch}, by {switch.pulled_by} at "
                f"{switch.pulled_at:%Y-%m-%d %H:%M} UTC: {switch.reason}"
            )
