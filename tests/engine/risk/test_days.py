"""Trading days and swap nights."""

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import risk
from trading.engine.risk import Period
from trading.engine.risk.days import day_begins, day_of

Clock = tuple[time, str]
TICK = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


NY, ATHENS, PRAGUE = CLOCKS = (
    (time(17), "America/New_York"),
    (time(0), "Europe/Athens"),
    (time(0), "Europe/Prague"),
)
BOUNDARIES = {  # trading day -> its beginning in UTC by each of the clocks
    "2026-03-06": ("05T22:00", "05T22:00", "05T23:00"),
    "2026-03-09": ("08T21:00", "08T22:00", "08T23:00"),  # New York has changed, Europe has not
    "2026-03-30": ("29T21:00", "29T21:00", "29T22:00"),
    "2026-10-26": ("25T21:00", "25T22:00", "25T23:00"),  # Europe has changed, New York has not
    "2026-11-02": ("01T22:00", "01T22:00", "01T23:00"),
}
START, END = utc("2025-01-01T00:00"), utc("2027-01-01T00:00")
HOURS = [START + timedelta(hours=n) for n in range(365 * 2 * 24)]


@pytest.mark.parametrize(("day", "starts"), BOUNDARIES.items())
def test_a_trading_day_begins_by_the_clock_of_its_zone(day: str, starts: tuple[str, ...]) -> None:
    for (reset, zone), begins in zip(CLOCKS, starts, strict=True):
        start = utc(f"{day[:7]}-{begins}")
        assert risk.period_start(utc(f"{day}T12:00"), Period.DAY, reset, zone) == start
        assert day_of(start, reset, zone) == date.fromisoformat(day)
        assert day_of(start - TICK, reset, zone) == date.fromisoformat(day) - timedelta(days=1)


@pytest.mark.parametrize("clock", CLOCKS)
def test_two_years_of_days_begin_when_the_zones_clock_shows_the_reset(clock: Clock) -> None:
    reset, zone = clock
    shown = [at for at in HOURS if at.astimezone(ZoneInfo(zone)).time() == reset]
    found = [risk.next_reset(START - timedelta(days=1), Period.DAY, reset, zone)]
    while found[-1] < HOURS[-1]:
        found.append(risk.next_reset(found[-1], Period.DAY, reset, zone))
    assert [at for at in found if START <= at <= HOURS[-1]] == shown
    assert len(shown) == 730


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("period", Period)
def test_every_hour_of_two_years_lies_in_its_period(period: Period, clock: Clock) -> None:
    reset, zone = clock
    begins = [at for at in HOURS if begins_here(at, period, clock)]
    for at in HOURS[::7]:
        if begins[0] <= at < begins[-1]:
            index = bisect_right(begins, at)
            assert risk.period_start(at, period, reset, zone) == begins[index - 1]
            assert risk.next_reset(at, period, reset, zone) == begins[index]


def begins_here(at: datetime, period: Period, clock: Clock) -> bool:
    """Whether a period begins at a moment, by what the zone's clock shows then."""
    reset, zone = clock
    local = at.astimezone(ZoneInfo(zone))
    day = (local + timedelta(days=1 if reset.hour >= 12 else 0)).date()
    first = {Period.DAY: True, Period.WEEK: day.weekday() == 0, Period.MONTH: day.day == 1}
    return local.time() == reset and first[period]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_with_a_clock_change_is_shorter_or_longer(day: str, hours: int) -> None:
    noon = utc(f"{day}T12:00")
    length = risk.next_reset(noon, Period.DAY, *PRAGUE) - risk.period_start(
        noon, Period.DAY, *PRAGUE
    )
    assert length == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("day", "reset", "zone", "start"),
    [
        ("2026-03-29", "02:30", "Europe/Prague", "2026-03-29T01:00"),  # skipped: at the jump
        ("2026-03-29", "03:00", "Europe/Prague", "2026-03-29T01:00"),  # the first after it
        ("2026-10-25", "02:30", "Europe/Prague", "2026-10-25T00:30"),  # shown twice: the first
        ("2025-09-07", "00:00", "America/Santiago", "2025-09-07T04:00"),  # midnight is skipped
        ("2025-11-02", "00:00", "America/Havana", "2025-11-02T04:00"),  # midnight comes twice
        ("2011-12-30", "00:00", "Pacific/Apia", "2011-12-30T10:00"),  # a whole day is skipped
    ],
)
def test_a_reset_that_is_skipped_or_shown_twice(
    day: str, reset: str, zone: str, start: str
) -> None:
    at = time.fromisoformat(reset)
    assert day_begins(date.fromisoformat(day), at, zone) == utc(start)
    assert risk.period_start(utc(start), Period.DAY, at, zone) == utc(start)
    assert risk.period_start(utc(start) - TICK, Period.DAY, at, zone) < utc(start)


moments = st.integers(0, 2**32)


@given(moments, st.integers(-100, 10**7))
def test_rollovers_are_the_starts_of_the_days_between(start: int, length: int) -> None:
    end = start + length
    found = risk.rollovers(start, end).tolist()
    expected = []
    day = risk.day_start(datetime.fromtimestamp(end, UTC))
    while length > 0 and day.timestamp() > start:
        expected.append(int(day.timestamp()))
        day = risk.day_start(day - timedelta(seconds=1))
    assert found == expected[::-1]


@given(moments)
def test_the_next_rollover_begins_the_next_day(at: int) -> None:
    following = risk.next_rollover(at)
    assert following > at
    day = risk.day_start(datetime.fromtimestamp(at, UTC))
    assert risk.day_start(datetime.fromtimestamp(following - 1, UTC)) == day


@pytest.mark.parametrize("triple", range(7))
def test_a_week_books_its_nights_on_weekdays_three_on_the_triple_day(triple: int) -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    week = risk.rollovers(int(monday.timestamp()), int(monday.timestamp()) + 7 * 86400)
    nights = risk.swap_nights(week, triple).tolist()
    expected = [3 if day == triple else 1 for day in range(5)]
    assert nights == [*expected, 0, 0]


def test_swap_days_are_new_york_days_all_year() -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    times = risk.rollovers(start, start + 365 * 86400)
    days = [date.fromtimestamp(t - 3600) for t in times.tolist()]  # noqa: DTZ012 - 20 or 21 UTC
    booked = risk.swap_nights(times, 2).tolist()
    for day, nights in zip(days, booked, strict=True):
        assert nights == (0 if day.weekday() > 4 else 3 if day.weekday() == 2 else 1)


zones = st.sampled_from(["America/New_York", "Europe/Prague", "America/Santiago", "UTC"])


@given(st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)), st.times(), zones)  # noqa: DTZ001
def test_periods_follow_each_other_without_gaps(at: datetime, reset: time, zone: str) -> None:
    at, reset = at.replace(tzinfo=UTC), reset.replace(microsecond=0)
    for period in Period:
        start = risk.period_start(at, period, reset, zone)
        end = risk.next_reset(at, period, reset, zone)
        assert start <= at < end
        assert risk.period_start(end, period, reset, zone) == end
        assert risk.next_reset(end - TICK, period, reset, zone) == end
