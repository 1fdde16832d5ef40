"""The page of a decision tells why it came out as it did, in words."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.desk import make_desk
from tests.factories import make_risk_limit, make_run
from trading.models import Order
from trading.services.runs import run_execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def shown(page: Client, run_id: int) -> str:
    return page.get(reverse("admin:trading_strategyrun_change", args=[run_id])).text


def test_a_refusal_of_the_gate_shows_all_numbers(page: Client) -> None:
    desk = make_desk()
    make_risk_limit(control="MAX_VALUE", value=Decimal(1000), account=desk.account)
    run = desk.close_bar(0, 1.1)
    run_execute(run_id=run.pk)
    text = shown(page, run.pk)
    for words in ("VALUE_TOO_LARGE", "short", "Risk money", "Everything that was wrong"):
        assert words in text
    assert f"account #{desk.account.pk}" in text
    assert reverse("admin:trading_order_change", args=[Order.objects.get().pk]) in text


def test_a_run_without_numbers_shows_none(page: Client) -> None:
    assert "tb-parameters" not in shown(page, make_run().pk)
