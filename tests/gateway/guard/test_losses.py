"""A real paper account loses money in a falling market, and is stopped in time, once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from tests.desk import NOON, Desk
from tests.factories import make_account, make_account_group, make_risk_limit
from tests.gateway.guard.market import (
    D,
    bought,
    kinds,
    limited,
    moved,
    open_positions,
    quote,
    started,
)
from trading.gateway.session import Session
from trading.models import Account, Breach, Event, KillSwitch, LossState, Order, Position
from trading.services.brokers import broker_for
from trading.services.paper import paper_book_open
from trading.services.switches import kill_rearm

pytestmark = pytest.mark.django_db


# --- a falling market


def test_a_falling_market_closes_everything_before_the_loss_is_broken(
    desk: Desk, session: Session
) -> None:
    limited(desk)
    bought(desk, "0.5", "0.3", "0.2")
    moved(desk, session, *range(100, 6500, 200))
    account = Account.objects.get(pk=desk.account.pk)
    assert (open_positions(), account.balance >= 95_000) == (0, True)
    assert set(Position.objects.values_list("exit_reason", flat=True)) == {"KILL"}
    assert kinds() == ["limit.warning"] * 3 + ["limit.breached"]
    assert (Breach.objects.count(), KillSwitch.objects.get().mode) == (1, "FLATTEN")
    assert Order.objects.filter(purpose="CLOSE").count() == 3


def test_it_closes_with_the_quote_itself_and_no_reading_in_between(
    desk: Desk, session: Session
) -> None:
    limited(desk)
    bought(desk, "1")
    moved(desk, session, 100)
    session.on_quotes([quote(desk, 4950, NOON + timedelta(minutes=2))])
    assert open_positions() == 0


def test_quotes_that_cross_nothing_cost_no_query(
    desk: Desk, session: Session, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    limited(desk)
    bought(desk, "1")
    moved(desk, session, 100)
    (seat,) = session._seats.values()
    quotes = [quote(desk, lost, NOON + timedelta(minutes=2)) for lost in range(200, 2000, 100)]
    with django_assert_num_queries(0):
        seat.guard.feed(seat._post, quotes, [])


def test_a_position_that_a_worker_closed_is_not_mourned(desk: Desk, session: Session) -> None:
    limited(desk)
    bought(desk, "1")
    moved(desk, session, 100)
    broker_for(account=desk.account).close("1")
    moved(desk, session, 7000, at=NOON + timedelta(minutes=3))
    assert (kinds(), Breach.objects.count()) == (["limit.warning"], 0)


def test_what_only_blocks_or_notifies_closes_nothing(desk: Desk, session: Session) -> None:
    limited(desk, "4", action="BLOCK")
    limited(desk, "5", action="NOTIFY")
    bought(desk, "1")
    moved(desk, session, 100, 5500)
    assert (open_positions(), KillSwitch.objects.count()) == (1, 0)
    assert [breach.action for breach in Breach.objects.all()] == ["NOTIFY"]
    message = Event.objects.filter(kind="limit.warning").latest("id").message
    assert (
        message == "Daily loss: Equity is 94500.00, the floor 96000.00 (4 % of the initial balance)"
    )


# --- once


def test_another_gateway_goes_on_where_the_first_one_stopped(desk: Desk, session: Session) -> None:
    limited(desk, action="NOTIFY")
    bought(desk, "1")
    moved(desk, session, 100, 3500)
    told = kinds()
    session._seats[desk.account.pk].drop()
    second = started(desk)
    moved(desk, second, 3600, 3500, at=NOON + timedelta(minutes=3))
    assert kinds() == told == ["limit.warning", "limit.warning"]
    moved(desk, second, 5100, at=NOON + timedelta(minutes=4))
    second._seats[desk.account.pk].drop()
    third = started(desk)
    moved(desk, third, 5200, 5300, at=NOON + timedelta(minutes=5))
    assert kinds() == [*told, "limit.breached"]


def test_a_person_lets_go_and_it_may_break_again_once_it_was_whole(
    desk: Desk, session: Session, owner: User
) -> None:
    limited(desk, action="PAUSE", hard=True)
    bought(desk, "1")
    moved(desk, session, 100, 5100)
    assert kill_rearm(switch=KillSwitch.objects.get(), actor=owner, reason="I know")
    moved(desk, session, 5200, 5200, at=NOON + timedelta(minutes=3))
    assert Breach.objects.count() == 1
    moved(desk, session, 3000, 5100, at=NOON + timedelta(minutes=4))
    assert Breach.objects.count() == 2


def test_what_another_limit_had_stopped_already_is_stopped_when_that_one_ends(
    desk: Desk, session: Session
) -> None:
    limited(desk, "1", action="PAUSE", hard=False, reference="EQUITY")
    limited(desk, "2", action="PAUSE", hard=True, period="WEEK", reference="EQUITY")
    bought(desk, "1")
    moved(desk, session, 100, 2100)
    assert Breach.objects.get().ends is not None
    moved(desk, session, 2200, 2200, at=NOON + timedelta(hours=10))
    assert [breach.ended_by for breach in Breach.objects.order_by("id")] == ["reset", ""]
    assert KillSwitch.objects.latest("id").rearmed_at is None


def test_a_person_lets_go_of_the_same_limit_in_a_later_period_too(
    desk: Desk, session: Session, owner: User
) -> None:
    limited(desk, "2", control="MAX_DRAWDOWN", action="PAUSE")
    bought(desk, "1")
    moved(desk, session, 100, 2100)
    moved(desk, session, 2200, 2200, at=NOON + timedelta(hours=10))
    assert kill_rearm(switch=KillSwitch.objects.get(), actor=owner, reason="I know")
    moved(desk, session, 2300, 2300, at=NOON + timedelta(hours=11))
    assert Breach.objects.count() == 1


def test_a_new_day_ends_what_is_soft_and_keeps_what_is_hard(desk: Desk, session: Session) -> None:
    limited(desk, "1", action="REDUCE", hard=False, reference="EQUITY")
    limited(desk, "2", action="PAUSE", hard=True)
    bought(desk, "1")
    moved(desk, session, 100, 2100)
    assert KillSwitch.objects.filter(rearmed_at__isnull=True).count() == 2
    moved(desk, session, 2100, 2100, at=NOON + timedelta(hours=10))
    (switch,) = KillSwitch.objects.filter(rearmed_at__isnull=True)
    assert (switch.mode, KillSwitch.objects.exclude(pk=switch.pk).get().rearmed_by) == (
        "HALT",
        "reset",
    )


# --- whose


def test_a_strategy_is_paused_by_its_own_losses_alone(desk: Desk, session: Session) -> None:
    make_risk_limit(
        control="STRATEGY_LOSS", value=D(1000), unit="MONEY", deployment=desk.deployment
    )
    bought(desk, "1", magic=desk.deployment.pk)
    bought(desk, "1", client_id="by hand")
    moved(desk, session, 100, 1050)
    switch = KillSwitch.objects.get()
    assert (switch.deployment, switch.mode) == (desk.deployment, "HALT")
    assert LossState.objects.get(deployment=desk.deployment).equity == 98_950


def test_a_group_is_closed_when_its_accounts_have_lost_too_much_together(
    desk: Desk, session: Session
) -> None:
    other = make_account(balance=D(50_000), equity=D(50_000))
    paper_book_open(account=other)
    group = make_account_group(desk.account, other)
    terms = {"unit": "MONEY", "action": "FLATTEN", "value": D(3000)}
    make_risk_limit(control="DAILY_LOSS", group=group, **terms)
    session.load()
    bought(desk, "1")
    bought(Desk(other, desk.symbol, desk.deployment), "1")
    moved(desk, session, 100, 1400)
    assert open_positions() == 2
    moved(desk, session, 1600, at=NOON + timedelta(minutes=2))
    assert open_positions() == 0
    assert Breach.objects.get().group == group
    assert set(KillSwitch.objects.values_list("account", flat=True)) == {desk.account.pk, other.pk}


def test_the_ladder_of_the_margin_sheds_the_largest_position_first(
    desk: Desk, session: Session
) -> None:
    for value, action in ((300, "NOTIFY"), (200, "BLOCK"), (150, "REDUCE"), (120, "FLATTEN")):
        make_risk_limit(control="MARGIN_LEVEL", value=D(value), unit="PERCENT", action=action)
    bought(desk, "3", "12", "5")  # 1:30: 3,667 of margin for each lot, a level of 136 %
    moved(desk, session, 0)
    assert sorted(kinds()) == ["limit.breached", "limit.breached", "limit.warning"]
    assert KillSwitch.objects.get().mode == "REDUCE"
    left = Position.objects.filter(closed_at__isnull=True)
    assert set(left.values_list("lots", flat=True)) == {D(3), D(5)}
    moved(desk, session, 3000, at=NOON + timedelta(minutes=2))
    assert left.count() == 2
