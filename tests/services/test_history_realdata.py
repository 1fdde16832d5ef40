"""Real market history: every file imports, and its known defects show in the report.

The files lie beside the project (or where MARKET_DATA points) and are never copied into it.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from trading.engine.bars import resample
from trading.engine.history.quality import quality
from trading.selectors.bars import bars_between, chunks_verify, symbol_get
from trading.services.history import ImportRequest, history_import

DATA = Path(os.environ.get("MARKET_DATA", ROOT.parent / "shared" / "data"))
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the market history is not here"),
]

# rows, missing bars, missing on holidays, spikes, lasting changes of the week's open
EXPECTED = {
    "AUDUSD_H1": (57600, 12, 501, 0, 1),
    "EURGBP_H1": (57600, 14, 501, 1, 1),
    "GBPJPY_H1": (57600, 25, 501, 1, 1),
    "GBPUSD_H1": (57600, 10, 500, 2, 1),
    "USDCAD_H1": (57600, 17, 502, 0, 1),
    "USDJPY_H1": (57600, 13, 500, 2, 1),
    "XAUUSD_H1": (57600, 47, 1021, 1, 0),
    "US500_H1": (53257, 946, 922, 0, 2),
    "DE40_H1": (53521, 508, 879, 0, 4),
    "EURUSD_H4U": (25847, 0, 65, 0, 0),
    "GBPUSD_H4U": (25847, 1, 66, 0, 0),
    "USDJPY_H4U": (25866, 33, 104, 0, 0),
    "AUDCAD_H4U": (26660, 126, 68, 0, 0),
}


def imported(name: str) -> dict[str, Any]:
    symbol, frame = name.split("_")
    request = ImportRequest(f"{name}.parquet", symbol, frame.removesuffix("U"))
    content = (DATA / request.file_name).read_bytes()
    report = history_import(content=content, request=request).report
    row = symbol_get(name=symbol)
    assert chunks_verify(symbol=row, timeframe=request.timeframe) == report["rows"]
    return report


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_file_imports_with_the_quality_known_of_it(name: str) -> None:
    report = imported(name)
    found, gaps = report["quality"], report["quality"]["gaps"]
    counts = (gaps["missing"], gaps["holiday_missing"], found["spikes"])
    assert (report["rows"], *counts, len(found["open_changes"])) == EXPECTED[name]
    assert report["stored"]["added"] == report["rows"]
    assert found["rhythm_breaks"] == [] or name == "AUDCAD_H4U"


def test_the_misaligned_months_of_2008_show() -> None:
    breaks = imported("AUDCAD_H4U")["quality"]["rhythm_breaks"]
    assert [(b["first"], b["last"]) for b in breaks] == [
        ("2007-08", "2008-05"),
        ("2008-07", "2008-12"),
    ]


def test_the_week_in_which_a_server_changed_its_hours_shows() -> None:
    (change,) = imported("GBPUSD_H1")["quality"]["open_changes"]
    assert change["week"] == "2014-11-23"
    assert change["before"].startswith("Sun 18")
    assert change["after"].startswith("Sun 17")


def test_hours_imported_twice_make_sound_four_hour_bars() -> None:
    imported("GBPUSD_H1")
    assert imported("GBPUSD_H1")["unchanged"]
    bars = bars_between(symbol=symbol_get(name="GBPUSD"), timeframe="H1")
    report = quality(resample(bars, "H1", "H4"), "H4")
    assert (report.inverted, report.duplicates, report.out_of_order) == (0, 0, 0)
    assert report.gaps.quality_percent > 99.9
