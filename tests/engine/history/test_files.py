"""Files as MetaTrader and pandas write them, and how broken ones are refused."""

import io
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from trading.engine.history.files import FileBars, FileError, file_parse
from trading.engine.types import BAR_COLUMNS

HEAD = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
ROWS = [
    "2012.11.16\t08:00:00\t1.27801\t1.27900\t1.27700\t1.27850\t123\t0\t12",
    "2012.11.16\t09:00:00\t1.27850\t1.28000\t1.27840\t1.27990\t45\t0\t10",
]
EIGHT = int(datetime(2012, 11, 16, 8, tzinfo=UTC).timestamp())
EXPECTED = {
    "time": [EIGHT, EIGHT + 3600],
    "open": [1.27801, 1.27850],
    "high": [1.27900, 1.28000],
    "low": [1.27700, 1.27840],
    "close": [1.27850, 1.27990],
    "volume": [123.0, 45.0],
    "spread": [12.0, 10.0],
}


def export(*rows: str, head: str = HEAD) -> bytes:
    return "\r\n".join([head, *rows, ""]).encode()


def values(parsed: FileBars) -> dict[str, list[float]]:
    return {name: getattr(parsed.bars, name).tolist() for name in BAR_COLUMNS}


def parquet_of(**columns: pa.Array) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def price_columns(rows: int = 2) -> dict[str, pa.Array]:
    return {n: pa.array([1.5] * rows) for n in ("open", "high", "low", "close", "volume")}


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_metatrader_export_is_read(separator: str, encoding: str) -> None:
    content = export(*ROWS).decode().replace("\t", separator).encode(encoding)
    parsed = file_parse(content)
    assert values(parsed) == EXPECTED
    assert (parsed.place, parsed.first, parsed.is_utc) == ("line", 2, False)
    assert parsed.spread_kind == "imported"


def test_plain_column_names_in_another_order_are_read() -> None:
    content = b"Time,Close,Open,High,Low,Volume,Note\n2012-11-16 08:00,4,2,5,1,9,x\n"
    bars = file_parse(content).bars
    row = [getattr(bars, name)[0] for name in BAR_COLUMNS]
    assert row == [EIGHT, 2, 5, 1, 4, 9, 0]


def test_daily_bars_need_no_time_column() -> None:
    head = HEAD.replace("<TIME>\t", "")
    parsed = file_parse(export("2012.11.16\t1\t2\t1\t2\t9\t0\t0", head=head))
    assert parsed.bars.time.tolist() == [EIGHT - 8 * 3600]


def test_an_export_without_a_header_is_read() -> None:
    parsed = file_parse(b"2012.11.16,08:00,1,2,1,2,9\n2012.11.16,09:00,1,2,1,2,9\n")
    assert parsed.bars.time.tolist() == EXPECTED["time"]
    assert parsed.first == 1


def test_epoch_seconds_are_read() -> None:
    content = f"time,open,high,low,close,tick_volume,spread,real_volume\n{EIGHT},1,1,1,1,7,2,0\n"
    bars = file_parse(content.encode()).bars
    assert (bars.time.tolist(), bars.volume.tolist()) == ([EIGHT], [7.0])


def test_a_spread_that_never_changes_is_filler() -> None:
    parsed = file_parse(export(*(row.rsplit("\t", 1)[0] + "\t7" for row in ROWS)))
    assert parsed.spread_kind == "filler"
    assert parsed.bars.spread.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROWS[1].replace("1.28000", "x"), "line 4: expected a number as high, was 'x'"),
        (ROWS[1].replace("1.28000", ""), "line 4: expected a number as high, was ''"),
        (ROWS[1].replace("09:00", "25:00"), "line 4: expected a time as 2012.11.16 08:00, was '20"),
        (ROWS[1].replace("11.16", "02.30"), "line 4: expected a time as 2012.11.16 08:00, was '20"),
        (ROWS[1].replace("2012.11.16", "16.11.2012"), "line 4: expected a time as"),
        (ROWS[1] + "\t9", "line 4: expected 9 columns, was 10"),
        (ROWS[1][:30], "line 4: expected 9 columns, was 4"),
        ("\r\n" + ROWS[1], "line 4: expected a number as open, was ''"),
    ],
)
def test_an_unreadable_row_is_refused_with_its_line(row: str, message: str) -> None:
    with pytest.raises(FileError) as refusal:
        file_parse(export(*ROWS, row))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expected columns time, open, high, low, close"),
        (HEAD.encode(), "Expected bars in the file, was none"),
        (b"time,open,high,close\n1,2,3,4\n", "Expected columns low, found only time, open"),
        (b"open,high,low,close\n1,2,3,4\n", "Expected columns time, found only open"),
        (b"2012.11.16,1,2\n", "line 1: expected a header or 7 columns, was 3 columns"),
        (b"\x89PNG\xff\xfe", "Expected UTF-8 or UTF-16 text or parquet"),
        (b"PAR1 and no more", "Expected an intact parquet file, was damaged"),
    ],
)
def test_what_is_no_file_of_bars_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(FileError) as refusal:
        file_parse(content)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("name", ["time", "datetime", "__index_level_0__"])
def test_parquet_with_a_zone_is_utc(unit: str, name: str) -> None:
    moments = [
        datetime(2012, 11, 16, hour, tzinfo=timezone(timedelta(hours=2))) for hour in (10, 11)
    ]
    stamps = pa.array(moments, pa.timestamp(unit, "Europe/Athens"))
    parsed = file_parse(parquet_of(**price_columns(), **{name: stamps}))
    assert parsed.bars.time.tolist() == EXPECTED["time"]
    assert (parsed.is_utc, parsed.place, parsed.first) == (True, "row", 1)


def test_parquet_without_a_zone_is_wall_clock() -> None:
    stamps = pa.array(np.array(EXPECTED["time"], "datetime64[s]"))
    parsed = file_parse(parquet_of(time=stamps, **price_columns()))
    assert parsed.bars.time.tolist() == EXPECTED["time"]
    assert not parsed.is_utc


def test_a_hole_in_parquet_is_refused_with_its_row() -> None:
    columns = {**price_columns(), "low": pa.array([1.5, None])}
    stamps = pa.array(np.array(EXPECTED["time"], "datetime64[s]"))
    with pytest.raises(FileError, match="row 2: expected a value as low, was none"):
        file_parse(parquet_of(time=stamps, **columns))


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (pa.array(["a", "b"]), "Expected timestamps as time, was string"),
        (pa.array([1, 2], pa.timestamp("ms")), "Expected times in whole seconds"),
    ],
)
def test_odd_times_in_parquet_are_refused(time: pa.Array, message: str) -> None:
    with pytest.raises(FileError, match=message):
        file_parse(parquet_of(time=time, **price_columns()))


def test_text_in_a_price_column_of_parquet_is_refused() -> None:
    columns = {**price_columns(), "low": pa.array(["a", "b"]), "time": pa.array([1, 2])}
    with pytest.raises(FileError, match="Expected numbers as low, was string"):
        file_parse(parquet_of(**columns))
