"""Missing bars are told from closed markets."""

import numpy as np
import pytest

from tests.bars import MONDAY, fx_hours
from trading.engine.history.gaps import Gap, gap_report
from trading.engine.sessions import WEEKDAYS, week_of
from trading.engine.types import IntArray

HOUR, DAY, WEEK = 3600, 86400, 604_800


def without(time: IntArray, start: int, stop: int) -> IntArray:
    return time[(time < start) | (time >= stop)]


@pytest.mark.parametrize("years", [1, 5])
def test_weekends_and_summer_time_are_no_gaps(years: int) -> None:
    report = gap_report(fx_hours(52 * years), HOUR)
    assert (report.gaps, report.missing, report.holiday_missing) == (0, 0, 0)
    assert report.quality_percent == 100
    assert report.months == {}


def test_a_market_without_weekends_has_no_gaps_either() -> None:
    assert gap_report(MONDAY + np.arange(5000) * HOUR, HOUR).missing == 0


def test_a_missing_tuesday_is_a_gap() -> None:
    tuesday = MONDAY + 22 * DAY
    report = gap_report(without(fx_hours(20), tuesday, tuesday + DAY), HOUR)
    assert report.largest == (Gap("2024-01-23T00:00Z", "2024-01-23T23:00Z", 24),)
    assert (report.gaps, report.missing, report.expected) == (1, 24, len(fx_hours(20)))
    assert report.months == {"2024-01": pytest.approx(95.33, abs=0.5)}


def test_an_outage_over_a_weekend_is_one_gap_of_trading_hours() -> None:
    friday = MONDAY + 25 * DAY
    report = gap_report(
        without(fx_hours(20), friday + 12 * HOUR, friday + 3 * DAY + 12 * HOUR), HOUR
    )
    assert report.largest == (Gap("2024-01-26T12:00Z", "2024-01-29T11:00Z", 24),)


def test_missing_weeks_are_gaps_however_many() -> None:
    start = MONDAY + 10 * WEEK
    report = gap_report(without(fx_hours(40), start, start + 12 * WEEK), HOUR)
    assert report.gaps == 1
    # the hour that summer time moves is in doubt for weeks between both
    assert 12 * 119 <= report.missing <= 12 * 120


def test_the_largest_gaps_come_first() -> None:
    time = without(fx_hours(20), MONDAY + 22 * DAY, MONDAY + 22 * DAY + 2 * HOUR)
    time = without(time, MONDAY + 30 * DAY, MONDAY + 30 * DAY + 9 * HOUR)
    assert [gap.bars for gap in gap_report(time, HOUR).largest] == [9, 2]


def test_new_trading_hours_are_no_gap() -> None:
    time = fx_hours(40)
    night = (time % DAY < 6 * HOUR) & (time >= MONDAY + 20 * WEEK)
    assert gap_report(time[~night], HOUR).missing == 0


def test_a_holiday_kept_every_year_is_counted_apart() -> None:
    time = fx_hours(52 * 3)
    for christmas in ("2024-12-25", "2025-12-25"):
        start = int(np.datetime64(christmas, "s").astype(np.int64))
        time = without(time, start, start + DAY)
    report = gap_report(time, HOUR)
    assert (report.gaps, report.missing) == (0, 0)
    assert (report.holiday_gaps, report.holiday_missing) == (2, 48)
    assert report.holidays == ("Christmas",)


def test_a_holiday_the_market_trades_on_in_other_years_is_a_gap() -> None:
    time = fx_hours(52 * 4)
    start = int(np.datetime64("2025-05-26", "s").astype(np.int64))
    report = gap_report(without(time, start, start + DAY), HOUR)
    assert (report.gaps, report.missing, report.holidays) == (1, 24, ())


@pytest.mark.parametrize("seconds", [60, 900, 14400])
def test_every_timeframe_finds_a_missing_day(seconds: int) -> None:
    steps = np.arange(0, 20 * WEEK, seconds) + MONDAY
    weekdays = steps[(steps // DAY + 3) % 7 < 5]
    tuesday = MONDAY + 36 * DAY
    report = gap_report(without(weekdays, tuesday, tuesday + DAY), seconds)
    assert (report.gaps, report.missing) == (1, DAY // seconds)


def test_daily_bars_that_open_in_the_evening() -> None:
    days = MONDAY - 2 * HOUR + np.arange(0, 20 * WEEK, DAY)
    weekdays = days[((days + 2 * HOUR) // DAY + 3) % 7 < 5]
    report = gap_report(np.delete(weekdays, 31), DAY)
    assert report.largest == (Gap("2024-02-12T22:00Z", "2024-02-12T22:00Z", 1),)


def test_what_is_missing_while_the_symbol_is_not_quoted_is_no_gap() -> None:
    hours, tuesday = np.arange(0, 40 * WEEK, HOUR) + MONDAY, MONDAY + 22 * DAY
    time = without(hours, tuesday + 20 * HOUR, tuesday + DAY)
    assert gap_report(time, HOUR).missing == 4
    days = {day: [["00:00", "21:30"]] for day in WEEKDAYS}
    assert gap_report(time, HOUR, week_of({"zone": "UTC", "quote": days}, "quote")).missing == 2


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_a_short_history_has_no_gaps(count: int) -> None:
    assert gap_report(MONDAY + np.arange(count) * HOUR, HOUR).missing == 0
