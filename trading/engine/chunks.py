"""Bars <-> compressed bytes: how a month of history is stored.

A chunk is a version byte and one zlib stream (whose own checksum covers all that follows): the
head, then the columns as integers of the smallest width that holds them. Prices that are decimal
numbers, as quotes are, become differences in units of their last decimal; times become steps of
their common divisor. Values that are no such decimals stay float64, so every chunk gives back
exactly what went in.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from trading.engine.types import BAR_COLUMNS, Bars, EngineError, FloatArray, IntArray

VERSION: Final = 1
LEVEL: Final = 1
"""zlib level: higher ones save under a tenth of the space and load no faster."""
MAX_DECIMALS: Final = 8
RAW: Final = 255
"""Stands for the decimals of a column that is kept as float64."""

_HEAD = struct.Struct("<IqBBB")  # rows, seconds of a time step, decimals of price, volume, spread
_COLUMN = struct.Struct("<qB")  # first value, bytes of each following difference
_EXACT = 2.0**52
_AnyInts = npt.NDArray[Any]  # signed integers of any width


def chunk_encode(bars: Bars) -> bytes:
    """The chunk of `bars`, which are ordered by time without duplicates; at least one."""
    if not len(bars):
        raise EngineError("Expected at least one bar in a chunk, was none")
    steps = np.diff(bars.time)
    unit = int(np.gcd.reduce(steps)) if len(steps) else 1
    if (steps <= 0).any():
        raise EngineError("Expected bars in order without duplicates")
    prices = np.concatenate([bars.open, bars.high, bars.low, bars.close])
    scales = [decimals_of(values) for values in (prices, bars.volume, bars.spread)]
    price, volume, spread = (RAW if scale is None else scale for scale in scales)
    body = [
        _HEAD.pack(len(bars), unit, price, volume, spread),
        _ints_out(int(bars.time[0]), steps // unit),
        *(_prices_out(bars, price) if price != RAW else _raw_out(bars)),
        _values_out(bars.volume, volume),
        _values_out(bars.spread, spread),
    ]
    return bytes([VERSION]) + zlib.compress(b"".join(body), LEVEL)


def chunk_decode(data: bytes | memoryview, out: Bars) -> None:
    """Write the bars of a chunk into the arrays of `out`, which has exactly its number of rows.

    Raises EngineError for anything that is not an intact chunk of that length.
    """
    data = memoryview(data)
    if not len(data) or data[0] != VERSION:
        raise EngineError(f"Expected chunk version {VERSION}, was {data[0] if data else 'empty'}")
    try:
        reader = _Reader(zlib.decompress(data[1:]))
        rows, unit, price, volume, spread = reader.head()
        if rows != len(out):
            raise EngineError(f"Expected a chunk of {len(out)} bars, was {rows}")
        first, steps = reader.ints(rows - 1)
        out.time[0] = first
        np.cumsum(steps, out=out.time[1:])
        out.time[1:] *= unit
        out.time[1:] += first
        _prices_in(reader, price, out)
        reader.values(volume, out.volume)
        reader.values(spread, out.spread)
        reader.end()
    except (zlib.error, struct.error) as error:
        raise EngineError(f"Expected an intact chunk, was damaged ({error})") from error


def bars_empty(rows: int) -> Bars:
    """Bars of `rows` rows whose values are yet to be written."""
    return Bars(np.empty(rows, np.int64), *(np.empty(rows) for _ in BAR_COLUMNS[1:]))


def bars_digest(bars: Bars) -> str:
    """SHA-256 of the columns, uncompressed and little-endian, in the order of BAR_COLUMNS."""
    digest = hashlib.sha256()
    for name in BAR_COLUMNS:
        kind = "<i8" if name == "time" else "<f8"
        digest.update(np.ascontiguousarray(getattr(bars, name), dtype=kind).data)
    return digest.hexdigest()


def decimals_of(values: FloatArray) -> int | None:
    """The fewest decimals that write every value exactly; None when eight do not."""
    if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) >= _EXACT:
        return None
    some = values[:: max(1, len(values) // 1000)]  # refutes most candidates at once
    exact = (d for d in range(MAX_DECIMALS + 1) if _exact(some, d) and _exact(values, d))
    return next(exact, None)


def _exact(values: FloatArray, decimals: int) -> bool:
    scaled = np.rint(values * 10.0**decimals)
    small = bool(np.abs(scaled).max(initial=0.0) < _EXACT)
    return small and np.array_equal(scaled / 10.0**decimals, values)


def _ticks(values: FloatArray, decimals: int) -> IntArray:
    return np.rint(values * 10.0**decimals).astype(np.int64)


def _ints_out(first: int, steps: IntArray) -> bytes:
    width = _width(steps)
    data = steps.astype(f"<i{width}").tobytes() if width else b""
    return _COLUMN.pack(first, width) + data


def _width(values: IntArray) -> int:
    """Bytes of the narrowest signed integer that holds every value; 0 when all are zero."""
    if not values.any():
        return 0
    low, high = int(values.min()), int(values.max())
    for width in (1, 2, 4):
        limit = 1 << (8 * width - 1)
        if -limit <= low and high < limit:
            return width
    return 8


def _prices_out(bars: Bars, decimals: int) -> list[bytes]:
    """The open as a step from the close before, the others as distances from their open."""
    open_, high, low, close = (
        _ticks(values, decimals) for values in (bars.open, bars.high, bars.low, bars.close)
    )
    return [
        _ints_out(int(open_[0]), open_[1:] - close[:-1]),
        _ints_out(0, high - open_),
        _ints_out(0, open_ - low),
        _ints_out(0, close - open_),
    ]


def _prices_in(reader: _Reader, decimals: int, out: Bars) -> None:
    rows = len(out)
    if decimals == RAW:
        for values in (out.open, out.high, out.low, out.close):
            reader.values(RAW, values)
        return
    first, gaps = reader.ints(rows - 1)
    (_, high), (_, low), (_, body) = (reader.ints(rows) for _ in range(3))
    # whole numbers below 2**52 add up exactly in float64
    out.open[0] = first
    np.add(gaps, body[:-1], out=out.open[1:], dtype=np.float64)
    np.cumsum(out.open, out=out.open)
    np.add(out.open, high, out=out.high)
    np.subtract(out.open, low, out=out.low)
    np.add(out.open, body, out=out.close)
    for values in (out.open, out.high, out.low, out.close):
        values /= 10.0**decimals


def _raw_out(bars: Bars) -> list[bytes]:
    return [_values_out(v, RAW) for v in (bars.open, bars.high, bars.low, bars.close)]


def _values_out(values: FloatArray, decimals: int) -> bytes:
    if decimals == RAW:
        return values.astype("<f8").tobytes()
    ticks = _ticks(values, decimals)
    base = int(ticks[0])
    return _ints_out(base, ticks - base)


class _Reader:
    """Takes columns off an uncompressed chunk; running out of bytes is an EngineError."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def head(self) -> tuple[int, int, int, int, int]:
        self._at = _HEAD.size
        rows, unit, price, volume, spread = _HEAD.unpack_from(self._body, 0)
        if rows < 1 or any(d > MAX_DECIMALS and d != RAW for d in (price, volume, spread)):
            raise EngineError("Expected a chunk with rows and decimals in range")
        return rows, unit, price, volume, spread

    def ints(self, count: int) -> tuple[int, _AnyInts]:
        first, width = _COLUMN.unpack_from(self._body, self._at)
        self._at += _COLUMN.size
        if width == 0:
            return first, np.zeros(count, np.int8)
        return first, self._take(f"<i{width}", width, count)

    def values(self, decimals: int, out: FloatArray) -> None:
        if decimals == RAW:
            out[:] = self._take("<f8", 8, len(out))
            return
        base, ticks = self.ints(len(out))
        np.add(ticks, base, out=out, dtype=np.float64)
        out /= 10.0**decimals

    def end(self) -> None:
        if self._at != len(self._body):
            raise EngineError(f"Expected a chunk of {self._at} bytes, was {len(self._body)}")

    def _take(self, dtype: str, size: int, count: int) -> npt.NDArray[Any]:
        start, self._at = self._at, self._at + size * count
        if self._at > len(self._body):
            raise EngineError(f"Expected at least {self._at} bytes, was {len(self._body)}")
        return np.frombuffer(self._body, dtype, count, start)
