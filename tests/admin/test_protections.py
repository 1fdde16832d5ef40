"""Locks are put on and released through the services; rules must make sense."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from tests.admin.test_forms import SIZING
from tests.factories import make_account, make_deployment, make_lock, make_symbol
from trading.models import Deployment, Event, Lock, ProtectionRule, Side

pytestmark = pytest.mark.django_db
LOCKS = "/admin/trading/lock/"
RULES = "/admin/trading/protectionrule/"
RULE = {
    "kind": "LOSS_STREAK",
    "enabled": "on",
    "scope": "DEPLOYMENT",
    "trades": "3",
    "lookback": "1440",
    "threshold": "0",
    "unit": "MONEY",
    "with_open": "on",
    "lock_minutes": "240",
    "reset": "17:00",
    "zone": "America/New_York",
}


@pytest.fixture
def owners(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def test_adding_locks_and_saving_a_reason_releases(owners: Client) -> None:
    account, symbol = make_account(), make_symbol()
    form = {"account": account.pk, "symbol": symbol.pk, "side": Side.SHORT, "reason": "fire"}
    owners.post(f"{LOCKS}add/", form)
    lock = Lock.objects.get()
    assert (lock.account, lock.symbol, lock.side) == (account, symbol, Side.SHORT)
    assert (lock.locked_by, lock.expires_at) == ("owner", None)
    owners.post(f"{LOCKS}{lock.pk}/change/", {"end_reason": "out"})
    lock.refresh_from_db()
    assert (lock.ended_by, lock.end_reason) == ("owner", "out")
    assert [e.kind for e in Event.objects.order_by("id")] == ["lock.added", "lock.released"]


def test_a_lock_that_makes_no_sense_is_refused(owners: Client) -> None:
    deployment = make_deployment()
    form = {"deployment": deployment.pk, "account": deployment.account_id, "reason": "x"}
    assert "Expected a deployment or an account" in text(owners.post(f"{LOCKS}add/", form))
    over = {"expires_at_0": "2024-01-01", "expires_at_1": "12:00", "reason": "x"}
    assert "Expected an end in the future" in text(owners.post(f"{LOCKS}add/", over))
    assert not Lock.objects.exists()


def test_a_person_without_the_permission_cannot_release(client: Client, viewer: User) -> None:
    lock = make_lock()
    client.force_login(viewer)
    assert client.post(f"{LOCKS}{lock.pk}/change/", {"end_reason": "o"}).status_code == 403
    lock.refresh_from_db()
    assert lock.ended_at is None


def test_releasing_asks_for_a_reason(owners: Client) -> None:
    lock = make_lock()
    page = owners.post(f"{LOCKS}{lock.pk}/change/", {"end_reason": ""})
    assert "This field is required" in text(page)


def test_locks_are_told_apart_by_whether_they_hold(owners: Client) -> None:
    holding = [make_lock(), make_lock(expires_at=now() + timedelta(hours=1))]
    over = [make_lock(ended_at=now()), make_lock(expires_at=now())]
    for state, expected in (("holds", holding), ("over", over)):
        page: Any = owners.get(f"{LOCKS}?state={state}")
        assert set(page.context["cl"].result_list) == set(expected)


def test_a_rule_is_made_and_changed(owners: Client) -> None:
    owners.post(f"{RULES}add/", RULE)
    row = ProtectionRule.objects.get()
    assert (row.rule().trades, row.rule().duration) == (3, timedelta(hours=4))
    owners.post(f"{RULES}{row.pk}/change/", {**RULE, "lock_minutes": ""})
    row.refresh_from_db()
    assert row.rule().duration is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "MAX_DRAWDOWN"}, "expected a threshold above 0, was 0"),
        ({"zone": "Europe/Atlantis"}, "expected an IANA time zone"),
        ({"trades": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    owners: Client, change: dict[str, str], message: str
) -> None:
    assert message in text(owners.post(f"{RULES}add/", {**RULE, **change}))
    assert not ProtectionRule.objects.exists()


def test_hours_of_a_deployment_can_be_read_or_are_refused(owners: Client) -> None:
    deployment = make_deployment()
    page = f"/admin/trading/deployment/{deployment.pk}/change/"
    refused = owners.post(page, {**SIZING, "hours": "weekdays"})
    assert "Expected hours such as Mon-Fri" in text(refused)
    owners.post(page, {**SIZING, "hours": "08:00-17:00 Europe/London"})
    assert Deployment.objects.get().hours == "08:00-17:00 Europe/London"
