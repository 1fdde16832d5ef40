"""What every broker must do; each adapter is run through it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from tests.desk import NOON, SPREAD
from tests.instruments import EURUSD
from trading.brokers.base import Broker, EntryRequest, Rejected
from trading.brokers.paper import PaperBroker, PaperTerms
from trading.engine.book import Listing
from trading.engine.book_state import BookState
from trading.engine.types import ExitReason, OrderKind, Quote

T = TypeVar("T")
BUY = EntryRequest(
    client_id="client-1",
    symbol="EURUSD",
    side=1,
    lots=Decimal("0.10"),
    kind=OrderKind.MARKET,
    price=None,
    stop=Decimal("1.09900"),
    take=Decimal("1.10200"),
    magic=3,
)


@dataclass
class MemoryStore:
    """A `PaperStore` in memory."""

    state: BookState = field(default_factory=lambda: BookState(10_000.0, 10_000.0))
    changes: int = 0

    def version(self) -> int:
        return self.changes

    def read(self) -> tuple[BookState, int]:
        return BookState.from_json(self.state.to_json()), self.changes

    def change(self, apply: Callable[[BookState], T]) -> T:
        state, _ = self.read()
        result = apply(state)
        self.state, self.changes = state, self.changes + 1
        return result


@dataclass
class Venue:
    """A broker under test and the market it sees."""

    broker: Broker
    quotes: dict[str, Quote]

    def tick(self, bid: str) -> None:
        quote = Quote("EURUSD", NOON, Decimal(bid), Decimal(bid) + SPREAD)
        self.quotes["EURUSD"] = quote


def paper(store: MemoryStore | None = None) -> Venue:
    quotes: dict[str, Quote] = {}
    terms = PaperTerms({"EURUSD": Listing(EURUSD)}, "USD", 30)
    venue = Venue(PaperBroker(terms, store or MemoryStore(), lambda: quotes), quotes)
    venue.tick("1.10000")
    return venue


@pytest.fixture(params=[paper], ids=["paper"])
def venue(request: pytest.FixtureRequest) -> Venue:
    make: Callable[[], Venue] = request.param
    return make()


def test_a_market_entry_fills_at_the_ask_and_names_its_position(venue: Venue) -> None:
    receipt = venue.broker.submit(BUY)
    (fill,) = receipt.fills
    assert (fill.price, fill.lots, fill.client_id) == (
        Decimal("1.10006"),
        Decimal("0.10"),
        "client-1",
    )
    assert receipt.position_id == fill.position_id


def test_an_open_position_is_reported_with_its_levels_and_magic(venue: Venue) -> None:
    venue.broker.submit(BUY)
    (position,) = venue.broker.account().positions
    assert (position.stop, position.take, position.magic) == (BUY.stop, BUY.take, 3)
    assert position.client_id == "client-1"


def test_equity_is_balance_plus_floating_profit(venue: Venue) -> None:
    venue.broker.submit(BUY)
    venue.tick("1.10106")
    account = venue.broker.account()
    assert (account.balance, account.equity) == (Decimal(10_000), Decimal(10_010))


def test_closing_books_the_profit_and_may_be_repeated(venue: Venue) -> None:
    position_id = venue.broker.submit(BUY).position_id
    assert position_id is not None
    venue.tick("1.10106")
    (fill,) = venue.broker.close(position_id).fills
    assert (fill.profit, fill.reason) == (Decimal("10.00"), ExitReason.SIGNAL)
    assert venue.broker.close(position_id).fills == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lots": Decimal("0.001")}, "INVALID_VOLUME"),
        ({"stop": Decimal("1.20000")}, "INVALID_STOPS"),
        ({"take": Decimal("1.05000")}, "INVALID_STOPS"),
        ({"lots": Decimal(50)}, "NO_MONEY"),
    ],
)
def test_a_bad_order_is_rejected_with_a_code(
    venue: Venue, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        venue.broker.submit(replace(BUY, **change))
    assert caught.value.code == code
    assert venue.broker.account().positions == ()
