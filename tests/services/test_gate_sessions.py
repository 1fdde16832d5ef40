"""The gate keeps to what the broker allows on a symbol, and when."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.desk import NOON, Desk, entry, make_desk
from trading.models import Side
from trading.services.gate import gate_pass

pytestmark = pytest.mark.django_db
LUNCH = {"trade": {"WEDNESDAY": [["00:00", "12:00"], ["14:00", "24:00"]]}}
"""Closed from 10:00 to 12:00 UTC of the desk's day, which is in winter."""


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def refusal(desk: Desk, **fields: Any) -> tuple[str, str]:
    return gate_pass(order=entry(desk, **fields)) or ("", "")


def code(desk: Desk, at: datetime = NOON, **fields: Any) -> str:
    desk.quote("1.10000", at)
    return refusal(desk, **fields)[0]


def test_entries_outside_the_trade_session_are_refused_with_the_next_open(desk: Desk) -> None:
    desk.symbol.sessions = LUNCH
    desk.quote("1.10000", NOON - timedelta(hours=1))
    found = refusal(desk)
    assert found[0] == "MARKET_CLOSED"
    assert found[1].endswith("was closed: opens Wed 12:00 UTC")
    assert code(desk) == ""


def test_exits_are_sent_whatever_the_session_and_mode(desk: Desk) -> None:
    desk.symbol.sessions = LUNCH
    desk.symbol.trade_mode = "SYMBOL_TRADE_MODE_CLOSEONLY"
    at = NOON - timedelta(hours=1)
    assert code(desk, at, purpose="CLOSE", position_id="7") == ""


def test_quote_sessions_do_not_bind_entries(desk: Desk) -> None:
    desk.symbol.sessions = {"quote": {"MONDAY": [["00:00", "24:00"]]}}
    assert code(desk) == ""


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        ("", Side.values),
        ("SYMBOL_TRADE_MODE_FULL", Side.values),
        ("SYMBOL_TRADE_MODE_DISABLED", []),
        ("SYMBOL_TRADE_MODE_CLOSEONLY", []),
        ("SYMBOL_TRADE_MODE_LONGONLY", [Side.LONG]),
        ("SYMBOL_TRADE_MODE_SHORTONLY", [Side.SHORT]),
    ],
)
@pytest.mark.parametrize("side", Side.values)
def test_trade_mode_says_which_side_may_enter(
    desk: Desk, mode: str, allowed: list[int], side: int
) -> None:
    desk.symbol.trade_mode = mode
    assert code(desk, side=side) == ("" if side in allowed else "TRADE_DISABLED")


def test_sessions_that_cannot_be_read_let_nothing_pass(desk: Desk) -> None:
    desk.symbol.sessions = {"trade": {"MOONDAY": []}}
    assert code(desk) == "MARKET_CLOSED"
