"""Ticks to bars, event by event and at once; resampling and merging."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.bars import (
    Bar,
    BarBuilder,
    bars_from_ticks,
    bars_join,
    bars_of,
    merge,
    resample,
)
from trading.engine.types import BAR_COLUMNS, Bars, EngineError

Tick = tuple[float, float, float]
ticks = st.lists(
    st.tuples(
        st.integers(0, 3000).map(lambda t: t / 2),
        st.integers(1, 50).map(float),
        st.integers(0, 9).map(float),
    ),
    max_size=60,
)


def rows_of(bars: Bars) -> list[tuple[float, ...]]:
    columns = [getattr(bars, name).tolist() for name in BAR_COLUMNS]
    return list(zip(*columns, strict=True))


def built(stream: list[Tick], timeframe: str) -> Bars:
    builder = BarBuilder(timeframe)
    closed = [bar for tick in stream if (bar := builder.add(*tick))]
    return bars_of(closed + ([builder.forming] if builder.forming else []))


def hours(start: int, closes: list[float], spread: float = 0.0) -> Bars:
    return bars_of(
        [Bar((start + i) * 3600, c, c + 1, c - 1, c, 5.0, spread) for i, c in enumerate(closes)]
    )


def test_a_tick_at_the_end_of_the_bar_closes_it() -> None:
    builder = BarBuilder("M1")
    for tick in [(60.0, 10.0, 0.5), (61.0, 12.0, 0.7), (119.9, 9.0, 0.1)]:
        assert builder.add(*tick) is None
    closed = builder.add(120.0, 11.0, 0.2)
    assert closed == Bar(60, 10.0, 12.0, 9.0, 9.0, 3.0, 0.5)
    assert builder.forming == Bar(120, 11.0, 11.0, 11.0, 11.0, 1.0, 0.2)


def test_empty_intervals_make_no_bar() -> None:
    assert built([(60, 1, 0), (600, 2, 0)], "M1").time.tolist() == [60, 600]


def test_late_ticks_are_ignored() -> None:
    builder = BarBuilder("M1")
    builder.add(60, 10, 0)
    builder.add(120, 11, 0)
    assert builder.add(119, 99, 0) is None
    assert builder.forming == Bar(120, 11, 11, 11, 11, 1, 0)


@pytest.mark.parametrize(("bid", "spread"), [(0, 0), (-1, 0), (float("nan"), 0), (1, -0.1)])
def test_what_is_no_price_is_refused(bid: float, spread: float) -> None:
    with pytest.raises(EngineError, match="Expected bid > 0 and spread >= 0"):
        BarBuilder("M1").add(0, bid, spread)
    with pytest.raises(EngineError, match="Expected bids > 0"):
        bars_from_ticks(np.zeros(1), np.array([bid]), np.array([spread]), "M1")


@given(ticks, st.sampled_from(["M1", "M5", "M15"]))
def test_the_builder_and_its_vectorised_twin_agree(stream: list[Tick], timeframe: str) -> None:
    columns = np.array(stream, dtype=np.float64).reshape(-1, 3).T
    at_once = bars_from_ticks(columns[0], columns[1], columns[2], timeframe)
    assert rows_of(built(stream, timeframe)) == rows_of(at_once)


@given(ticks)
def test_resampling_equals_building_the_coarser_bars_from_ticks(stream: list[Tick]) -> None:
    stream = sorted(stream, key=lambda tick: tick[0])
    fine, coarse = built(stream, "M1"), built(stream, "M15")
    assert rows_of(resample(fine, "M1", "M15")) == rows_of(coarse)


def test_resampling_to_a_finer_timeframe_is_refused() -> None:
    with pytest.raises(EngineError, match="Expected a multiple of H1, was M5"):
        resample(hours(0, [1.0]), "H1", "M5")


def test_an_unknown_timeframe_is_refused() -> None:
    with pytest.raises(EngineError, match="was 'H2'"):
        BarBuilder("H2")


def test_a_merge_adds_keeps_and_revises() -> None:
    result = merge(hours(0, [10, 11, 12]), hours(1, [11, 99, 13]))
    assert (result.added, result.identical, result.revised) == (1, 1, 1)
    assert result.bars.close.tolist() == [10, 11, 99, 13]
    assert result.bars.time.tolist() == [0, 3600, 7200, 10800]


def test_a_merge_fills_holes_and_goes_backwards() -> None:
    base = bars_join([hours(1, [11]), hours(3, [13])])
    result = merge(base, bars_join([hours(0, [10]), hours(2, [12])]))
    assert result.bars.close.tolist() == [10, 11, 12, 13]


def test_an_unknown_spread_does_not_replace_a_known_one() -> None:
    result = merge(hours(0, [10, 11], spread=0.5), hours(0, [10, 99]))
    assert (result.identical, result.revised) == (1, 1)
    assert result.bars.spread.tolist() == [0.5, 0.5]


def test_merging_into_nothing_adds_all() -> None:
    result = merge(Bars.empty(), hours(0, [10, 11]))
    assert (result.added, result.identical, result.revised) == (2, 0, 0)
    assert merge(result.bars, Bars.empty()).bars.close.tolist() == [10, 11]
