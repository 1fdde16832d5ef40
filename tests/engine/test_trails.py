"""What a decision says about stops that follow the market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.engine.tables import instrument
from tests.engine.test_decide import MARKET, NAN, bars, denial, holding, intent, plan, position
from trading.engine.decide import Decision, decide
from trading.engine.types import Hold, Market, Trail

D = Decimal
HELD = position(1, stop=D(980))
SHORT = position(-1, stop=D(1040))


def decided(*held: object, close: float = 1000.0, spread: float = 3.0, **more: object) -> Decision:
    """About a bar with this close and spread; every stop follows 15 behind."""
    given = {"trails": {"1": D(15)}, "market": MARKET, "side": [1, 1], **more}
    flat, wide = np.full(2, close), np.full(2, spread)
    closed = replace(bars(2), open=flat, high=flat, low=flat, close=flat, spread=wide)
    account, wanted = holding(*held), plan(given["side"])  # type: ignore[arg-type]
    return decide(wanted, closed, given["market"], account, given["trails"])  # type: ignore[arg-type]


def at(bid: int, ask: int, stops_level: int = 0) -> Market:
    quote = replace(MARKET.quote, bid=D(bid), ask=D(ask))
    return replace(MARKET, quote=quote, instrument=instrument(stops_level=stops_level))


def test_the_stop_of_a_long_follows_the_bid() -> None:
    decision = decided(HELD)
    assert decision.trails == (Trail(HELD, D(985), is_overtaken=False),)
    assert decision.closes == ()
    assert isinstance(decision.entry, Hold)


def test_the_stop_of_a_short_follows_the_ask_of_the_bar() -> None:
    (trail,) = decided(SHORT, side=[-1, -1]).trails
    assert trail.stop == 1018


def test_a_stop_is_not_loosened() -> None:
    assert decided(replace(HELD, stop=D(985))).trails == ()
    assert decided(replace(SHORT, stop=D(1018)), side=[-1, -1]).trails == ()


def test_a_stop_that_is_gone_is_any_that_is_a_price() -> None:
    (trail,) = decided(replace(HELD, stop=None)).trails
    assert trail.stop == 985
    assert decided(replace(HELD, stop=None), close=15.0).trails == ()


def test_a_position_without_a_trail_keeps_its_stop() -> None:
    assert decided(HELD, trails={"2": D(15)}).trails == ()


def test_what_is_closed_follows_nothing() -> None:
    decision = decided(HELD, side=[1, 0])
    assert (decision.closes, decision.trails) == ((HELD,), ())


@pytest.mark.parametrize("bid", [985, 984, 900])
def test_a_market_beyond_the_stop_closes_the_position(bid: int) -> None:
    decision = decided(HELD, market=at(bid, bid + 2))
    assert decision.closes == (HELD,)
    assert decision.trails == (Trail(HELD, D(985), is_overtaken=True),)
    assert isinstance(decision.entry, Hold)


@pytest.mark.parametrize(("ask", "count"), [(1014, 0), (1013, 1)])
def test_what_the_broker_finds_too_near_waits(ask: int, count: int) -> None:
    market = at(1000, ask, stops_level=5)
    decision = decided(SHORT, side=[-1, -1], market=market)
    assert (len(decision.trails), decision.closes) == (count, ())


def test_an_entry_carries_its_trail_in_whole_ticks() -> None:
    assert intent(plan([0, 1], trail=15.1)).trail == 16
    assert intent(plan([0, 1])).trail is None


@pytest.mark.parametrize("trail", [0.0, -1.0, float("inf")])
def test_a_trail_is_none_or_a_distance(trail: float) -> None:
    assert denial(plan([0, 1], trail=trail)).code == "STOP_REQUIRED"


def test_the_signal_tells_the_trail() -> None:
    assert decide(plan([0, 1], trail=15.5), bars(2), MARKET, holding()).signal["trail"] == "15.5"
    assert "trail" not in decide(plan([0, 1], trail=NAN), bars(2), MARKET, holding()).signal
