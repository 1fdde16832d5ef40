"""Which files are taken and which are refused, with the line and the reason."""

from dataclasses import replace

import numpy as np
import pytest

from tests.bars import MONDAY, random_bars
from trading.engine.bars import bars_take
from trading.engine.history.checks import checked_bars
from trading.engine.history.files import FileBars, FileError
from trading.engine.history.zones import UTC_ZONE, zone_of
from trading.engine.types import BAR_COLUMNS, Bars

ATHENS = zone_of("Europe/Athens")


def file_of(bars: Bars, *, is_utc: bool = False) -> FileBars:
    return FileBars(bars, place="line", first=2, is_utc=is_utc, spread_kind="absent")


def refusal(bars: Bars, timeframe: str = "H1") -> str:
    with pytest.raises(FileError) as error:
        checked_bars(file_of(bars), timeframe, UTC_ZONE)
    return str(error.value)


def with_value(name: str, row: int, value: float) -> Bars:
    bars = random_bars(50)
    getattr(bars, name)[row] = value
    return bars


def test_sound_bars_pass_unchanged() -> None:
    bars = random_bars(100)
    checked = checked_bars(file_of(bars), "H1", UTC_ZONE)
    assert (checked.duplicates, checked.ambiguous) == (0, 0)
    for name in BAR_COLUMNS:
        assert getattr(checked.bars, name).tolist() == getattr(bars, name).tolist()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("open", 0.0, "expected open > 0, was 0"),
        ("low", -1.5, "expected low > 0, was -1.5"),
        ("close", np.nan, "expected close > 0, was nan"),
        ("high", np.inf, "expected high > 0, was inf"),
        ("volume", -1.0, "expected volume >= 0, was -1"),
        ("spread", -2.0, "expected spread >= 0, was -2"),
    ],
)
def test_numbers_that_cannot_be_are_refused(name: str, value: float, message: str) -> None:
    assert refusal(with_value(name, 30, value)) == f"line 32: {message}"


def test_a_high_below_the_open_is_refused() -> None:
    bars = random_bars(50)
    for name, value in {"open": 1.085, "high": 1.0843, "low": 1.08, "close": 1.0841}.items():
        getattr(bars, name)[30] = value
    expected = "expected high >= max(open, close), was high 1.0843 < open 1.085"
    assert refusal(bars) == f"line 32: {expected}"


def test_a_low_above_the_close_is_refused() -> None:
    bars = random_bars(50)
    for name, value in {"open": 1.085, "high": 1.086, "low": 1.0848, "close": 1.0841}.items():
        getattr(bars, name)[30] = value
    expected = "expected low <= min(open, close), was low 1.0848 > close 1.0841"
    assert refusal(bars) == f"line 32: {expected}"


def test_the_first_bad_line_is_the_one_named() -> None:
    bars = with_value("close", 40, -1.0)
    bars.volume[20] = -1.0
    assert refusal(bars) == "line 22: expected volume >= 0, was -1"


def test_times_that_go_back_are_refused() -> None:
    bars = bars_take(random_bars(50), np.array([*range(40), 5]))
    expected = "expected a time after 2024-01-02 15:00:00, was 2024-01-01 05:00:00"
    assert refusal(bars) == f"line 42: {expected}"


def test_a_repeated_row_is_dropped_and_counted() -> None:
    bars = bars_take(random_bars(50), np.array([0, 1, 1, *range(2, 50)]))
    checked = checked_bars(file_of(bars), "H1", UTC_ZONE)
    assert (len(checked.bars), checked.duplicates) == (50, 1)


def test_a_time_with_two_different_bars_is_refused() -> None:
    bars = bars_take(random_bars(50), np.array([0, 1, 1, *range(2, 50)]))
    bars.volume[2] += 1
    expected = "expected one bar per time, 2024-01-01 01:00:00 came with other values"
    assert refusal(bars) == f"line 4: {expected}"


@pytest.mark.parametrize(("seconds", "named"), [(60, " (M1)"), (14400, " (H4)"), (77, "")])
def test_bars_of_another_timeframe_are_refused(seconds: int, named: str) -> None:
    expected = f"Expected bars of H1, 3600 s apart; most are {seconds} s apart{named}"
    assert refusal(random_bars(50, seconds=seconds)) == expected


def test_a_few_bars_off_the_grid_are_refused() -> None:
    bars = random_bars(50)
    bars.time[30] += 420
    expected = "expected a bar that opens on the H1 grid, was 2024-01-02 06:07:00"
    assert refusal(bars) == f"line 32: {expected}"


def test_a_grid_with_an_offset_is_a_grid() -> None:
    bars = random_bars(50, start=MONDAY + 1800)
    assert len(checked_bars(file_of(bars), "H1", UTC_ZONE).bars) == 50
    bars.time[30] -= 1800
    assert "opens 30 minutes past the H1 grid" in refusal(bars)


def test_daily_bars_that_follow_summer_time_are_taken() -> None:
    bars = random_bars(400, seconds=86400)
    local = checked_bars(file_of(bars), "D1", zone_of("America/New_York+7")).bars
    assert sorted(set((local.time % 86400 // 3600).tolist())) == [21, 22]
    again = checked_bars(file_of(local, is_utc=True), "D1", UTC_ZONE).bars
    assert again.time.tolist() == local.time.tolist()


def test_server_times_become_utc() -> None:
    checked = checked_bars(file_of(random_bars(50)), "H1", ATHENS)
    assert checked.bars.time[0] == MONDAY - 7200


def test_a_time_the_clocks_skip_is_refused() -> None:
    start = MONDAY + 89 * 86400  # 2024-03-30, the day before the clocks of Athens go forward
    with pytest.raises(FileError) as error:
        checked_bars(file_of(random_bars(50, start=start)), "H1", ATHENS)
    expected = "expected a time the clocks of Europe/Athens show, was 2024-03-31 03:00:00"
    assert str(error.value) == f"line 29: {expected}, which they skip"


def test_an_hour_the_clocks_repeat_is_counted() -> None:
    start = MONDAY + 299 * 86400  # 2024-10-26, the day before the clocks of Athens go back
    checked = checked_bars(file_of(random_bars(50, start=start)), "H1", ATHENS)
    assert checked.ambiguous == 1
    steps = np.diff(checked.bars.time)
    assert (steps.max(), (steps == 3600).sum()) == (7200, 48)


def test_times_with_a_zone_take_no_other() -> None:
    with pytest.raises(FileError, match="Expected the zone UTC"):
        checked_bars(file_of(random_bars(5), is_utc=True), "H1", ATHENS)


@pytest.mark.parametrize("time", [-5, 9_999_999_999])
def test_times_of_another_age_are_refused(time: int) -> None:
    bars = random_bars(1)
    bars = replace(bars, time=np.array([time]))
    assert "expected a time from 1970 to 2099" in refusal(bars)
