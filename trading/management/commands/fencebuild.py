"""End the trading of older builds: the release step after `migrate`."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trading.services.leases import builds_fence


class Command(BaseCommand):
    """A fence is never lowered: to go back, release the old code under a new number."""

    help = "Let no gateway or worker of an older build trade any account from now on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--build", type=int, default=settings.BUILD, help="oldest build that may trade"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        build = options["build"]
        if build < 0:
            raise CommandError(f"Expected a build of 0 or more, was {build}")
        changed = builds_fence(build=build)
        self.stdout.write(f"{changed} accounts and markets newly closed to builds before {build}")
