"""The drill's emulator of MetaApi: its plan, what it needs, and its place in the world."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from tests.metaapi_emulator.faults import Rates
from tradebot.drill import crew
from tradebot.drill.emulated import RATES, EmulatedPlace
from tradebot.drill.places import Place, place_open
from tradebot.drill.plan import Plan, plan_for
from tradebot.drill.runner import drill_hold
from tradebot.drill.scratch import scratch
from tradebot.drill.stage import stage_set
from tradebot.drill.unobtainable import Unobtainable
from trading.brokers.venue.zigzag import SYMBOLS
from trading.models import Deployment, Symbol
from trading.selectors.bars import bars_tail


@pytest.fixture
def place() -> Iterator[Place]:
    with place_open(plan_for("metaapi", accounts=3)) as place:
        yield place


def test_a_plan_through_metaapi_is_gentler_unless_told_otherwise() -> None:
    assert plan_for("metaapi").pace > Plan().pace
    assert plan_for("metaapi", pace=0.5, accounts=5) == Plan(
        broker="metaapi", gateways=2, accounts=5, pace=0.5
    )


def test_a_program_without_its_tests_has_no_emulator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(crew, "ROOT", tmp_path)
    with pytest.raises(Unobtainable, match="Expected the emulator of MetaApi in"):
        drill_hold(plan_for("metaapi"))


def test_nobodys_own_account_is_in_a_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("METAAPI_TOKEN", "MT_ACCOUNT_ID", "TELEGRAM_BOT_TOKEN"):
        monkeypatch.setenv(name, "mine")
    with scratch("") as environment:
        assert "mine" not in environment.values()


@pytest.mark.django_db
def test_each_account_trades_all_symbols_of_a_source_of_its_own(place: Place) -> None:
    accounts = stage_set(place=place, accounts=3)
    assert [account.platform for account in accounts] == ["mt5", "mt5", "mt4"]
    assert Symbol.objects.values("source").distinct().count() == len(accounts)
    assert Deployment.objects.count() == len(accounts) * len(SYMBOLS)
    assert all(len(bars_tail(symbol=s, timeframe="M1", count=9)) == 9 for s in Symbol.objects.all())


def test_its_history_ends_with_the_last_closed_bar(place: Place) -> None:
    bars = place.history("XAUUSD", timedelta(hours=1))
    assert len(bars) == 60
    assert set(bars.time[1:] - bars.time[:-1]) == {60}


def test_its_faults_begin_and_end(place: Place) -> None:
    assert isinstance(place, EmulatedPlace)
    place.set_faulty(is_faulty=True)
    assert place._http.get("/emulator/faults").json()["rates"] == RATES
    place.set_faulty(is_faulty=False)
    assert place._http.get("/emulator/faults").json()["rates"] == {}
    assert (place.ledger()["executions"], place.drawn()) == ([], {})


def test_every_fault_of_the_emulator_may_be_drawn() -> None:
    assert all(RATES[field.name] > 0 for field in fields(Rates))
