"""Specifications from a broker: rows, snapshots and what is told of changes."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django_q.models import OrmQ

from tests.factories import make_account, make_deployment, make_symbol
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.metaapi_emulator.specifications import specification as emulated
from tests.services.metaapi_desk import Meddled, account_at, client_at
from trading.brokers.base import Unavailable
from trading.brokers.market import SIMULATED_SYMBOLS
from trading.brokers.metaapi.payload import parse
from trading.brokers.metaapi.specification import specification_of
from trading.engine.types import EngineError
from trading.models import Event, Severity, Symbol, SymbolSpecification
from trading.services.specifications import (
    specification_observe,
    specifications_enqueue,
    specifications_refresh,
    specifications_sync,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def site() -> Iterator[EmulatorSite]:
    with emulator_thread() as site:
        yield site


def observe(name: str = "EURUSD", **changes: Any) -> Symbol:
    payload = {**emulated("EURUSD", is_mt4=False), "symbol": name, **changes}
    payload = parse(json.dumps(payload).encode())
    return specification_observe(source="there", specification=specification_of(payload))


def test_a_new_symbol_has_what_the_broker_says_and_tells_nothing() -> None:
    symbol = observe("EURUSD.r", stopsLevel=5)
    symbol.refresh_from_db()
    assert (symbol.canonical, symbol.digits, symbol.stops_level) == ("EURUSD", 5, 5)
    assert (symbol.tick_size, symbol.contract_size) == (Decimal("0.00001"), Decimal(100_000))
    assert (symbol.base_currency, symbol.trade_mode) == ("EUR", "SYMBOL_TRADE_MODE_FULL")
    assert symbol.sessions["trade"]["MONDAY"] == [["00:00:00", "24:00:00"]]
    assert symbol.specifications.get().content["contractSize"] == 100_000
    assert not Event.objects.exists()


def test_the_same_again_however_its_numbers_are_written_is_no_snapshot() -> None:
    observe(hedgedMargin=0, swapLong=-0.7)
    observe(hedgedMargin=0.0, swapLong=-0.7000000000000001)
    assert SymbolSpecification.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "words", "severity"),
    [
        ({"contractSize": 10_000}, "contract_size 100000 -> 10000", Severity.WARNING),
        ({"tradeMode": "SYMBOL_TRADE_MODE_CLOSEONLY"}, "trade_mode", Severity.WARNING),
        ({"initialMargin": 500}, "initial_margin 0 -> 500", Severity.WARNING),
        ({"volumeStep": 0.1}, "volume_step 0.01 -> 0.1", Severity.WARNING),
        ({"swapLong": -9.5}, "swap_long", Severity.INFO),
        ({"tradeSessions": {"MONDAY": []}}, "sessions", Severity.INFO),
    ],
)
def test_what_matters_for_money_is_told(
    change: dict[str, Any], words: str, severity: Severity
) -> None:
    observe()
    observe(**change)
    event = Event.objects.get()
    assert (event.kind, event.severity) == ("symbol.changed", severity)
    assert words in event.message and event.payload["symbol"] == "there:EURUSD"
    assert SymbolSpecification.objects.count() == 2


def test_what_matters_to_nobody_is_kept_and_not_told() -> None:
    observe()
    observe(description="Euro")
    assert SymbolSpecification.objects.count() == 2
    assert not Event.objects.exists()


def test_a_row_that_knew_less_learns_without_an_alarm_about_sessions() -> None:
    make_symbol(source="there", name="EURUSD", contract_size=1000, commission_per_lot=7)
    symbol = observe()
    assert symbol.commission_per_lot == 7
    changes = Event.objects.get().payload["changes"]
    assert "contract_size" in changes
    assert "sessions" not in changes and "trade_mode" not in changes


def test_names_of_other_sources_help_to_read_a_name() -> None:
    make_symbol(source="history", name="AAPL")
    assert observe("AAPL.NAS").canonical == "AAPL"
    assert observe("MSFT.NAS").canonical == "MSFT.NAS"


def test_what_no_column_can_hold_is_refused() -> None:
    with pytest.raises(EngineError, match="there:EURUSD"):
        observe(minVolume=0.000001)
    assert not Symbol.objects.exists()


def test_all_symbols_of_an_account_are_read_with_the_clock_of_its_broker(
    site: EmulatorSite,
) -> None:
    account, seen = account_at(site), []
    report = specifications_sync(
        account=account,
        client=client_at(site, account),
        progress=lambda done, of: seen.append((done, of)),
    )
    count = len(SIMULATED_SYMBOLS)
    assert (len(report.symbols), report.problems, seen[-1]) == (count, {}, (count, count))
    assert Symbol.objects.filter(source=account.source).count() == count
    assert report.symbols[0].sessions["zone"] in ("America/New_York+7", "Europe/Athens")


def test_one_symbol_that_cannot_be_read_leaves_the_others(site: EmulatorSite) -> None:
    account = account_at(site)
    names = ["EURUSD", "NOSUCH", "GBPUSD"]
    report = specifications_sync(account=account, client=client_at(site, account), names=names)
    assert [s.name for s in report.symbols] == ["EURUSD", "GBPUSD"]
    assert "HTTP 404" in report.problems["NOSUCH"]
    assert str(report).startswith("2 symbols read, 1 not; NOSUCH: ")


def test_a_payload_that_means_nothing_is_reported(site: EmulatorSite) -> None:
    account = account_at(site)

    def change(method: str, arguments: Sequence[Any], answer: Any) -> Any:
        return {"symbol": "EURUSD"} if method == "specification" else answer

    client = Meddled(client_at(site, account), change)
    report = specifications_sync(account=account, client=client, names=["EURUSD"])
    assert "expected 'digits'" in report.problems["EURUSD"]


def test_an_account_that_does_not_answer_ends_it(site: EmulatorSite) -> None:
    account = account_at(site)
    account.external_id = "gone"
    with pytest.raises(Unavailable):
        specifications_sync(account=account, client=client_at(site, account))


def test_a_refresh_reads_what_is_traded(site: EmulatorSite, settings: LazySettings) -> None:
    settings.METAAPI_BASE_URL = site.url
    account = account_at(site)
    symbol = make_symbol(source=account.source, name="GBPUSD")
    make_deployment(account=account, symbol=symbol)
    assert specifications_refresh(account=account).symbols == [symbol]
    symbol.refresh_from_db()
    assert symbol.trade_mode == "SYMBOL_TRADE_MODE_FULL"


def test_what_deployments_trade_is_refreshed_once_for_all_gateways() -> None:
    account = make_account(kind="metaapi", source="there")
    make_account(kind="metaapi", source="elsewhere")
    make_deployment(account=account, symbol=make_symbol(source="there"))
    assert (specifications_enqueue(), specifications_enqueue()) == (1, 0)
    assert OrmQ.objects.count() == 1


def test_margin_is_kept_and_a_calculation_that_is_not_told_stays() -> None:
    symbol = observe(initialMargin=1500, priceCalculationMode="SYMBOL_CALC_MODE_CFD")
    assert (symbol.calculation, symbol.margin_initial) == ("CFD", Decimal(1500))
    symbol = observe(initialMargin=0, priceCalculationMode="SYMBOL_CALC_MODE_UNKNOWN")
    assert (symbol.calculation, symbol.margin_initial) == ("CFD", Decimal(0))
    assert symbol.instrument().margin_currency == "EUR"
