"""Groups of metrics, worked out by hand on two trades and on small curves."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scripts import played
from tests.engine.test_trades import SETUP, TWO_TRADES
from trading.engine.backtest import Result
from trading.engine.metrics import Curve, SliceMetrics, drawdown_metrics, periods_of, slice_by
from trading.engine.types import EngineError


@pytest.fixture(scope="module")
def result() -> Result:
    return played(TWO_TRADES, SETUP)


def curve_of(*daily: float, start: datetime = datetime(2024, 1, 30, 12, tzinfo=UTC)) -> Curve:
    """An equity with one bar a day; the first value is the start."""
    days = [int((start + timedelta(days=k)).timestamp()) for k in range(len(daily) - 1)]
    rows = np.arange(len(days), dtype=np.int64)
    return Curve(np.array(days, np.int64), np.array(daily[1:]), rows, daily[0])


def test_the_quality_of_two_trades(result: Result) -> None:
    """A win of 108 (29 of 29 points favourable) and a loss of 84 (0 of 18)."""
    found = result.metrics.quality
    assert (found.lots, found.trades_per_day) == (8.0, 2.0)
    assert found.kelly_percent == pytest.approx(100 * (0.5 - 0.5 / (108 / 84)))
    assert found.expectancy_ratio == pytest.approx((108 - 84) / 2 / 84)
    assert found.without_best == -84.0
    assert (found.most_won_in_row, found.most_lost_in_row) == (108.0, -84.0)
    assert found.runs_z is None


def test_excursions_of_two_trades(result: Result) -> None:
    """In distances of the stop: moves 29/18 and -19/18, favourable 29/18 and 0."""
    found = result.metrics.quality
    assert found.edge_ratio == pytest.approx(29 / (13 + 19))
    assert found.capture_percent == pytest.approx(100 * (29 - 19) / 29)
    assert found.end_drawdown_r == pytest.approx(19 / 18 / 2)
    assert found.win_mae_r == pytest.approx(13 / 18)
    assert (found.largest_mae_r, found.largest_mfe_r) == pytest.approx((19 / 18, 29 / 18))
    assert found.stop_overshoot_r == 0.0


def test_growth_of_two_trades(result: Result) -> None:
    first, second = 10_108 / 10_000, 10_024 / 10_108
    found = result.metrics.quality
    assert found.mean_growth_percent == pytest.approx(100 * ((first + second) / 2 - 1))
    assert found.geometric_growth_percent == pytest.approx(100 * ((first * second) ** 0.5 - 1))


def test_slices_hold_all_trades(result: Result) -> None:
    for name, parts in result.metrics.slices.items():
        assert sum(part.count for part in parts.values()) == 2, name
        assert sum(part.net for part in parts.values()) == pytest.approx(24.0), name


def test_trades_by_the_clock_of_new_york(result: Result) -> None:
    """Entries of Tuesday 13:00 and 16:00 UTC."""
    slices = result.metrics.slices
    assert set(slices["hour"]) == {"08", "11"}
    assert slices["weekday"]["Tue"].count == 2
    assert set(slices["session"]) == {"New York"}
    assert slices["duration"]["under 1 h"].count == 1
    assert slices["side"] == {
        "short": SliceMetrics(1, 0.0, -1.0, -84.0),
        "long": SliceMetrics(1, 100.0, 108 / 84, 108.0),
    }


def test_trades_by_any_other_code(result: Result) -> None:
    codes = np.array([0, 1], np.int64)
    found = slice_by(result.trades, codes, ("EURUSD", "GBPUSD", "USDJPY"))
    assert {name: part.net for name, part in found.items()} == {"EURUSD": 108.0, "GBPUSD": -84.0}


def test_months_and_years_multiply_their_days() -> None:
    curve = curve_of(100.0, 110.0, 99.0, 108.9)
    months, (year,) = periods_of(curve, "M"), periods_of(curve, "Y")
    assert [month.name for month in months] == ["2024-01", "2024-02"]
    assert [month.return_percent for month in months] == pytest.approx([-1.0, 10.0])
    assert year.name == "2024"
    assert year.return_percent == pytest.approx(8.9)
    assert periods_of(curve_of(100.0, 0.0, 50.0), "M") == ()


@given(st.lists(st.floats(1.0, 1000.0), min_size=2, max_size=400))
def test_all_years_together_are_the_whole_return(daily: list[float]) -> None:
    growth = [1.0 + year.return_percent / 100.0 for year in periods_of(curve_of(*daily), "Y")]
    assert np.prod(growth) == pytest.approx(daily[-1] / daily[0])


def test_drawdowns_together() -> None:
    """100, 80 (20 %), 100, 90 (10 %): one over after two days, one that lasts a day."""
    found = drawdown_metrics(curve_of(100.0, 100.0, 80.0, 100.0, 90.0), np.array([120.0, 90.0]))
    assert (found.count, found.mean_days, found.recovery_days) == (2, 1.5, 1.0)
    assert (found.current_percent, found.absolute) == pytest.approx((10.0, 20.0))
    assert (found.balance, found.balance_percent) == (30.0, 25.0)


def test_a_drawdown_that_lasts_has_not_recovered() -> None:
    assert drawdown_metrics(curve_of(100.0, 80.0), np.empty(0)).recovery_days is None


def test_the_account_decides_when_days_end() -> None:
    """Six hourly bars from noon UTC: one day in New York, two where it ends at 15:00 UTC."""
    later = played(TWO_TRADES, SETUP, reset=time(15), zone="UTC")
    assert later.metrics.equity.days == 2
    assert later.settings["days"] == "15:00 UTC"
    assert later.trades.net.tolist() == played(TWO_TRADES, SETUP).trades.net.tolist()


def test_a_zone_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(EngineError, match="was 'Mars'"):
        played(TWO_TRADES, SETUP, zone="Mars")


def test_nothing_is_claimed_of_no_trades(result: Result) -> None:
    table = TWO_TRADES.replace("    1   17", "    0   17").replace("   -1   17", "    0   17")
    found = played(table, replace(SETUP)).metrics
    assert found.quality.kelly_percent is None
    assert found.quality.t_statistic is None
    assert found.quality.largest_mae_r is None
    assert found.returns.skewness is None
    assert all(not parts for parts in found.slices.values())
