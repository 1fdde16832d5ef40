"""The payloads of the dashboard, and that their cost does not grow with the rows."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.factories import (
    MONDAY,
    make_account,
    make_candle,
    make_deployment,
    make_equity_point,
    make_event,
    make_fill,
    make_position,
    make_run,
    make_symbol,
)
from trading.models import Account, Deployment, EquityPoint, StrategyRun, Symbol
from trading.selectors import dashboard

pytestmark = pytest.mark.django_db
CLOCK = int(connection.vendor == "postgresql")
"""Reading the clock of the leases is a query there."""


def seed(count: int) -> None:
    for _ in range(count):
        deployment = make_deployment()
        make_run(deployment=deployment)
        position = make_position(
            account=deployment.account, symbol=deployment.symbol, deployment=deployment
        )
        make_fill(position=position)
        make_event(account=deployment.account)
        make_equity_point(account=deployment.account)


def curve_of(account: Account, count: int) -> list[tuple[int, float]]:
    EquityPoint.objects.bulk_create(
        EquityPoint(account=account, at=MONDAY + timedelta(minutes=i), balance=0, equity=Decimal(i))
        for i in range(count)
    )
    return dashboard.equity_curve(account.pk)


@pytest.mark.parametrize("count", [1, 4])
def test_snapshot_asks_a_fixed_number_of_queries(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    seed(count)
    with django_assert_num_queries(10 + CLOCK):
        frame = dashboard.snapshot()
    assert [len(frame[key]) for key in ("accounts", "positions", "fills", "events")] == [count] * 4


@pytest.mark.parametrize("count", [1, 4])
def test_events_after_asks_a_fixed_number_of_queries(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    seed(count)
    with django_assert_num_queries(7 + CLOCK):
        dashboard.events_after(0)


def test_snapshot_of_an_empty_platform_starts_at_event_zero() -> None:
    frame = dashboard.snapshot()
    assert frame["last_event_id"] == 0
    assert frame["events"] == []
    assert frame["equity"] == {}


def test_snapshot_ends_with_the_event_it_names() -> None:
    events = [make_event() for _ in range(dashboard.EVENTS + 2)]
    frame = dashboard.snapshot()
    assert [row["id"] for row in frame["events"]] == [e.pk for e in events[2:]]
    assert frame["last_event_id"] == events[-1].pk


def test_events_after_goes_on_behind_the_last_id_in_order() -> None:
    events = [make_event() for _ in range(5)]
    frame = dashboard.events_after(events[0].pk, limit=3)
    assert [row["id"] for row in frame["events"]] == [e.pk for e in events[1:4]]


def test_account_payload_carries_money_with_two_decimals() -> None:
    make_account(equity=Decimal("10250.5"), observed_at=MONDAY)
    (payload,) = dashboard.account_payloads()
    assert (payload["equity"], payload["day_start_equity"]) == ("10250.50", "10000.00")
    assert payload["observed_at"] == "2024-01-08T12:00:00+00:00"


def test_account_payload_of_an_unobserved_account_says_so() -> None:
    make_account(day_start_equity=None)
    (payload,) = dashboard.account_payloads()
    assert (payload["day_start_equity"], payload["observed_at"]) == (None, None)


def test_position_payloads_are_the_open_ones_in_the_symbols_digits() -> None:
    make_position(closed_at=MONDAY)
    symbol = make_symbol(name="USDJPY", digits=3)
    make_position(symbol=symbol, entry_price=Decimal("150.1"), stop=Decimal("149.5"))
    (payload,) = dashboard.position_payloads()
    assert (payload["entry_price"], payload["stop"], payload["take"]) == (
        "150.100",
        "149.500",
        None,
    )
    assert (payload["lots"], payload["deployment"]) == ("0.1", "")


def test_fill_payloads_are_the_latest_oldest_first() -> None:
    position = make_position()
    fills = [make_fill(position=position) for _ in range(dashboard.FILLS + 1)]
    assert [row["id"] for row in dashboard.fill_payloads()] == [f.pk for f in fills[1:]]


def test_deployment_payload_shows_the_newest_finished_run() -> None:
    deployment = make_deployment()
    make_run(deployment=deployment, bar_open=MONDAY, message="old")
    make_run(
        deployment=deployment,
        bar_open=MONDAY + timedelta(minutes=1),
        outcome="DENIED",
        code="MAX_SPREAD",
    )
    make_run(
        deployment=deployment,
        bar_open=MONDAY + timedelta(minutes=2),
        state=StrategyRun.State.CLAIMED,
    )
    (payload,) = dashboard.deployment_payloads()
    assert (payload["outcome"], payload["code"]) == ("DENIED", "MAX_SPREAD")
    assert payload["bar_open"] == "2024-01-08T12:01:00+00:00"


def test_deployment_payload_names_the_state_of_a_run_without_an_answer() -> None:
    make_run(state=StrategyRun.State.EXPIRED, outcome="", message="")
    (payload,) = dashboard.deployment_payloads()
    assert payload["outcome"] == "EXPIRED"


def test_deployment_payload_before_the_first_bar_is_empty() -> None:
    make_deployment()
    (payload,) = dashboard.deployment_payloads()
    assert (payload["bar_open"], payload["outcome"]) == (None, "")


@pytest.mark.parametrize("points", [1, 2, 500, 1700])
def test_equity_curve_is_thinned_and_keeps_oldest_and_newest(points: int) -> None:
    curve = curve_of(make_account(), points)
    start = int(MONDAY.timestamp())
    assert (curve[0], curve[-1]) == ((start, 0.0), (start + 60 * (points - 1), points - 1.0))
    assert len(curve) == min(points, dashboard.CURVE_POINTS)
    assert all(a[0] < b[0] for a, b in pairwise(curve))


def test_equity_curve_of_a_second_has_one_point() -> None:
    account = make_account()
    make_equity_point(account=account, at=MONDAY)
    make_equity_point(account=account, at=MONDAY + timedelta(milliseconds=9), equity=Decimal(7))
    assert dashboard.equity_curve(account.pk) == [(int(MONDAY.timestamp()), 7.0)]


def test_equity_curves_are_apart_for_each_account() -> None:
    busy, quiet = make_account(), make_account()
    curve_of(busy, 1000)
    curve_of(quiet, 3)
    curves = dashboard.equity_curves()
    assert (len(curves[busy.pk]), len(curves[quiet.pk])) == (500, 3)


def test_equity_curve_starts_with_the_equity_of_a_month_ago() -> None:
    account = make_account()
    assert dashboard.equity_curve(account.pk) == []
    for days in (50, 40, 10, 0):
        at = MONDAY - timedelta(days=days)
        make_equity_point(account=account, at=at, equity=Decimal(days))
    assert [equity for _, equity in dashboard.equity_curve(account.pk)] == [40.0, 10.0, 0.0]


def test_candles_tail_is_the_newest_bars_oldest_first() -> None:
    symbol = make_symbol()
    for minute in range(3):
        make_candle(symbol=symbol, open_time=MONDAY + timedelta(minutes=minute), close=1.1)
    candles = dashboard.candles_tail(symbol.pk, "M1", 2)
    start = int(MONDAY.timestamp())
    assert [candle["time"] for candle in candles] == [start + 60, start + 120]
    assert candles[0]["symbol"] == symbol.name


def test_candles_tail_of_an_unknown_symbol_is_an_error() -> None:
    with pytest.raises(Symbol.DoesNotExist):
        dashboard.candles_tail(404, "M1", 10)


def test_fill_markers_are_those_of_the_symbol_since_then() -> None:
    position = make_position()
    make_fill(position=position, at=MONDAY - timedelta(minutes=1))
    wanted = make_fill(position=position, at=MONDAY)
    make_fill(at=MONDAY)
    markers = dashboard.fill_markers(position.symbol_id, MONDAY)
    assert [marker["id"] for marker in markers] == [wanted.pk]


def test_chart_choices_are_what_running_deployments_trade() -> None:
    symbol = make_symbol()
    make_deployment(symbol=symbol)
    make_deployment(symbol=symbol)
    make_deployment(state=Deployment.State.PAUSED)
    assert dashboard.chart_choices() == [
        {"symbol_id": symbol.pk, "symbol": symbol.name, "digits": 5, "timeframe": "M1"}
    ]
