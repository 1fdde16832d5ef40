"""The live page in a real browser, over a real web process and channel layer."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from tests.conftest import PASSWORD
from tests.e2e.conftest import WebServer, in_thread
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
    make_strategy,
    make_symbol,
)
from trading import broadcast
from trading.models import Deployment, Severity
from trading.selectors.dashboard import (
    account_payloads,
    deployment_payloads,
    position_payloads,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'"
)


@pytest.fixture
def seeded(transactional_db: None) -> Deployment:
    """A deployment that has traded for half an hour."""
    account = make_account(name="Paper one", equity=Decimal("10250.00"))
    symbol = make_symbol(name="EURUSD")
    strategy = make_strategy(name="Breakout")
    deployment = make_deployment(account=account, symbol=symbol, strategy=strategy)
    for minute in range(30):
        at = MONDAY + timedelta(minutes=minute)
        make_candle(symbol=symbol, open_time=at)
        make_equity_point(account=account, at=at, equity=Decimal(10_000 + minute))
    position = make_position(
        account=account, symbol=symbol, deployment=deployment, stop=Decimal("1.0950")
    )
    make_fill(position=position)
    make_run(deployment=deployment, outcome="DENIED", code="MAX_SPREAD", message="too wide")
    make_event(message="It begins", account=account)
    return deployment


def open_dashboard(page: Page) -> None:
    """Sign in through the form, as a person does, and wait for the line to be up."""
    page.goto("/dashboard/")
    page.fill("[name=username]", "viewer")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    expect(page.locator("#status-text")).to_have_text("Live")


def frame(profit: str, bid: str) -> broadcast.MarketFrame:
    """A frame a minute after the last candle, with another profit of the positions."""
    time = int(MONDAY.timestamp()) + 1800
    candle: broadcast.CandlePayload = {
        "symbol": "EURUSD",
        "timeframe": "M1",
        "time": time,
        "open": 1.15,
        "high": 1.2,
        "low": 1.1,
        "close": float(bid),
    }
    return {
        "type": "market",
        "quotes": [{"symbol": "EURUSD", "time": time, "bid": bid, "ask": "1.15010"}],
        "candles": [candle],
        "accounts": account_payloads(),
        "positions": [{**row, "profit": profit} for row in position_payloads()],
        "deployments": deployment_payloads(),
    }


def with_policy(route: Route) -> None:
    response = route.fetch()
    route.fulfill(
        response=response, headers={**response.headers, "content-security-policy": POLICY}
    )


def test_page_shows_the_state_then_a_new_event_without_reload(
    seeded: Deployment, viewer: User, page: Page
) -> None:
    open_dashboard(page)
    expect(page.locator("#accounts")).to_contain_text("$10,250.00")
    expect(page.locator("#accounts")).to_contain_text("+$250.00 (+2.50 %) today")
    expect(page.locator("#positions")).to_contain_text("1.09500")
    expect(page.locator("#fills")).to_contain_text("Long in 0.1")
    expect(page.locator("#deployments")).to_contain_text("MAX_SPREAD: too wide")
    expect(page.locator("#events")).to_contain_text("It begins")
    in_thread(lambda: make_event(message="<b>Something broke</b>", severity=Severity.ERROR))
    newest = page.locator("#events li").first
    expect(newest).to_contain_text("<b>Something broke</b>")
    expect(newest).to_have_attribute("data-severity", "error")


def test_prices_move_the_page(seeded: Deployment, viewer: User, page: Page) -> None:
    open_dashboard(page)
    in_thread(lambda: broadcast.market(frame(profit="12.34", bid="1.15000")))
    expect(page.locator("#positions .up")).to_have_text("+$12.34")
    expect(page.locator("#quote")).to_have_text("1.15000 / 1.15010")
    expect(page.locator("#market-time")).to_have_text("Mon 08 Jan 2024 12:30:00")
    in_thread(lambda: broadcast.market(frame(profit="-1.00", bid="1.14000")))
    expect(page.locator("#positions .down")).to_have_text("\u2212$1.00")


def test_page_comes_back_and_misses_no_event(
    seeded: Deployment, viewer: User, page: Page, server: WebServer
) -> None:
    open_dashboard(page)
    server.stop()
    expect(page.locator("#status-text")).to_have_text("Reconnecting")
    in_thread(lambda: [make_event(message=f"Missed {i}") for i in range(3)])
    server.start()
    expect(page.locator("#status-text")).to_have_text("Live", timeout=30_000)
    messages = page.locator("#events .tb-message")
    expect(messages).to_have_text(["Missed 2", "Missed 1", "Missed 0", "It begins"])


def test_page_of_who_signed_out_says_so(
    seeded: Deployment, viewer: User, page: Page, server: WebServer
) -> None:
    open_dashboard(page)
    server.stop()
    in_thread(Session.objects.all().delete)
    server.start()
    expect(page.locator("#status")).to_contain_text("Signed out.", timeout=30_000)
    page.click("text=Sign in again")
    expect(page.locator("[name=username]")).to_be_visible()


def test_page_runs_under_a_strict_content_policy(
    seeded: Deployment, viewer: User, page: Page
) -> None:
    open_dashboard(page)
    page.route("**/dashboard/", with_policy)
    page.reload()
    expect(page.locator("#status-text")).to_have_text("Live")
    expect(page.locator("#events")).to_contain_text("It begins")
    expect(page.locator("#chart canvas").first).to_be_visible()


def test_page_of_an_empty_platform_says_what_to_do(viewer: User, page: Page) -> None:
    open_dashboard(page)
    for part in ("accounts", "chart", "positions", "deployments", "fills", "events"):
        expect(page.locator(f"#{part}-empty")).to_be_visible()


def test_page_fits_a_phone(seeded: Deployment, viewer: User, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_dashboard(page)
    expect(page.locator("#positions tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
