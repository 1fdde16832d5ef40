"""Files of bars -> columns: CSV as MetaTrader exports it, and parquet. Nothing is judged yet.

Whatever cannot be read is refused with its line (CSV) or row (parquet) and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from trading.engine.types import Bars, EngineError, FloatArray, IntArray

if TYPE_CHECKING:  # pyarrow is imported by what needs it: the processes that trade do not
    import pyarrow as pa

PRICES: Final = ("open", "high", "low", "close")
_ALIASES: Final = {
    "date": ("date",),
    "time": ("time",),
    "moment": ("datetime", "timestamp", "date_time", "__index_level_0__"),
    **{name: (name,) for name in PRICES},
    "volume": ("tickvol", "tick_volume", "tickvolume", "volume", "vol"),
    "spread": ("spread",),
}
_HEADLESS: Final = {7: ("date", "time", *PRICES, "volume"), 6: ("date", *PRICES, "volume")}
"""Columns of a CSV without a header, by their number: what MetaTrader 4 writes."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")
_DATE_FIRST = re.compile(r"\s*\"?\d{4}[./-]\d")


class FileError(EngineError):
    """A file that cannot be imported; the message begins with the line or row."""


@dataclass(frozen=True, slots=True)
class FileBars:
    """The bars of a file as they stand there.

    `bars.time` is the wall clock of the file as if it were UTC, unless `is_utc`; `bars.spread` is
    in points, 0 where the file has none worth keeping (`spread_kind`).
    """

    bars: Bars
    place: str
    """What a bar is called in messages: "line" or "row"."""
    first: int
    """The number of the first bar's line or row."""
    is_utc: bool
    """The times carry their zone."""
    spread_kind: str
    """"imported", "filler" (the same everywhere, which no market's is) or "absent"."""

    def error(self, index: int, message: str) -> FileError:
        """The refusal of the bar at `index`."""
        return FileError(f"{self.place} {self.first + index}: {message}")


def file_parse(content: bytes) -> FileBars:
    """The bars of a CSV or parquet file, recognised by its first bytes; raises FileError."""
    parsed = _parquet(content) if content[:4] == b"PAR1" else _csv(content)
    if not len(parsed.bars):
        raise FileError("Expected bars in the file, was none")
    return parsed


# --- CSV ---


def _csv(content: bytes) -> FileBars:
    text = _text(content).rstrip()
    head, _, rest = text.partition("\n")
    separator = next((mark for mark in "\t;" if mark in head), ",")
    names = [_plain(name) for name in head.split(separator)]
    has_header = not _DATE_FIRST.match(head)
    if not has_header:
        if len(names) not in _HEADLESS:
            raise FileError(f"line 1: expected a header or 7 columns, was {len(names)} columns")
        names = list(_HEADLESS[len(names)])
    columns = _Columns(names, "line", 1 + has_header)
    if has_header and not rest:
        raise FileError("Expected bars in the file, was none")
    table = _table(text, separator, [f"c{i}" for i in range(len(names))], columns.first)
    texts = {role: _trimmed(table[f"c{at}"]) for role, at in columns.at.items()}
    values = {
        role: _floats(column, names[columns.at[role]], columns)
        for role, column in texts.items()
        if role in (*PRICES, "volume", "spread")
    }
    return columns.file_bars(_moments(texts, columns), values, is_utc=False)


def _text(content: bytes) -> str:
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"Expected UTF-8 or UTF-16 text or parquet, was neither ({error})"
        ) from None


def _plain(name: str) -> str:
    return name.strip().strip('"<>').strip().lower().replace(" ", "_")


def _table(text: str, separator: str, names: Sequence[str], first: int) -> pa.Table:
    """Every field as text. Empty lines are not skipped, so that rows stay lines."""
    import pyarrow as pa
    from pyarrow import csv

    bad: list[str] = []

    def refuse(row: Any) -> str:
        found = "empty" if not row.text.strip() else f"{row.actual_columns}"
        bad.append(f"line {row.number}: expected {row.expected_columns} columns, was {found}")
        return "error"

    options = csv.ParseOptions(
        delimiter=separator, invalid_row_handler=refuse, ignore_empty_lines=False
    )
    try:
        return csv.read_csv(
            pa.BufferReader(text.encode()),
            # rows are numbered only by a single thread
            csv.ReadOptions(use_threads=False, column_names=names, skip_rows=first - 1),
            options,
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise FileError(bad[0] if bad else f"Expected a CSV file, was none ({error})") from None


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(column)


def _floats(column: pa.ChunkedArray, name: str, columns: _Columns) -> FloatArray:
    import pyarrow as pa

    try:
        values: FloatArray = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        rows = enumerate(column.to_pylist())
        index, found = next((i, t) for i, t in rows if not _NUMBER.fullmatch(t))
        raise columns.error(index, f"expected a number as {name}, was {found!r}") from None
    return values


def _moments(texts: dict[str, pa.ChunkedArray], columns: _Columns) -> IntArray:
    """Wall-clock seconds from a date and a time column, or from either alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [texts[role] for role in ("moment", "date", "time") if role in texts]
    column = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts[-2:], " ")
    if re.fullmatch(r"\d{9,10}", column[0].as_py() if len(column) else ""):
        return _floats(column, "time", columns).astype(np.int64)
    iso = pc.replace_substring_regex(column, r"^(\d{4})[./](\d\d)[./](\d\d)", r"\1-\2-\3")
    try:
        seconds = iso.cast(pa.timestamp("s")).to_numpy()
    except pa.ArrowInvalid:
        index = next(i for i, text in enumerate(iso.to_pylist()) if not _is_moment(text))
        found = column[index].as_py()
        raise columns.error(index, f"expected a time as 2012.11.16 08:00, was {found!r}") from None
    result: IntArray = seconds.astype("datetime64[s]").astype(np.int64)
    return result


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return _MOMENT.fullmatch(text) is not None


# --- parquet ---


def _parquet(content: bytes) -> FileBars:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise FileError(f"Expected an intact parquet file, was damaged ({error})") from None
    columns = _Columns([_plain(name) for name in table.column_names], "row", 1)
    values = {
        role: _numbers(table.column(at), role, columns)
        for role, at in columns.at.items()
        if role in (*PRICES, "volume", "spread")
    }
    moment = next(
        table.column(columns.at[r]) for r in ("moment", "time", "date") if r in columns.at
    )
    is_utc = pa.types.is_timestamp(moment.type) and moment.type.tz is not None
    return columns.file_bars(_stamps(moment, columns), values, is_utc=is_utc)


def _numbers(column: pa.ChunkedArray, name: str, columns: _Columns) -> FloatArray:
    import pyarrow as pa

    _check_nulls(column, name, columns)
    try:
        values: FloatArray = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise FileError(f"Expected numbers as {name}, was {column.type}") from None
    return values


def _stamps(column: pa.ChunkedArray, columns: _Columns) -> IntArray:
    import pyarrow as pa

    _check_nulls(column, "time", columns)
    if not (pa.types.is_temporal(column.type) or pa.types.is_integer(column.type)):
        raise FileError(f"Expected timestamps as time, was {column.type}")
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    try:
        seconds = column.cast(pa.timestamp("s", zone)).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise FileError(f"Expected times in whole seconds, was not ({error})") from None
    result: IntArray = seconds.astype("datetime64[s]").astype(np.int64)
    return result


def _check_nulls(column: pa.ChunkedArray, name: str, columns: _Columns) -> None:
    if column.null_count:
        index = column.is_null().to_pylist().index(True)
        raise columns.error(index, f"expected a value as {name}, was none")


# --- both ---


class _Columns:
    """Which column plays which role, and where the first bar stands."""

    def __init__(self, names: Sequence[str], place: str, first: int) -> None:
        self.place, self.first = place, first
        self.at = {
            role: next(names.index(alias) for alias in aliases if alias in names)
            for role, aliases in _ALIASES.items()
            if any(alias in names for alias in aliases)
        }
        missing = [name for name in PRICES if name not in self.at]
        if not {"date", "time", "moment"} & self.at.keys():
            missing.insert(0, "time")
        if missing:
            found = ", ".join(names)[:200]
            raise FileError(f"Expected columns {', '.join(missing)}, found only {found}")

    def error(self, index: int, message: str) -> FileError:
        return FileError(f"{self.place} {self.first + index}: {message}")

    def file_bars(self, time: IntArray, values: dict[str, FloatArray], *, is_utc: bool) -> FileBars:
        nothing = np.zeros(len(time))
        spread = values.get("spread", nothing)
        varies = len(spread) > 0 and bool((spread != spread[0]).any())
        kind = "absent" if "spread" not in values else "imported" if varies else "filler"
        bars = Bars(
            time=time,
            open=values["open"],
            high=values["high"],
            low=values["low"],
            close=values["close"],
            volume=values.get("volume", nothing),
            spread=spread if varies else nothing,
        )
        return FileBars(bars, self.place, self.first, is_utc, kind)
