"""What is asked of MetaApi, how often, and where."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.brokers.metaapi.payloads import TIME, candle, deal, done, refused
from tests.brokers.metaapi.scripted import TOKEN, Script, said
from trading.brokers.base import NotSent, Unavailable, UnknownOutcome
from trading.brokers.metaapi.codes import Outcome
from trading.engine.types import EngineError

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
BODY = {"actionType": "ORDER_TYPE_BUY"}
BASE = "https://mt-client-api-v1.vint-hill.agiliumtrade.ai/users/current/accounts"


@pytest.fixture
def script() -> Script:
    return Script()


def region(name: str) -> httpx.Response:
    return said({"region": name})


def test_the_region_is_asked_for_once_and_the_token_is_a_header(script: Script) -> None:
    client = script.client()
    client.positions()
    client.trade(BODY)
    urls = [str(request.url) for request in script.requests]
    assert urls == [
        f"https://mt-provisioning-api-v1.agiliumtrade.agiliumtrade.ai/users/current/accounts/{script.account_id}",
        f"{BASE}/{script.account_id}/positions",
        f"{BASE}/{script.account_id}/trade",
    ]
    assert {request.headers["auth-token"] for request in script.requests} == {TOKEN}


def test_an_answer_names_its_order_by_text(script: Script) -> None:
    script.standing["trade"] = done(orderId=46870472, positionId=5)
    answer = script.client().trade(BODY)
    assert (answer.order_id, answer.position_id, answer.number) == ("46870472", "5", 10009)


@pytest.mark.parametrize(
    ("payload", "outcome", "code"),
    [
        (refused(10019, "TRADE_RETCODE_NO_MONEY"), Outcome.REJECTED, "NO_MONEY"),
        (refused(-10, "TRADE_RETCODE_DISCONNECTED_BEFORE_TRADE"), Outcome.NOT_SENT, ""),
        (refused(10009, "TRADE_RETCODE_REJECT"), Outcome.UNKNOWN, ""),
        ({"stringCode": "TRADE_RETCODE_PLACED"}, Outcome.ACCEPTED, "PLACED"),
        ({"numericCode": 10008}, Outcome.ACCEPTED, "PLACED"),
        ({}, Outcome.UNKNOWN, ""),
    ],
)
def test_the_codes_of_an_answer_decide(
    script: Script, payload: Any, outcome: Outcome, code: str
) -> None:
    script.standing["trade"] = payload
    answer = script.client().trade(BODY)
    assert answer.outcome is outcome
    assert not code or answer.code == code


@pytest.mark.parametrize(
    "payload", [None, [], "DONE", {"numericCode": "10009"}, {"numericCode": 10009.5}]
)
def test_an_answer_of_another_shape_proves_nothing(script: Script, payload: Any) -> None:
    script.standing["trade"] = payload
    with pytest.raises(UnknownOutcome):
        script.client().trade(BODY)


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (refused(10019, "TRADE_RETCODE_NO_MONEY"), Outcome.REJECTED),
        (refused(-11, "TRADE_RETCODE_DISCONNECTED_DURING_TRADE"), Outcome.UNKNOWN),
        (refused(7777, "TRADE_RETCODE_NEW"), Outcome.UNKNOWN),
        ({"stringCode": "TRADE_RETCODE_NEW"}, Outcome.UNKNOWN),
    ],
)
def test_a_refusal_that_carries_a_trades_code_is_judged_by_the_code(
    script: Script, payload: Any, outcome: Outcome
) -> None:
    script.then("trade", said(payload, 400))
    assert script.client().trade(BODY).outcome is outcome


def test_a_refusal_that_says_done_contradicts_itself(script: Script) -> None:
    script.then("trade", said(done(), 400))
    with pytest.raises(UnknownOutcome):
        script.client().trade(BODY)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ConnectTimeout("x"), NotSent),
        (httpx.ReadTimeout("x"), UnknownOutcome),
        (httpx.WriteTimeout("x"), UnknownOutcome),
        (httpx.WriteError("x"), UnknownOutcome),
        (httpx.ReadError("x"), UnknownOutcome),
        (httpx.RemoteProtocolError("x"), UnknownOutcome),
        (httpx.LocalProtocolError("x"), UnknownOutcome),
    ],
)
def test_only_a_failure_to_connect_proves_that_nothing_was_sent(
    script: Script, error: Exception, expected: type[Exception]
) -> None:
    script.then("trade", error)
    with pytest.raises(expected):
        script.client().trade(BODY)
    assert len(script.asked("trade")) == 1


def test_without_a_region_nothing_is_sent(script: Script) -> None:
    script.standing[script.account_id] = {"region": "evil.com/"}
    with pytest.raises(NotSent, match="plain word"):
        script.client().trade(BODY)
    assert script.asked("trade") == []


# --- readings


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("x"), httpx.ReadError("x"), said({}, 503), said({}, 500)]
)
def test_a_reading_is_asked_again_once(script: Script, failure: Any) -> None:
    script.then("positions", failure)
    assert list(script.client().positions()) == []
    assert len(script.asked("positions")) == 2


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("x"), said({}, 401), said({}, 404)])
def test_a_reading_that_would_be_answered_alike_is_not_asked_again(
    script: Script, failure: Any
) -> None:
    script.then("positions", failure)
    with pytest.raises(Unavailable):
        script.client().positions()
    assert len(script.asked("positions")) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), said({}, 404)])
def test_an_account_that_has_moved_is_found_in_its_new_region(script: Script, failure: Any) -> None:
    script.then(script.account_id, region("vint-hill"), region("london"))
    script.then("positions", failure)
    assert list(script.client().positions()) == []
    hosts = [request.url.host.split(".")[1] for request in script.asked("positions")]
    assert hosts == ["vint-hill", "london"]


def test_too_many_requests_silence_the_account_as_long_as_asked(script: Script) -> None:
    metadata = {"recommendedRetryTime": "2026-01-14T12:01:00.000Z"}
    answer = {"message": "Too many", "metadata": metadata}
    script.then("positions", said(answer, 429, date="Wed, 14 Jan 2026 12:00:00 GMT"))
    client = script.client(queue=0.1, read=0.5)
    with pytest.raises(Unavailable, match="HTTP 429: Too many"):
        client.positions()
    with pytest.raises(Unavailable, match=r"was 59\.\d s|was 60\.0 s"):
        client.positions()
    with pytest.raises(NotSent) as caught:
        client.trade(BODY)
    assert caught.value.code == "BUDGET"
    assert (len(script.asked("positions")), script.asked("trade")) == (1, [])


def test_history_is_read_page_by_page(script: Script) -> None:
    rows = [deal(id=str(number)) for number in range(1500)]

    def page(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        return said(rows[offset : offset + limit])

    script.then("deals", page, page)
    assert [row["id"] for row in script.client().deals(NOON, NOON)] == [r["id"] for r in rows]
    asked = script.asked("deals")[0].url.path
    assert asked.endswith(f"/history-deals/time/{TIME}/{TIME}")


def test_candles_are_read_backwards(script: Script) -> None:
    opened = [NOON + timedelta(hours=hour) for hour in range(2500)]

    def page(request: httpx.Request) -> httpx.Response:
        start = datetime.fromisoformat(request.url.params["startTime"])
        found = [time for time in opened if time <= start][-int(request.url.params["limit"]) :]
        return said([candle(time.isoformat()) for time in found])

    script.then("candles", page, page, page)
    found = script.client().candles("EURUSD", "H1", opened[-1], 2200)
    assert [row["time"] for row in found] == [time.isoformat() for time in opened[300:]]
    assert script.asked("candles")[0].url.host.startswith("mt-market-data-client-api-v1.")


def test_candles_end_where_history_does_and_where_a_server_goes_in_circles(script: Script) -> None:
    page = [candle(TIME)]
    script.then("candles", said(page), said([]), said(page), said(page))
    client = script.client()
    assert len(client.candles("EURUSD", "H1", NOON, 5000)) == 1
    assert len(client.candles("EURUSD", "H1", NOON, 5000)) == 1
    with pytest.raises(EngineError, match="Expected a timeframe of M1"):
        client.candles("EURUSD", "1h", NOON)


def test_names_are_quoted_into_the_path(script: Script) -> None:
    script.standing["specification"] = {}
    script.client().specification("US/500 #1?")
    assert script.asked("specification")[0].url.raw_path.endswith(
        b"/symbols/US%2F500%20%231%3F/specification"
    )


def test_a_margin_is_computed_and_never_asked_for_twice(script: Script) -> None:
    script.then("calculate-margin", said({"margin": 110.5}), said({}, 500))
    client = script.client()
    assert client.margin({"symbol": "EURUSD"}) == Decimal("110.5")
    with pytest.raises(Unavailable):
        client.margin({"symbol": "EURUSD"})
    assert len(script.asked("calculate-margin")) == 2


def test_symbols_prices_orders_and_the_clock_are_read(script: Script) -> None:
    script.standing |= {"symbols": ["EURUSD"], "current-price": {"bid": 1}}
    client = script.client()
    assert (list(client.symbols()), client.price("EURUSD")) == (["EURUSD"], {"bid": 1})
    assert client.server_time() == NOON
    script.then(TIME, said([{"id": "1"}]))
    assert list(client.history_orders(NOON, NOON)) == [{"id": "1"}]


@pytest.mark.parametrize("payload", [{}, None, {"time": "now"}, []])
def test_a_clock_that_tells_no_time_is_unavailable(script: Script, payload: Any) -> None:
    script.standing["server-time"] = payload
    with pytest.raises(Unavailable):
        script.client().server_time()
