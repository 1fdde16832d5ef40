"""The filters' facts come out of the tables, and only those that a limit asks for."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.factories import (
    MONDAY,
    make_candle,
    make_deployment,
    make_news,
    make_order,
    make_run,
    make_simulated_market,
    make_symbol,
)
from trading.engine.risk import Control, LimitSet, OrderFacts, Unit, limit_of
from trading.models import Order, Symbol
from trading.selectors.filters import filter_facts, market_now, news_near, usual_of, weekend_in

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
MEDIANS = {"unit": Unit.MEDIANS}


@pytest.fixture
def symbol() -> Symbol:
    return make_symbol(name="EURUSD")


def order_of(symbol: Symbol) -> Order:
    deployment = make_deployment(symbol=symbol, timeframe="M5")
    run = make_run(deployment=deployment, bar_open=MONDAY - 6 * MINUTE)
    return make_order(symbol=symbol, deployment=deployment, run=run)


def seconds(symbol: Symbol) -> list[int] | None:
    near = news_near(symbol=symbol, at=MONDAY)
    return None if near.seconds is None else [int(value) for value in near.seconds]


def test_what_is_usual_comes_from_the_last_hour_of_minutes(symbol: Symbol) -> None:
    for minute in range(1, 81):
        spread, volume = (0.00010, 120.0) if minute <= 60 else (0.00090, 1.0)
        make_candle(symbol=symbol, open_time=MONDAY - minute * MINUTE, spread=spread, volume=volume)
    make_candle(symbol=make_symbol(), open_time=MONDAY, spread=5.0)
    make_candle(symbol=symbol, timeframe="M5", open_time=MONDAY, spread=5.0)
    assert usual_of(symbol=symbol) == (Decimal(10), Decimal("0.5"))


def test_of_a_symbol_that_is_new_nothing_is_usual(symbol: Symbol) -> None:
    make_candle(symbol=symbol)
    assert usual_of(symbol=symbol) == (None, None)


def test_news_are_those_of_the_symbols_currencies_and_of_all(symbol: Symbol) -> None:
    for number, currency in enumerate(["USD", "GBP", "EUR", "ALL"]):
        make_news(currency=currency, at=MONDAY + (number - 1) * MINUTE, title=f"{number}")
    make_news(impact="MEDIUM", at=MONDAY)
    make_news(at=MONDAY + timedelta(days=2))
    assert seconds(symbol) == [-60, 60, 120]
    assert news_near(symbol=symbol, at=MONDAY).names == ("USD 0", "EUR 2", "ALL 3")


def test_a_calendar_reaches_to_the_end_of_its_last_week(symbol: Symbol) -> None:
    assert seconds(symbol) is None
    news = make_news(at=MONDAY.replace(hour=0) - timedelta(seconds=1), impact="LOW")
    assert seconds(symbol) is None
    news.at += timedelta(seconds=1)
    news.save()
    assert seconds(symbol) == []


def test_the_weekend_is_that_of_the_symbols_sessions(symbol: Symbol) -> None:
    assert weekend_in(symbol=symbol, at=MONDAY) == (Decimal(106 * 3600),)
    symbol.sessions = {"trade": {"MONDAY": [["00:00", "24:00"]]}}
    assert weekend_in(symbol=symbol, at=MONDAY) == (Decimal(36_000),)
    symbol.sessions = {"trade": {"MOONDAY": []}}
    assert weekend_in(symbol=symbol, at=MONDAY) is None


@pytest.mark.parametrize(
    ("limits", "expected", "queries"),
    [
        ([], {}, 0),
        ([limit_of(Control.MAX_SPREAD, 30), limit_of(Control.QUOTE_AGE, 10)], {}, 0),
        ([limit_of(Control.SIGNAL_AGE, 60)], {"signal_age": Decimal(60)}, 0),
        ([limit_of(Control.WEEKEND_FLAT, 1)], {"weekend_in": (Decimal(381_600),)}, 0),
        ([limit_of(Control.NEWS_CLOSES, 2)], {"news_in": None, "news": ()}, 1),
        (
            [limit_of(Control.MAX_SPREAD, 3, **MEDIANS), limit_of(Control.QUOTE_AGE, 5, **MEDIANS)],
            {"usual_spread_ticks": None, "usual_quote_gap": None},
            1,
        ),
    ],
)
def test_only_what_a_limit_asks_for_is_read(
    limits: list[Any],
    expected: dict[str, Any],
    queries: int,
    symbol: Symbol,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    order = order_of(symbol)
    with django_assert_num_queries(queries):
        found = filter_facts(limits=LimitSet(tuple(limits)), order=order, at=MONDAY)
    assert found == expected
    OrderFacts(holding=None, instrument=None, **found)


def test_a_simulated_market_has_its_own_clock() -> None:
    market = make_simulated_market()
    assert market_now(source=market.source) == MONDAY
    assert market_now(source="history") > MONDAY
