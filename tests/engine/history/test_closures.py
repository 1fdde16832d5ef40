"""Dates of holidays, checked against calendars."""

from datetime import date

import pytest

from trading.engine.history.closures import closures, easter


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(2000, 4, 23), (2008, 3, 23), (2019, 4, 21), (2024, 3, 31), (2025, 4, 20), (2038, 4, 25)],
)
def test_easter(year: int, month: int, day: int) -> None:
    assert easter(year) == date(year, month, day)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2024, 1, 1), "New Year"),
        (date(2024, 1, 15), "Martin Luther King Day"),
        (date(2024, 2, 19), "Presidents' Day"),
        (date(2024, 3, 29), "Good Friday"),
        (date(2024, 5, 27), "Memorial Day"),
        (date(2021, 7, 5), "Independence Day observed"),
        (date(2020, 7, 3), "Independence Day observed"),
        (date(2024, 9, 2), "Labor Day"),
        (date(2024, 11, 28), "Thanksgiving"),
        (date(2024, 11, 29), "Day after Thanksgiving"),
        (date(2022, 12, 26), "Boxing Day"),
        (date(2023, 12, 25), "Christmas"),
    ],
)
def test_known_holidays(day: date, name: str) -> None:
    assert closures(day.year)[day] == name
