"""The database refuses limits that cannot be meant, and the second of what may be there once."""

import pytest
from django.db import IntegrityError, transaction

from tests.factories import (
    MONDAY,
    make_account,
    make_account_group,
    make_breach,
    make_day_mark,
    make_deployment,
    make_loss_state,
    make_risk_limit,
)
from trading.engine.risk import Scope

pytestmark = pytest.mark.django_db


def refused(make: object, *args: object, **fields: object) -> bool:
    """Whether the database refuses the row."""
    assert callable(make)
    try:
        with transaction.atomic():
            make(*args, **fields)
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    "fields",
    [
        {"value": -1},
        {"unit": ""},
        {"action": "SHOUT"},
        {"period": "YEAR"},
        {"control": "SAFE_MODE", "value": 2},
        {"control": "MAX_DRAWDOWN", "value": 101, "unit": "PERCENT_INITIAL"},
        {"control": "MAX_DRAWDOWN", "lock": 0},
        {"control": "MAX_DRAWDOWN", "trailing": "INTRADAY", "lock": -1},
        {"control": "MAX_MESSAGES", "window": 0},
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(fields: dict[str, object]) -> None:
    assert refused(make_risk_limit, **fields)


def test_a_limit_has_one_target_at_most() -> None:
    deployment = make_deployment()
    assert refused(make_risk_limit, account=deployment.account, deployment=deployment)
    assert refused(make_risk_limit, symbol=deployment.symbol, currency="EUR")
    row = make_risk_limit(deployment=deployment)
    limit = row.limit()
    assert (limit.scope, limit.target) == (Scope.DEPLOYMENT, str(deployment.pk))
    assert row.scope == str(deployment)


def test_a_limit_exists_once_for_each_target_unit_action_and_period() -> None:
    account, group = make_account(), make_account_group()
    for target in ({}, {"account": account}, {"group": group}, {"currency": "EUR"}):
        control = "CURRENCY_EXPOSURE"
        assert not refused(make_risk_limit, control=control, **target)
        assert refused(make_risk_limit, control=control, value=7, **target)
        assert not refused(make_risk_limit, control=control, unit="MONEY", **target)
        assert not refused(make_risk_limit, control=control, action="NOTIFY", **target)


def test_a_breach_is_recorded_once_while_it_holds() -> None:
    account = make_account()
    first = make_breach(account=account)
    assert refused(make_breach, account=account)
    assert not refused(make_breach, account=make_account())
    assert refused(make_breach, account=make_account(), ended_at=MONDAY)
    first.ended_at, first.ended_by = MONDAY, "anna"
    first.save()
    assert not refused(make_breach, account=account)


def test_marks_and_states_exist_once_for_each_clock() -> None:
    account = make_account()
    for make in (make_day_mark, make_loss_state):
        assert not refused(make, account=account)
        assert refused(make, account=account)
        assert not refused(make, account=account, zone="Europe/Prague")
    assert not refused(make_loss_state)
    assert refused(make_loss_state)


def test_a_state_is_of_one_subject_and_makes_the_engines_value() -> None:
    deployment = make_deployment()
    assert refused(make_loss_state, account=deployment.account, deployment=deployment)
    state = make_loss_state(deployment=deployment).state()
    assert state.initial == state.highest_equity == 10_000
