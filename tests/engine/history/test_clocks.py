"""A change of the server's time zone is seen; summer time and holidays are not taken for one."""

from dataclasses import replace

import numpy as np
import pytest

from tests.bars import MONDAY, bars_at, fx_hours
from trading.engine.history.clocks import OpenChange, rhythm_breaks, week_opens
from trading.engine.history.zones import to_utc, zone_of
from trading.engine.types import Bars, IntArray

YEARS = 4
HOUR, WEEK = 3600, 604_800


def at(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def wall(time: IntArray, zone: str) -> IntArray:
    """What a server in `zone` writes at these times."""
    return time + zone_of(zone).offsets(time)


def moved(day: str, before: str, after: str) -> IntArray:
    """The raw times of a server that moves from one zone to another."""
    time = fx_hours(52 * YEARS)
    return np.where(time < at(day), wall(time, before), wall(time, after))


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Athens", "Europe/Berlin", "America/New_York+7", "Asia/Tokyo"]
)
def test_a_clock_that_stays_is_no_change(zone: str) -> None:
    assert week_opens(np.unique(wall(fx_hours(52 * YEARS), zone))).changes == ()


@pytest.mark.parametrize("day", ["2025-06-15", "2025-11-23", "2026-01-11", "2026-04-05"])
def test_a_server_that_moves_to_another_zone_is_seen(day: str) -> None:
    changes = week_opens(moved(day, "Europe/Berlin", "Europe/Athens")).changes
    assert changes == (OpenChange(str(near(changes, day)), "Sun 23 UTC", "Mon 00 UTC"),)


def near(changes: tuple[OpenChange, ...], day: str) -> np.datetime64:
    """The week of the only change, which is at most a day after `day`."""
    assert len(changes) == 1
    week = np.datetime64(changes[0].week)
    assert 0 <= (week - np.datetime64(day)).astype(int) <= 1
    return week


def test_the_move_is_seen_after_a_conversion_with_one_zone_too() -> None:
    raw = moved("2025-11-23", "Europe/Berlin", "Europe/Athens")
    changes = week_opens(to_utc(raw, zone_of("Europe/Athens")).time).changes
    before, after = "Sun 16 America/New_York", "Sun 17 America/New_York"
    assert changes == (OpenChange("2025-11-23", before, after),)


def test_the_right_conversion_of_both_parts_leaves_no_change() -> None:
    raw, cut = moved("2025-11-23", "Europe/Berlin", "Europe/Athens"), at("2025-11-23")
    parts = [to_utc(raw[raw < cut], zone_of("Europe/Berlin")).time]
    parts.append(to_utc(raw[raw >= cut], zone_of("Europe/Athens")).time)
    assert week_opens(np.unique(np.concatenate(parts))).changes == ()


def test_a_server_that_begins_to_follow_summer_time_is_seen() -> None:
    changes = week_opens(moved("2025-06-15", "UTC", "America/New_York+7")).changes
    assert [(c.week, c.after) for c in changes] == [("2025-06-16", "Mon 00 UTC")]


def test_holidays_at_the_weekend_are_no_change() -> None:
    time = fx_hours(52 * YEARS)
    for week in (10, 51, 52, 104):  # these Mondays have no bars
        start = MONDAY + week * WEEK
        time = time[(time < start - 6 * HOUR) | (time >= start + 20 * HOUR)]
    assert week_opens(time).changes == ()


def test_the_histogram_counts_the_opens_of_each_quarter() -> None:
    histogram = week_opens(fx_hours(30)).histogram
    assert histogram["2024Q1"] == {"Sun 22": 9, "Sun 21": 4}
    assert histogram["2024Q2"] == {"Sun 21": 13}


def test_a_market_that_never_closes_has_no_week_opens() -> None:
    opens = week_opens(MONDAY + np.arange(9000) * HOUR)
    assert (opens.histogram, opens.changes) == ({}, ())


@pytest.mark.parametrize("count", [0, 1, 200])
def test_a_short_history_says_nothing(count: int) -> None:
    time = fx_hours(4)[:count]
    assert week_opens(time).changes == ()
    assert rhythm_breaks(bars_at(time), HOUR) == ()


def lively(time: IntArray, turned: IntArray | int = 0) -> Bars:
    """Bars whose range is large around 14:00 UTC; `turned` moves that by hours."""
    bars = bars_at(time)
    swing = 1.5 + np.cos((time / HOUR - turned - 14) * 2 * np.pi / 24)
    middle = (bars.open + bars.close) / 2
    return replace(bars, high=middle + 0.002 * swing, low=middle - 0.002 * swing)


def test_a_steady_rhythm_has_no_breaks() -> None:
    assert rhythm_breaks(lively(fx_hours(104)), HOUR) == ()


def test_months_out_of_step_are_found() -> None:
    time = fx_hours(104)
    shifted = (time >= at("2024-08-01")) & (time < at("2024-11-01"))
    (found,) = rhythm_breaks(lively(time, np.where(shifted, 4, 0)), HOUR)
    assert (found.first, found.last, found.shift_bars) == ("2024-08", "2024-10", 4)
    assert found.shifted_fit > 0.9 > found.fit


def test_a_market_without_a_rhythm_cannot_break_it() -> None:
    assert rhythm_breaks(bars_at(fx_hours(104)), HOUR) == ()


def test_minutes_and_days() -> None:
    days = bars_at(MONDAY + np.arange(300) * 86400)
    assert rhythm_breaks(days, 86400) == ()
    minutes = MONDAY + np.arange(0, 200 * 86400, 300)
    shifted = (minutes >= at("2024-03-01")) & (minutes < at("2024-05-01"))
    (found,) = rhythm_breaks(lively(minutes, np.where(shifted, -3, 0)), 300)
    assert (found.first, found.last, found.shift_bars) == ("2024-03", "2024-04", -3)
