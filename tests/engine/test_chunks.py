"""History comes back from its chunk exactly; damage is noticed."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trading.engine.chunks import (
    bars_digest,
    bars_empty,
    chunk_decode,
    chunk_encode,
    decimals_of,
)
from trading.engine.types import BAR_COLUMNS, Bars, EngineError


def quotes(rows: int, decimals: int = 5, seed: int = 1) -> Bars:
    rng = np.random.default_rng(seed)
    ticks = 110_000 + np.cumsum(rng.integers(-30, 31, rows + 1))
    open_, close = ticks[:-1], ticks[1:]
    high = np.maximum(open_, close) + rng.integers(0, 9, rows)
    low = np.minimum(open_, close) - rng.integers(0, 9, rows)
    time = np.cumsum(rng.choice([60, 60, 60, 120, 172_800], rows)) + 1_700_000_040
    volume, spread = rng.integers(1, 500, rows).astype(np.float64), np.full(rows, 0.00012)
    unit = 10.0**decimals
    return Bars(time, open_ / unit, high / unit, low / unit, close / unit, volume, spread)


def round_trip(bars: Bars) -> Bars:
    out = bars_empty(len(bars))
    chunk_decode(chunk_encode(bars), out)
    return out


def assert_same(one: Bars, other: Bars) -> None:
    for name in BAR_COLUMNS:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


@given(st.integers(1, 200), st.integers(0, 8), st.integers(0, 2**32))
def test_quotes_come_back_exactly(rows: int, decimals: int, seed: int) -> None:
    bars = quotes(rows, decimals, seed)
    assert_same(round_trip(bars), bars)


@given(st.data())
def test_any_floats_come_back_exactly(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 20))
    time = np.cumsum(data.draw(arrays(np.int64, rows, elements=st.integers(1, 10**9))))
    columns = [data.draw(arrays(np.float64, rows)) for _ in BAR_COLUMNS[1:]]
    bars = Bars(time, *columns)
    assert_same(round_trip(bars), bars)


def test_a_month_of_minutes_takes_a_few_bytes_a_bar() -> None:
    bars = quotes(30_000)
    assert len(chunk_encode(bars)) < 6 * len(bars)


def test_bars_out_of_order_are_refused() -> None:
    bars = quotes(5)
    bars.time[3] = bars.time[2]
    with pytest.raises(EngineError, match="Expected bars in order"):
        chunk_encode(bars)


def test_nothing_makes_no_chunk() -> None:
    with pytest.raises(EngineError, match="at least one bar"):
        chunk_encode(Bars.empty())


@given(st.integers(0, 2**32))
def test_a_flipped_byte_is_noticed(seed: int) -> None:
    bars = quotes(50)
    data = bytearray(chunk_encode(bars))
    at = seed % len(data)
    data[at] ^= 1 << (seed % 8)
    out = bars_empty(50)
    try:
        chunk_decode(bytes(data), out)
    except EngineError:
        return
    assert_same(out, bars)  # zlib's head has bits without a meaning


@pytest.mark.parametrize("keep", [0, 1, 20, -1])
def test_a_truncated_chunk_is_refused(keep: int) -> None:
    data = chunk_encode(quotes(50))
    with pytest.raises(EngineError, match="Expected"):
        chunk_decode(data[:keep], bars_empty(50))


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(EngineError, match="Expected chunk version 1, was 9"):
        chunk_decode(b"\x09" + chunk_encode(quotes(5))[1:], bars_empty(5))


def test_another_number_of_rows_is_refused() -> None:
    with pytest.raises(EngineError, match="Expected a chunk of 4 bars, was 5"):
        chunk_decode(chunk_encode(quotes(5)), bars_empty(4))


@pytest.mark.parametrize("change", [b"", b"more"])
def test_columns_of_another_length_are_refused(change: bytes) -> None:
    body = zlib.decompress(chunk_encode(quotes(5))[1:])
    body = body + change if change else body[:-1]
    with pytest.raises(EngineError, match="Expected"):
        chunk_decode(b"\x01" + zlib.compress(body), bars_empty(5))


def test_the_digest_covers_every_column() -> None:
    digests = {bars_digest(quotes(5))}
    for name in BAR_COLUMNS:
        bars = quotes(5)
        getattr(bars, name)[2] += 1
        digests.add(bars_digest(bars))
    assert len(digests) == 1 + len(BAR_COLUMNS)


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([1.0, 2.0], 0), ([1.5], 1), ([1.08431, 2], 5), ([1 / 3], None), ([np.inf], None), ([], 0)],
)
def test_decimals_of_prices(values: list[float], decimals: int | None) -> None:
    assert decimals_of(np.array(values)) == decimals
