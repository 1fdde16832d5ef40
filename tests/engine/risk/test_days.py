"""Trading days and swap nights."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine import risk

BOUNDARIES = {  # broker date -> its midnight, 17:00 New York of the day before, in UTC
    "2026-03-06": "2026-03-05T22:00",
    "2026-03-09": "2026-03-08T21:00",  # New York has changed, Europe has not
    "2026-03-30": "2026-03-29T21:00",
    "2026-10-26": "2026-10-25T21:00",  # Europe has changed, New York has not
    "2026-11-02": "2026-11-01T22:00",
}


@pytest.mark.parametrize(("day", "boundary"), BOUNDARIES.items())
def test_the_day_begins_at_17_new_york(day: str, boundary: str) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00+00:00")
    start = datetime.fromisoformat(f"{boundary}+00:00")
    assert risk.day_start(noon) == start
    assert risk.day_start(start) == start
    assert risk.day_start(start - timedelta(microseconds=1)) < start


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
