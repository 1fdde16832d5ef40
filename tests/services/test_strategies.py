"""A closed bar asks every running deployment once."""

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now
from django_q.models import OrmQ

from tests.desk import Desk, expired, make_desk
from tests.factories import MONDAY, make_account, make_deployment, make_position, make_symbol
from trading.models import Candle, Deployment, Event, StrategyRun
from trading.services.strategies import deployment_pause, deployment_resume, runs_sweep

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_closed_bar_makes_one_candle_one_run_and_one_task(desk: Desk) -> None:
    for _ in range(2):
        desk.close_bar(0, 1.1)
    counts = (Candle.objects.count(), StrategyRun.objects.count(), OrmQ.objects.count())
    assert counts == (1, 1, 1)


def test_a_paused_deployment_is_not_asked(desk: Desk) -> None:
    deployment_pause(deployment=desk.deployment, actor=None)
    with pytest.raises(StrategyRun.DoesNotExist):
        desk.close_bar(0, 1.1)


def test_a_paused_deployment_is_asked_while_it_holds_a_position(desk: Desk) -> None:
    make_position(account=desk.account, symbol=desk.symbol, deployment=desk.deployment)
    deployment_pause(deployment=desk.deployment, actor=None)
    assert desk.close_bar(0, 1.1).deployment == desk.deployment


def test_pausing_and_resuming_tell_who_did_it_and_only_once(desk: Desk, owner: User) -> None:
    assert deployment_pause(deployment=desk.deployment, actor=owner)
    assert not deployment_pause(deployment=desk.deployment, actor=owner)
    assert deployment_resume(deployment=desk.deployment, actor=owner)
    kinds = list(Event.objects.order_by("id").values_list("kind", "payload__actor"))
    assert kinds == [("deployment.paused", "owner"), ("deployment.resumed", "owner")]
    desk.deployment.refresh_from_db()
    assert desk.deployment.state == Deployment.State.RUNNING


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("compared", "tasks"), [(None, 1), (MONDAY, 0)])
def test_resuming_looks_at_a_symbol_whose_tick_value_nobody_compared(
    compared: datetime | None, tasks: int
) -> None:
    deployment = make_deployment(
        account=make_account(kind="metaapi"),
        symbol=make_symbol(tick_value_at=compared),
        state=Deployment.State.PAUSED,
    )
    assert deployment_resume(deployment=deployment, actor=None)
    assert OrmQ.objects.count() == tasks


def test_the_sweeper_asks_again_for_a_run_whose_worker_died(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    StrategyRun.objects.update(state="CLAIMED", deadline=expired())
    assert runs_sweep() == 1
    run.refresh_from_db()
    assert (run.state, OrmQ.objects.count()) == ("QUEUED", 2)
    assert run.deadline > now()


def test_the_sweeper_ends_a_run_whose_signal_is_too_old(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    StrategyRun.objects.update(deadline=expired(), expires_at=expired())
    assert runs_sweep() == 0
    run.refresh_from_db()
    assert (run.state, run.code) == ("EXPIRED", "RUN_LOST")


def test_the_sweeper_leaves_a_run_that_is_in_time(desk: Desk) -> None:
    run = desk.close_bar(0, 1.1)
    assert runs_sweep() == 0
    assert run.deadline > now()
