"""The book's memory survives JSON exactly."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.book_state import (
    BookState,
    OpenPosition,
    Ticket,
    fill_from_json,
    fill_to_json,
)
from trading.engine.types import EngineError, ExitReason, Fill, OrderKind

names = st.text(max_size=12)
amounts = st.floats(allow_nan=False, allow_infinity=False)
prices = st.decimals(allow_nan=False, allow_infinity=False)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
positions = st.builds(
    OpenPosition,
    id=names,
    opened=amounts,
    margin=amounts,
    swap=amounts,
    parts=st.integers(0, 9),
)
tickets = st.builds(
    Ticket,
    lots=prices,
    kind=st.sampled_from(OrderKind),
    price=st.none() | prices,
    stop=st.none() | prices,
    take=st.none() | prices,
    expires_at=st.none() | moments,
    placed_at=st.none() | moments,
)
deals = st.builds(
    Fill,
    lots=prices,
    price=prices,
    at=moments,
    profit=prices,
    commission=prices,
    swap=prices,
    reason=st.none() | st.sampled_from(ExitReason),
    client_id=names,
    magic=st.integers(),
    by_hand=st.booleans(),
)
states = st.builds(
    BookState,
    balance=amounts,
    day_start=amounts,
    day_seen=amounts,
    positions=st.lists(positions, max_size=3),
    pending=st.lists(tickets, max_size=3),
)


@given(states)
def test_state_survives_json_exactly(state: BookState) -> None:
    assert BookState.from_json(json.loads(json.dumps(state.to_json()))) == state


@given(deals)
def test_a_deal_survives_json_exactly(deal: Fill) -> None:
    assert fill_from_json(json.loads(json.dumps(fill_to_json(deal)))) == deal


def test_a_position_written_before_parts_were_counted_is_read() -> None:
    position = OpenPosition("1", "c", "EURUSD", 1, 1, 1, 1, 1, 0.0, 0.0, 0)
    values = BookState(1.0, 1.0, positions=[position]).to_json()
    del values["positions"][0]["parts"]
    assert BookState.from_json(values).positions == [position]


@pytest.mark.parametrize("damage", [{"at": "soon"}, {"reason": "BORED"}, {"lots": "many"}])
def test_what_is_not_a_deal_is_refused(damage: dict[str, object]) -> None:
    deal = Fill("1-in", "1", "EURUSD", 1, True, Decimal(1), Decimal(1), datetime.now(UTC))
    with pytest.raises(EngineError, match="Expected a deal of a book"):
        fill_from_json({**fill_to_json(deal), **damage})


@given(states)
def test_state_read_back_shares_nothing_with_its_source(state: BookState) -> None:
    before = state.to_json()
    copy = BookState.from_json(before)
    copy.positions.append(OpenPosition("1", "c", "EURUSD", 1, 1, 1, 1, 1, 0.0, 0.0, 0))
    copy.pending.clear()
    assert state.to_json() == before


@pytest.mark.parametrize(
    "damage",
    [
        {"positions": [{"id": "1"}]},
        {"pending": [{"kind": "MARKET"}]},
        {"unknown": 1},
    ],
)
def test_what_is_not_a_state_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(EngineError, match="Expected the state of a book"):
        BookState.from_json({**BookState(1.0, 1.0).to_json(), **damage})


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(EngineError, match="positions"):
        BookState.from_json({"balance": 1.0, "day_start": 1.0})
