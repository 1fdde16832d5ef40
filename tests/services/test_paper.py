"""The book and the journal of its deals are one in the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection

from tests.brokers.test_contract import BUY
from tests.desk import NOON, Desk, make_desk
from trading.brokers.base import Broker, Rejected, Unavailable
from trading.engine.types import Quote
from trading.models import PaperBook, PaperDeal
from trading.services.brokers import broker_for


def broker_of(desk: Desk) -> Broker:
    quote = Quote("EURUSD", NOON, Decimal("1.10000"), Decimal("1.10006"))
    return broker_for(account=desk.account, quotes=lambda: {"EURUSD": quote})


@pytest.mark.django_db
def test_deals_are_journalled_with_the_book_that_they_changed() -> None:
    broker = broker_of(make_desk())
    receipt = broker.submit(BUY)
    assert receipt.position_id is not None
    broker.close(receipt.position_id, Decimal("0.04"))
    rows = PaperDeal.objects.order_by("id")
    assert [(row.deal_id, row.at) for row in rows] == [("1-in", NOON), ("1-out1", NOON)]
    assert broker.snapshot(NOON).deals[0] == receipt.fills[0]


@pytest.mark.django_db
def test_a_deal_that_cannot_be_journalled_did_not_happen() -> None:
    desk = make_desk()
    PaperDeal.objects.create(account=desk.account, deal_id="1-in", at=NOON, fill={})
    with pytest.raises(IntegrityError):
        broker_of(desk).submit(BUY)
    assert PaperBook.objects.get().version == 0


@pytest.mark.django_db
def test_a_refused_change_leaves_no_deal() -> None:
    broker = broker_of(make_desk())
    position_id = broker.submit(BUY).position_id
    assert position_id is not None
    with pytest.raises(Rejected, match=r"Expected up to 0\.10 lots"):
        broker.close(position_id, Decimal(1))
    assert PaperDeal.objects.count() == 1


@pytest.mark.django_db
def test_a_snapshot_has_the_deals_of_its_own_account_since_the_moment() -> None:
    desk = make_desk()
    broker = broker_of(desk)
    broker.submit(BUY)
    assert len(broker.snapshot(NOON).deals) == 1
    assert broker.snapshot(NOON + timedelta(microseconds=1)).deals == ()
    PaperBook.objects.all().delete()
    with pytest.raises(Unavailable, match="expected a paper book, was none"):
        broker.snapshot(NOON)


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_never_shows_a_change_by_half() -> None:
    """Whatever another process does meanwhile, deals and positions tell the same story."""
    desk = make_desk()
    reader = broker_of(desk)
    with ThreadPoolExecutor(1) as pool:
        trading = pool.submit(_open_and_close, desk, 15)
        while not trading.done():
            _check(reader)
        trading.result()
    assert len(reader.snapshot(NOON).deals) == 30


def _open_and_close(desk: Desk, times: int) -> None:
    try:
        broker = broker_of(desk)
        for n in range(1, times + 1):
            broker.submit(BUY)
            broker.close(str(n))
    finally:
        connection.close()


def _check(reader: Broker) -> None:
    seen = reader.snapshot(NOON)
    opened = {deal.position_id for deal in seen.deals if deal.opens}
    closed = {deal.position_id for deal in seen.deals if not deal.opens}
    assert {position.id for position in seen.account.positions} == opened - closed
