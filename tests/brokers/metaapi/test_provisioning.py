"""Accounts at MetaApi: found, made, started; failures say what to do."""

import json
from typing import Any

import httpx
import pytest

from tests.brokers.metaapi.scripted import TOKEN, Script, said
from trading.brokers.base import Unavailable
from trading.brokers.metaapi.provisioning import (
    ManagedAccount,
    Provisioning,
    ProvisioningError,
    is_ready,
    is_stopped,
)

TERMS = {"login": "1", "password": "s3cret-pass", "name": "x", "server": "Demo", "platform": "mt5"}


@pytest.fixture
def script() -> Script:
    return Script()


def provisioning(script: Script, waited: list[float] | None = None) -> Provisioning:
    waits = [] if waited is None else waited
    return Provisioning(TOKEN, http=script.http, wait=waits.append)


def account(state: str = "DEPLOYED", connection: str = "CONNECTED", **changes: Any) -> Any:
    return {"_id": "a", "state": state, "connectionStatus": connection, **changes}


def test_all_accounts_are_listed_over_the_pages(script: Script) -> None:
    first = [account(_id=str(number), login=5, region="london") for number in range(100)]
    script.then("accounts", said(first), said({"count": 101, "items": [account()]}))
    found = provisioning(script).accounts()
    assert (len(found), found[0].login, found[0].region, found[-1].id) == (101, "5", "london", "a")
    assert [r.url.params["offset"] for r in script.asked("accounts")] == ["0", "100"]


def test_an_account_that_makes_no_sense_is_unavailable(script: Script) -> None:
    script.then("accounts", said([{"name": "x"}]), said({"error": "x"}))
    for _ in range(2):
        with pytest.raises(Unavailable):
            provisioning(script).accounts()


def test_an_account_in_the_making_is_asked_for_under_one_transaction(script: Script) -> None:
    waited, heard = list[float](), list[str]()
    accepted = httpx.Response(202, headers={"retry-after": "7"}, json={"message": "wait"})
    script.then("accounts", accepted, said({"id": "new", "state": "DEPLOYED"}, 201))
    made = provisioning(script, waited).create_account(TERMS, heard.append)
    assert (made, waited, heard) == ("new", [7.0], ["CREATING"])
    first, second = script.asked("accounts")
    assert first.headers["transaction-id"] == second.headers["transaction-id"]
    assert len(first.headers["transaction-id"]) == 32
    assert json.loads(second.content) == TERMS


def test_making_an_account_ends(script: Script) -> None:
    script.then("accounts", httpx.Response(202, headers={"retry-after": "9"}, json={}))
    with pytest.raises(ProvisioningError, match="still being created"):
        provisioning(script).create_account(TERMS, longest=5)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("E_SRV_NOT_FOUND", "no trading server of that name"),
        ("E_AUTH", "refused the login"),
        ("E_SERVER_TIMEZONE", "time zone"),
    ],
)
def test_a_known_failure_says_what_to_do(script: Script, code: str, sentence: str) -> None:
    script.then("accounts", said({"message": "s3cret-pass", "details": code}, 400))
    with pytest.raises(ProvisioningError, match=sentence) as caught:
        provisioning(script).create_account(TERMS)
    assert caught.value.code == code
    assert caught.value.cure in str(caught.value)


def test_an_unknown_server_comes_with_the_names_metaapi_suggests(script: Script) -> None:
    near = {"Broker Ltd": ["Broker-Demo", "Broker-Live"], "odd": None}
    details = {"code": "E_SRV_NOT_FOUND", "serversByBrokers": near}
    script.then("accounts", said({"message": "x", "details": details}, 400))
    with pytest.raises(
        ProvisioningError, match=r"Broker-Demo \(Broker Ltd\), Broker-Live"
    ) as caught:
        provisioning(script).create_account(TERMS)
    assert caught.value.code == "E_SRV_NOT_FOUND"


@pytest.mark.parametrize("failure", [httpx.ReadError("x"), said({}, 500), said({}, 429)])
def test_making_an_account_is_never_tried_again(script: Script, failure: Any) -> None:
    script.then("accounts", failure)
    with pytest.raises(ProvisioningError):
        provisioning(script).create_account(TERMS)
    assert len(script.asked("accounts")) == 1


def test_secrets_stay_out_of_the_errors(script: Script) -> None:
    message = f"login with s3cret-pass and {TOKEN} failed"
    script.then("accounts", said({"message": message, "details": [{"value": 1}]}, 400))
    with pytest.raises(ProvisioningError) as caught:
        provisioning(script).create_account(TERMS)
    assert str(caught.value) == "HTTP 400: login with (password) and (token) failed"
    assert TOKEN not in repr(provisioning(script)) + repr(vars(provisioning(script)))


def test_an_account_is_started_and_stopped(script: Script) -> None:
    script.then("deploy", httpx.Response(204))
    script.then("undeploy", httpx.Response(204))
    provisioning(script).deploy("a")
    provisioning(script).undeploy("a")
    assert [request.method for request in script.requests] == ["POST", "POST"]


def test_waiting_tells_every_state_until_the_one_wanted(script: Script) -> None:
    states = [
        ("DEPLOYING", "DISCONNECTED"),
        ("DEPLOYED", "DISCONNECTED"),
        ("DEPLOYED", "CONNECTED"),
    ]
    script.then("a", *(said(account(*state)) for state in states))
    heard: list[ManagedAccount] = []
    reached = provisioning(script).wait_for("a", is_ready, heard.append)
    assert [(found.state, found.connection) for found in heard] == states
    assert (is_ready(reached), is_stopped(reached)) == (True, False)


def test_waiting_ends_at_a_failure_and_after_its_time(script: Script) -> None:
    script.then("a", said(account("DEPLOY_FAILED")), said(account("DEPLOYING")))
    with pytest.raises(ProvisioningError, match=r"DEPLOY_FAILED\. Look"):
        provisioning(script).wait_for("a", is_stopped)
    with pytest.raises(ProvisioningError, match="Not ready within 1 s, was DEPLOYING, CONNECTED"):
        provisioning(script).wait_for("a", is_stopped, longest=1)


def test_reading_an_account_is_tried_twice_at_most(script: Script) -> None:
    script.then("a", said({}, 502), said(account()), said({}, 502), said({}, 502))
    assert provisioning(script).account("a").state == "DEPLOYED"
    with pytest.raises(Unavailable, match="HTTP 502"):
        provisioning(script).account("a")
