"""List the accounts of a MetaApi token and bring their rows up to date."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.models import Connection
from trading.services.connections import ConnectionFailed, SyncReport, accounts_sync


class Command(BaseCommand):
    """Ends with 1 when a connection failed; the others are synced all the same."""

    help = "Create and update the accounts of every connection, or of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", help="name of one connection")
        parser.add_argument("--json", action="store_true", help="print the reports as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        reports, failures = list[SyncReport](), list[ConnectionFailed]()
        for connection in _connections(options["connection"]):
            self.stderr.write(f"{connection.name}: asking MetaApi for its accounts")
            try:
                reports.append(accounts_sync(connection=connection))
            except ConnectionFailed as e:
                failures.append(e)
        if options["json"]:
            self.stdout.write(_as_json(reports, failures))
        else:
            self.stdout.write("\n".join(line for report in reports for line in _lines(report)))
        if failures:
            raise CommandError("; ".join(str(failure) for failure in failures))


def _connections(named: str | None) -> list[Connection]:
    found = Connection.objects.defer("token").order_by("name")
    if named is not None:
        found = found.filter(name=named)
    if not found:
        names = ", ".join(Connection.objects.values_list("name", flat=True)) or "none"
        raise CommandError(f"Expected a connection, was {named!r}; there are: {names}")
    return list(found)


def _lines(report: SyncReport) -> list[str]:
    groups = {name: getattr(report, name) for name in ("created", "updated", "gone", "problems")}
    details = [f"  {name}: {text}" for name, texts in groups.items() for text in texts]
    return [str(report).partition(";")[0], *details]


def _as_json(reports: list[SyncReport], failures: list[ConnectionFailed]) -> str:
    errors = [{"error": str(e), "code": e.code, "cure": e.cure} for e in failures]
    return json.dumps({"reports": [r.to_json() for r in reports], "errors": errors}, indent=2)
