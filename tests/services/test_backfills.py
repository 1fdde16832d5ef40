"""History from a broker over real HTTP: paged backwards, resumed, gaps asked for again."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.utils.timezone import now
from django_q.models import OrmQ

from tests.factories import make_symbol
from tests.metaapi_emulator.running import EmulatorSite, emulator_thread
from tests.services.metaapi_desk import Meddled, account_at, client_at
from trading.brokers.base import Unavailable
from trading.brokers.metaapi.asking import Failed
from trading.engine.types import Bars, EngineError
from trading.models import Account, BarChunk, HistoryBackfill, Symbol
from trading.selectors.bars import bars_between
from trading.services.backfills import (
    ABANDONED,
    backfill_request,
    backfill_resume,
    backfill_run,
    backfill_step,
    backfill_work,
    backfills_sweep,
)

pytestmark = pytest.mark.django_db
MARKET = datetime(2026, 1, 14, 12, 34, 56, tzinfo=UTC)
"""Where the emulator's clock stands, a Wednesday in winter."""
State = HistoryBackfill.State


@pytest.fixture(scope="module")
def site() -> Iterator[EmulatorSite]:
    with emulator_thread(speed=0, start=MARKET) as site:
        yield site


@pytest.fixture
def account(site: EmulatorSite) -> Account:
    return account_at(site)


@pytest.fixture
def symbol(account: Account) -> Symbol:
    return make_symbol(source=account.source, name="EURUSD")


def request(symbol: Symbol, timeframe: str = "M1", **back: float) -> HistoryBackfill:
    start = MARKET - timedelta(**back)
    return backfill_request(symbol=symbol, timeframe=timeframe, start=start, end=MARKET)


def stored(backfill: HistoryBackfill) -> Bars:
    return bars_between(symbol=backfill.symbol, timeframe=backfill.timeframe)


def opened(bars: Bars, index: int) -> str:
    return f"{datetime.fromtimestamp(int(bars.time[index]), UTC):%d %H:%M}"


def test_every_closed_bar_from_start_to_now_is_stored_once(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    backfill, seen = request(symbol, days=2), []
    client = client_at(site, account)
    assert backfill_run(backfill=backfill, client=client, progress=lambda b: seen.append(b.percent))
    bars = stored(backfill)
    assert (len(bars), backfill.bars) == (2 * 1440 - 1, 2 * 1440 - 1)
    assert (opened(bars, 0), opened(bars, -1)) == ("12 12:35", "14 12:33")
    assert (np.diff(bars.time) == 60).all()
    assert bars.spread[0] == pytest.approx(0.00006)
    assert (backfill.state, backfill.percent, seen) == (State.DONE, 100, [35, 69, 100])


def test_a_step_is_one_page_and_any_process_goes_on(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    backfill, client = request(symbol, days=1), client_at(site, account)
    assert backfill_step(backfill=backfill, client=client)
    assert (backfill.state, backfill.bars) == (State.RUNNING, 999)  # one is forming
    again = HistoryBackfill.objects.get()
    assert not backfill_step(backfill=again, client=client)
    assert (again.state, len(stored(again))) == (State.DONE, 1439)


def test_two_at_once_do_not_disturb_each_other(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    one, client = request(symbol, days=1), client_at(site, account)
    other = HistoryBackfill.objects.get()
    backfill_step(backfill=one, client=client)
    assert backfill_step(backfill=other, client=client)
    assert (other.bars, other.reached) == (999, one.reached)


def test_a_page_that_cannot_be_stored_moves_nothing(
    site: EmulatorSite, account: Account, symbol: Symbol, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise OSError("disk full")

    backfill = request(symbol, days=1)
    with monkeypatch.context() as patch:
        patch.setattr("trading.services.backfills.bars_store", broken)
        with pytest.raises(OSError, match="disk full"):
            backfill_step(backfill=backfill, client=client_at(site, account))
    backfill.refresh_from_db()
    assert (backfill.reached, BarChunk.objects.count()) == (None, 0)


@pytest.mark.parametrize(
    ("timeframe", "days", "count", "first", "last"),
    [
        ("H1", 3, 71, "11 13:00", "14 11:00"),
        ("H4", 3, 17, "11 16:00", "14 08:00"),
        ("D1", 60, 59, "16 00:00", "13 00:00"),
    ],
)
def test_longer_bars_open_on_the_grid_in_utc(
    site: EmulatorSite,
    account: Account,
    symbol: Symbol,
    timeframe: str,
    days: int,
    count: int,
    first: str,
    last: str,
) -> None:
    backfill = request(symbol, timeframe, days=days)
    backfill_run(backfill=backfill, client=client_at(site, account))
    bars = stored(backfill)
    assert (len(bars), opened(bars, 0), opened(bars, -1)) == (count, first, last)
    assert backfill.state == State.DONE


def without(first: datetime, last: datetime) -> Callable[[str, Sequence[Any], Any], Any]:
    """The first answer lacks what opens in a span."""
    asked: list[str] = []

    def change(method: str, arguments: Sequence[Any], answer: Any) -> Any:
        asked.append(method)
        if asked.count("candles") != 1 or method != "candles":
            return answer
        times = (f"{t:%Y-%m-%dT%H:%M}" for t in (first, last))
        low, high = times
        return [candle for candle in answer if not low <= candle["time"][:16] <= high]

    return change


def test_a_gap_is_asked_for_again(site: EmulatorSite, account: Account, symbol: Symbol) -> None:
    gone = MARKET - timedelta(hours=3)
    client = Meddled(client_at(site, account), without(gone, gone + timedelta(minutes=20)))
    backfill = request(symbol, hours=10)
    backfill_run(backfill=backfill, client=client)
    assert (np.diff(stored(backfill).time) == 60).all()
    assert [name for name, _ in client.asked] == ["server_time", "candles", "candles"]


def test_a_gap_while_the_market_was_closed_is_none(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    symbol.sessions = {"quote": {"WEDNESDAY": [["00:00", "11:00"], ["12:00", "24:00"]]}}
    gone = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)  # 11:00 by the broker
    client = Meddled(client_at(site, account), without(gone, gone + timedelta(minutes=59)))
    backfill = request(symbol, hours=10)
    backfill_run(backfill=backfill, client=client)
    assert [name for name, _ in client.asked] == ["server_time", "candles"]
    assert len(stored(backfill)) == 600 - 60 - 1


def test_the_beginning_of_the_brokers_history_ends_it(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    def change(method: str, arguments: Sequence[Any], answer: Any) -> Any:
        return answer[-100:] if method == "candles" else answer

    backfill = request(symbol, days=30)
    backfill_run(backfill=backfill, client=Meddled(client_at(site, account), change))
    assert (backfill.state, backfill.bars, backfill.percent) == (State.DONE, 99, 100)


def test_candles_off_the_grid_fail_it(site: EmulatorSite, account: Account, symbol: Symbol) -> None:
    def change(method: str, arguments: Sequence[Any], answer: Any) -> Any:
        if method != "candles":
            return answer
        return [{**c, "time": c["time"].replace(":00.000", ":30.000")} for c in answer]

    backfill = request(symbol, hours=1)
    backfill_run(backfill=backfill, client=Meddled(client_at(site, account), change))
    assert backfill.state == State.FAILED
    assert "multiples of it in UTC" in backfill.message


class Silent:
    """A client that fails a few times first."""

    def __init__(self, client: Any, times: int, error: Unavailable) -> None:
        self.client, self.times, self.error = client, times, error

    def server_time(self) -> datetime:
        return MARKET

    def candles(self, *arguments: Any) -> Sequence[Any]:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        found: Sequence[Any] = self.client.candles(*arguments)
        return found


def test_a_broker_that_does_not_answer_is_asked_again(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    backfill = request(symbol, hours=1)
    client = Silent(client_at(site, account), 2, Unavailable("away"))
    with pytest.raises(Unavailable):
        backfill_run(backfill=backfill, client=client, pauses=())
    assert (backfill.state, backfill.message) == (State.QUEUED, "away")
    assert backfill_run(backfill=backfill, client=client, pauses=(0.0, 0.0))
    assert (backfill.state, backfill.message) == (State.DONE, "")


def test_what_can_never_be_answered_fails_it_and_resumes(
    site: EmulatorSite, account: Account, symbol: Symbol
) -> None:
    backfill = request(symbol, hours=1)
    client = Silent(None, 1, Failed("HTTP 404: no symbol", "HTTP_404", status=404))
    assert backfill_run(backfill=backfill, client=client)
    assert (backfill.state, backfill.message) == (State.FAILED, "HTTP 404: no symbol")
    assert backfill_resume(backfill=backfill)
    assert (backfill.state, OrmQ.objects.count()) == (State.QUEUED, 1)


def test_a_request_goes_on_with_what_runs_and_reaches_further(symbol: Symbol) -> None:
    one, other = request(symbol, days=1), request(symbol, days=3)
    assert one.pk == other.pk
    assert other.start == MARKET - timedelta(days=3)
    with pytest.raises(EngineError, match="Expected a start before"):
        backfill_request(symbol=symbol, timeframe="M1", start=MARKET, end=MARKET)


def test_a_second_one_of_a_series_is_not_resumed(symbol: Symbol) -> None:
    failed = request(symbol, days=1)
    HistoryBackfill.objects.update(state=State.FAILED)
    failed.refresh_from_db()
    request(symbol, days=2)
    assert not backfill_resume(backfill=failed)
    assert failed.state == State.FAILED


def test_a_worker_goes_on_in_bounded_tasks(
    site: EmulatorSite,
    symbol: Symbol,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.METAAPI_BASE_URL = site.url
    monkeypatch.setattr("trading.services.backfills.TASK_SECONDS", 0.0)
    backfill = request(symbol, days=1)
    backfill_work(backfill_id=backfill.pk)
    assert OrmQ.objects.count() == 1
    backfill_work(backfill_id=backfill.pk)
    backfill_work(backfill_id=backfill.pk)  # a task too many
    backfill.refresh_from_db()
    assert (backfill.state, OrmQ.objects.count()) == (State.DONE, 1)


def test_a_worker_without_an_account_fails_it() -> None:
    backfill = request(make_symbol(source="nowhere"), days=1)
    backfill_work(backfill_id=backfill.pk)
    backfill.refresh_from_db()
    assert backfill.state == State.FAILED and "MetaApi account" in backfill.message


def test_the_sweeper_asks_again_for_what_nobody_moves(symbol: Symbol) -> None:
    request(symbol, days=1)
    assert backfills_sweep() == 0
    HistoryBackfill.objects.update(updated_at=now() - ABANDONED - timedelta(seconds=1))
    assert (backfills_sweep(), backfills_sweep()) == (1, 0)
