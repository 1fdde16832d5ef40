"""The paper broker is one account whoever asks, from whichever process."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.brokers.test_contract import BUY, MemoryStore, Venue, paper
from tests.desk import NOON, make_desk
from tests.instruments import EURUSD
from trading.brokers.base import Rejected, Unavailable
from trading.brokers.paper import PaperBroker, PaperTerms
from trading.engine.book import Listing
from trading.engine.types import ExitReason, Quote
from trading.models import PaperBook
from trading.services.brokers import broker_for


def test_the_watcher_sees_a_position_that_another_process_opened() -> None:
    store = MemoryStore()
    watcher, other = paper(store), paper(store)
    assert watcher.broker.feed([watcher.quotes["EURUSD"]]) == []
    other.broker.submit(BUY)
    watcher.tick("1.09890")
    (fill,) = watcher.broker.feed([watcher.quotes["EURUSD"]])
    assert (fill.reason, fill.price) == (ExitReason.STOP, Decimal("1.09890"))


def test_quotes_that_change_nothing_do_not_touch_the_store() -> None:
    store = MemoryStore()
    venue = paper(store)
    venue.broker.submit(BUY)
    venue.broker.feed([venue.quotes["EURUSD"]])
    before = store.changes
    venue.tick("1.10001")
    venue.broker.feed([venue.quotes["EURUSD"]])
    assert store.changes == before


def test_a_stop_fills_once_although_two_watchers_see_it() -> None:
    store = MemoryStore()
    first, second = paper(store), paper(store)
    first.broker.submit(BUY)
    for venue in (first, second):
        venue.tick("1.09890")
    fills = [*first.broker.feed(list(first.quotes.values()))]
    fills += second.broker.feed(list(second.quotes.values()))
    assert [fill.reason for fill in fills] == [ExitReason.STOP]


def test_without_a_quote_nothing_is_filled_or_told() -> None:
    venue = paper()
    venue.broker.submit(BUY)
    venue.quotes.clear()
    with pytest.raises(Rejected, match="expected a quote"):
        venue.broker.submit(BUY)
    with pytest.raises(Unavailable):
        venue.broker.account()
    with pytest.raises(Unavailable):
        venue.broker.snapshot(NOON)


def test_a_snapshot_without_quotes_is_of_the_time_of_the_newest_deal() -> None:
    venue = paper()
    venue.broker.close(venue.buy())
    venue.quotes.clear()
    earlier, later = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    assert venue.broker.snapshot(earlier).time == NOON
    assert venue.broker.snapshot(later).time == later


def test_a_snapshot_is_of_the_time_of_the_newest_quote_it_trades() -> None:
    venue = paper()
    later = NOON + timedelta(seconds=5)
    venue.quotes["XAUUSD"] = Quote("XAUUSD", later, Decimal(4000), Decimal(4001))
    assert venue.broker.snapshot(NOON).time == NOON


def test_a_refused_change_leaves_no_deal() -> None:
    store = MemoryStore()
    venue = paper(store)
    position_id = venue.buy()
    with pytest.raises(Rejected):
        venue.broker.close(position_id, Decimal(1))
    assert [fill.deal_id for fill in store.journal] == ["1-in"]


def test_what_cannot_be_converted_is_neither_traded_nor_told() -> None:
    quotes: dict[str, Quote] = {}
    listings = {"EURUSD": Listing(EURUSD)}
    venue = Venue(
        PaperBroker(PaperTerms(listings, "CHF", 30), MemoryStore(), lambda: quotes), quotes
    )
    venue.tick("1.10000")
    quotes["USDCHF"] = Quote("USDCHF", NOON, Decimal("0.8"), Decimal("0.8"))
    venue.buy()
    del quotes["USDCHF"]
    with pytest.raises(Rejected, match="expected a quote of USDCHF or CHFUSD"):
        venue.broker.submit(BUY)
    with pytest.raises(Unavailable, match="expected a quote of USDCHF or CHFUSD"):
        venue.broker.account()


def test_the_pair_that_converts_may_be_called_otherwise() -> None:
    quotes = {"USDCHFm": Quote("USDCHFm", NOON, Decimal("0.8"), Decimal("0.8"))}
    listings = {"EURUSD": Listing(EURUSD)}
    terms = PaperTerms(listings, "CHF", 30, {"USDCHFm": "USDCHF"})
    venue = Venue(PaperBroker(terms, MemoryStore(), lambda: quotes), quotes)
    venue.tick("1.10000")
    venue.buy()
    assert not venue.broker.feed([venue.quotes["EURUSD"]])
    dear = Quote("USDCHFm", NOON, Decimal(100_000), Decimal(100_000))  # for a dollar of loss
    quotes["USDCHFm"] = dear
    [fill] = venue.broker.feed([dear, venue.quotes["EURUSD"]])
    assert fill.reason == "STOP_OUT"


@pytest.mark.django_db
def test_the_database_keeps_the_book_between_brokers() -> None:
    desk = make_desk()
    desk.quote("1.10000")
    broker_for(account=desk.account).submit(BUY)
    position = broker_for(account=desk.account).account().positions[0]
    assert position.entry_price == Decimal("1.10006")
    assert PaperBook.objects.get().version == 1


@pytest.mark.django_db
def test_a_refused_order_leaves_the_book_as_it_was() -> None:
    desk = make_desk()
    broker = broker_for(account=desk.account, quotes=dict[str, Quote])
    with pytest.raises(Rejected):
        broker.submit(BUY)
    assert PaperBook.objects.get().version == 0
