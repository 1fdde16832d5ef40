"""The sweeper keeps the live tail short, and has done what is due."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django_q.models import OrmQ

from tests.desk import NOON
from tests.factories import make_account, make_candle, make_deployment, make_lock, make_symbol
from trading.gateway.sweeper import TAIL, Sweeper, candles_shorten
from trading.models import Candle, Event, HistoryBackfill
from trading.selectors.bars import bars_tail
from trading.services.backfills import backfill_request

pytestmark = pytest.mark.django_db


def test_old_candles_move_into_chunks_and_read_the_same() -> None:
    symbol = make_symbol()
    for age in (timedelta(0), TAIL, TAIL + timedelta(minutes=1)):
        make_candle(symbol=symbol, open_time=NOON - age)
    before = bars_tail(symbol=symbol, timeframe="M1", count=3)
    assert candles_shorten() == 1
    assert Candle.objects.count() == 2
    assert (bars_tail(symbol=symbol, timeframe="M1", count=3).time == before.time).all()


def test_the_end_of_a_lock_is_told() -> None:
    make_lock(expires_at=NOON)
    Sweeper().step()
    assert Event.objects.get().kind == "lock.expired"


def test_specifications_are_read_at_the_start_and_once_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_account(kind="metaapi", source="there")
    make_deployment(account=account, symbol=make_symbol(source="there"))
    sweeper = Sweeper()
    sweeper.step()
    sweeper.step()
    assert OrmQ.objects.count() == 1
    cache.clear()
    monkeypatch.setattr("trading.gateway.sweeper.SPECIFICATION_SECONDS", 0.0)
    sweeper.step()
    assert OrmQ.objects.count() == 2


def test_backfills_that_nobody_moves_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.gateway.sweeper.BACKFILL_SECONDS", 0.0)
    backfill_request(symbol=make_symbol(), timeframe="M1", start=NOON - timedelta(days=1), end=NOON)
    HistoryBackfill.objects.update(updated_at=NOON)
    Sweeper().step()
    assert OrmQ.objects.count() == 1
