"""Entries keep out of the windows that limits draw, by the market's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache

from tests.desk import NOON, Desk, entry, make_desk
from tests.factories import make_candle, make_news, make_risk_limit, make_run
from trading.models import Order, Position
from trading.selectors.quotes import quote_key
from trading.services.gate import gate_pass
from trading.services.runs import run_execute

pytestmark = pytest.mark.django_db
FRIDAY = datetime(2026, 1, 16, 22, tzinfo=UTC)
"""17:00 New York: rollover, and the last close of the week where sessions are not told."""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def code(desk: Desk, at: datetime = NOON, **fields: Any) -> str:
    desk.quote("1.10000", at)
    refusal = gate_pass(order=entry(desk, **fields))
    return refusal[0] if refusal else ""


def hour_of(desk: Desk, **columns: float) -> None:
    """An hour of minutes that were usual."""
    for minute in range(1, 61):
        make_candle(symbol=desk.symbol, open_time=NOON - minute * MINUTE, **columns)


@pytest.mark.parametrize(
    ("control", "inside", "outside", "expected"),
    [
        ("ROLLOVER_WINDOW", FRIDAY - 10 * MINUTE, FRIDAY - 11 * MINUTE, "ROLLOVER"),
        ("WEEKEND_WINDOW", FRIDAY - 10 * MINUTE, FRIDAY - 11 * MINUTE, "WEEKEND"),
        ("WEEKEND_FLAT", FRIDAY - 10 * MINUTE, FRIDAY - 11 * MINUTE, "WEEKEND_FLAT"),
        ("NEWS_WINDOW", NOON + 20 * MINUTE, NOON + 19 * MINUTE, "NEWS"),
        ("NEWS_WINDOW", NOON + 45 * MINUTE, NOON + 46 * MINUTE, "NEWS"),
        ("NEWS_CLOSES", NOON + 20 * MINUTE, NOON + 19 * MINUTE, "NEWS_WINDOW"),
    ],
)
def test_an_entry_within_a_window_is_refused(
    desk: Desk, control: str, inside: datetime, outside: datetime, expected: str
) -> None:
    """News are at 12:30; their window is from ten minutes before to a quarter of an hour after."""
    window = {"window": 900} if control.startswith("NEWS") else {}
    make_risk_limit(control=control, value=10, **window)
    make_news(at=NOON + 30 * MINUTE)
    assert code(desk, inside) == expected
    assert code(desk, outside) == ""


def test_without_a_calendar_no_entry_keeps_off_news(desk: Desk) -> None:
    make_risk_limit(control="NEWS_WINDOW", value=15)
    assert code(desk) == "INPUT_MISSING"


def test_a_spread_is_held_against_its_own_median(desk: Desk) -> None:
    make_risk_limit(control="MAX_SPREAD", value=3, unit="MEDIANS")
    assert code(desk) == "INPUT_MISSING"
    hour_of(desk, spread=0.00002)
    assert code(desk) == ""


def test_a_spread_that_is_not_usual_is_refused(desk: Desk) -> None:
    make_risk_limit(control="MAX_SPREAD", value=3, unit="MEDIANS")
    hour_of(desk, spread=0.00001)
    assert code(desk) == "SPREAD_TOO_WIDE"


@pytest.mark.parametrize(("volume", "expected"), [(60.0, ""), (600.0, "QUOTE_STALE")])
def test_a_quote_that_is_old_for_a_busy_market_is_refused(
    desk: Desk, volume: float, expected: str
) -> None:
    make_risk_limit(control="QUOTE_AGE", value=5, unit="MEDIANS")
    hour_of(desk, volume=volume)
    desk.quote("1.10000")
    key = quote_key(desk.symbol.source, desk.symbol.name)
    value = cache.get(key)
    cache.set(key, {**value, "received": value["received"] - 2})
    refusal = gate_pass(order=entry(desk))
    assert (refusal[0] if refusal else "") == expected


@pytest.mark.parametrize(("seconds", "expected"), [(30, ""), (31, "SIGNAL_TOO_OLD")])
def test_a_signal_is_as_old_as_the_close_of_its_bar(
    desk: Desk, seconds: int, expected: str
) -> None:
    make_risk_limit(control="SIGNAL_AGE", value=30)
    run = make_run(deployment=desk.deployment, bar_open=NOON - MINUTE)
    assert code(desk, NOON + timedelta(seconds=seconds), run=run) == expected


def test_what_news_held_open_is_closed_with_the_first_bar_after_them(desk: Desk) -> None:
    def answer(minute: int, price: float) -> None:
        desk.quote(f"{price}", NOON + (minute + 1) * MINUTE)
        run_execute(run_id=desk.close_bar(minute, price).pk)

    answer(0, 1.1)
    position = Position.objects.get()
    make_risk_limit(control="NEWS_CLOSES", value=2, window=60)
    make_news(at=NOON + 4 * MINUTE)
    for minute in (1, 2, 3, 4):
        answer(minute, 1.102)
    asked = Order.objects.filter(position_id=position.broker_id, purpose="CLOSE").order_by("id")
    refused = [(order.status, order.code) for order in asked]
    assert refused == [("EXPIRED", "NEWS_WINDOW")] * 4
    assert Position.objects.filter(closed_at=None).count() == 1
    answer(5, 1.102)
    position.refresh_from_db()
    assert position.closed_at is not None
