"""Importing a file of history: parsed, checked, examined, and then stored in one transaction."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.timezone import now

from trading.engine.bars import timeframe_seconds
from trading.engine.history.checks import CheckedBars, checked_bars
from trading.engine.history.files import FileBars, FileError, file_parse
from trading.engine.history.quality import quality
from trading.engine.history.specs import digits_of, price_decimals, spec_guess
from trading.engine.history.zones import zone_of
from trading.engine.sessions import week_of
from trading.engine.types import Bars, EngineError
from trading.models import HistoryImport, Symbol
from trading.services.bars import StoreResult, bars_store


@dataclass(frozen=True, slots=True)
class SymbolOverrides:
    """What the user says of a symbol that is not known yet; None = taken from name and prices."""

    tick_size: Decimal | None = None
    contract_size: Decimal | None = None
    base_currency: str | None = None
    profit_currency: str | None = None

    def given(self) -> dict[str, Decimal | str]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Where the bars of a file belong. `timezone` is that of the file's clock."""

    file_name: str
    symbol: str
    timeframe: str
    timezone: str = "UTC"
    source: str = "history"
    overrides: SymbolOverrides = field(default_factory=SymbolOverrides)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`record` is None when the file had been imported before and changed nothing."""

    symbol: Symbol
    symbol_created: bool
    record: HistoryImport | None
    report: dict[str, Any]


def history_import(*, content: bytes, request: ImportRequest) -> ImportResult:
    """Merge the bars of a file into the history of a symbol, which is made when missing.

    New bars are added and changed ones replaced. Raises EngineError, for a bad file with the line
    or row in question; then nothing is stored.
    """
    file = file_parse(content)
    checked = checked_bars(file, request.timeframe, zone_of(request.timezone))
    bars = _closed(checked.bars, request.timeframe)
    report = {
        "file": request.file_name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "timeframe": request.timeframe,
        "timezone": request.timezone,
        "rows": len(file.bars),
        **_reported(file, checked, bars, request),
    }
    with transaction.atomic():
        symbol, created = _symbol_of(request, bars)
        priced = replace(bars, spread=bars.spread / 10.0**symbol.digits)
        result = bars_store(symbol=symbol, timeframe=request.timeframe, bars=priced)
        report |= {
            "symbol": str(symbol),
            "symbol_created": created,
            "stored": asdict(result),
            "unchanged": not (result.added or result.revised),
            "notes": _notes(symbol, bars),
        }
        return ImportResult(symbol, created, _record(symbol, request, report, result), report)


def _closed(bars: Bars, timeframe: str) -> Bars:
    """Without the last bar when it is still forming; refuses bars of the future."""
    at = int(now().timestamp())
    if bars.time[-1] > at:
        found = f"{datetime.fromtimestamp(int(bars.time[-1]), UTC):%Y-%m-%d %H:%M} UTC"
        raise FileError(f"Expected bars of the past, was {found}: is the time zone right?")
    finished = int(np.searchsorted(bars.time, at - timeframe_seconds(timeframe), side="right"))
    if not finished:
        raise FileError("Expected a closed bar, was only one that is still forming")
    return bars.slice(0, finished)


def _reported(
    file: FileBars, checked: CheckedBars, bars: Bars, request: ImportRequest
) -> dict[str, Any]:
    known = Symbol.objects.filter(source=request.source, name=request.symbol).first()
    week = week_of(known.sessions, "quote") if known is not None else None
    examined = replace(quality(bars, request.timeframe, week), duplicates=checked.duplicates)
    return {
        "dropped": {
            "duplicates": checked.duplicates,
            "unfinished": len(checked.bars) - len(bars),
        },
        "ambiguous_times": checked.ambiguous,
        "spread": file.spread_kind,
        "findings": examined.findings(),
        "quality": examined.to_json(),
    }


def _symbol_of(request: ImportRequest, bars: Bars) -> tuple[Symbol, bool]:
    """The symbol the bars belong to; a missing one is made from name, prices and overrides."""
    given = request.overrides.given()
    symbol = Symbol.objects.filter(source=request.source, name=request.symbol).first()
    if symbol is not None:
        for name, value in given.items():
            known = getattr(symbol, name)
            if known != value:
                raise EngineError(f"Expected {name} {known} as {symbol} has it, was {value}")
        return symbol, False
    digits = _digits(request, bars)
    fields = asdict(spec_guess(request.symbol, digits)) | given
    if request.overrides.tick_size is not None:
        fields["digits"] = digits
    symbol = Symbol(source=request.source, name=request.symbol, **fields)
    try:
        symbol.full_clean()
    except ValidationError as error:
        raise EngineError(f"{symbol}: {'; '.join(error.messages)}") from None
    symbol.save()
    return symbol, True


def _digits(request: ImportRequest, bars: Bars) -> int:
    if request.overrides.tick_size is not None:
        return digits_of(request.overrides.tick_size)
    decimals = price_decimals(bars)
    if decimals is None:
        raise EngineError("Expected prices of at most 8 decimals, was more: give the tick size")
    return decimals


def _notes(symbol: Symbol, bars: Bars) -> list[str]:
    decimals = price_decimals(bars)
    if decimals is not None and decimals <= symbol.digits:
        return []
    found = "more than 8" if decimals is None else f"{decimals}"
    return [f"Prices have {found} decimals, the symbol has {symbol.digits}"]


def _record(
    symbol: Symbol, request: ImportRequest, report: dict[str, Any], result: StoreResult
) -> HistoryImport | None:
    """Remember the import, unless it is the repetition of one and changed nothing."""
    key = {
        "symbol": symbol,
        "timeframe": request.timeframe,
        "sha256": report["sha256"],
        "timezone": request.timezone,
    }
    unchanged = not (result.added or result.revised)
    if unchanged and HistoryImport.objects.filter(**key).exists():
        return None
    return HistoryImport.objects.create(
        file_name=request.file_name[:200], rows=report["rows"], report=report, **key
    )
