"""Import a calendar of economic news."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.engine.types import EngineError
from trading.services.news import news_import


class Command(BaseCommand):
    help = (
        "Import news from a CSV or JSON file: the weekly export of public calendars, or the columns"
        " time, currency, impact and title. A bad file is refused whole; importing a file again"
        " changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default="calendar", help="Who says so (%(default)s)")
        parser.add_argument(
            "--zone", default="UTC", help="IANA time zone of times without an offset"
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="Take what the source said of the same days before, and the file does not, away",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = news_import(
                content=options["file"].read_bytes(),
                source=options["source"],
                zone=options["zone"],
                replace=options["replace"],
                actor=f"{getpass.getuser()} (command line)",
            )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except EngineError as error:
            raise CommandError(f"{options['file']}: {error}") from error
        self.stdout.write(f"{options['file'].name}: {done}")
