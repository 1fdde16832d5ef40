"""The first start makes what is missing, once."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from trading.models import Account, Connection, Deployment, StrategyRun
from trading.selectors.bars import bars_tail
from trading.services.accounts import WAITING
from trading.services.bootstrap import bootstrap_run
from trading.services.runs import plan_of

pytestmark = pytest.mark.django_db


def test_the_password_of_the_administrator_is_told_once() -> None:
    password = bootstrap_run(demo=False).admin_password
    assert password is not None
    assert User.objects.get(username="admin").check_password(password)
    assert bootstrap_run(demo=False).admin_password is None


def test_the_demo_has_three_running_deployments_that_are_warm() -> None:
    bootstrap_run(demo=True)
    deployments = Deployment.objects.filter(state=Deployment.State.RUNNING)
    assert len(deployments) == 3
    for deployment in deployments:
        plan = plan_of(deployment)
        bars = bars_tail(symbol=deployment.symbol, timeframe="M1", count=plan.window)
        assert len(bars) == plan.window


def test_starting_again_changes_nothing() -> None:
    bootstrap_run(demo=True)
    report = bootstrap_run(demo=True)
    assert (report.lines, Account.objects.count(), StrategyRun.objects.count()) == ([], 1, 0)


def test_the_environment_makes_the_first_metaapi_account(settings: Settings) -> None:
    settings.METAAPI_TOKEN, settings.MT_ACCOUNT_ID = "canary-token", "0123456789abcdef"
    bootstrap_run(demo=False)
    account = Account.objects.get()
    assert (account.kind, account.state, account.external_id) == (
        "metaapi",
        "HALTED",
        "0123456789abcdef",
    )
    assert (account.state_reason, account.source) == (WAITING, "metaapi-01234567")
    assert Connection.objects.get().token == "canary-token"


def test_the_account_named_later_is_made_once(settings: Settings) -> None:
    settings.METAAPI_TOKEN = "canary-token"
    assert len(bootstrap_run(demo=False).lines) == 1
    settings.MT_ACCOUNT_ID = "0123456789abcdef"
    assert len(bootstrap_run(demo=False).lines) == 1
    settings.MT_ACCOUNT_ID = "another"
    assert bootstrap_run(demo=False).lines == []
    assert Account.objects.count() == 1


def test_an_account_that_had_no_adapter_waits_for_the_gateway(settings: Settings) -> None:
    settings.METAAPI_TOKEN, settings.MT_ACCOUNT_ID = "canary-token", "0123456789abcdef"
    bootstrap_run(demo=False)
    Account.objects.update(state_reason="This version has no adapter for MetaApi accounts yet")
    bootstrap_run(demo=False)
    assert Account.objects.get().state_reason == WAITING


def test_the_token_is_not_readable_in_the_database(settings: Settings) -> None:
    settings.METAAPI_TOKEN = "canary-token"
    bootstrap_run(demo=False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM trading_connection")
        assert "canary" not in str(cursor.fetchall())
