"""Merging market frames, and leaving out what a browser knows."""

from typing import cast

from trading.broadcast import (
    AccountPayload,
    CandlePayload,
    DeploymentPayload,
    EventsFrame,
    MarketFrame,
    PositionPayload,
)
from trading.dashboard.frames import has_news, market_merged, rows_seen, without_seen


def frame(
    *candles: CandlePayload, bid: str = "1.1", account: int = 1, positions: int = 0
) -> MarketFrame:
    return {
        "type": "market",
        "quotes": [{"symbol": "EURUSD", "time": 0, "bid": bid, "ask": "1.2"}],
        "candles": list(candles),
        "accounts": [cast(AccountPayload, {"id": account})],
        "positions": [cast(PositionPayload, {"id": i}) for i in range(positions)],
        "deployments": [],
    }


def candle(time: int, close: float = 1.0, timeframe: str = "M1") -> CandlePayload:
    return {
        "symbol": "EURUSD",
        "timeframe": timeframe,
        "time": time,
        "open": 1.0,
        "high": 1.0,
        "low": 1.0,
        "close": close,
    }


def deployment(pk: int, outcome: str = "") -> DeploymentPayload:
    return {
        "id": pk,
        "account": 1,
        "label": "Trend on EURUSD M1",
        "symbol": "EURUSD",
        "timeframe": "M1",
        "state": "RUNNING",
        "bar_open": None,
        "outcome": outcome,
        "code": "",
        "message": "",
    }


def events_frame(*deployments: DeploymentPayload, state: str = "ACTIVE") -> EventsFrame:
    return {
        "type": "events",
        "events": [],
        "accounts": [cast(AccountPayload, {"id": 1, "state": state})],
        "fills": [],
        "deployments": list(deployments),
    }


def test_first_frame_waits_as_it_is() -> None:
    assert market_merged(None, frame()) == frame()


def test_newer_quote_and_positions_stand() -> None:
    merged = market_merged(frame(bid="1.1", positions=2), frame(bid="1.15"))
    assert [quote["bid"] for quote in merged["quotes"]] == ["1.15"]
    assert merged["positions"] == []


def test_accounts_of_both_frames_are_kept() -> None:
    merged = market_merged(frame(account=1), frame(account=2))
    assert [account["id"] for account in merged["accounts"]] == [1, 2]


def test_last_word_on_a_closed_bar_survives_the_next_bar() -> None:
    merged = market_merged(frame(candle(0, 1.0)), frame(candle(0, 1.5), candle(60)))
    merged = market_merged(merged, frame(candle(60, 2.0)))
    assert merged["candles"] == [candle(0, 1.5), candle(60, 2.0)]


def test_waiting_frame_keeps_two_candles_of_each_chart_at_most() -> None:
    merged: MarketFrame | None = None
    for time in range(0, 6000, 60):
        merged = market_merged(merged, frame(candle(time), candle(time, timeframe="M5")))
    assert merged is not None
    assert [c["time"] for c in merged["candles"]] == [5880, 5940, 5880, 5940]


def test_rows_a_browser_holds_are_left_out() -> None:
    seen = rows_seen(events_frame(deployment(1, "HOLD"), deployment(2, "HOLD")))
    news = without_seen(events_frame(deployment(1, "HOLD"), deployment(2, "ENTRY")), seen)
    assert news["deployments"] == [deployment(2, "ENTRY")]


def test_frame_of_known_rows_is_no_news() -> None:
    seen = rows_seen(events_frame(deployment(1)))
    assert has_news(events_frame(deployment(1)))
    assert not has_news(without_seen(events_frame(deployment(1)), seen))


def test_account_whose_condition_changed_is_news() -> None:
    seen = rows_seen(events_frame())
    news = without_seen(events_frame(state="DEGRADED"), seen)
    assert [account["state"] for account in news["accounts"]] == ["DEGRADED"]
    assert has_news(news)
