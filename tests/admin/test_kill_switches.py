"""Pulling and re-arming in the admin go through the services."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from trading.models import Event, KillMode, KillSwitch
from trading.services.switches import Scope, kill_pull

pytestmark = pytest.mark.django_db
LIST = "/admin/trading/killswitch/"


def test_adding_pulls_and_saving_a_reason_re_arms(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.post(f"{LIST}add/", {"mode": "HALT", "reason": "fire"})
    switch = KillSwitch.objects.get()
    assert (switch.pulled_by, switch.rearmed_at) == ("owner", None)
    client.post(f"{LIST}{switch.pk}/change/", {"rearm_reason": "out"})
    switch.refresh_from_db()
    assert (switch.rearmed_by, switch.rearm_reason) == ("owner", "out")
    assert [e.kind for e in Event.objects.order_by("id")] == ["kill.pulled", "kill.rearmed"]


def test_a_person_without_the_permission_cannot_re_arm(client: Client, viewer: User) -> None:
    switch = kill_pull(scope=Scope(), mode=KillMode.HALT, reason="fire", actor="x")
    client.force_login(viewer)
    assert client.post(f"{LIST}{switch.pk}/change/", {"rearm_reason": "o"}).status_code == 403
    switch.refresh_from_db()
    assert switch.rearmed_at is None


def test_re_arming_asks_for_a_reason(client: Client, owner: User) -> None:
    switch = kill_pull(scope=Scope(), mode=KillMode.HALT, reason="fire", actor="x")
    client.force_login(owner)
    page = client.post(f"{LIST}{switch.pk}/change/", {"rearm_reason": ""})
    assert "This field is required" in page.content.decode()
