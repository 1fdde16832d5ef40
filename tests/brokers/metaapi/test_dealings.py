"""What the SDK hands out as payloads, and deals as fills."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trading.brokers.metaapi.dealings import MOST_POSITIONS, Dealings
from trading.brokers.metaapi.packets import plain

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def deal(number: int, position: int, **changes: Any) -> dict[str, Any]:
    """The SDK's deal `number`, a second after the one before; odd numbers open."""
    is_entry = number % 2 == 1
    return {
        "id": str(number),
        "type": "DEAL_TYPE_BUY" if is_entry else "DEAL_TYPE_SELL",
        "entryType": "DEAL_ENTRY_IN" if is_entry else "DEAL_ENTRY_OUT",
        "positionId": str(position),
        "symbol": "EURUSD",
        "volume": 0.1,
        "price": 1.1,
        "time": START + timedelta(seconds=number),
        "clientId": f"c{position}" if is_entry else "",
        **changes,
    }


def told(dealings: Dealings, *deals: Any) -> list[tuple[str, str]]:
    return [(fill.deal_id, fill.client_id) for fill in dealings.fills(map(plain, deals))]


def test_floats_and_times_become_what_the_json_said() -> None:
    given = {"a": 0.1 + 0.2, "b": [1, 2.5, True, None, "x"], "c": {"t": START}}
    assert plain(given) == {
        "a": Decimal("0.30000000000000004"),
        "b": [1, Decimal("2.5"), True, None, "x"],
        "c": {"t": "2026-03-02T12:00:00+00:00"},
    }


def test_a_close_has_the_client_id_of_its_entry_however_much_later_it_comes() -> None:
    dealings = Dealings()
    assert told(dealings, deal(1, 7)) == [("1", "c7")]
    assert told(dealings, deal(2, 7), deal(1, 7)) == [("2", "c7")]


def test_a_reversal_is_split_by_what_was_told_before() -> None:
    dealings = Dealings()
    turn = deal(2, 7, entryType="DEAL_ENTRY_INOUT", volume=0.3)
    assert told(dealings, deal(1, 7)) == [("1", "c7")]
    assert [name for name, _ in told(dealings, turn)] == ["2", "2/in"]


def test_what_cannot_be_read_is_left_to_the_snapshot() -> None:
    dealings = Dealings()
    turn = deal(2, 8, entryType="DEAL_ENTRY_INOUT")
    balance = {"id": "9", "type": "DEAL_TYPE_BALANCE", "time": START, "profit": 5.0}
    assert told(dealings, turn, "nonsense", balance, {"positionId": "3"}, deal(1, 7)) == [
        ("1", "c7")
    ]


def test_only_so_many_positions_are_remembered() -> None:
    dealings = Dealings()
    for position in range(MOST_POSITIONS + 1):
        told(dealings, deal(1, position))
    assert told(dealings, deal(1, 0)) and not told(dealings, deal(1, MOST_POSITIONS))


@given(st.lists(st.integers(1, 12), max_size=30), st.randoms(use_true_random=False))
def test_each_deal_is_told_once_in_whatever_order_and_portions(
    numbers: list[int], rng: random.Random
) -> None:
    dealings, found = Dealings(), []
    while numbers:
        cut = rng.randint(1, len(numbers))
        batch, numbers = numbers[:cut], numbers[cut:]
        found += told(dealings, *(deal(number, (number + 1) // 2) for number in batch))
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
