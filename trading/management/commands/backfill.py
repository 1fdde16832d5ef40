"""Fill the history of a symbol from its broker."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from trading.brokers.base import Unavailable
from trading.brokers.metaapi import MetaApiClient
from trading.engine.types import TIMEFRAMES, EngineError
from trading.management.progress import Progress
from trading.models import Account, HistoryBackfill, Symbol
from trading.services.backfills import backfill_request, backfill_run
from trading.services.brokers import metaapi_client
from trading.services.specifications import specifications_sync

LONGEST = 36_500


class Command(BaseCommand):
    """May be ended anywhere: given again it goes on where it was, and a worker does so too."""

    help = "Fetch the bars of a symbol from the broker of a MetaApi account, newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="name or number of the account")
        parser.add_argument("--symbol", required=True, help="as the broker calls it: EURUSDm")
        parser.add_argument("--timeframe", required=True, choices=TIMEFRAMES)
        parser.add_argument("--days", type=_days, default=30, help="how far back (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = account_of_name(options["account"])
            client = metaapi_client(account=account)
            symbol = _symbol(account, client, options["symbol"])
            start = now() - timedelta(days=options["days"])
            backfill = backfill_request(symbol=symbol, timeframe=options["timeframe"], start=start)
            self._run(backfill, client)
        except (EngineError, Unavailable) as e:
            raise CommandError(f"{e} (given again, it goes on where it was)") from e

    def _run(self, backfill: HistoryBackfill, client: MetaApiClient) -> None:
        bar = Progress(self.stdout)
        label = f"{backfill.symbol.name} {backfill.timeframe}"

        def show(done: HistoryBackfill) -> None:
            reached = f"back to {done.reached:%Y-%m-%d %H:%M}" if done.reached else ""
            bar.show(done.percent, f"{label} {reached}, {done.bars} bars added")

        try:
            backfill_run(backfill=backfill, client=client, progress=show)
        finally:
            bar.end()
        if backfill.state == HistoryBackfill.State.FAILED:
            raise CommandError(f"{label}: {backfill.message}")
        self.stdout.write(
            f"{backfill.symbol} {backfill.timeframe}: {backfill.bars} bars added since"
            f" {backfill.start:%Y-%m-%d %H:%M} UTC"
        )


def _symbol(account: Account, client: MetaApiClient, name: str) -> Symbol:
    """The symbol's row, made or brought up to date by what the broker says of it now."""
    report = specifications_sync(account=account, client=client, names=[name])
    if not report.symbols:
        raise EngineError(f"{account}: {name}: {report.problems[name]}")
    return report.symbols[0]


def account_of_name(named: str) -> Account:
    """A MetaApi account by name or number; CommandError tells which there are."""
    accounts = Account.objects.filter(kind="metaapi")
    account = accounts.filter(name=named).first()
    if account is None and named.isdecimal():
        account = accounts.filter(pk=int(named)).first()
    if account is None:
        names = ", ".join(accounts.values_list("name", flat=True)[:20]) or "none"
        raise CommandError(f"Expected a MetaApi account ({names}), was {named!r}")
    return account


def _days(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= LONGEST:
        return int(text)
    raise ArgumentTypeError(f"expected days, 1 to {LONGEST}, was {text!r}")
