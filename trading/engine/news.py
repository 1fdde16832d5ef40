"""Calendars of economic news out of files, CSV or JSON.

Two forms are read. The plain one has the columns `time` (ISO 8601), `currency`, `impact`, `title`;
the weekly export of public calendars has `Title`, `Country`, `Date`, `Time`, `Impact` as CSV, with
dates such as 08-16-2026 and clocks such as 1:30pm, and as JSON one `date` with its offset.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from trading.engine.risk.limit_checks import is_zone
from trading.engine.types import EngineError

EVERY_CURRENCY: Final = "ALL"
"""Currency of news that concern every symbol."""
TIMELESS: Final = re.compile(r"(|all day|tentative|day \d+)", re.IGNORECASE)
"""What stands for a clock that is not known."""
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("title", "event"),
    "currency": ("currency", "country"),
    "impact": ("impact",),
}
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class Impact(StrEnum):
    """How much a market is expected to move."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@dataclass(frozen=True, slots=True, order=True)
class NewsItem:
    """One release; `at` is UTC."""

    at: datetime
    currency: str
    title: str
    impact: Impact


@dataclass(frozen=True, slots=True)
class NewsFile:
    """What a file says, in order and each once; holidays and what has no time are left out."""

    items: tuple[NewsItem, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV file or an entry of a JSON one; names of columns are lower case."""

    name: str
    values: Mapping[str, Any]

    def text(self, column: str) -> str:
        """The value under one of the names of the column; EngineError where there is none."""
        names = ALIASES.get(column, (column,))
        found = next((self.values[name] for name in names if name in self.values), None)
        if found is None:
            raise self.error(column, f"one named {' or '.join(names)}", "none")
        return str(found).strip()

    def error(self, column: str, expected: str, found: object) -> EngineError:
        return EngineError(f"{self.name}, column {column}: expected {expected}, was {found}")


def news_parse(content: bytes, zone: str = "UTC") -> NewsFile:
    """The news of a file. `zone` is that of times without an offset.

    EngineError names the row and the column that cannot be read; then nothing counts.
    """
    if not is_zone(zone):
        raise EngineError(f"Expected an IANA time zone, was {zone!r}")
    text = _decoded(content)
    rows = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)
    items = [_item(row, ZoneInfo(zone)) for row in rows]
    known = sorted({item for item in items if item is not None})
    return NewsFile(tuple(known), left_out=items.count(None))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _csv_rows(text: str) -> Iterator[Row]:
    reader = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(reader, [])]
    if not header:
        raise EngineError("Expected a header and news, was an empty file")
    for cells in reader:
        name = f"Row {reader.line_num}"
        if not any(cells):
            continue
        if len(cells) > len(header):
            raise EngineError(f"{name}: expected {len(header)} columns, was {len(cells)}")
        yield Row(name, dict(zip(header, cells, strict=False)))


def _json_rows(text: str) -> Iterator[Row]:
    try:
        entries = json.loads(text)
    except ValueError as e:
        raise EngineError(f"Expected CSV or JSON, was neither: {e}") from e
    if not isinstance(entries, list):
        raise EngineError(f"Expected a list of news, was {type(entries).__name__}")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise EngineError(f"Entry {number}: expected an object, was {entry!r}")
        yield Row(f"Entry {number}", {str(name).lower(): value for name, value in entry.items()})


def _item(row: Row, zone: ZoneInfo) -> NewsItem | None:
    """The news of a row; None for a holiday and for what has no time."""
    impact, at = _impact(row), _time(row, zone)
    if impact is None or at is None:
        return None
    title = row.text("title")
    if not title:
        raise row.error("title", "some text", "none")
    currency = row.text("currency").upper()
    if not _CURRENCY.fullmatch(currency):
        raise row.error("currency", "a code such as USD, or ALL", repr(currency))
    return NewsItem(at, currency, title[:120], impact)


def _impact(row: Row) -> Impact | None:
    word = row.text("impact").upper().partition(" ")[0]
    if word in ("HOLIDAY", "NON-ECONOMIC"):
        return None
    if word not in set(Impact):
        raise row.error("impact", "High, Medium, Low or Holiday", repr(row.text("impact")))
    return Impact(word)


def _time(row: Row, zone: ZoneInfo) -> datetime | None:
    """When it is released, UTC; None where only the day is known."""
    if "date" in row.values and "time" in row.values:
        clock = row.text("time")
        if TIMELESS.fullmatch(clock):
            return None
        day = _date(row)
        return datetime.combine(day, _clock(row, clock), zone).astimezone(UTC)
    column = "date" if "date" in row.values else "time"
    text = row.text(column)
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise row.error(column, "a time such as 2026-08-16T18:30:00Z", repr(text)) from None


def _date(row: Row) -> datetime:
    text = row.text("date")
    for form in ("%m-%d-%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  the zone comes with the clock
        except ValueError:
            continue
    raise row.error("date", "a date such as 08-16-2026 or 2026-08-16", repr(text))


def _clock(row: Row, text: str) -> time:
    for form in ("%I:%M%p", "%H:%M", "%H:%M:%S"):
        try:
            return datetime.strptime(text.replace(" ", ""), form).time()  # noqa: DTZ007
        except ValueError:
            continue
    raise row.error("time", "a clock such as 1:30pm or 13:30", repr(text))
