"""`manage.py bootstrap`: what `up` sets up at its first start, for deployments without it."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from trading.services.bootstrap import bootstrap_run


class Command(BaseCommand):
    help = "Creates the administrator and what the environment names; again, it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-demo",
            dest="demo",
            action="store_false",
            default=settings.DEMO,
            help="set up no demo account",
        )

    def handle(self, *, demo: bool, **options: Any) -> None:
        report = bootstrap_run(demo=demo)
        for line in report.lines:
            self.stdout.write(line)
        if report.admin_password is not None:
            self.stdout.write(f"User admin, password {report.admin_password} (shown only now)")
