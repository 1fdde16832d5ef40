"""The report names what is odd, and finds nothing where nothing is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.bars import MONDAY, bars_at, fx_hours, random_bars
from trading.engine.bars import bars_take
from trading.engine.history.quality import quality
from trading.engine.types import BAR_COLUMNS, Bars


def test_a_sound_history_has_nothing_to_report() -> None:
    report = quality(bars_at(fx_hours(60)), "H1")
    odd = (report.duplicates, report.out_of_order, report.non_positive, report.inverted)
    assert odd == (0, 0, 0, 0)
    assert (report.spikes, report.open_changes, report.rhythm_breaks) == (0, (), ())
    assert (report.gaps.missing, report.gaps.quality_percent) == (0, 100)
    assert (report.rows, report.first) == (len(fx_hours(60)), "2024-01-01T00:00Z")


def test_duplicates_and_disorder_are_counted() -> None:
    bars = bars_take(random_bars(50), np.array([0, 1, 1, 3, 2, *range(4, 50)]))
    report = quality(bars, "H1")
    assert (report.duplicates, report.out_of_order) == (1, 1)
    assert report.gaps.missing == 0


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_prices_that_cannot_be_are_counted(value: float) -> None:
    bars = random_bars(50)
    bars.low[7] = value
    report = quality(bars, "H1")
    assert (report.non_positive, report.inverted) == (1, 0)


def test_inverted_bars_are_counted() -> None:
    bars = random_bars(50)
    bars.high[7] = bars.low[7] - 0.001
    bars.low[9] = bars.high[9] + 0.001
    assert quality(bars, "H1").inverted == 2


def test_flat_bars_and_their_longest_run_are_counted() -> None:
    bars = random_bars(50)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[[3, 10, 11, 12]] = 1.5
    report = quality(bars, "H1")
    assert (report.flat, report.longest_flat_run) == (4, 3)


def test_a_lone_spike_is_found() -> None:
    bars = random_bars(2000)
    bars.high[700] += 0.1
    bars.low[1500] -= 0.2
    report = quality(bars, "H1")
    assert report.spikes == 2
    assert report.spike_examples == ("2024-03-03T12:00Z", "2024-01-30T04:00Z")


def test_a_jump_that_stays_is_no_spike() -> None:
    bars = random_bars(2000)
    moved = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for prices in moved.values():
        prices[700:] += 0.1
    moved["high"][699] = moved["high"][700]
    assert quality(replace(bars, **moved), "H1").spikes == 0


@pytest.mark.parametrize("bars", [Bars.empty(), random_bars(1), random_bars(3), random_bars(700)])
def test_a_report_is_json(bars: Bars) -> None:
    report = quality(bars, "H1").to_json()
    assert json.loads(json.dumps(report))["rows"] == len(bars)


def test_reporting_changes_nothing() -> None:
    bars = random_bars(500, start=MONDAY)
    quality(bars, "H1")
    for name in BAR_COLUMNS:
        assert (getattr(bars, name) == getattr(random_bars(500), name)).all()
