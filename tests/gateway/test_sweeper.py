"""The sweeper keeps the live tail short without changing what is read."""

from datetime import timedelta

import pytest

from tests.desk import NOON
from tests.factories import make_candle, make_symbol
from trading.gateway.sweeper import TAIL, candles_shorten
from trading.models import Candle
from trading.selectors.bars import bars_tail

pytestmark = pytest.mark.django_db


def test_old_candles_move_into_chunks_and_read_the_same() -> None:
    symbol = make_symbol()
    for age in (timedelta(0), TAIL, TAIL + timedelta(minutes=1)):
        make_candle(symbol=symbol, open_time=NOON - age)
    before = bars_tail(symbol=symbol, timeframe="M1", count=3)
    assert candles_shorten() == 1
    assert Candle.objects.count() == 2
    assert (bars_tail(symbol=symbol, timeframe="M1", count=3).time == before.time).all()
