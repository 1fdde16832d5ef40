"""What the forms of the admin take and refuse, and what its actions do."""

from decimal import Decimal
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from tests.factories import (
    make_account,
    make_connection,
    make_deployment,
    make_strategy,
    make_symbol,
)
from trading.admin.accounts import AccountAdmin
from trading.models import Account, Connection, Deployment, Event, Strategy

pytestmark = pytest.mark.django_db
CANARY = "canary-token-1234567890"
Errors = dict[str, list[str]]
SIZING = {
    "sizing_method": "FRACTIONAL",
    "sizing_base": "LESSER",
    "risk_percent": "0.5",
    "atr_multiple": "2",
    "measured_bars": "20",
    "kelly_start_percent": "0",
    "gap_ticks": "0",
    "expected_nights": "0",
    "max_risk_coefficient": "1",
}


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def posted(page: Client, path: str, **data: object) -> Errors:
    """Errors of the form posted; none when it was saved."""
    response: Any = page.post(f"/admin/trading/{path}/", data)
    return {} if response.status_code == 302 else response.context["adminform"].errors


def act(page: Client, path: str, action: str, *rows: Any) -> str:
    """Run an action of a list on rows; the page that comes after."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return page.post(f"/admin/trading/{path}/", data, follow=True).content.decode()


def stored_token(row: Connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM trading_connection WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def strategy_data(**fields: object) -> dict[str, object]:
    return {"name": "Breakout", "kind": "donchian", "params": "{}", "description": "", **fields}


def deployment_data(account: Account, **fields: object) -> dict[str, object]:
    symbol = make_symbol(source=account.source)
    given = {"account": account.pk, "strategy": make_strategy().pk, "symbol": symbol.pk}
    return {**given, "timeframe": "M1", **SIZING, **fields}


def account_data(**fields: object) -> dict[str, object]:
    at_the_broker = {"kind": "paper", "source": "simulated", "currency": "USD", "leverage": 30}
    policies = {
        "manual_policy": "COUNT",
        "adopt_risk_percent": "1",
        "unprotected_policy": "REPAIR",
        "position_mode": "HEDGING",
    }
    given = {"name": "Mine", "is_demo": "on", "balance": "5000", **at_the_broker, **policies}
    return {**given, **fields}


def test_token_goes_in_encrypted_and_never_comes_out(page: Client) -> None:
    assert posted(page, "connection/add", name="Broker", new_token=CANARY) == {}
    row = Connection.objects.get()
    assert row.token == CANARY
    assert CANARY not in stored_token(row)
    for path in ("", f"{row.pk}/change/", f"{row.pk}/history/"):
        assert CANARY not in page.get(f"/admin/trading/connection/{path}").content.decode()


def test_new_connection_needs_a_token(page: Client) -> None:
    assert "new_token" in posted(page, "connection/add", name="Broker", new_token="")


def test_blank_token_keeps_the_old_one(page: Client) -> None:
    row = make_connection(token=CANARY)
    assert posted(page, f"connection/{row.pk}/change", name="Renamed", new_token="") == {}
    row.refresh_from_db()
    assert (row.name, row.token) == ("Renamed", CANARY)


def test_new_token_takes_the_place_of_the_old_one(page: Client) -> None:
    row = make_connection()
    assert posted(page, f"connection/{row.pk}/change", name=row.name, new_token=CANARY) == {}
    row.refresh_from_db()
    assert row.token == CANARY


def test_connection_pages_need_no_key(page: Client, settings: Any) -> None:
    row = make_connection(token=CANARY)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    for path in ("", f"{row.pk}/change/"):
        assert page.get(f"/admin/trading/connection/{path}").status_code == 200


def test_strategy_is_kept_with_valid_parameters(page: Client) -> None:
    assert posted(page, "strategy/add", **strategy_data(params='{"entry": 30}')) == {}
    assert Strategy.objects.get().params == {"entry": 30}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "martingale"}, "kind"),
        ({"params": '{"no_such": 1}'}, "params"),
        ({"params": '{"entry": -5}'}, "params"),
        ({"params": '{"entry": "x"}'}, "params"),
        ({"params": "[1]"}, "params"),
        ({"params": "{"}, "params"),
    ],
)
def test_strategy_that_cannot_be_built_is_refused(
    page: Client, fields: dict[str, object], wrong: str
) -> None:
    assert list(posted(page, "strategy/add", **strategy_data(**fields))) == [wrong]
    assert not Strategy.objects.exists()


def test_strategy_page_explains_the_parameters(page: Client) -> None:
    text = page.get("/admin/trading/strategy/add/").content.decode()
    assert "<td>donchian</td><td>entry</td>" in text


def test_deployment_starts_paused(page: Client) -> None:
    assert posted(page, "deployment/add", **deployment_data(make_account())) == {}
    assert Deployment.objects.get().state == Deployment.State.PAUSED


def test_deployment_on_a_symbol_of_other_prices_is_refused(page: Client) -> None:
    data = deployment_data(make_account(), symbol=make_symbol(source="history").pk)
    errors = posted(page, "deployment/add", **data)
    assert list(errors) == ["symbol"]
    assert "Expected a symbol of 'simulated'" in errors["symbol"][0]


def test_deployment_of_a_broken_strategy_is_refused(page: Client) -> None:
    broken = make_strategy(params={"entry": -1})
    data = deployment_data(make_account(), strategy=broken.pk)
    assert list(posted(page, "deployment/add", **data)) == ["strategy"]


def test_deployment_keeps_what_it_is_and_changes_its_risk(page: Client) -> None:
    row = make_deployment()
    other = make_symbol()
    path = f"deployment/{row.pk}/change"
    more = {**SIZING, "risk_percent": "1.25"}
    assert posted(page, path, **more, symbol=other.pk, state="PAUSED") == {}
    symbol = row.symbol_id
    row.refresh_from_db()
    assert (row.risk_percent, row.symbol_id, row.state) == (Decimal("1.25"), symbol, "RUNNING")


def test_deployments_are_paused_and_resumed_from_the_list(page: Client) -> None:
    rows = [make_deployment() for _ in range(2)]
    assert "2 paused" in act(page, "deployment", "pause", *rows)
    assert "0 paused" in act(page, "deployment", "pause", *rows)
    assert "2 resumed" in act(page, "deployment", "resume", *rows)
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["deployment.paused"] * 2 + ["deployment.resumed"] * 2
    assert "by owner" in Event.objects.latest("id").message


def test_viewer_cannot_pause(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    row = make_deployment()
    act(client, "deployment", "pause", row)
    row.refresh_from_db()
    assert row.state == Deployment.State.RUNNING


def test_new_paper_account_has_a_book_and_waits_for_the_gateway(page: Client) -> None:
    assert posted(page, "account/add", **account_data()) == {}
    account = Account.objects.get()
    assert (account.equity, account.state) == (Decimal(5000), Account.State.HALTED)
    assert account.paper_book.state["balance"] == 5000


def test_account_of_an_unknown_broker_is_refused(page: Client) -> None:
    assert list(posted(page, "account/add", **account_data(kind="abacus"))) == ["kind"]


def test_account_form_leaves_the_brokers_word_alone(owner: User) -> None:
    stale = make_account()
    Account.objects.filter(pk=stale.pk).update(equity=Decimal(7), state="HALTED")
    stale.name = "Renamed"
    pages = AccountAdmin(Account, admin.site)
    request = RequestFactory().post("/")
    request.user = owner
    form = pages.get_form(request, stale, change=True)({"name": "Renamed"}, instance=stale)
    form.changed_data = ["name"]
    pages.save_model(request, stale, form, change=True)
    found = Account.objects.get()
    assert (found.name, found.equity, found.state) == ("Renamed", Decimal(7), "HALTED")


def test_account_is_halted_and_released_from_the_list(page: Client) -> None:
    account = make_account()
    act(page, "account", "halt", account)
    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("HALTED", "Halted by owner")
    assert "1 released" in act(page, "account", "release", account)
    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("HALTED", "Waiting for the gateway")
    assert "0 released" in act(page, "account", "release", account)
