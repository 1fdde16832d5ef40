"""Tick values: what differs is kept with the symbol, told once, and refuses entries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.desk import make_desk
from tests.factories import make_account, make_symbol
from trading.brokers.base import Unavailable
from trading.engine.types import EngineError
from trading.models import Account, Event, Severity, StrategyRun, Symbol
from trading.services.runs import run_execute
from trading.services.tick_values import tick_value_compare, tick_values_compare

pytestmark = pytest.mark.django_db
D = Decimal


class Prices:
    """A broker that names prices and the loss of a lot per tick."""

    def __init__(self, **loss: object) -> None:
        self.loss = loss

    def price(self, symbol: str) -> Any:
        if symbol not in self.loss:
            raise Unavailable(f"no price of {symbol}")
        price = {"bid": D("1.25"), "ask": D("1.2501"), "time": "2026-01-14T12:00:00.000Z"}
        return {"symbol": symbol, **price, "lossTickValue": self.loss[symbol]}


@pytest.fixture
def account() -> Account:
    return make_account(kind="metaapi", source="there")


def symbol(name: str = "EURUSD", **fields: Any) -> Symbol:
    pair = {"base_currency": name[:3], "profit_currency": name[3:6]}
    return make_symbol(source="there", name=name, canonical=name, **{**pair, **fields})


def ratio() -> Decimal | None:
    return Symbol.objects.get(name="EURUSD").tick_value_ratio


def test_what_agrees_is_kept_and_not_told(account: Account) -> None:
    found = tick_value_compare(account=account, client=Prices(EURUSD=D("1.005")), symbol=symbol())
    assert found.is_same
    assert ratio() == D("1.005")
    assert not Event.objects.exists()


def test_a_mismatch_is_told_when_it_begins(account: Account) -> None:
    eurusd = symbol(contract_size=D(10_000))
    for _ in range(2):
        found = tick_value_compare(account=account, client=Prices(EURUSD=1), symbol=eurusd)
        assert not found.is_same
    event = Event.objects.get()
    assert (event.kind, event.severity) == ("symbol.mismatch", Severity.CRITICAL)
    assert event.message == (
        "EURUSD: a lot loses 0.10000 USD per tick, the broker says 1.00000: no entries until they "
        "agree"
    )
    assert ratio() == 10


def test_a_mismatch_that_comes_back_is_told_again(account: Account) -> None:
    eurusd = symbol()
    for value in (2, 1, 2):
        tick_value_compare(account=account, client=Prices(EURUSD=value), symbol=eurusd)
    assert Event.objects.count() == 2


def test_a_broker_that_names_no_tick_value_is_not_doubted(account: Account) -> None:
    found = tick_value_compare(account=account, client=Prices(EURUSD=0), symbol=symbol())
    assert found.brokers is None and found.is_same
    assert ratio() is None
    assert Symbol.objects.get().tick_value_at is not None


def test_an_account_in_cents_counts_in_cents(account: Account) -> None:
    account.currency = "USC"
    found = tick_value_compare(account=account, client=Prices(EURUSD=100), symbol=symbol())
    assert found.ours == 100
    assert found.is_same


def test_the_converting_pair_is_asked_for(account: Account) -> None:
    symbol("GBPUSD")
    cross = symbol("EURGBP")
    client = Prices(EURGBP=D("1.25"), GBPUSD=1)
    assert tick_value_compare(account=account, client=client, symbol=cross).is_same
    with pytest.raises(Unavailable):
        tick_value_compare(account=account, client=Prices(EURGBP=1), symbol=cross)
    Symbol.objects.filter(name="GBPUSD").delete()
    with pytest.raises(EngineError, match="GBPUSD"):
        tick_value_compare(account=account, client=client, symbol=cross)


def test_what_cannot_be_compared_keeps_no_other_from_it(account: Account) -> None:
    symbols = [symbol("GBPUSD"), symbol()]
    found = tick_values_compare(account=account, client=Prices(EURUSD=1), symbols=symbols)
    assert [value.symbol.name for value in found] == ["EURUSD"]


def test_a_mismatch_refuses_entries_until_it_is_gone() -> None:
    desk = make_desk()
    Symbol.objects.update(tick_value_ratio=D("1.02"))
    assert _answer(desk, 0, 1.1).code == "TICK_VALUE_MISMATCH"
    Symbol.objects.update(tick_value_ratio=D("1.009"))
    desk.quote("1.10200")
    assert _answer(desk, 1, 1.102).outcome == "ENTRY"


def _answer(desk: Any, minute: int, price: float) -> StrategyRun:
    run: StrategyRun = desk.close_bar(minute, price)
    run_execute(run_id=run.pk)
    run.refresh_from_db()
    return run
