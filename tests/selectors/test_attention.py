"""What waits for the gateway is found for many accounts in the same few queries."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_account, make_kill_switch, make_order, make_position
from trading.models import Account
from trading.selectors.attention import Attention, accounts_in_doubt, attention_of

pytestmark = pytest.mark.django_db
NOTHING = Attention(False, frozenset(), frozenset(), frozenset())


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.mark.parametrize("count", [1, 4])
def test_it_asks_four_queries_however_many_accounts_there_are(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    accounts = [make_order(status="UNKNOWN").account_id for _ in range(count)]
    with django_assert_num_queries(4):
        assert attention_of(accounts).doubtful == set(accounts)


@pytest.mark.parametrize(
    ("fields", "doubtful"),
    [
        ({"status": "SENDING"}, True),
        ({"status": "UNKNOWN"}, True),
        ({"status": "ACCEPTED"}, True),
        ({"status": "ACCEPTED", "kind": "LIMIT"}, False),
        ({"status": "REJECTED", "verify_stage": 1}, True),
        ({"status": "REJECTED"}, False),
        ({"status": "FILLED"}, False),
    ],
)
def test_an_order_that_waits_for_evidence_is_a_doubt(
    account: Account, fields: dict[str, object], doubtful: bool
) -> None:
    make_order(account=account, **fields)
    assert accounts_in_doubt([account.pk]) == ({account.pk} if doubtful else set())


def test_a_position_that_is_missing_is_a_doubt(account: Account) -> None:
    make_position(account=account, missing_since=now(), closed_at=now())
    assert not accounts_in_doubt([account.pk])
    make_position(account=account, missing_since=now())
    assert accounts_in_doubt([account.pk]) == {account.pk}


@pytest.mark.parametrize("mark", ["unprotected_since", "moving_since"])
def test_an_open_position_whose_stop_is_missing_or_moves_is_unsettled(
    account: Account, mark: str
) -> None:
    make_position(account=account, closed_at=now(), **{mark: now()})
    assert attention_of([account.pk]) == NOTHING
    make_position(account=account, **{mark: now()})
    assert attention_of([account.pk]).unsettled == {account.pk}


def test_what_a_person_wants_sent_is_asked_for_until_it_is_too_old(account: Account) -> None:
    wanted = {"status": "APPROVED", "origin": "PERSON"}
    make_order(account=account, **wanted, created_at=now() - timedelta(hours=2))
    make_order(account=account, **{**wanted, "origin": "STRATEGY"})
    make_order(account=account, **{**wanted, "status": "FILLED"})
    assert attention_of([account.pk]) == NOTHING
    make_order(account=account, **wanted)
    assert attention_of([account.pk]).asked == {account.pk}


def test_a_switch_is_pulled_until_it_is_armed_again() -> None:
    switch = make_kill_switch()
    assert attention_of([]).is_pulled
    switch.rearmed_at, switch.rearmed_by, switch.rearm_reason = now(), "risk", "over"
    switch.save()
    assert not attention_of([]).is_pulled


def test_other_accounts_are_left_aside(account: Account) -> None:
    make_order(status="UNKNOWN")
    make_position(unprotected_since=now())
    assert attention_of([account.pk]) == NOTHING
