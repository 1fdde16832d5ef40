"""What is sent to be traded."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers.metaapi.payloads import order, position, specification
from tests.brokers.metaapi.test_mapping import wire
from tests.brokers.venue.running import entry
from trading.brokers.metaapi.bodies import (
    cancel_body,
    close_body,
    entry_body,
    modify_body,
    partial_close_body,
)
from trading.brokers.metaapi.mapping import position_state, resting_order
from trading.brokers.metaapi.specification import specification_of
from trading.engine.types import EngineError, OrderKind

D = Decimal
SPEC = specification_of(wire(specification()))
LEVELS = st.none() | st.integers(1, 10**7).map(lambda ticks: D(ticks).scaleb(-5))
LATER = datetime(2026, 1, 14, 14, tzinfo=timezone(timedelta(hours=1)))


def test_a_market_order_has_levels_and_marks_and_no_comment() -> None:
    assert entry_body(entry(), SPEC) == {
        "actionType": "ORDER_TYPE_BUY",
        "symbol": "EURUSD",
        "volume": 0.1,
        "clientId": "client-1",
        "magic": 3,
        "stopLoss": 1.099,
        "takeProfit": 1.102,
    }


@pytest.mark.parametrize("kind", [OrderKind.STOP, OrderKind.LIMIT])
@pytest.mark.parametrize(("side", "word"), [(1, "BUY"), (-1, "SELL")])
def test_a_pending_order_ends_by_itself(kind: OrderKind, side: int, word: str) -> None:
    request = entry(kind=kind, side=side, price=D("1.1"), expires_at=LATER)
    body = entry_body(request, SPEC, ("ORDER_FILLING_IOC",))
    assert (body["actionType"], body["openPrice"]) == (f"ORDER_TYPE_{word}_{kind}", 1.1)
    expiration = {"type": "ORDER_TIME_SPECIFIED", "time": "2026-01-14T13:00:00.000Z"}
    assert (body["expiration"], body["fillingModes"]) == (expiration, ["ORDER_FILLING_IOC"])


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (["SYMBOL_EXPIRATION_GTC"], None),
        (["SYMBOL_EXPIRATION_SPECIFIED_DAY"], "ORDER_TIME_SPECIFIED_DAY"),
    ],
)
def test_an_end_of_life_is_sent_only_where_it_is_allowed(
    modes: list[str], expected: str | None
) -> None:
    spec = specification_of(wire(specification(allowedExpirationModes=modes)))
    request = entry(kind=OrderKind.STOP, price=D("1.1"), expires_at=LATER)
    assert entry_body(request, spec).get("expiration", {}).get("type") == expected


def test_prices_are_rounded_to_the_digits_of_the_symbol() -> None:
    body = entry_body(entry(stop=D("1.099004"), take=D("1.102005")), SPEC)
    assert (body["stopLoss"], body["takeProfit"]) == (1.099, 1.10201)


@pytest.mark.parametrize(
    "change",
    [
        {"lots": D("0.015")},
        {"lots": D(0)},
        {"lots": D("NaN")},
        {"side": 0},
        {"stop": D(0)},
        {"client_id": "x" * 27},
        {"client_id": "é"},
        {"kind": OrderKind.STOP, "price": None},
    ],
)
def test_an_order_that_cannot_be_said_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="Expected"):
        entry_body(replace(entry(), **change), SPEC)


def test_closes_cancels_and_parts_name_what_they_are_about() -> None:
    assert close_body("7") == {"actionType": "POSITION_CLOSE_ID", "positionId": "7"}
    assert cancel_body("8") == {"actionType": "ORDER_CANCEL", "orderId": "8"}
    part = partial_close_body("7", D("0.04"), D("0.01"))
    assert part == {"actionType": "POSITION_PARTIAL", "positionId": "7", "volume": 0.04}


@given(LEVELS, LEVELS)
def test_a_position_shows_the_levels_it_was_given(
    stop: Decimal | None, take: Decimal | None
) -> None:
    body = modify_body("7", stop, take)
    levels = {name: body.get(name, 0) for name in ("stopLoss", "takeProfit")}
    seen = position_state(wire(position(**levels)))
    assert (seen.stop, seen.take) == (stop, take)


@given(
    st.integers(1, 100_000).map(lambda steps: D(steps).scaleb(-2)),
    st.integers(1, 10**7).map(lambda ticks: D(ticks).scaleb(-5)),
    st.sampled_from([1, -1]),
    st.sampled_from([OrderKind.STOP, OrderKind.LIMIT]),
    LEVELS,
)
def test_a_resting_order_reads_as_it_was_sent(
    lots: Decimal, price: Decimal, side: int, kind: OrderKind, stop: Decimal | None
) -> None:
    request = entry(lots=lots, price=price, side=side, kind=kind, stop=stop, take=None)
    body = json.loads(json.dumps(entry_body(request, SPEC)))
    shown = {name: body[name] for name in body.keys() - {"actionType"}}
    seen = resting_order(
        wire(order(**shown, type=body["actionType"], currentVolume=body["volume"]))
    )
    assert seen is not None
    assert (seen.lots, seen.price, seen.side, seen.kind) == (lots, price, side, kind)
    assert (seen.stop, seen.client_id, seen.magic) == (stop, request.client_id, request.magic)


def test_times_are_sent_as_utc() -> None:
    request = entry(kind=OrderKind.LIMIT, price=D("1.1"), expires_at=LATER.astimezone(UTC))
    assert entry_body(request, SPEC)["expiration"]["time"] == "2026-01-14T13:00:00.000Z"
