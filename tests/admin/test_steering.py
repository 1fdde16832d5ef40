"""What staff steer in the admin: accounts, positions, and deployments of netting accounts."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.test_forms import account_data, act, deployment_data, posted
from tests.factories import (
    make_account,
    make_deployment,
    make_kill_switch,
    make_lease,
    make_order,
    make_position,
    make_symbol,
)
from trading.models import Account, Deployment, Order, Position

pytestmark = pytest.mark.django_db
NETTING = Account.PositionMode.NETTING


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def text(page: Client, path: str) -> str:
    return page.get(f"/admin/trading/{path}").content.decode()


def allowed(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def test_account_list_shows_conditions_with_their_reasons(page: Client) -> None:
    make_account()
    make_lease(account=make_account())
    make_lease(account=make_account(state="HALTED", state_reason="Halted by somebody"))
    shown = text(page, "account/")
    for words in ("Degraded", "No entries: no gateway runs it", "Active", "Halted by somebody"):
        assert words in shown


def test_account_page_shows_condition_policies_and_lease(page: Client) -> None:
    account = make_account()
    make_lease(account=account, owner="gateway@mars:7", epoch=41)
    make_kill_switch(reason="fire")
    shown = text(page, f"account/{account.pk}/change/")
    for words in ("Kill switch HALT: fire", "gateway@mars:7", "41", "unexpected happens"):
        assert words in shown


def test_account_reduces_and_is_released_from_the_list(page: Client) -> None:
    account = make_account()
    assert "1 reducing" in act(page, "account", "reduce", account)
    account.refresh_from_db()
    assert (account.state, account.state_reason) == ("REDUCING", "Reducing by owner")
    assert "1 released" in act(page, "account", "release", account)


@pytest.mark.parametrize("action", ["halt", "reduce", "release"])
def test_viewer_steers_no_account(client: Client, viewer: User, action: str) -> None:
    account = make_account(state="REDUCING" if action == "release" else "ACTIVE")
    client.force_login(viewer)
    act(client, "account", action, account)
    before = account.state
    account.refresh_from_db()
    assert account.state == before


def test_policies_are_set_and_changed(page: Client) -> None:
    policies = {"manual_policy": "ADOPT", "unprotected_policy": "CLOSE"}
    more = {"adopt_risk_percent": "2.5", "position_mode": "NETTING"}
    assert posted(page, "account/add", **account_data(**policies, **more)) == {}
    account = Account.objects.get()
    assert (account.manual_policy, account.adopt_risk_percent) == ("ADOPT", Decimal("2.5"))
    assert (account.unprotected_policy, account.position_mode) == ("CLOSE", NETTING)


def test_account_with_shared_symbols_cannot_become_netting(page: Client) -> None:
    account, symbol = make_account(), make_symbol(name="EURUSD")
    for _ in range(2):
        make_deployment(account=account, symbol=symbol)
    data = account_data(position_mode="NETTING")
    errors = posted(page, f"account/{account.pk}/change", **data)
    assert "was more on EURUSD" in errors["position_mode"][0]


def test_policy_of_an_account_is_changed_on_its_page(page: Client) -> None:
    account = make_account()
    make_lease(account=account)
    no_lease_form = {"lease-TOTAL_FORMS": 0, "lease-INITIAL_FORMS": 0}
    data = account_data(manual_policy="FREEZE", **no_lease_form)
    assert posted(page, f"account/{account.pk}/change", **data) == {}
    account.refresh_from_db()
    assert (account.manual_policy, account.lease.epoch) == ("FREEZE", 1)


def test_second_running_deployment_of_a_netting_symbol_is_refused(page: Client) -> None:
    rival = make_deployment(account=make_account(position_mode=NETTING))
    data = deployment_data(rival.account, symbol=rival.symbol_id)
    assert "Expected one running deployment" in posted(page, "deployment/add", **data)["symbol"][0]
    Deployment.objects.update(state=Deployment.State.PAUSED)
    assert posted(page, "deployment/add", **data) == {}


def test_netting_rival_is_not_resumed(page: Client) -> None:
    rival = make_deployment(account=make_account(position_mode=NETTING))
    paused = make_deployment(account=rival.account, symbol=rival.symbol, state="PAUSED")
    shown = act(page, "deployment", "resume", paused)
    assert "Expected one running deployment" in shown
    assert "0 resumed" in shown
    paused.refresh_from_db()
    assert paused.state == Deployment.State.PAUSED


def test_position_is_closed_whole_and_by_half_from_the_list(page: Client) -> None:
    whole, half = make_position(), make_position()
    assert "1 asked to be closed, all of it" in act(page, "position", "close", whole)
    assert "1 asked to be closed, half of it" in act(page, "position", "close_half", half)
    remaining = {o.position_id: o.remaining_lots for o in Order.objects.all()}
    assert remaining == {whole.broker_id: 0, half.broker_id: Decimal("0.05")}


def test_refused_half_is_explained(page: Client) -> None:
    tiny = make_position(lots=Decimal("0.01"))
    assert "Expected half to be at least 0.01 lots, was 0" in act(
        page, "position", "close_half", tiny
    )
    assert not Order.objects.exists()


def test_each_action_on_positions_needs_its_permission(client: Client, viewer: User) -> None:
    position = make_position()
    client.force_login(allowed(viewer, "change_position"))
    act(client, "position", "close", position)
    assert not Order.objects.exists()
    assert "1 left alone" in act(client, "position", "hands_off", position)
    viewer.user_permissions.remove(*Permission.objects.filter(codename="change_position"))
    client.force_login(allowed(viewer, "close_position"))
    act(client, "position", "hands_on", position)
    assert Position.objects.get().hands_off
    assert "1 asked" in act(client, "position", "close", position)


def test_position_page_offers_what_the_user_may_do(page: Client, viewer: User) -> None:
    position = make_position(hands_off=True)
    path = f"position/{position.pk}/change/"
    offered = text(page, path)
    assert 'value="close_half"' in offered
    assert 'value="hands_on"' in offered
    assert 'value="hands_off"' not in offered
    page.force_login(viewer)
    assert "tb-steering" not in text(page, path)


def test_closed_position_offers_nothing(page: Client) -> None:
    position = make_position()
    Position.objects.update(closed_at=position.opened_at)
    assert "tb-steering" not in text(page, f"position/{position.pk}/change/")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"unprotected_since": "2026-01-14T12:00Z"}, "No stop"),
        ({"hands_off": True, "unprotected_since": "2026-01-14T12:00Z"}, "Hands off"),
        ({"missing_since": "2026-01-14T12:00Z"}, "Missing"),
        ({}, "Open"),
    ],
)
def test_position_list_says_what_matters(page: Client, fields: Any, words: str) -> None:
    make_position(**fields)
    assert words in text(page, "position/")


@pytest.mark.parametrize(
    ("stage", "words"), [(2, "Not yet: two readings"), (1, "Half: one"), (0, "Yes: nothing")]
)
def test_order_page_says_how_far_a_rejection_is_believed(
    page: Client, stage: int, words: str
) -> None:
    order = make_order(status="REJECTED", verify_stage=stage)
    assert words in text(page, f"order/{order.pk}/change/")


def test_order_page_shows_who_moved_it_under_which_epoch(page: Client) -> None:
    order = make_order(epoch=17)
    order.transitions.create(
        source="PROPOSED", target="APPROVED", cause="x", actor="worker@mars:9", epoch=17, build=23
    )
    shown = text(page, f"order/{order.pk}/change/")
    for words in ("worker@mars:9", ">17<", ">23<"):
        assert words in shown.replace(" ", "").replace("\n", "")


def test_free_lease_and_held_market_are_told_apart(page: Client) -> None:
    make_lease(account=make_account(), owner="")
    assert "Free" in text(page, "lease/")
