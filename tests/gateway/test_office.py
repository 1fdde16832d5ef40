"""Readings that sessions share, and what a session does about them."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_account, make_deployment, make_order, make_symbol
from trading.gateway.office import Office
from trading.gateway.shared import Shared
from trading.models import Account


def counting(seconds: float) -> Shared[int]:
    """A reading that is one more each time it is made."""
    readings = iter(range(100))
    return Shared(lambda: next(readings), seconds)


def test_a_reading_is_shared_until_it_is_too_old() -> None:
    patient, hasty = counting(60.0), counting(0.0)
    assert [patient.get() for _ in range(3)] == [0, 0, 0]
    assert [hasty.get() for _ in range(3)] == [0, 1, 2]


def test_a_reading_that_fails_is_made_again() -> None:
    texts = iter(["away", "7"])
    shared = Shared(lambda: int(next(texts)), 60.0)
    with pytest.raises(ValueError, match="away"):
        shared.get()
    assert shared.get() == 7


@pytest.mark.django_db
def test_attention_is_for_the_accounts_that_are_held() -> None:
    ours, others, office = make_account(), make_account(), Office()
    for account in (ours, others):
        make_order(account=account, status="UNKNOWN")
    office.hold("one", [ours.pk])
    assert office.attention().doubtful == {ours.pk}
    office.leave("one")
    assert office.attention().doubtful == set()


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 5])
def test_all_sessions_read_what_trades_in_the_same_two_queries(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        symbol = make_symbol(source=f"source-{number}")
        make_deployment(symbol=symbol, account=make_account(source=symbol.source))
    office = Office(patience=60.0)
    with django_assert_num_queries(2):
        found = [office.trading(f"source-{number}") for number in range(count)]
    assert [len(trading.series) for trading in found] == [1] * count
    assert sum(len(trading.accounts) for trading in found) == Account.objects.count()
    assert not office.trading("unheard-of").accounts
