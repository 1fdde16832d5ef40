"""The commands that ask a broker for history and symbols, over real HTTP."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.services.metaapi_desk import account_at
from trading.brokers.market import SIMULATED_SYMBOLS
from trading.models import Account, HistoryBackfill, Symbol

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shared_site() -> Iterator[EmulatorSite]:
    with emulator_thread() as site:
        yield site


@pytest.fixture
def account(shared_site: EmulatorSite, settings: LazySettings) -> Account:
    settings.METAAPI_BASE_URL = shared_site.url
    return account_at(shared_site)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def backfill(account: str, *options: str, out: StringIO | None = None) -> str:
    out = out or StringIO()
    command = ["backfill", "--account", account, "--timeframe", "M1", *options]
    call_command(*command, stdout=out)
    return out.getvalue()


def test_a_symbol_nobody_knew_is_read_and_filled(account: Account) -> None:
    text = backfill(account.name, "--symbol", "EURUSD", "--days", "2")
    assert "100% EURUSD M1 back to" in text
    assert "EURUSD M1: 28" in text.splitlines()[-1]
    assert Symbol.objects.get(source=account.source).canonical == "EURUSD"
    assert HistoryBackfill.objects.get().state == "DONE"


def test_a_terminal_sees_a_bar(account: Account) -> None:
    text = backfill(str(account.pk), "--symbol", "EURUSD", "--days", "1", out=Terminal())
    assert "\r[##############################] 100% EURUSD M1" in text


def test_what_cannot_be_filled_is_said(account: Account) -> None:
    with pytest.raises(CommandError, match=f"{account}: NOSUCH: .*HTTP 404"):
        backfill(account.name, "--symbol", "NOSUCH")
    with pytest.raises(CommandError, match=f"account \\({account}\\), was 'other'"):
        backfill("other", "--symbol", "EURUSD")
    with pytest.raises(CommandError, match="expected days, 1 to 36500, was '0'"):
        backfill(account.name, "--symbol", "EURUSD", "--days", "0")


def test_all_symbols_of_an_account_are_read(account: Account) -> None:
    out = StringIO()
    call_command("syncsymbols", "--account", account.name, stdout=out)
    assert f"{len(SIMULATED_SYMBOLS)} symbols read, 0 not" in out.getvalue()
    call_command("syncsymbols", "--account", account.name, "--symbols", "EURUSD", stdout=out)
    assert "1 symbols read, 0 not" in out.getvalue()
