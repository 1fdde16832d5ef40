"""Try a strategy on history and print what came of it."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.engine.report import report_text
from trading.engine.sizing import SizingRule, rule_of
from trading.engine.strategies import REGISTRY
from trading.engine.types import TIMEFRAMES, EngineError
from trading.selectors.bars import SymbolUnknown
from trading.services.backtests import BacktestSpec, backtest_run


class Command(BaseCommand):
    help = (
        "Backtest a strategy on imported history, with spread, commission, slippage, swap, sizing"
        " and margin. The same bars and options give the same result to the byte."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = ", ".join(sorted(REGISTRY))
        parser.add_argument("--strategy", required=True, help=f"{kinds} or a strategy's name")
        parser.add_argument("--symbol", required=True, help="EURUSD, or SOURCE:EURUSD")
        parser.add_argument("--timeframe", required=True, choices=TIMEFRAMES)
        parser.add_argument("--from", dest="start", type=moment, help="First bar, UTC: 2015-01-01")
        parser.add_argument("--to", dest="end", type=moment, help="End, UTC, itself excluded")
        parser.add_argument("--params", type=mapping, default={}, help='JSON: {"entry": 40}')
        self._add_terms(parser)
        parser.add_argument("--trades", action="store_true", help="List every trade")
        parser.add_argument("--json", action="store_true", help="Print one JSON object")

    def _add_terms(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--spread", type=int, metavar="TICKS", help="Replaces the spreads of the bars")
        add("--commission", type=decimal, metavar="MONEY", help="Round turn per lot")
        add("--slippage", type=int, metavar="TICKS", help="At market orders and stops")
        add(
            "--risk", metavar="VALUE", help="Of the sizing method; usually percent at the stop: 0.5"
        )
        add("--sizing", type=mapping, default={}, help='JSON: {"method": "ATR", "atr_multiple": 3}')
        add("--balance", type=decimal, default=Decimal(10_000), help="10000")
        add("--leverage", type=int, default=30, help="30")
        add("--account-currency", type=str.upper, default="USD", help="USD")
        add(
            "--conversion", type=decimal, metavar="RATE", help="Account currency per unit of profit"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = backtest_run(spec=_spec(options))
        except (EngineError, SymbolUnknown) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(result.to_json(rows=options["trades"]))
        else:
            self.stdout.write(report_text(result, with_trades=options["trades"]))


def decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"expected a number, was {text!r}") from None


def moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a date as 2015-01-31, was {text!r}") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def mapping(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ArgumentTypeError(f'expected a JSON object as {{"entry": 40}}, was {text!r}')
    return found


def _sizing(options: dict[str, Any]) -> SizingRule:
    value = {} if options["risk"] is None else {"value": options["risk"]}
    return rule_of({**options["sizing"], **value})


def _spec(options: dict[str, Any]) -> BacktestSpec:
    return BacktestSpec(
        strategy=options["strategy"],
        symbol=options["symbol"],
        timeframe=options["timeframe"],
        start=options["start"],
        end=options["end"],
        params=options["params"],
        spread_ticks=options["spread"],
        commission_per_lot=options["commission"],
        slippage_ticks=options["slippage"],
        conversion=options["conversion"],
        currency=options["account_currency"],
        balance=options["balance"],
        leverage=options["leverage"],
        sizing=_sizing(options),
    )
