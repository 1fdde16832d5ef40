"""Server times to UTC, against the standard library and around the clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.history.zones import to_utc, zone_of
from trading.engine.types import EngineError

ZONES = ["Europe/Athens", "America/New_York", "Australia/Sydney", "Asia/Tokyo", "UTC"]


def wall(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([datetime.fromisoformat(f"{t}+00:00").timestamp() for t in texts], np.int64)


def texts(times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    return [f"{datetime.fromtimestamp(int(t), UTC):%m-%d %H:%M}" for t in times]


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(915_148_800, 1_893_456_000), min_size=1, max_size=9).map(sorted),
)
def test_utc_to_wall_and_back_is_the_same(name: str, moments: list[int]) -> None:
    utc = np.array(moments, np.int64)
    local = [datetime.fromtimestamp(int(t), ZoneInfo(name)) for t in utc]
    walls = np.array([int(m.replace(tzinfo=UTC, fold=0).timestamp()) for m in local], np.int64)
    once = np.array([_once(m, name) for m in local])
    result = to_utc(walls, zone_of(name))
    assert len(result.missing) == 0
    assert (result.time[once] == utc[once]).all()
    assert result.ambiguous == (~once).sum()


def _once(moment: datetime, name: str) -> bool:
    folds = {moment.replace(fold=fold).utcoffset() for fold in (0, 1)}
    return len(folds) == 1


@given(st.sampled_from(ZONES), st.integers(0, 10**9), st.integers(0, 10**8))
def test_offsets_are_those_of_the_standard_library(name: str, start: int, length: int) -> None:
    times = np.linspace(start, start + length, 7).astype(np.int64)
    zone = ZoneInfo(name)
    expected = [datetime.fromtimestamp(int(t), zone).utcoffset() for t in times]
    assert [timedelta(seconds=int(s)) for s in zone_of(name).offsets(times)] == expected


def test_summer_and_winter_have_their_own_offset() -> None:
    times = wall("2021-01-15 10:00", "2021-07-15 10:00")
    assert texts(to_utc(times, zone_of("Europe/Athens")).time) == ["01-15 08:00", "07-15 07:00"]


def test_hours_can_be_added_to_a_zone() -> None:
    zone = zone_of("America/New_York+7")
    times = wall("2021-01-15 00:00", "2021-03-15 00:00", "2021-07-15 00:00")
    assert texts(to_utc(times, zone).time) == ["01-14 22:00", "03-14 21:00", "07-14 21:00"]


def test_a_zone_whose_name_has_a_sign_is_not_taken_apart() -> None:
    assert texts(to_utc(wall("2021-01-01 02:00"), zone_of("Etc/GMT-2")).time) == ["01-01 00:00"]


def test_times_the_clocks_skip_are_pointed_out() -> None:
    times = wall("2021-03-28 02:59", "2021-03-28 03:00", "2021-03-28 03:59", "2021-03-28 04:00")
    result = to_utc(times, zone_of("Europe/Athens"))
    assert result.missing.tolist() == [1, 2]
    assert texts(result.time[[0, 3]]) == ["03-28 00:59", "03-28 01:00"]


def test_an_hour_that_comes_once_is_its_first_pass() -> None:
    times = wall("2021-10-31 02:30", "2021-10-31 03:30", "2021-10-31 04:30")
    result = to_utc(times, zone_of("Europe/Athens"))
    assert texts(result.time) == ["10-30 23:30", "10-31 00:30", "10-31 02:30"]
    assert result.ambiguous == 1


def test_an_hour_that_comes_twice_is_told_apart_by_its_order() -> None:
    times = wall(*(f"2021-10-31 {t}" for t in ("03:00", "03:30", "03:00", "03:30", "04:00")))
    result = to_utc(times, zone_of("Europe/Athens"))
    expected = [f"10-31 {t}" for t in ("00:00", "00:30", "01:00", "01:30", "02:00")]
    assert texts(result.time) == expected
    assert result.ambiguous == 4


@pytest.mark.parametrize("name", ["", "Mars/Base", "Mars/Base+2", "+3", "../etc/passwd"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="Expected an IANA time zone"):
        zone_of(name)


def test_no_times_are_no_times() -> None:
    assert len(to_utc(np.empty(0, np.int64), zone_of("Europe/Athens")).time) == 0
    assert len(zone_of("Europe/Athens").offsets(np.empty(0, np.int64))) == 0
