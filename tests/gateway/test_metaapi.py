"""The gateway as a process, the real SDK and an emulator: an account comes up by itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings

from tests.conftest import ROOT
from tests.factories import make_account, make_connection
from tests.gateway.test_session import StillStream
from tests.metaapi_emulator.running import EmulatorSite
from tests.processes import wait_for
from tests.services.metaapi_site import emulated
from trading.gateway.session import Session
from trading.gateway.supervisor import Supervisor
from trading.models import Account, Connection, Lease
from trading.services.markets import metaapi_feeds, sources_known


@pytest.fixture
def site(settings: LazySettings) -> Iterator[EmulatorSite]:
    with emulated(settings) as site:
        yield site


@pytest.fixture
def gateway(
    site: EmulatorSite, child_env: dict[str, str], tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py gateway` with a token and the id of a stopped account in its environment."""
    given = {
        "METAAPI_BASE_URL": site.url,
        "METAAPI_TOKEN": site.token,
        "MT_ACCOUNT_ID": site.open_account(settings={"state": "CREATED", "name": "First"}),
    }
    code = f"""
import django
from django.conf import settings
from django.core.management import call_command
django.setup()
for name, value in {given!r}.items():
    setattr(settings, name, value)
call_command("gateway")
"""
    command = [sys.executable, "-c", code]  # the settings of tests take nothing from outside
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=child_env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def test_an_account_named_in_the_environment_comes_up_and_is_reconciled(
    gateway: subprocess.Popen[bytes], tmp_path: Path, site: EmulatorSite
) -> None:
    active = Account.objects.filter(state="ACTIVE", remote_state="DEPLOYED", name="First")
    log = tmp_path / "log"
    assert wait_for(active.exists, seconds=45), log.read_text()[-3000:]
    assert Lease.objects.get(account=active.get()).state == Lease.State.READY
    assert site.token not in log.read_text()


# --- which sources are served


def account(**fields: str) -> Account:
    connection = make_connection(token="first.token.ever")
    given = {"kind": "metaapi", "external_id": "abc", "source": "metaapi-abc"}
    return make_account(**{**given, "connection": connection, "remote_state": "DEPLOYED", **fields})


@pytest.mark.django_db
def test_a_running_account_has_a_feed_and_a_stopped_one_only_a_known_source() -> None:
    row = account()
    assert [feed.source for feed in metaapi_feeds()] == ["metaapi-abc"]
    for state in ("UNDEPLOYED", "GONE", ""):
        Account.objects.update(remote_state=state)
        assert metaapi_feeds() == []
        assert row.source in sources_known()


@pytest.mark.django_db
def test_a_changed_token_is_another_version_of_the_feed() -> None:
    account()
    before = metaapi_feeds()[0].version
    assert metaapi_feeds()[0].version == before
    connection = Connection.objects.get()
    connection.token = "second.token.now"
    connection.save()
    assert metaapi_feeds()[0].version != before
    assert "token" not in before


@pytest.mark.django_db
def test_a_stream_that_cannot_be_opened_makes_its_account_wait(settings: LazySettings) -> None:
    row = account()
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    Supervisor()._start()
    row.refresh_from_db(fields=["state", "state_reason"])
    assert row.state_reason.startswith("Waiting for its stream: Expected a key of FIELD_KEYS")


@pytest.mark.django_db
def test_a_paper_account_on_the_prices_of_a_metaapi_account_is_served_with_it() -> None:
    paper = make_account(source="metaapi-abc")
    session = Session("metaapi-abc", StillStream())
    session.load()
    assert Lease.objects.get().account == paper


@pytest.mark.django_db
def test_money_that_metaapi_has_told_gives_the_account_another_broker() -> None:
    paper = make_account(source="metaapi-abc")
    session = Session("metaapi-abc", StillStream())
    session.load()
    before = session._seats[paper.pk]
    session.load()
    assert session._seats[paper.pk] is before
    Account.objects.update(currency="EUR")
    session.load()
    assert session._seats[paper.pk] is not before
    assert session._seats[paper.pk].grip is not None
