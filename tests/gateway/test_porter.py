"""The porter brings accounts up beside the sessions, and goes on after failures."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from tests.factories import make_connection
from tests.metaapi_emulator.running import EmulatorSite
from tests.processes import wait_for
from tests.services.metaapi_site import emulated
from trading.gateway import porter
from trading.gateway.porter import Porter
from trading.models import Account
from trading.services.accounts import account_halt
from trading.services.bootstrap import metaapi_create


@pytest.fixture
def site(settings: LazySettings) -> Iterator[EmulatorSite]:
    with emulated(settings) as site:
        settings.METAAPI_TOKEN = site.token
        settings.MT_ACCOUNT_ID = site.open_account(settings={"state": "CREATED", "name": "First"})
        yield site


@pytest.fixture
def account(site: EmulatorSite, db: None) -> Account:
    """As `manage.py up` makes it from the environment."""
    metaapi_create()
    return Account.objects.get()


def test_token_and_account_id_alone_bring_the_first_account_up(account: Account) -> None:
    Porter().step()
    account.refresh_from_db()
    assert (account.name, account.remote_state, account.is_demo) == ("First", "DEPLOYED", True)
    assert account.state_reason == "Waiting for the gateway"


def test_a_failure_halts_with_its_reason_and_is_tried_again(
    account: Account, site: EmulatorSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(porter, "FIRST_PAUSE", 0.0)
    site.faults(fail=2)
    busy = Porter()
    busy.step()
    account.refresh_from_db()
    assert account.state_reason.startswith("Waiting for MetaApi: MetaApi: MetaApi: HTTP 500")
    assert account.remote_state == ""
    busy.step()
    account.refresh_from_db()
    assert account.remote_state == "DEPLOYED"


def test_a_wrong_token_is_told_once(account: Account) -> None:
    wrong = make_connection(name="Wrong", token="wrong.canary.token")
    Account.objects.update(connection=wrong)
    for _ in range(2):
        Porter().step()
    account.refresh_from_db()
    assert "refused the token (HTTP 401)" in account.state_reason
    assert account.events.filter(kind="account.waiting").count() == 1
    assert "canary" not in str(list(account.events.values()))


def test_a_persons_halt_stays(account: Account, site: EmulatorSite) -> None:
    account_halt(account=account, reason="Halted by somebody")
    site.http.delete(f"/users/current/accounts/{account.external_id}").raise_for_status()
    Porter().step()
    account.refresh_from_db()
    assert account.state_reason == "Halted by somebody"


def test_a_settled_account_is_left_alone_for_minutes(account: Account, site: EmulatorSite) -> None:
    steady = Porter()
    for _ in range(2):
        steady.step()
    site.http.post(f"/users/current/accounts/{account.external_id}/undeploy").raise_for_status()
    steady.step()
    account.refresh_from_db()
    assert account.remote_state == "DEPLOYED"


@pytest.mark.django_db(transaction=True)
def test_it_works_in_a_thread_and_ends(account: Account) -> None:
    busy = Porter()
    busy.start()
    try:
        wait_for(lambda: Account.objects.get().remote_state == "DEPLOYED", seconds=20)
    finally:
        busy.stop()
    assert not busy._thread.is_alive()
