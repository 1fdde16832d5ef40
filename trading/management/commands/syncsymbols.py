"""Read what the broker of an account says of its symbols."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.brokers.base import Unavailable
from trading.engine.types import EngineError
from trading.management.commands.backfill import account_of_name
from trading.management.progress import Progress
from trading.services.brokers import metaapi_client
from trading.services.specifications import specifications_sync


class Command(BaseCommand):
    """Asks one question for each symbol, behind trades; may be ended and given again."""

    help = "Create and update the symbols of a MetaApi account from its broker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="name or number of the account")
        parser.add_argument("--symbols", nargs="+", help="names at the broker; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        account, bar = account_of_name(options["account"]), Progress(self.stdout)
        try:
            report = specifications_sync(
                account=account,
                client=metaapi_client(account=account),
                names=options["symbols"],
                progress=lambda done, of: bar.show(100 * done // of, f"{done} of {of} symbols"),
            )
        except (EngineError, Unavailable) as e:
            raise CommandError(str(e)) from e
        finally:
            bar.end()
        self.stdout.write(f"{account}: {report}")
