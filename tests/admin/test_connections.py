"""Connections and MetaApi accounts in the admin: asked for here, done by the queue."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_q.models import OrmQ

from tests.admin.test_forms import account_data, act, posted
from tests.factories import make_account, make_connection, make_position
from tests.metaapi_emulator.running import EmulatorSite
from tests.services.metaapi_site import connect, emulated, kinds
from trading import tasks
from trading.models import Account, Connection, Event

pytestmark = pytest.mark.django_db
CANARY = "canary.token.1234567890"


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def site(settings: LazySettings) -> Iterator[EmulatorSite]:
    with emulated(settings) as site:
        yield site


def run_queue() -> None:
    """What a worker would do with what waits, by the names and ids in the packages alone."""
    for queued in OrmQ.objects.order_by("id"):
        task = queued.task
        getattr(tasks, task["func"].removeprefix("trading.tasks."))(*task["args"])
        queued.delete()


def confirmed(page: Client, action: str, account: Account) -> str:
    data = {"action": action, "_selected_action": [account.pk], "confirmed": "yes"}
    return page.post("/admin/trading/account/", data, follow=True).content.decode()


def metaapi_account(**fields: Any) -> Account:
    connection = fields.pop("connection", None) or make_connection(token=CANARY)
    given = {"kind": "metaapi", "external_id": "abc", "connection": connection}
    told = {"login": "*****988", "server": "Emulator-Demo", "remote_state": "DEPLOYED"}
    return make_account(**{**given, **told, **fields})


def test_sync_is_asked_for_and_its_result_told(page: Client, site: EmulatorSite) -> None:
    connection = connect(site)
    site.open_account(settings={"name": "Main"})
    assert "1 asked for" in act(page, "connection", "sync", connection)
    assert not Account.objects.exists()
    assert list(OrmQ.objects.get().task["args"]) == [connection.pk]
    run_queue()
    assert kinds() == ["connection.asked", "account.created", "connection.synced"]
    shown = page.get(f"/admin/trading/connection/{connection.pk}/change/").content.decode()
    assert "MetaApi: 1 created, 0 updated" in shown


def test_a_connection_is_tested(page: Client, site: EmulatorSite) -> None:
    good, bad = connect(site), connect(site, name="Bad", token=CANARY)
    act(page, "connection", "test", good, bad)
    run_queue()
    said = dict(Event.objects.values_list("kind", "message"))
    assert said["connection.tested"] == "MetaApi: 0 accounts, 0 of them connected to their broker"
    assert "Bad: MetaApi refused the token" in said["connection.failed"]
    assert CANARY not in str(list(Event.objects.values()))


def test_viewer_asks_for_nothing(client: Client, viewer: User) -> None:
    connection, account = make_connection(), metaapi_account()
    client.force_login(viewer)
    act(client, "connection", "sync", connection)
    confirmed(client, "undeploy", account)
    assert not OrmQ.objects.exists()


def test_each_page_needs_its_permission(client: Client, viewer: User) -> None:
    connection, account = make_connection(), metaapi_account()
    viewer.user_permissions.add(Permission.objects.get(codename="change_connection"))
    client.force_login(viewer)
    confirmed(client, "deploy", account)
    assert not OrmQ.objects.exists()
    act(client, "connection", "test", connection)
    assert OrmQ.objects.count() == 1


def test_undeploying_asks_first(page: Client) -> None:
    account = metaapi_account()
    shown = act(page, "account", "undeploy", account)
    assert "nobody looks after its stops" in shown
    assert "*****988 at Emulator-Demo: DEPLOYED" in shown
    assert not OrmQ.objects.exists()


def test_stopping_and_starting_are_done_by_the_queue(page: Client, site: EmulatorSite) -> None:
    name = site.open_account()
    account = metaapi_account(connection=connect(site), external_id=name)
    for action, state in (("undeploy", "UNDEPLOYED"), ("deploy", "DEPLOYED")):
        assert "1 asked for" in confirmed(page, action, account)
        run_queue()
        account.refresh_from_db()
        assert account.remote_state == state
    told = [kind for kind in kinds() if kind.startswith("account.") and "ed" in kind]
    assert {"account.asked", "account.undeployed", "account.deployed"} <= set(told)


def test_a_refused_stop_is_told(page: Client, site: EmulatorSite) -> None:
    account = metaapi_account(connection=connect(site), external_id=site.open_account())
    make_position(account=account)
    confirmed(page, "undeploy", account)
    run_queue()
    assert "was 1 open positions" in Event.objects.get(kind="account.failed").message


def test_a_paper_account_has_no_terminal(page: Client) -> None:
    assert "Expected accounts at MetaApi" in act(page, "account", "deploy", make_account())


def test_account_page_shows_what_metaapi_told(page: Client) -> None:
    account = metaapi_account(region="london", platform="mt5")
    shown = page.get(f"/admin/trading/account/{account.pk}/change/").content.decode()
    for words in ("At MetaApi", "*****988", "Emulator-Demo", "london", "MetaTrader 5"):
        assert words in shown
    paper = page.get(f"/admin/trading/account/{make_account().pk}/change/").content.decode()
    assert "At MetaApi" not in paper


def test_account_at_metaapi_needs_a_connection_and_an_id(page: Client) -> None:
    errors = posted(page, "account/add", **account_data(kind="metaapi"))
    assert sorted(errors) == ["connection", "external_id"]


def test_account_at_metaapi_has_one_row(page: Client) -> None:
    connection = make_connection()
    data = account_data(kind="metaapi", external_id="abcdefghij", connection=connection.pk)
    assert posted(page, "account/add", **data) == {}
    row = Account.objects.get()
    assert (row.source, row.state) == ("metaapi-abcdefgh", "HALTED")
    assert row.balance == 0
    errors = posted(page, "account/add", **{**data, "name": "Again"})
    assert "was Mine" in errors["external_id"][0]


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_account_pages_need_no_key_and_show_no_token(
    client: Client, request: pytest.FixtureRequest, settings: LazySettings, who: str
) -> None:
    account = metaapi_account()
    client.force_login(request.getfixturevalue(who))
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    paths = ("account/", f"account/{account.pk}/change/", f"account/{account.pk}/history/")
    for path in (*paths, f"account/?connection__id__exact={account.connection_id}"):
        response = client.get(f"/admin/trading/{path}")
        assert response.status_code == 200
        assert CANARY not in response.content.decode()


def test_connection_page_says_that_a_token_is_set(page: Client) -> None:
    row = make_connection(token=CANARY)
    shown = page.get(f"/admin/trading/connection/{row.pk}/change/").content.decode()
    assert "Set. It is stored encrypted" in shown
    assert CANARY not in shown
    assert Connection.objects.get().token == CANARY
