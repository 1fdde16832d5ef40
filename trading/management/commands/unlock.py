"""Let entries pass again."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError

from trading.models import Lock
from trading.selectors.protections import locks_holding
from trading.services.protections import lock_release


class Command(BaseCommand):
    """Without a number it lists the locks that hold."""

    help = "Release a lock, in the name of a permitted user and with a reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("lock", type=int, nargs="?", help="number of the lock")
        parser.add_argument("--user", help="who releases it; needs the permission")
        parser.add_argument("--reason", default="", help="why entries may pass again")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["lock"] is None:
            self._list()
            return
        lock = Lock.objects.filter(pk=options["lock"]).first()
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if lock is None or user is None:
            was = f"lock {options['lock']}, user {options['user']}"
            raise CommandError(f"Expected a lock and an active user, was {was}")
        try:
            done = lock_release(lock=lock, actor=user, reason=options["reason"])
        except (PermissionDenied, ValidationError) as e:
            raise CommandError(str(getattr(e, "message", e))) from e
        self.stdout.write(f"{lock}: {'released' if done else 'had ended already'}")

    def _list(self) -> None:
        for lock in locks_holding():
            end = f"until {lock.expires_at:%Y-%m-%d %H:%M} UTC" if lock.expires_at else "for good"
            self.stdout.write(f"{lock.pk}: {lock}, by {lock.locked_by} {end}: {lock.reason}")
