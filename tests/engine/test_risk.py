"""Limits and their refusals; trading days and swap nights."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tables import instrument
from trading.engine import risk
from trading.engine.risk import Control, Limits
from trading.engine.types import (
    AccountState,
    EngineError,
    Market,
    PositionState,
    Quote,
)

NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
MARKET = Market(instrument(), Quote("TEST", NOW, Decimal(1000), Decimal(1003)))
ACCOUNT = AccountState(
    "USD", Decimal(10000), Decimal(9500), Decimal(0), 30, day_start_equity=Decimal(10000)
)
POSITION = PositionState("1", "TEST", 1, Decimal(1), Decimal(1000), NOW)


def code(limits: Limits, account: AccountState = ACCOUNT) -> str | None:
    denied = risk.denial(limits, account, MARKET)
    return None if denied is None else denied.code


def test_without_limits_nothing_is_refused() -> None:
    assert code(Limits()) is None


@pytest.mark.parametrize(("limit", "expected"), [("3", None), ("2.9", "SPREAD_TOO_WIDE")])
def test_spread_at_the_limit_is_allowed(limit: str, expected: str | None) -> None:
    assert code(Limits(max_spread=Decimal(limit))) == expected


@pytest.mark.parametrize(("limit", "expected"), [(2, None), (1, "MAX_POSITIONS")])
def test_positions_of_the_account_count(limit: int, expected: str | None) -> None:
    account = replace(ACCOUNT, positions=(POSITION,))
    assert code(Limits(max_positions=limit), account) == expected


@pytest.mark.parametrize(("limit", "expected"), [("5", None), ("4.99", "DAILY_LOSS")])
def test_equity_at_the_floor_of_the_day_is_allowed(limit: str, expected: str | None) -> None:
    assert code(Limits(daily_loss=Decimal(limit))) == expected


def test_daily_loss_vector_of_the_higher_reference() -> None:
    """Balance 100,000, equity 103,000 at the day's start, 5 %: the floor is 97,850."""
    account = replace(ACCOUNT, day_start_equity=Decimal(103000), equity=Decimal("97850.00"))
    limits = Limits(daily_loss=Decimal(5))
    assert code(limits, account) is None
    assert code(limits, replace(account, equity=Decimal("97849.99"))) == "DAILY_LOSS"


def test_an_unknown_start_of_the_day_blocks() -> None:
    account = replace(ACCOUNT, day_start_equity=None)
    assert code(Limits(daily_loss=Decimal(5)), account) == "DAY_START_UNKNOWN"
    assert code(Limits(), account) is None


def test_the_first_limit_that_forbids_is_named_with_its_numbers() -> None:
    limits = Limits(max_spread=Decimal(1), max_positions=0, daily_loss=Decimal(0))
    denied = risk.denial(limits, ACCOUNT, MARKET)
    assert denied is not None
    assert denied.message == "Spread is 3 ticks, limit 1"
    assert denied.numbers == {"spread_ticks": "3", "limit": "1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_lots", Decimal("NaN")),
        ("max_spread", Decimal(-1)),
        ("daily_loss", Decimal("Infinity")),
        ("max_positions", -1),
        ("margin_use", Decimal("100.01")),
    ],
)
def test_a_limit_is_a_number_that_makes_sense(name: str, value: object) -> None:
    with pytest.raises(EngineError, match=f"Expected {name} of at"):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_every_control_has_a_label_with_its_unit() -> None:
    assert all(control.label for control in Control)
    assert len({control.label for control in Control}) == len(Control)


# --- the trading day

BOUNDARIES = {  # broker date -> its midnight, 17:00 New York of the day before, in UTC
    "2026-03-06": "2026-03-05T22:00",
    "2026-03-09": "2026-03-08T21:00",  # New York has changed, Europe has not
    "2026-03-30": "2026-03-29T21:00",
    "2026-10-26": "2026-10-25T21:00",  # Europe has changed, New York has not
    "2026-11-02": "2026-11-01T22:00",
}


@pytest.mark.parametrize(("day", "boundary"), BOUNDARIES.items())
def test_the_day_begins_at_17_new_york(day: str, boundary: str) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00+00:00")
    start = datetime.fromisoformat(f"{boundary}+00:00")
    assert risk.day_start(noon) == start
    assert risk.day_start(start) == start
    assert risk.day_start(start - timedelta(microseconds=1)) < start


moments = st.integers(0, 2**32)


@given(moments, st.integers(-100, 10**7))
def test_rollovers_are_the_starts_of_the_days_between(start: int, length: int) -> None:
    end = start + length
    found = risk.rollovers(start, end).tolist()
    expected = []
    day = risk.day_start(datetime.fromtimestamp(end, UTC))
    while length > 0 and day.timestamp() > start:
        expected.append(int(day.timestamp()))
        day = risk.day_start(day - timedelta(seconds=1))
    assert found == expected[::-1]


@given(moments)
def test_the_next_rollover_begins_the_next_day(at: int) -> None:
    following = risk.next_rollover(at)
    assert following > at
    day = risk.day_start(datetime.fromtimestamp(at, UTC))
    assert risk.day_start(datetime.fromtimestamp(following - 1, UTC)) == day


@pytest.mark.parametrize("triple", range(7))
def test_a_week_books_its_nights_on_weekdays_three_on_the_triple_day(triple: int) -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    week = risk.rollovers(int(monday.timestamp()), int(monday.timestamp()) + 7 * 86400)
    nights = risk.swap_nights(week, triple).tolist()
    expected = [3 if day == triple else 1 for day in range(5)]
    assert nights == [*expected, 0, 0]


def test_swap_days_are_new_york_days_all_year() -> None:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    times = risk.rollovers(start, start + 365 * 86400)
    days = [date.fromtimestamp(t - 3600) for t in times.tolist()]  # noqa: DTZ012 - 20 or 21 UTC
    booked = risk.swap_nights(times, 2).tolist()
    for day, nights in zip(days, booked, strict=True):
        assert nights == (0 if day.weekday() > 4 else 3 if day.weekday() == 2 else 1)
