"""Look at everything the platform needs, and say what is wrong and what to do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from trading.services.doctor import doctor_run, exit_code
from trading.services.findings import Check, Status


class Command(BaseCommand):
    """Ends with 0 when all is well, 1 with warnings, 2 with failures."""

    help = "Check settings, servers, queue, keys, tokens, accounts, clocks and quotes."
    requires_system_checks = []  # they are its first check

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the checks as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"]:
            checks = doctor_run()
            found = {"checks": [check.to_json() for check in checks]}
            self.stdout.write(json.dumps(found, indent=2))
        else:
            checks = doctor_run(told=self._say)
            self._sum_up(checks)
        sys.exit(exit_code(checks))

    def _say(self, check: Check) -> None:
        colours = {
            Status.PASS: self.style.SUCCESS,
            Status.WARN: self.style.WARNING,
            Status.FAIL: self.style.ERROR,
        }
        self.stdout.write(
            f"{colours[check.status](check.status)}  {check.name:<30}  {check.detail}"
        )
        if check.cure:
            self.stdout.write(f"{'':38}-> {check.cure}")

    def _sum_up(self, checks: list[Check]) -> None:
        counts = {status: sum(c.status is status for c in checks) for status in Status}
        words = f"{counts[Status.WARN]} warnings, {counts[Status.FAIL]} failures"
        self.stdout.write(f"{len(checks)} checks: {words}")
