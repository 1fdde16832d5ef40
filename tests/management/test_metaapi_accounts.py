"""`manage.py syncaccounts` and `account`, against a real emulator."""

import io
import json
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.metaapi_emulator.running import EmulatorSite
from tests.services.metaapi_site import connect, emulated
from trading.models import Account, Event

pytestmark = pytest.mark.django_db
PASSWORD = "s3cret-of-the-broker"
ADD = ("account", "add", "--login", "777123", "--platform", "mt5")


@pytest.fixture
def site(settings: LazySettings) -> Iterator[EmulatorSite]:
    with emulated(settings) as site:
        connect(site)
        yield site


def run(*words: str) -> tuple[str, str]:
    """What it wrote and what it complained about."""
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_sync_tells_what_became_of_each_account(site: EmulatorSite) -> None:
    site.open_account(settings={"name": "Main"})
    out, err = run("syncaccounts")
    assert out.splitlines() == [
        "MetaApi: 1 created, 0 updated, 0 unchanged, 0 gone",
        "  created: Main",
    ]
    assert "asking MetaApi" in err


def test_sync_as_json_is_nothing_but_json(site: EmulatorSite) -> None:
    site.open_account(settings={"name": "Main"})
    report = json.loads(run("syncaccounts", "--json", "--connection", "MetaApi")[0])
    assert report["errors"] == []
    assert report["reports"][0]["created"] == ["Main"]


def test_a_failed_connection_does_not_keep_the_others(site: EmulatorSite) -> None:
    connect(site, name="Bad", token="wrong.canary.token")
    site.open_account()
    with pytest.raises(CommandError, match="Bad: MetaApi refused the token") as caught:
        run("syncaccounts", "--json")
    assert "canary" not in str(caught.value)
    assert Account.objects.count() == 1


def test_a_connection_that_does_not_exist_is_named(site: EmulatorSite) -> None:
    with pytest.raises(CommandError, match="was 'Other'; there are: MetaApi"):
        run("syncaccounts", "--connection", "Other")


def test_a_password_comes_from_a_variable(
    site: EmulatorSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
    out, err = run(*ADD, "--server", "Emulator-Demo", "--password-env", "BROKER_PASSWORD")
    account = Account.objects.get()
    assert (account.name, account.login) == ("Emulator-Demo 123", "***123")
    assert f"manage.py account deploy {account.pk}" in out
    assert PASSWORD not in out + err + str(list(Event.objects.values()))


def test_a_password_comes_from_the_standard_input(
    site: EmulatorSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    out, err = run(*ADD, "--server", "Slow-Server", "--password-stdin", "--name", "Mine")
    assert "Mine, DEPLOYED" in out
    assert "... CREATING" in err


def test_a_password_is_asked_for_without_echo(
    site: EmulatorSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr("getpass.getpass", ask)
    run(*ADD, "--server", "Emulator-Demo")
    assert asked == ["Password of 777123: "]


def test_no_password_is_no_account(site: EmulatorSite) -> None:
    with pytest.raises(CommandError, match="Expected a password in the variable NO_SUCH"):
        run(*ADD, "--server", "Emulator-Demo", "--password-env", "NO_SUCH")


def test_a_refusal_shows_its_cure_and_no_password(
    site: EmulatorSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
    with pytest.raises(CommandError, match="Check login, password and server") as caught:
        run(*ADD, "--server", "Wrong-Password", "--password-env", "BROKER_PASSWORD")
    assert PASSWORD not in str(caught.value)


def test_an_account_is_stopped_and_started_by_name_or_number(site: EmulatorSite) -> None:
    site.open_account(settings={"name": "Main", "lag": 1.0})
    run("syncaccounts")
    out, err = run("account", "undeploy", "Main")
    assert (out, "... UNDEPLOYING" in err) == ("Main is UNDEPLOYED\n", True)
    out, err = run("account", "deploy", str(Account.objects.get().pk))
    assert (out, "... DEPLOYED, CONNECTED" in err) == ("Main is DEPLOYED\n", True)


def test_stopping_with_open_positions_needs_force(site: EmulatorSite) -> None:
    site.buy(site.open_account(settings={"name": "Main"}))
    run("syncaccounts")
    with pytest.raises(CommandError, match="Close them first"):
        run("account", "undeploy", "Main")
    assert run("account", "undeploy", "Main", "--force")[0] == "Main is UNDEPLOYED\n"


def test_an_unknown_account_is_named(site: EmulatorSite) -> None:
    with pytest.raises(CommandError, match="among none, was 'Nobody'"):
        run("account", "deploy", "Nobody")
