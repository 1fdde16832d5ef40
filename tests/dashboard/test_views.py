"""Who gets the live page, and the history of its chart."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import MONDAY, make_candle, make_deployment, make_fill, make_position
from trading.dashboard.views import websocket_address

pytestmark = pytest.mark.django_db


def candles(client: Client, **query: Any) -> Any:
    return client.get("/dashboard/candles/", query)


def test_stranger_is_sent_to_the_login(client: Client, stranger: User) -> None:
    client.force_login(stranger)
    response = client.get("/dashboard/")
    assert response.headers["Location"] == "/admin/login/?next=/dashboard/"


def test_front_door_leads_to_the_dashboard(client: Client) -> None:
    response = client.get("/", follow=True)
    assert [address for address, _ in response.redirect_chain] == [
        "/dashboard/",
        "/admin/login/?next=/dashboard/",
    ]


def test_login_leads_to_the_dashboard(client: Client, staff: User) -> None:
    response = client.post(
        "/admin/login/", {"username": "staff", "password": "correct horse battery staple"}
    )
    assert response.headers["Location"] == "/dashboard/"


def test_staff_sees_the_page_and_no_link_that_is_closed_to_them(
    client: Client, staff: User
) -> None:
    client.force_login(staff)
    page = client.get("/dashboard/").content.decode()
    assert 'data-websocket-url="/ws/dashboard/"' in page
    assert "/admin/trading/" not in page


def test_viewer_gets_links_to_the_rows(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/dashboard/").content.decode()
    assert 'data-account-url="/admin/trading/account/0/change/"' in page


def test_page_has_no_inline_script_that_runs(client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get("/dashboard/").content.decode()
    scripts = [tag.split(">")[0] for tag in page.split("<script")[1:]]
    assert scripts
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)


def test_page_offers_what_running_deployments_trade(client: Client, staff: User) -> None:
    deployment = make_deployment(timeframe="M5")
    client.force_login(staff)
    response = client.get("/dashboard/")
    assert [chart["symbol_id"] for chart in response.context["charts"]] == [deployment.symbol_id]
    assert deployment.symbol.name in response.content.decode()


def test_page_takes_posts_from_nobody(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.post("/dashboard/").status_code == 405


def test_websocket_of_another_host_is_given_whole(settings: Any) -> None:
    settings.FRONTEND_WS_URL = "wss://live.example.com/ws/dashboard/"
    assert websocket_address() == "wss://live.example.com/ws/dashboard/"


def test_candles_are_for_staff(client: Client, stranger: User) -> None:
    assert candles(client, symbol=1, timeframe="M1").status_code == 403
    client.force_login(stranger)
    assert candles(client, symbol=1, timeframe="M1").json() == {"error": "Sign in as staff"}


def test_candles_come_with_the_fills_of_their_time(
    client: Client, staff: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    position = make_position()
    for minute in range(3):
        make_candle(symbol=position.symbol, open_time=MONDAY + timedelta(minutes=minute))
    make_fill(position=position, at=MONDAY - timedelta(days=1))
    fill = make_fill(position=position, at=MONDAY + timedelta(minutes=1))
    client.force_login(staff)
    with django_assert_num_queries(6):
        chart = candles(client, symbol=position.symbol_id, timeframe="M1").json()
    assert [bar["time"] - int(MONDAY.timestamp()) for bar in chart["candles"]] == [0, 60, 120]
    assert [row["id"] for row in chart["fills"]] == [fill.pk]


def test_candles_before_the_first_bar_are_empty(client: Client, staff: User) -> None:
    position = make_position()
    client.force_login(staff)
    chart = candles(client, symbol=position.symbol_id, timeframe="M1").json()
    assert chart == {"candles": [], "fills": []}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"symbol": 404, "timeframe": "M1"}, 404),
        ({"symbol": "x", "timeframe": "M1"}, 400),
        ({"symbol": 1, "timeframe": "M7"}, 400),
        ({}, 400),
    ],
)
def test_candles_of_a_wrong_question_are_an_error(
    client: Client, staff: User, query: dict[str, object], status: int
) -> None:
    client.force_login(staff)
    response = candles(client, **query)
    assert (response.status_code, "error" in response.json()) == (status, True)
