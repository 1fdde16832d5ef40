"""The sizes of a deployment: its form, and what would be traded now."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.test_forms import deployment_data, posted
from tests.desk import make_desk
from tests.factories import make_account
from trading.engine.sizing import Base, Method, SizingRule
from trading.models import Deployment

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def test_every_column_of_the_form_is_part_of_the_rule(page: Client) -> None:
    sizing = {
        "sizing_method": "ATR",
        "sizing_base": "EQUITY",
        "risk_percent": "1.5",
        "atr_multiple": "3",
        "measured_bars": "14",
        "kelly_start_percent": "0.25",
        "drawdown_from": "4",
        "drawdown_to": "10",
        "curve_factor": "0.5",
        "gap_ticks": "20",
        "expected_nights": "2",
        "max_risk_coefficient": "1.5",
        "max_leverage": "12.5",
    }
    assert posted(page, "deployment/add", **deployment_data(make_account(), **sizing)) == {}
    assert Deployment.objects.get().sizing() == SizingRule(
        method=Method.ATR,
        value=Decimal("1.5"),
        base=Base.EQUITY,
        atr_multiple=Decimal(3),
        window=14,
        start_percent=Decimal("0.25"),
        drawdown_from=Decimal(4),
        drawdown_to=Decimal(10),
        curve_factor=Decimal("0.5"),
        gap_ticks=20,
        nights=2,
        max_risk_coefficient=Decimal("1.5"),
        max_leverage=Decimal("12.5"),
    )


@pytest.mark.parametrize("method", ["FIXED", "MONEY", "VOLATILITY"])
def test_some_methods_go_by_a_value_of_their_own(page: Client, method: str) -> None:
    data = deployment_data(make_account(), sizing_method=method)
    errors = posted(page, "deployment/add", **data)
    assert errors == {"sizing_method": [f"Expected a sizing value for {method}, was none"]}
    assert posted(page, "deployment/add", **data, sizing_value="0.3") == {}
    assert Deployment.objects.get().sizing().value == Decimal("0.3")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"drawdown_from": "10", "drawdown_to": "4"}, "drawdown_from < drawdown_to"),
        ({"measured_bars": "1"}, "window at least 2"),
        ({"curve_factor": "1.5"}, "curve_factor at least 0"),
        ({"max_risk_coefficient": "0.5"}, "max_risk_coefficient at least 1"),
    ],
)
def test_what_makes_no_sense_together_is_refused(
    page: Client, fields: dict[str, str], words: str
) -> None:
    errors = posted(page, "deployment/add", **deployment_data(make_account(), **fields))
    assert words in errors["sizing_method"][0]


def test_the_page_of_a_deployment_leads_to_what_would_be_traded_now(page: Client) -> None:
    desk = make_desk()
    path = f"/admin/trading/deployment/{desk.deployment.pk}"
    assert f"{path}/preview/" in page.get(f"{path}/change/").content.decode()
    shown = page.get(f"{path}/preview/").content.decode()
    for words in ("Lots", "Money at risk", "Loss of a lot at the stop", "Bound by", "Most lots by"):
        assert words in shown


def test_a_refusal_is_shown_with_its_code_and_numbers(page: Client) -> None:
    desk = make_desk(sizing_method="KELLY")
    shown = page.get(f"/admin/trading/deployment/{desk.deployment.pk}/preview/").content.decode()
    assert "TOO_FEW_TRADES" in shown
    assert "Expected 100 trades to size by, was 0" in shown


def test_who_may_not_look_at_deployments_sees_no_preview(client: Client, staff: User) -> None:
    desk = make_desk()
    client.force_login(staff)
    path = f"/admin/trading/deployment/{desk.deployment.pk}/preview/"
    assert client.get(path).status_code == 403


@pytest.mark.parametrize(
    ("method", "text"), [("FRACTIONAL", "FRACTIONAL 0.5 %"), ("FIXED", "FIXED 0.3 lots")]
)
def test_the_list_tells_method_and_value(page: Client, method: str, text: str) -> None:
    make_desk(sizing_method=method, sizing_value=Decimal("0.3"))
    assert text in page.get("/admin/trading/deployment/").content.decode()
