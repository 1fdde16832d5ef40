"""The book's memory survives JSON exactly."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.engine.book_state import BookState, OpenPosition, Ticket
from trading.engine.types import EngineError, OrderKind

names = st.text(max_size=12)
amounts = st.floats(allow_nan=False, allow_infinity=False)
prices = st.decimals(allow_nan=False, allow_infinity=False)
moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
positions = st.builds(OpenPosition, id=names, opened=amounts, margin=amounts, swap=amounts)
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
