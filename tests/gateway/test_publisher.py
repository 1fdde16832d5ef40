"""One publisher tells what all sessions see: to browsers, and on the boards."""

from decimal import Decimal
from time import time

import pytest
from django.db import DatabaseError

from tests.desk import NOON
from tests.factories import make_account, make_position
from tests.processes import wait_for
from trading import broadcast
from trading.broadcast import MarketFrame
from trading.engine.bars import Bar
from trading.engine.types import Quote
from trading.gateway import publisher
from trading.gateway.clock import Closing
from trading.gateway.publisher import Publisher, View
from trading.models import Account, QuoteBoard
from trading.selectors.quotes import SeenQuote, quotes_fresh, quotes_seen

pytestmark = pytest.mark.django_db
BAR = Bar(60, 1.1, 1.2, 1.0, 1.15, 1.0, 0.0001)


def seen(symbol: str = "EURUSD", price: str = "1.1", age: float = 0.0) -> SeenQuote:
    quote = Quote(symbol, NOON, Decimal(price), Decimal(price) + Decimal("0.0001"))
    return SeenQuote(quote, time() - age)


def view(*quotes: SeenQuote) -> View:
    return View({found.quote.symbol: found for found in quotes}, {("EURUSD", "M1"): BAR})


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[MarketFrame]:
    """Every frame that is sent."""
    sent: list[MarketFrame] = []
    monkeypatch.setattr(broadcast, "market", sent.append)
    return sent


@pytest.fixture
def desk() -> Publisher:
    """A publisher that is stepped by hand."""
    return Publisher()


def test_a_frame_has_what_all_sessions_see_and_the_rows(
    desk: Publisher, frames: list[MarketFrame]
) -> None:
    make_position(account=make_account(name="Main"))
    desk.show("one", view(seen(price="1.1"), seen("GBPUSD")))
    desk.show("two", view(seen("USDJPY")))
    desk.step()
    (frame,) = frames
    assert {quote["symbol"] for quote in frame["quotes"]} == {"EURUSD", "GBPUSD", "USDJPY"}
    assert [account["name"] for account in frame["accounts"]] == ["Main"]
    assert (len(frame["positions"]), [c["close"] for c in frame["candles"]]) == (1, [1.15])


def test_of_one_symbol_at_two_sources_the_last_view_stands(
    desk: Publisher, frames: list[MarketFrame]
) -> None:
    for source, price in (("one", "1.1"), ("two", "1.2"), ("one", "1.3")):
        desk.show(source, view(seen(price=price)))
    desk.step()
    assert [quote["bid"] for quote in frames[0]["quotes"]] == ["1.3"]


def test_nothing_is_sent_while_nothing_moves(desk: Publisher, frames: list[MarketFrame]) -> None:
    make_account()
    desk.show("one", view(seen()))
    for _ in range(3):
        desk.step()
    assert len(frames) == 1


def test_a_row_that_changed_is_news(
    desk: Publisher, frames: list[MarketFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "ROWS_SECONDS", 0.0)
    make_account()
    desk.show("one", view(seen()))
    desk.step()
    Account.objects.update(balance=5)
    desk.step()
    assert [frame["accounts"][0]["balance"] for frame in frames][-1] == "5.00"


def test_a_closed_bar_is_in_one_frame(desk: Publisher, frames: list[MarketFrame]) -> None:
    desk.closed(Closing("EURUSD", "M1", Bar(0, 1, 1, 1, 1, 1, 0), is_partial=False))
    for _ in range(2):
        desk.show("one", view(seen()))
        desk.step()
    assert [[candle["time"] for candle in frame["candles"]] for frame in frames] == [[0, 60], [60]]


def test_boards_are_written_for_sources_that_moved(
    desk: Publisher, frames: list[MarketFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "ROWS_SECONDS", 0.0)
    desk.show("one", view(seen()))
    desk.show("two", view(seen(price="2.0")))
    desk.step()
    QuoteBoard.objects.filter(source="two").delete()
    desk.show("one", view(seen(price="1.2")))
    desk.step()
    assert quotes_fresh(source="one", names=["EURUSD"])["EURUSD"].bid == Decimal("1.2")
    assert quotes_fresh(source="two", names=["EURUSD"]) == {}


def test_a_quote_on_the_board_is_as_old_as_it_is(
    desk: Publisher, frames: list[MarketFrame]
) -> None:
    desk.show("one", view(seen(age=11)))
    desk.step()
    assert quotes_seen(source="one", names=["EURUSD"])["EURUSD"].is_stale


def test_what_the_database_did_not_take_is_posted_later(
    desk: Publisher, frames: list[MarketFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(publisher, "ROWS_SECONDS", 0.0)
    desk.show("one", view(seen()))
    with monkeypatch.context() as patch:
        patch.setattr(publisher, "quotes_post", refuse)
        with pytest.raises(DatabaseError):
            desk.step()
    desk.step()
    assert QuoteBoard.objects.get().source == "one"


def test_a_session_that_has_ended_is_not_told_of(
    desk: Publisher, frames: list[MarketFrame]
) -> None:
    desk.show("one", view(seen()))
    desk.forget("one")
    desk.step()
    assert not frames and not QuoteBoard.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_tells_in_a_thread_and_ends(desk: Publisher, frames: list[MarketFrame]) -> None:
    desk.show("one", view(seen()))
    desk.start()
    assert wait_for(lambda: frames)
    desk.stop()
    assert not desk._thread.is_alive()
