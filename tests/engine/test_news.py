"""Calendars of news: both forms, what is left out, and errors that name row and column."""

import json
from datetime import UTC, datetime

import pytest

from trading.engine.news import Impact, NewsItem, news_parse
from trading.engine.types import EngineError

EXPORT = """Title,Country,Date,Time,Impact,Forecast,Previous,URL
Non-Farm Employment Change,USD,03-06-2026,1:30pm,High,60K,"13,0K",https://example.org/1
"Main Refinancing Rate, monthly",EUR,03-05-2026,13:15,High,,,
Bank Holiday,JPY,03-05-2026,All Day,Holiday,,,
OPEC Meetings,All,03-04-2026,Tentative,Medium,,,
Trade Balance,AUD,03-04-2026,12:30am,Low,,,
"""
PAYROLLS = NewsItem(
    datetime(2026, 3, 6, 13, 30, tzinfo=UTC), "USD", "Non-Farm Employment Change", Impact.HIGH
)


def test_the_weekly_export_is_read_as_utc_and_in_order() -> None:
    found = news_parse(EXPORT.encode())
    assert [item.currency for item in found.items] == ["AUD", "EUR", "USD"]
    assert found.items[0].at == datetime(2026, 3, 4, 0, 30, tzinfo=UTC)
    assert found.items[2] == PAYROLLS
    assert found.left_out == 2


def test_times_without_an_offset_follow_the_zone_through_its_changes() -> None:
    text = "time,currency,impact,title\n2026-03-06T08:30,USD,high,A\n2026-03-09 08:30,USD,High,B\n"
    found = news_parse(text.encode(), "America/New_York")
    assert [item.at.hour for item in found.items] == [13, 12]


def test_the_plain_form_needs_no_zone_where_times_have_an_offset() -> None:
    text = "Impact,Title,Currency,Time\nHigh Impact Expected,X,all,2026-03-06T08:30:00-05:00\n"
    (item,) = news_parse(text.encode("utf-8-sig"), "Asia/Tokyo").items
    assert (item.at, item.currency) == (PAYROLLS.at, "ALL")


def test_json_of_the_weekly_export_is_read() -> None:
    entry = {
        "title": "Non-Farm Employment Change",
        "country": "USD",
        "date": "2026-03-06T08:30:00-05:00",
        "impact": "High",
        "forecast": "",
    }
    holiday = {**entry, "impact": "Holiday"}
    found = news_parse(json.dumps([entry, entry, holiday]).encode())
    assert (found.items, found.left_out) == ((PAYROLLS,), 1)


def test_other_encodings_are_read() -> None:
    text = "time,currency,impact,title\n2026-03-06T13:30Z,EUR,High,Inflation à la française\n"
    (item,) = news_parse(text.encode("cp1252")).items
    assert item.title == "Inflation à la française"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("03-06-2026", "06.03.2026", "Row 2, column date: expected a date such as 08-16-2026 or"),
        (
            "1:30pm",
            "half past",
            "Row 2, column time: expected a clock such as 1:30pm or 13:30, was",
        ),
        ("1:30pm", "13:30pm", "Row 2, column time"),
        (",USD,", ",Dollar,", "Row 2, column currency: expected a code .*, was 'DOLLAR'"),
        ("12:30am,Low", "12:30am,Huge", "Row 6, column impact: expected High, Medium, .*, was 'Hu"),
        ("Title,", "Name,", "Row 2, column title: expected one named title or event, was none"),
        ("Trade Balance", " ", "Row 6, column title: expected some text, was none"),
        ("12:30am,Low", "12:30am,Low,1,2,3,4", "Row 6: expected 8 columns, was 12"),
    ],
)
def test_what_cannot_be_read_is_named(before: str, after: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        news_parse(EXPORT.replace(before, after, 1).encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected a header and news, was an empty file"),
        ("[1]", "Entry 1: expected an object, was 1"),
        ('{"title": "x"}', "Expected a list of news, was dict"),
        ("[{", "Expected CSV or JSON, was neither"),
        ('[{"title": "x", "impact": "High", "date": "soon"}]', "Entry 1, column date: .* 'soon'"),
        ('[{"title": "x", "impact": "High"}]', "Entry 1, column time: .*, was none"),
        ("time,impact\n0001-01-01T00:00+14:00,High", "Row 2, column time"),
    ],
)
def test_files_of_another_form_are_refused(text: str, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        news_parse(text.encode())


def test_the_zone_must_be_one() -> None:
    with pytest.raises(EngineError, match="an IANA time zone, was 'Mars/Phobos'"):
        news_parse(EXPORT.encode(), "Mars/Phobos")
