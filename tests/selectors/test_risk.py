"""Rows become the limits that hold for a deployment, each with its origin."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from tests.factories import make_account_group, make_deployment, make_risk_limit, make_symbol
from trading.engine.risk import Action, Control, LimitSet, Period, Trailing, Unit
from trading.engine.types import EngineError
from trading.models import Deployment, RiskLimit
from trading.selectors.risk import limit_book, limit_set_of, limits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment() -> Deployment:
    return make_deployment()


def values(found: LimitSet, control: Control) -> list[Decimal]:
    return [limit.value for limit in found.of(control)]


def test_without_rows_the_standing_defaults_hold(deployment: Deployment) -> None:
    found = limit_set_of(deployment=deployment)
    assert {limit.origin for limit in found} == {"default"}
    assert values(found, Control.MARGIN_USE) == [80]
    assert found.of(Control.MAX_LOTS) == ()


@pytest.mark.parametrize("scope", ["global", "group", "account", "currency", "symbol", "own"])
def test_a_limit_of_every_scope_reaches_its_deployments_only(
    deployment: Deployment, scope: str
) -> None:
    group = make_account_group(deployment.account)
    control = "CURRENCY_EXPOSURE" if scope == "currency" else "MAX_POSITIONS"
    targets: dict[str, Any] = {
        "global": {},
        "group": {"group": group},
        "account": {"account": deployment.account},
        "currency": {"currency": "EUR"},
        "symbol": {"symbol": deployment.symbol},
        "own": {"deployment": deployment},
    }
    row = make_risk_limit(control=control, value=3, **targets[scope])
    other = make_deployment(symbol=make_symbol(base_currency="GBP"))
    (found,) = limit_set_of(deployment=deployment).of(Control(control))
    assert (found.row_id, found.value) == (row.pk, Decimal(3))
    assert bool(limit_set_of(deployment=other).of(Control(control))) == (scope == "global")


def test_the_nearest_or_the_strictest_wins_by_the_control(deployment: Deployment) -> None:
    for control in ("MAX_SPREAD", "MAX_LOTS"):
        make_risk_limit(control=control, value=5)
        make_risk_limit(control=control, value=9, account=deployment.account)
    found = limit_set_of(deployment=deployment)
    assert values(found, Control.MAX_SPREAD) == [9]
    assert values(found, Control.MAX_LOTS) == [5]
    assert found.of(Control.MAX_SPREAD)[0].origin == f"account #{deployment.account_id}"


def test_every_term_of_a_row_arrives(deployment: Deployment) -> None:
    row = make_risk_limit(
        control="MAX_DRAWDOWN",
        value=Decimal("6.5"),
        unit="PERCENT_INITIAL",
        action="FLATTEN",
        period="MONTH",
        reset=time(0),
        zone="Europe/Prague",
        trailing="CLOSED_BALANCE",
        lock=Decimal(1),
        hard=False,
        account=deployment.account,
    )
    limit = row.limit()
    assert limit == limit_set_of(deployment=deployment).of(Control.MAX_DRAWDOWN)[0]
    assert (limit.value, limit.unit, limit.action) == (
        Decimal("6.5"),
        Unit.PERCENT_INITIAL,
        Action.FLATTEN,
    )
    assert limit.clock == (Period.MONTH, time(0), "Europe/Prague")
    assert (limit.trailing, limit.lock, limit.hard) == (Trailing.CLOSED_BALANCE, Decimal(1), False)


def test_limits_that_are_off_do_not_hold(deployment: Deployment) -> None:
    make_risk_limit(value=1, enabled=False)
    assert limits_of(deployment=deployment).max_lots is None


def test_a_row_that_makes_no_sense_stops_whom_it_concerns(deployment: Deployment) -> None:
    row = make_risk_limit(account=deployment.account)
    RiskLimit.objects.filter(pk=row.pk).update(unit="SECONDS", zone="Nowhere")
    with pytest.raises(EngineError, match=r"account #\d+: MAX_LOTS: expected a unit of LOTS"):
        limit_set_of(deployment=deployment)
    assert limit_set_of(deployment=make_deployment())


def test_all_limits_are_read_at_once(
    deployment: Deployment, django_assert_num_queries: Any
) -> None:
    make_risk_limit(account=deployment.account)
    with django_assert_num_queries(1):
        book = limit_book()
    with django_assert_num_queries(0):
        assert limits_of(deployment=deployment, book=book).max_lots == 5
    make_risk_limit(group=make_account_group(deployment.account))
    with django_assert_num_queries(2):
        limit_book()
