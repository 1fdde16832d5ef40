"""How far off the weekend is, through both changes of the clocks, and what is usual."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.risk import Control, limit_of
from trading.engine.risk.filters import is_flat_due, seconds_to, usual_gap, usual_spread, week_end
from trading.engine.risk.order_checks import news_breach
from trading.engine.sessions import WEEK, Week, week_of

D = Decimal
MINUTE = timedelta(minutes=1)
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY")


def sessions(day: list[str], zone: str, *more: str) -> Week:
    days = {name: [day] for name in (*WEEKDAYS, *more)}
    return week_of({"zone": zone, "trade": days}, "trade")


FOREX = sessions(["00:05", "24:00"], "America/New_York+7")
INDEX = sessions(["01:00", "23:00"], "Europe/Athens")
UNTOLD = week_of({}, "trade")
COIN = sessions(["00:00", "23:55"], "UTC", "SATURDAY", "SUNDAY")
ALWAYS = Week(((0, WEEK),), COIN.zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("week", "now", "expected"),
    [
        # New York leaves winter on 8 March 2026, Europe on 29 March
        (FOREX, "2026-03-04 12:00", "2026-03-06 22:00"),
        (FOREX, "2026-03-09 12:00", "2026-03-13 21:00"),
        (UNTOLD, "2026-03-04 12:00", "2026-03-06 22:00"),
        (UNTOLD, "2026-03-09 12:00", "2026-03-13 21:00"),
        (INDEX, "2026-03-25 12:00", "2026-03-27 21:00"),
        (INDEX, "2026-03-30 12:00", "2026-04-03 20:00"),
        # and returns to it on 1 November, Europe on 25 October
        (INDEX, "2026-10-21 12:00", "2026-10-23 20:00"),
        (INDEX, "2026-10-28 12:00", "2026-10-30 21:00"),
        (FOREX, "2026-10-28 12:00", "2026-10-30 21:00"),
        (FOREX, "2026-11-04 12:00", "2026-11-06 22:00"),
        (UNTOLD, "2026-11-04 12:00", "2026-11-06 22:00"),
        # the change lies between now and the close
        (UNTOLD, "2026-03-07 12:00", "2026-03-13 21:00"),
        (UNTOLD, "2026-10-31 12:00", "2026-11-06 22:00"),
        # at the close itself, and on the weekend
        (UNTOLD, "2026-03-06 22:00", "2026-03-06 22:00"),
        (FOREX, "2026-03-06 22:00", "2026-03-06 22:00"),
        (FOREX, "2026-03-07 12:00", "2026-03-07 12:00"),
        (FOREX, "2026-03-08 12:00", "2026-03-13 21:00"),
    ],
)
def test_the_week_ends_with_the_last_close_before_a_day_of_rest(
    week: Week, now: str, expected: str
) -> None:
    assert week_end(week, at(now)) == at(expected)


@pytest.mark.parametrize("week", [COIN, ALWAYS])
def test_what_never_rests_for_a_day_has_no_weekend(week: Week) -> None:
    assert week_end(week, at("2026-03-06 21:00")) is None
    assert not is_flat_due(week, at("2026-03-06 21:00"), timedelta(days=9))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-06 21:29:59", False),
        ("2026-03-06 21:30:00", True),
        ("2026-03-06 21:59:59", True),
        ("2026-03-06 22:00:00", False),
        ("2026-03-05 21:45:00", False),
    ],
)
def test_flat_is_due_in_the_last_minutes_of_the_week(now: str, due: bool) -> None:
    assert is_flat_due(FOREX, at(now), 30 * MINUTE) is due
    assert is_flat_due(UNTOLD, at(now), 30 * MINUTE) is due


@given(st.integers(0, 10 * 365 * 24 * 60))
def test_a_broker_on_new_yorks_clock_closes_as_one_that_tells_nothing(minutes: int) -> None:
    now = at("2020-01-01") + minutes * MINUTE
    told, untold = week_end(FOREX, now), week_end(UNTOLD, now)
    assert told is not None and untold is not None
    assert told == untold or not FOREX.is_open(now)
    assert untold - timedelta(days=8) < now <= untold


def test_seconds_count_down_and_go_on_below_0() -> None:
    now = at("2026-03-06 21:00")
    assert seconds_to([now + MINUTE, now - MINUTE, now], now) == (D(60), D(-60), D(0))


def test_what_is_usual_is_the_median_of_what_is_known() -> None:
    spreads = [0.0] * 30 + [0.00012] * 6 + [0.00018] * 5
    assert usual_spread(spreads, D("0.00001")) == 12
    assert usual_gap([0.0] * 30 + [120.0] * 11) == D("0.5")


def test_of_a_few_minutes_nobody_knows_what_is_usual() -> None:
    assert usual_spread([0.0001] * 9 + [0.0] * 50, D("0.00001")) is None
    assert usual_gap([60.0] * 9) is None


def test_news_that_is_too_near_is_named() -> None:
    limit = limit_of(Control.NEWS_WINDOW, 15, window=300)
    breach = news_breach(limit, (D(-301), D(60)), ("USD CPI", "USD Payrolls"))
    assert breach is not None
    assert breach.message == "USD Payrolls in 60 s, limit 15 minutes before and 300 s after"
    past = news_breach(limit, (D(-300),), ("USD CPI",))
    assert past is not None
    assert past.message.startswith("USD CPI 300 s ago")
