"""The limits of a decision and their refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.engine.tables import instrument
from trading.engine import risk
from trading.engine.risk import Limits
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
