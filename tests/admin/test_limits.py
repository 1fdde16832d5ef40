"""Limits in the admin: what is left out is as the control proposes, what makes no sense is said."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import (
    make_account,
    make_deployment,
    make_loss_state,
    make_position,
    make_risk_limit,
    make_run,
)
from trading.engine.risk import SPECS, Control, day_start
from trading.models import RiskLimit
from trading.selectors.filters import market_now

pytestmark = pytest.mark.django_db
DEFAULTS = {"reset": "17:00", "zone": "America/New_York", "enabled": "on", "hedge_credit": "on"}
WORDS = {"reference": "HIGHER", "trailing": "STATIC"}


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("owner"))
    return client


def posted(page: Client, path: str = "add", /, **data: object) -> dict[str, list[str]]:
    """Errors of the form; none when it was saved."""
    given = {**DEFAULTS, **WORDS, **data}
    response: Any = page.post(f"/admin/trading/risklimit/{path}/", given)
    return {} if response.status_code == 302 else response.context["adminform"].errors


def text(page: Client, path: str) -> str:
    return page.get(f"/admin/trading/{path}/").text


@pytest.mark.parametrize("control", list(Control))
def test_every_control_is_set_by_its_name_and_a_value(page: Client, control: Control) -> None:
    assert posted(page, control=control.value, value="1") == {}
    row, spec = RiskLimit.objects.get(), control.spec
    terms = (row.unit, row.action, row.hard, row.window)
    assert terms == (spec.units[0], spec.actions[0], spec.hard, spec.window)
    assert row.period == ("DAY" if spec.periodic else "")


def test_a_limit_holds_for_one_target(page: Client) -> None:
    deployment = make_deployment()
    both = {"account": deployment.account_id, "deployment": deployment.pk}
    assert list(posted(page, control="MAX_LOTS", value="2", **both)) == ["deployment"]
    assert posted(page, control="MAX_LOTS", value="2", deployment=deployment.pk) == {}
    assert RiskLimit.objects.get().deployment == deployment


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"control": "MAX_LOTS", "unit": "TICKS"}, "unit", "unit of LOTS, was TICKS"),
        ({"control": "MAX_LOTS", "action": "PAUSE"}, "action", "BLOCK or NOTIFY"),
        ({"control": "SAFE_MODE"}, "value", "a value of 1, was 2"),
        ({"control": "MAX_POSITIONS", "value": "1.5"}, "value", "whole number"),
        ({"control": "DAILY_LOSS", "value": "101"}, "value", "at most 100 %"),
        ({"control": "DAILY_LOSS", "zone": "Mars/Phobos"}, "zone", "IANA time zone"),
        ({"control": "MAX_DRAWDOWN", "lock": "1"}, "lock", "only where the floor trails"),
        ({"control": "MAX_LOTS", "currency": "EUR"}, "currency", "was CURRENCY"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    page: Client, data: dict[str, str], field: str, message: str
) -> None:
    errors = posted(page, **{"value": "2", **data})
    assert list(errors) == [field]
    assert message in errors[field][0]


def test_terms_that_a_control_does_not_know_are_left_out(page: Client) -> None:
    strange = {"period": "DAY", "seconds": "60", "reference": "BALANCE", "trailing": "INTRADAY"}
    assert posted(page, control="MAX_LOTS", value="2", **strange, lock="1") == {}
    row = RiskLimit.objects.get()
    assert (row.period, row.window, row.reference, row.trailing, row.lock) == (
        *("", None, "HIGHER", "STATIC", None),
    )


def test_a_limit_of_a_programme_is_set_in_full(page: Client) -> None:
    account = make_account()
    terms = {"unit": "PERCENT_INITIAL", "action": "FLATTEN", "trailing": "CLOSED_BALANCE"}
    more = {"lock": "0", "reset": "00:00", "zone": "Europe/Prague", "hard": "False"}
    given = {"control": "MAX_DRAWDOWN", "value": "6", "account": account.pk}
    assert posted(page, **given, **terms, **more) == {}
    limit = RiskLimit.objects.get().limit()
    assert (limit.reset, limit.zone, limit.lock) == (time(0), "Europe/Prague", Decimal(0))
    assert not limit.hard


def test_the_control_of_a_limit_stays(page: Client) -> None:
    row = make_risk_limit()
    assert posted(page, f"{row.pk}/change", control="MAX_SPREAD", value="7", unit="LOTS") == {}
    row.refresh_from_db()
    assert (row.control, row.value) == ("MAX_LOTS", Decimal(7))


def test_a_second_limit_of_the_same_kind_is_refused(page: Client) -> None:
    make_risk_limit()
    errors = posted(page, control="MAX_LOTS", value="9")
    assert "Such a limit exists" in str(errors)


def test_the_page_of_a_deployment_shows_what_holds_and_where_it_was_set(page: Client) -> None:
    deployment = make_deployment()
    row = make_risk_limit(control="MAX_LOTS", value=7, account=deployment.account)
    make_risk_limit(control="MAX_LOTS", value=9)
    run = make_run(deployment=deployment, outcome="DENIED", code="LOCKED", numbers={"signal": {}})
    type(run).objects.update(finished_at=market_now(source="x"))
    shown = text(page, f"deployment/{deployment.pk}/change")
    assert "7 lots" in shown
    assert "9 lots" not in shown
    assert f'href="/admin/trading/risklimit/{row.pk}/change/">account #' in shown
    assert "1 = 0 orders + 1 denials (LOCKED 1)" in shown
    assert "80 % of equity" in shown  # a standing default


def test_the_page_of_an_account_shows_how_near_it_is(page: Client) -> None:
    account = make_account(equity=Decimal(9_700), margin=Decimal(1_000))
    make_position(account=account)
    for control, value in (("DAILY_LOSS", 5), ("MAX_POSITIONS", 4), ("MARGIN_LEVEL", 200)):
        make_risk_limit(control=control, value=value)
    make_risk_limit(control="MAX_DRAWDOWN", value=10, zone="Europe/Prague")
    make_loss_state(account=account, started=day_start(market_now(source="x")))
    shown = text(page, f"account/{account.pk}/change")
    for words in ("9500.00", "60.0 %", "25.0 %", "970.0", "its reference is not known yet"):
        assert words in shown


def test_a_row_that_makes_no_sense_is_shown_as_what_it_does(page: Client) -> None:
    deployment = make_deployment()
    row = make_risk_limit(account=deployment.account)
    RiskLimit.objects.filter(pk=row.pk).update(unit="SECONDS")
    for path in (f"deployment/{deployment.pk}/change", f"account/{deployment.account_id}/change"):
        assert "No entries: Limit of account" in text(page, path)
    assert "nothing passes" in text(page, "risklimit")


def test_what_the_catalogue_proposes_can_be_set(page: Client) -> None:
    proposed = [(c, preset) for c, spec in SPECS.items() for preset in spec.presets]
    for control, preset in proposed:
        action = preset.action or control.spec.actions[0]
        target = {"account": make_account().pk} if preset.scope == "ACCOUNT" else {}
        if preset.scope == "DEPLOYMENT":
            target = {"deployment": make_deployment().pk}
        words = {"value": f"{preset.value:f}", "unit": preset.unit, "action": action}
        assert posted(page, **words, control=control.value, **target) == {}
    assert RiskLimit.objects.count() == len(proposed)


def test_groups_are_kept(page: Client) -> None:
    account = make_account()
    data = {"name": "Both", "accounts": [account.pk], "currency": "EUR"}
    assert page.post("/admin/trading/accountgroup/add/", data).status_code == 302
    assert account.groups.get().currency == "EUR"
    assert account.name in text(page, "accountgroup")
