"""Sessions on the broker's clock, through summer time and over midnight."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.sessions import (
    BROKER_ZONE,
    WEEKDAYS,
    sessions_json,
    week_of,
    zone_that_shows,
)
from trading.engine.types import EngineError

FOREX: dict[str, Any] = {
    "trade": {day: [["00:05:00", "23:55:00"]] for day in WEEKDAYS[:5]},
    "quote": {day: [["00:00:00", "24:00:00"]] for day in WEEKDAYS[:5]},
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-12T12:00", True),
        ("2026-01-12T21:54:59", True),  # 23:54:59 by the broker, winter
        ("2026-01-12T21:55", False),
        ("2026-01-12T22:05", True),
        ("2026-07-13T20:55", False),  # summer: an hour earlier in UTC
        ("2026-07-13T21:05", True),
        ("2026-01-16T22:05", False),  # Saturday by the broker
        ("2026-01-18T22:04:59", False),
        ("2026-01-18T22:05", True),
    ],
)
def test_broker_midnight_is_17_new_york(moment: str, is_open: bool) -> None:
    assert week_of(FOREX, "trade").is_open(at(moment)) is is_open


def test_weekend_over_the_change_to_summer_time_ends_an_hour_earlier() -> None:
    week = week_of(FOREX, "trade")
    assert week.next_close(at("2026-03-06T12:00")) == at("2026-03-06T21:55")
    assert week.next_open(at("2026-03-07T12:00")) == at("2026-03-08T21:05")
    assert week.next_open(at("2026-10-31T12:00")) == at("2026-11-01T22:05")


def test_an_open_session_opens_now_and_a_closed_one_has_closed() -> None:
    week = week_of(FOREX, "trade")
    open_, closed = at("2026-01-12T12:00"), at("2026-01-17T12:00")
    assert week.next_open(open_) == open_
    assert week.next_close(closed) == closed


@pytest.mark.parametrize("sessions", [{}, {"trade": {}}, {"trade": {"MONDAY": []}}])
def test_without_sessions_it_is_always_open(sessions: dict[str, Any]) -> None:
    week = week_of(sessions, "trade")
    assert week.is_open(at("2026-01-17T12:00"))
    assert week.next_close(at("2026-01-17T12:00")) is None
    assert week.open_mask(np.arange(5, dtype=np.int64)).all()


@pytest.mark.parametrize(("seconds", "is_open"), [(1, False), (3600, False), (3601, True)])
def test_a_stretch_is_open_when_a_session_begins_within_it(seconds: int, is_open: bool) -> None:
    week = week_of({"zone": "UTC", "quote": {"MONDAY": [["00:00", "20:00"]]}}, "quote")
    time = np.array([int(at("2026-01-18T23:00").timestamp())], dtype=np.int64)  # a Sunday
    assert week.open_mask(time, seconds).tolist() == [is_open]


def test_a_session_over_midnight_and_over_the_end_of_the_week_is_one() -> None:
    week = week_of({"zone": "UTC", "trade": {"SUNDAY": [["22:00", "02:00"]]}}, "trade")
    assert week.is_open(at("2026-01-12T01:59")) and not week.is_open(at("2026-01-12T02:00"))
    assert week.next_close(at("2026-01-11T23:00")) == at("2026-01-12T02:00")


def test_days_that_touch_never_close_between() -> None:
    week = week_of(FOREX, "quote")
    assert week.next_close(at("2026-01-12T12:00")) == at("2026-01-16T22:00")


def test_midnight_comes_in_three_spellings() -> None:
    spans = {d: ((time(0), end),) for d, end in enumerate((time(0), time.max, time(23, 59, 59, 9)))}
    stored = sessions_json(spans, {})
    assert stored == {"quote": {d: [["00:00:00", "24:00:00"]] for d in WEEKDAYS[:3]}}


@pytest.mark.parametrize(
    "days", [{"MOONDAY": []}, {"MONDAY": [["noon", "13:00"]]}, {"MONDAY": [["00:00", "24:01"]]}]
)
def test_sessions_that_cannot_be_read_are_refused(days: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="Expected a"):
        week_of({"trade": days}, "trade")


@pytest.mark.parametrize(
    ("moment", "hours", "likely", "zone"),
    [
        ("2026-01-12T12:00", 2, "", BROKER_ZONE),
        ("2026-07-12T12:00", 3, "Europe/Athens", "Europe/Athens"),
        ("2026-03-20T12:00", 3, "Europe/Athens", BROKER_ZONE),  # America is in summer already
        ("2026-03-20T12:00", 2, "", "Europe/Athens"),
        ("2026-07-12T12:00", 0, "", "UTC"),
        ("2026-07-12T12:00", 8, "", "UTC+8"),
    ],
)
def test_zone_is_told_by_the_brokers_clock(moment: str, hours: int, likely: str, zone: str) -> None:
    shown = at(moment).replace(tzinfo=None) + timedelta(hours=hours, seconds=1)
    assert zone_that_shows(at(moment), shown, likely) == zone


def test_a_clock_that_is_no_zone_is_refused() -> None:
    noon = at("2026-01-12T12:00")
    with pytest.raises(EngineError, match=r"was 3.5 hours"):
        zone_that_shows(noon, datetime(2026, 1, 12, 15, 30))  # noqa: DTZ001 - a wall clock


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1))  # noqa: DTZ001
EDGES = st.lists(st.integers(0, 287), min_size=2, max_size=2, unique=True)


@given(MOMENTS, st.dictionaries(st.sampled_from(WEEKDAYS), EDGES, min_size=1))
def test_next_edges_lie_where_the_state_changes(moment: datetime, days: dict[str, Any]) -> None:
    spans = {d: [[f"{e // 12:02}:{e % 12 * 5:02}" for e in edges]] for d, edges in days.items()}
    week, moment = week_of({"trade": spans}, "trade"), moment.replace(tzinfo=UTC)
    opens, closes = week.next_open(moment), week.next_close(moment)
    if closes is not None:
        assert not week.is_open(closes)
        assert closes == moment or week.is_open(closes - timedelta(seconds=1))
    assert opens is not None and week.is_open(opens)
    assert opens == moment or not week.is_open(opens - timedelta(seconds=1))
    times = np.array([int(moment.timestamp()) + 3600 * k for k in range(400)], dtype=np.int64)
    expected = [week.is_open(datetime.fromtimestamp(int(t), UTC)) for t in times]
    assert week.open_mask(times).tolist() == expected
