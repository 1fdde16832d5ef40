"""`manage.py rotatekeys`: encrypt every secret in the database with the first of FIELD_KEYS."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.services.keys import KeyMissing, keys_rotate


class Command(BaseCommand):
    help = "Encrypts every secret with the first of FIELD_KEYS: all, or nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = keys_rotate()
        except KeyMissing as e:
            raise CommandError(f"{e}. Nothing was changed") from None
        for label, changed in report.changed.items():
            kept = report.kept[label]
            self.stdout.write(f"{label}: {changed} encrypted anew, {kept} were so already")
        if len(settings.FIELD_KEYS) > 1:
            self.stdout.write(
                "Restart the gateways, which renew their break-glass cards; then the other keys "
                "may leave FIELD_KEYS"
            )
