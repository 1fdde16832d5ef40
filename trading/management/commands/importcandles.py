"""Import a file of history and print what was found in it."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.engine.types import TIMEFRAMES, EngineError
from trading.selectors.bars import chunks_verify
from trading.services.history import (
    ImportRequest,
    ImportResult,
    SymbolOverrides,
    history_import,
)


class Command(BaseCommand):
    help = (
        "Import bars from a MetaTrader CSV export or a parquet file. A bad file is refused whole;"
        " importing a file again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--symbol", required=True, help="As the broker calls it: EURUSD")
        parser.add_argument("--timeframe", required=True, choices=TIMEFRAMES)
        parser.add_argument(
            "--timezone",
            default="UTC",
            help="Zone of the file's clock: UTC, Europe/Athens, America/New_York+7",
        )
        parser.add_argument("--source", default="history", help="Price source of the symbol")
        parser.add_argument("--tick-size", type=decimal, help="Of a symbol that is new")
        parser.add_argument("--contract-size", type=decimal, help="Of a symbol that is new")
        parser.add_argument("--base", type=str.upper, help="Currency of a symbol that is new")
        parser.add_argument("--profit", type=str.upper, help="Currency of a symbol that is new")
        parser.add_argument(
            "--verify", action="store_true", help="Read the whole series back afterwards"
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = history_import(content=options["file"].read_bytes(), request=_request(options))
            if options["verify"]:
                rows = chunks_verify(symbol=result.symbol, timeframe=options["timeframe"])
                result.report["verified"] = rows
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except EngineError as error:
            raise CommandError(f"{options['file']}: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(result.report, indent=2))
        else:
            self.stdout.write("\n".join(_lines(result)))


def decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"expected a number, was {text!r}") from None


def _request(options: dict[str, Any]) -> ImportRequest:
    overrides = SymbolOverrides(
        tick_size=options["tick_size"],
        contract_size=options["contract_size"],
        base_currency=options["base"],
        profit_currency=options["profit"],
    )
    return ImportRequest(
        file_name=options["file"].name,
        symbol=options["symbol"],
        timeframe=options["timeframe"],
        timezone=options["timezone"],
        source=options["source"],
        overrides=overrides,
    )


def _lines(result: ImportResult) -> list[str]:
    """The report for a terminal."""
    report, symbol = result.report, result.symbol
    stored, dropped, gaps = report["stored"], report["dropped"], report["quality"]["gaps"]
    lines = [
        f"{report['file']} -> {symbol} {report['timeframe']}: {report['rows']} bars,"
        f" {report['quality']['first']} to {report['quality']['last']}",
        f"  stored    {stored['added']} added, {stored['identical']} identical,"
        f" {stored['revised']} revised" + (" (nothing changed)" if report["unchanged"] else ""),
        f"  dropped   {dropped['duplicates']} repeated, {dropped['unfinished']} unfinished",
        f"  times     {report['timezone']}, {report['ambiguous_times']} in a repeated hour",
        f"  spread    {report['spread']}",
        f"  quality   {gaps['quality_percent']}% of {gaps['expected']} expected bars;"
        f" on holidays {gaps['holiday_missing']} bars are missing",
    ]
    if result.symbol_created:
        lines.append(
            f"  new       {symbol}: tick size {symbol.tick_size:f}, contract size"
            f" {symbol.contract_size:f} {symbol.base_currency}, profit in"
            f" {symbol.profit_currency}: assumed, check it in the admin"
        )
    lines += [f"  note      {text}" for text in (*report["notes"], *report["findings"])]
    if "verified" in report:
        lines.append(f"  verified  {report['verified']} bars read back")
    return lines
