"""Files of history end up in the database whole or not at all, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.utils.timezone import now

from tests.bars import MONDAY, bars_at, fx_hours, random_bars
from tests.factories import make_symbol
from trading.engine.sessions import DAY, WEEK, WEEKDAYS
from trading.engine.types import Bars, EngineError
from trading.models import BarChunk, HistoryImport, Symbol
from trading.selectors.bars import bars_between, symbol_get
from trading.services.history import ImportRequest, ImportResult, SymbolOverrides, history_import

pytestmark = pytest.mark.django_db
HOUR = 3600
REQUEST = ImportRequest(file_name="EURUSD60.csv", symbol="EURUSD", timeframe="H1")


def export(bars: Bars, spreads: list[int] | None = None) -> bytes:
    """The bars as MetaTrader exports them."""
    lines = ["<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"]
    for i, time in enumerate(bars.time.tolist()):
        moment = f"{datetime.fromtimestamp(time, UTC):%Y.%m.%d\t%H:%M:%S}"
        prices = "\t".join(f"{p[i]:.5f}" for p in (bars.open, bars.high, bars.low, bars.close))
        spread = spreads[i % len(spreads)] if spreads else 0
        lines.append(f"{moment}\t{prices}\t{bars.volume[i]:.0f}\t0\t{spread}")
    return "\r\n".join(lines).encode("utf-16")


def run(bars: Bars, request: ImportRequest = REQUEST) -> ImportResult:
    return history_import(content=export(bars), request=request)


def stored(symbol: str = "EURUSD") -> Bars:
    return bars_between(symbol=symbol_get(name=symbol), timeframe="H1")


def test_an_export_becomes_history() -> None:
    bars = random_bars(2000)
    result = run(bars)
    assert result.report["stored"] == {"added": 2000, "identical": 0, "revised": 0}
    assert stored().close.tolist() == bars.close.tolist()
    assert stored().time.tolist() == bars.time.tolist()


def test_a_missing_symbol_is_made_from_name_and_prices() -> None:
    result = run(random_bars(50))
    symbol = Symbol.objects.get()
    assert (result.symbol_created, str(symbol)) == (True, "history:EURUSD")
    assert (symbol.digits, symbol.tick_size) == (5, Decimal("0.00001"))
    assert symbol.contract_size == 100_000
    assert (symbol.base_currency, symbol.profit_currency) == ("EUR", "USD")


def test_what_the_user_says_of_a_new_symbol_stands() -> None:
    overrides = SymbolOverrides(Decimal("0.0001"), Decimal(1000), "XXX", "YYY")
    symbol = run(random_bars(50), replace(REQUEST, overrides=overrides)).symbol
    symbol.refresh_from_db()
    assert (symbol.digits, symbol.tick_size) == (4, Decimal("0.0001"))
    assert symbol.contract_size == 1000
    assert (symbol.base_currency, symbol.profit_currency) == ("XXX", "YYY")


def test_hours_in_which_a_known_symbol_is_not_quoted_are_no_gap() -> None:
    days = {day: [["00:00", "20:00"]] for day in WEEKDAYS}
    hours, tuesday = np.arange(MONDAY, MONDAY + 20 * WEEK, HOUR), MONDAY + 50 * DAY
    bars = bars_at(hours[(hours < tuesday + 20 * HOUR) | (hours >= tuesday + DAY)])
    assert run(bars).report["quality"]["gaps"]["missing"] == 4
    Symbol.objects.update(sessions={"zone": "UTC", "quote": days})
    assert run(bars).report["quality"]["gaps"]["missing"] == 0


def test_a_known_symbol_is_not_changed() -> None:
    symbol = make_symbol(source="history", name="EURUSD", digits=5, contract_size=Decimal(10))
    assert not run(random_bars(50)).symbol_created
    symbol.refresh_from_db()
    assert symbol.contract_size == 10
    overrides = SymbolOverrides(contract_size=Decimal(5))
    with pytest.raises(EngineError, match=r"Expected contract_size 10.* was 5"):
        run(random_bars(50), replace(REQUEST, overrides=overrides))


def test_the_same_file_again_changes_nothing() -> None:
    content = export(random_bars(100))
    first = history_import(content=content, request=REQUEST)
    chunks = list(BarChunk.objects.values())
    again = history_import(content=content, request=REQUEST)
    assert (first.report["unchanged"], again.report["unchanged"]) == (False, True)
    assert (first.record, again.record) == (HistoryImport.objects.get(), None)
    assert list(BarChunk.objects.values()) == chunks


def test_a_newer_file_adds_and_revises() -> None:
    bars = random_bars(100)
    run(bars.slice(0, 80))
    bars.volume[79] += 7
    result = run(bars.slice(60))
    assert result.report["stored"] == {"added": 20, "identical": 19, "revised": 1}
    assert stored().volume.tolist() == bars.volume.tolist()
    assert HistoryImport.objects.count() == 2


def test_the_record_keeps_the_report() -> None:
    result = run(random_bars(100))
    record = HistoryImport.objects.get()
    assert (record.file_name, record.rows, record.timezone) == ("EURUSD60.csv", 100, "UTC")
    assert record.report == result.report
    assert record.sha256 == record.report["sha256"]
    assert record.report["quality"]["rows"] == 100


def test_server_times_become_utc() -> None:
    run(random_bars(50), replace(REQUEST, timezone="Europe/Athens"))
    assert stored().time[0] == MONDAY - 7200


def test_spreads_become_prices() -> None:
    history_import(content=export(random_bars(4), spreads=[12, 0, 8, 9]), request=REQUEST)
    assert stored().spread.tolist() == [0.00012, 0.0, 0.00008, 0.00009]


def test_a_spread_that_never_changes_is_unknown() -> None:
    result = history_import(content=export(random_bars(4), spreads=[7]), request=REQUEST)
    assert result.report["spread"] == "filler"
    assert stored().spread.tolist() == [0.0] * 4


def test_prices_finer_than_the_symbol_are_noted() -> None:
    make_symbol(source="history", name="EURUSD", digits=3)
    assert run(random_bars(50)).report["notes"] == ["Prices have 5 decimals, the symbol has 3"]


def test_what_is_odd_is_reported() -> None:
    time = fx_hours(30)
    tuesday = MONDAY + 22 * 86400
    bars = bars_at(time[(time < tuesday) | (time >= tuesday + 86400)])
    (finding,) = run(bars).report["findings"]
    assert finding.startswith("gaps: 1 with 24 bars missing; the largest of 24 from 2024-01-23")


def test_a_bad_line_leaves_nothing_behind() -> None:
    bars = random_bars(100)
    bars.low[40] = bars.high[40] + 1
    with pytest.raises(EngineError, match=r"line 42: expected low <= min\(open, close\)"):
        run(bars)
    assert not Symbol.objects.exists()
    assert not BarChunk.objects.exists()
    assert not HistoryImport.objects.exists()


def test_a_bar_that_is_still_forming_is_dropped() -> None:
    hour = int(now().timestamp()) // 3600 * 3600
    bars = random_bars(30, start=hour - 29 * 3600)
    result = run(bars)
    assert result.report["dropped"]["unfinished"] == 1
    assert stored().time.tolist() == bars.time[:-1].tolist()
    with pytest.raises(EngineError, match="only one that is still forming"):
        run(random_bars(1, start=hour))


def test_bars_of_the_future_are_refused() -> None:
    start = int((now() + timedelta(hours=3)).timestamp()) // 3600 * 3600
    with pytest.raises(EngineError, match=r"Expected bars of the past.*is the time zone right"):
        run(random_bars(5, start=start - 2 * 3600))


@pytest.mark.parametrize("name", ["", "X" * 33])
def test_an_impossible_symbol_name_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="history:"):
        run(random_bars(5), replace(REQUEST, symbol=name))


def test_prices_without_decimals_need_a_tick_size() -> None:
    content = b"time,open,high,low,close\n2024-01-01 00:00,1.123456789,2,1,2\n"
    with pytest.raises(EngineError, match="give the tick size"):
        history_import(content=content, request=REQUEST)
    overrides = SymbolOverrides(tick_size=Decimal("0.01"))
    history_import(content=content, request=replace(REQUEST, overrides=overrides))
    assert np.array_equal(stored().open, [1.123456789])
