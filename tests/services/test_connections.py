"""Accounts at MetaApi, listed, added, started and stopped at a real emulator."""

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.utils.timezone import now

from tests.factories import make_account, make_connection, make_deployment, make_position
from tests.metaapi_emulator.running import EmulatorSite
from tests.services.metaapi_site import LOGIN, MASKED, account_of, connect, emulated, kinds
from trading.models import Account, Connection, Event
from trading.services.accounts import WAITING
from trading.services.brokers import metaapi_client
from trading.services.connections import (
    ConnectionFailed,
    NewAccount,
    account_add,
    account_bring_up,
    account_deploy,
    account_undeploy,
    accounts_sync,
    connection_test,
)

pytestmark = pytest.mark.django_db
PASSWORD = "s3cret-of-the-broker"


@pytest.fixture
def site(settings: LazySettings) -> Iterator[EmulatorSite]:
    with emulated(settings) as site:
        yield site


@pytest.fixture
def connection(site: EmulatorSite) -> Connection:
    return connect(site)


def new(server: str = "Emulator-Demo", **changes: str) -> NewAccount:
    given = {"login": "777123", "password": PASSWORD, "platform": "mt5", "name": "Added"}
    return NewAccount(server=server, **{**given, **changes})


def whole(error: BaseException) -> str:
    """Everything an exception could show."""
    chain = traceback.TracebackException.from_exception(error, capture_locals=False)
    return "".join(chain.format()) + repr(error) + repr(vars(error))


# --- sync


def test_sync_makes_a_halted_row_of_each_account(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account(leverage=200, settings={"name": "Main", "region": "london"})
    report = accounts_sync(connection=connection)
    row = account_of(name)
    assert (report.created, report.problems, row.name) == (["Main"], [], "Main")
    assert (row.state, row.state_reason) == ("HALTED", WAITING)
    assert (row.login, row.server, row.platform) == (MASKED, "Emulator-Demo", "mt5")
    assert (row.region, row.remote_state) == ("london", "DEPLOYED")
    assert row.source.startswith("metaapi-test")
    assert (row.currency, row.leverage, row.is_demo) == ("USD", 200, True)
    assert kinds() == ["account.created"]
    assert LOGIN not in str(list(Event.objects.values())) + str(vars(row))


@pytest.mark.parametrize(
    ("kind", "platform", "mode"),
    [
        ("mt4", "mt4", "HEDGING"),
        ("mt5-hedging", "mt5", "HEDGING"),
        ("mt5-netting", "mt5", "NETTING"),
    ],
)
def test_platform_and_mode_are_the_brokers_word(
    site: EmulatorSite, connection: Connection, kind: str, platform: str, mode: str
) -> None:
    name = site.open_account(kind)
    accounts_sync(connection=connection)
    row = account_of(name)
    assert (row.platform, row.position_mode) == (platform, mode)


def test_an_account_that_does_not_run_is_taken_for_real_money(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account(settings={"state": "UNDEPLOYED"})
    accounts_sync(connection=connection)
    assert account_of(name).is_demo is False
    site.http.post(f"/users/current/accounts/{name}/deploy").raise_for_status()
    assert accounts_sync(connection=connection).updated == ["emulated"]
    assert account_of(name).is_demo is True
    assert kinds() == ["account.created", "account.updated"]


def test_sync_again_changes_nothing(site: EmulatorSite, connection: Connection) -> None:
    site.open_account()
    accounts_sync(connection=connection)
    before = list(Account.objects.values())
    report = accounts_sync(connection=connection)
    assert (report.unchanged, report.created, report.updated) == (["emulated"], [], [])
    assert (list(Account.objects.values()), len(kinds())) == (before, 1)


def test_what_staff_decided_stays(site: EmulatorSite, connection: Connection) -> None:
    name = site.open_account()
    accounts_sync(connection=connection)
    mine = {"name": "Mine", "manual_policy": "ADOPT", "state": "REDUCING"}
    Account.objects.update(**mine, observed_at=now(), currency="EUR")
    assert accounts_sync(connection=connection).unchanged == ["Mine"]
    row = account_of(name)
    assert {key: getattr(row, key) for key in mine} == mine
    assert row.currency == "EUR"


def test_accounts_of_one_name_are_told_apart(site: EmulatorSite, connection: Connection) -> None:
    for _ in range(3):
        site.open_account(settings={"name": "Same"})
    accounts_sync(connection=connection)
    names = Account.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["Same", "Same 2", "Same 3"]


def test_accounts_whose_ids_begin_alike_have_sources_of_their_own(
    site: EmulatorSite, connection: Connection
) -> None:
    for login in ("777123", "777124"):
        account_add(connection=connection, terms=new(login=login, name=login))
    sources = list(Account.objects.order_by("pk").values_list("source", flat=True))
    assert sources == ["metaapi-created-", "metaapi-created2"]


def test_two_connections_never_make_two_rows_of_an_account(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account()
    accounts_sync(connection=connection)
    report = accounts_sync(connection=connect(site, name="Second"))
    assert (report.created, account_of(name).connection) == ([], connection)


def test_a_vanished_account_is_marked_and_halted_once(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account()
    accounts_sync(connection=connection)
    Account.objects.update(state="ACTIVE", state_reason="")
    site.http.delete(f"/users/current/accounts/{name}").raise_for_status()
    assert accounts_sync(connection=connection).gone == ["emulated"]
    row = account_of(name)
    assert (row.remote_state, row.state) == ("GONE", "HALTED")
    assert row.state_reason == "Gone from MetaApi: MetaApi no longer lists it"
    assert accounts_sync(connection=connection).gone == []
    assert kinds() == ["account.created", "account.updated", "account.halted"]


def test_an_account_that_turns_out_to_net_is_halted_where_deployments_share(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account("mt5-netting")
    row = make_account(kind="metaapi", external_id=name, connection=connection)
    first = make_deployment(account=row)
    make_deployment(account=row, symbol=first.symbol)
    accounts_sync(connection=connection)
    assert "several deployments run on" in account_of(name).state_reason


def test_information_that_cannot_be_read_is_a_problem_not_a_failure(
    site: EmulatorSite, connection: Connection
) -> None:
    site.open_account()
    site.faults(fail=2, only="account-information")
    report = accounts_sync(connection=connection)
    assert (report.created, len(report.problems)) == (["emulated"], 1)


# --- tokens


def test_a_wrong_token_is_a_clear_failure_that_changes_nothing(site: EmulatorSite) -> None:
    site.open_account()
    wrong = connect(site, name="Wrong", token="wrong.canary.token")
    for ask in (accounts_sync, connection_test):
        with pytest.raises(ConnectionFailed, match="refused the token") as caught:
            ask(connection=wrong)
        assert caught.value.code == "HTTP_401"
        assert "canary" not in whole(caught.value)
    assert not Account.objects.exists()


def test_a_token_no_key_opens_is_a_clear_failure(
    connection: Connection, settings: LazySettings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    fresh = Connection.objects.defer("token").get()
    with pytest.raises(ConnectionFailed, match="Expected a key of FIELD_KEYS"):
        accounts_sync(connection=fresh)


def test_a_server_that_does_not_answer_is_a_clear_failure(settings: LazySettings) -> None:
    settings.METAAPI_BASE_URL = "http://127.0.0.1:9"
    with pytest.raises(ConnectionFailed, match="no connection"):
        accounts_sync(connection=make_connection())


def test_neither_token_nor_password_is_ever_shown(
    site: EmulatorSite, connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.open_account()
    shown = [str(accounts_sync(connection=connection)), connection_test(connection=connection)]
    account_add(connection=connection, terms=new())
    for server in ("Wrong-Password", "No-Such-Server"):
        with pytest.raises(ConnectionFailed) as caught:
            account_add(connection=connection, terms=new(server, login="1"))
        shown.append(whole(caught.value))
    rows = [*Event.objects.values(), *Account.objects.values()]
    everything = f"{shown} {rows} {caplog.text} {new()!r}"
    assert site.token not in everything
    assert PASSWORD not in everything


def test_a_changed_token_makes_a_new_client_and_no_change_none(
    site: EmulatorSite, connection: Connection
) -> None:
    site.open_account()
    accounts_sync(connection=connection)
    account = Account.objects.get()
    first = metaapi_client(account=account)
    assert metaapi_client(account=account) is first
    connection.token = "another.token.now"
    connection.save()
    assert metaapi_client(account=account) is not first


# --- adding


def test_an_added_account_has_its_row_and_its_terms(
    site: EmulatorSite, connection: Connection
) -> None:
    row = account_add(connection=connection, terms=new())
    assert (row.name, row.login, row.remote_state) == ("Added", "***123", "DEPLOYED")
    made = site.http.get(f"/users/current/accounts/{row.external_id}").json()
    assert (made["magic"], made["manualTrades"]) == (0, True)
    assert made["quoteStreamingIntervalInSeconds"] == 0


def test_adding_tells_that_it_takes_long(connection: Connection) -> None:
    said: list[str] = []
    account_add(connection=connection, terms=new("Slow-Server"), say=said.append)
    assert said == ["CREATING"]


@pytest.mark.parametrize(
    ("server", "code", "words"),
    [
        ("No-Such-Server", "E_SRV_NOT_FOUND", "Copy the server's name exactly"),
        ("Wrong-Password", "E_AUTH", "Check login, password and server"),
        ("Odd-Timezone", "E_SERVER_TIMEZONE", "Try again in some minutes"),
    ],
)
def test_what_metaapi_cannot_add_says_what_to_do(
    connection: Connection, server: str, code: str, words: str
) -> None:
    with pytest.raises(ConnectionFailed, match=words) as caught:
        account_add(connection=connection, terms=new(server))
    assert (caught.value.code, caught.value.cure != "") == (code, True)
    assert not Account.objects.exists()


def test_a_login_that_runs_already_is_not_added_again(
    site: EmulatorSite, connection: Connection
) -> None:
    site.open_account(settings={"login": "777123", "name": "There"})
    with pytest.raises(ConnectionFailed, match="runs that login already: There"):
        account_add(connection=connection, terms=new())


# --- starting and stopping


def undeployed(site: EmulatorSite, connection: Connection, **settings: Any) -> Account:
    name = site.open_account(settings={"state": "UNDEPLOYED", **settings})
    accounts_sync(connection=connection)
    return account_of(name)


def test_deploying_waits_for_the_broker_and_tells_each_state(
    site: EmulatorSite, connection: Connection
) -> None:
    account, said = undeployed(site, connection, lag=1.0), list[str]()
    row = account_deploy(account=account, say=said.append)
    assert said == ["DEPLOYING, DISCONNECTED", "DEPLOYED, CONNECTED"]
    assert (row.remote_state, row.is_demo) == ("DEPLOYED", True)


def test_undeploying_stops_a_flat_account_which_then_waits(
    site: EmulatorSite, connection: Connection
) -> None:
    site.open_account()
    accounts_sync(connection=connection)
    Account.objects.update(state="ACTIVE", state_reason="")
    row = account_undeploy(account=Account.objects.get())
    row.refresh_from_db()
    assert (row.remote_state, row.state) == ("UNDEPLOYED", "HALTED")
    assert row.state_reason == "Waiting for MetaApi: it is not deployed"


def test_undeploying_is_refused_while_something_is_open(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account()
    accounts_sync(connection=connection)
    account = account_of(name)
    position = make_position(account=account)
    with pytest.raises(ConnectionFailed, match="was 1 open positions"):
        account_undeploy(account=account)
    position.delete()
    site.buy(name)
    with pytest.raises(ConnectionFailed, match="was 1 positions and 0 pending orders"):
        account_undeploy(account=account)
    assert account_undeploy(account=account, is_forced=True).remote_state == "UNDEPLOYED"


def test_undeploying_is_refused_where_nobody_knows_what_is_open(
    site: EmulatorSite, connection: Connection
) -> None:
    name = site.open_account()
    accounts_sync(connection=connection)
    site.ask("terminal", account=name, away=True)
    with pytest.raises(ConnectionFailed, match="not to be known"):
        account_undeploy(account=account_of(name))


@pytest.mark.parametrize("act", [account_deploy, account_undeploy, account_bring_up])
def test_an_account_without_a_connection_is_refused(act: Any) -> None:
    with pytest.raises(ConnectionFailed, match="expected a MetaApi account with a connection"):
        act(account=make_account(kind="metaapi", external_id="x"))


# --- bringing up


def test_an_account_never_seen_is_started(site: EmulatorSite, connection: Connection) -> None:
    name = site.open_account(settings={"state": "CREATED", "name": "First"})
    row = make_account(
        name=f"MetaApi {name[:8]}",
        kind="metaapi",
        external_id=name,
        connection=connection,
        source="metaapi",
        state="HALTED",
        state_reason=WAITING,
    )
    assert account_bring_up(account=row)
    row.refresh_from_db()
    assert (row.name, row.remote_state) == ("First", "DEPLOYED")
    assert row.source.startswith("metaapi-test")
    assert (row.is_demo, row.state_reason) == (True, WAITING)
    assert kinds() == ["account.deploying", "account.updated"]


def test_an_account_that_staff_stopped_stays_stopped(
    site: EmulatorSite, connection: Connection
) -> None:
    account = undeployed(site, connection)
    assert not account_bring_up(account=account)
    account.refresh_from_db()
    assert account.remote_state == "UNDEPLOYED"
    assert account.state_reason == "Waiting for MetaApi: it is UNDEPLOYED"
