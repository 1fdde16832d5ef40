"""What every broker must do; each adapter is run through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from tests.brokers.metaapi.linked import Desk, Settled, client_of
from tests.brokers.venue.running import Site
from tests.desk import NOON, SPREAD
from tests.instruments import EURUSD
from tests.metaapi_emulator.running import EmulatorSite
from trading.brokers.base import Broker, EntryRequest, Rejected
from trading.brokers.metaapi import MetaApiBroker, Money
from trading.brokers.paper import PaperBroker, PaperTerms
from trading.engine.book import Listing
from trading.engine.book_state import BookState
from trading.engine.types import ExitReason, Fill, OrderKind, Quote

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
RESTING = replace(
    BUY,
    client_id="client-2",
    kind=OrderKind.STOP,
    price=Decimal("1.10100"),
    expires_at=NOON + timedelta(hours=1),
)


@dataclass
class MemoryStore:
    """A `PaperStore` in memory."""

    state: BookState = field(default_factory=lambda: BookState(10_000.0, 10_000.0))
    changes: int = 0
    journal: list[Fill] = field(default_factory=list)

    def version(self) -> int:
        return self.changes

    def read(self) -> tuple[BookState, int]:
        return BookState.from_json(self.state.to_json()), self.changes

    def snapshot(self, since: datetime) -> tuple[BookState, tuple[Fill, ...]]:
        return self.read()[0], tuple(fill for fill in self.journal if fill.at >= since)

    def change(self, apply: Callable[[BookState], tuple[T, Sequence[Fill]]]) -> T:
        state, _ = self.read()
        result, deals = apply(state)
        self.state, self.changes = state, self.changes + 1
        self.journal += deals
        return result


@dataclass
class Venue:
    """A broker under test, with 10,000 USD and no history, and the market it sees."""

    broker: Broker
    quotes: dict[str, Quote]
    is_proof: bool = True
    """Whether what its snapshots lack does not exist."""

    def buy(self) -> str:
        """Execute BUY; its position id."""
        position_id = self.broker.submit(BUY).position_id
        assert position_id is not None
        return position_id

    def tick(self, bid: str) -> None:
        quote = Quote("EURUSD", NOON, Decimal(bid), Decimal(bid) + SPREAD)
        self.quotes["EURUSD"] = quote


def paper(store: MemoryStore | None = None) -> Venue:
    quotes: dict[str, Quote] = {}
    terms = PaperTerms({"EURUSD": Listing(EURUSD)}, "USD", 30)
    venue = Venue(PaperBroker(terms, store or MemoryStore(), lambda: quotes), quotes)
    venue.tick("1.10000")
    return venue


@dataclass
class SimulatedVenue(Venue):
    """A venue in a process of its own, which has to be told of the price."""

    site: Site = field(kw_only=True)

    def tick(self, bid: str) -> None:
        super().tick(bid)
        self.site.tick(bid)


def simulated(request: pytest.FixtureRequest) -> Venue:
    site = Site(request.getfixturevalue("still_venue"))
    request.addfinalizer(site.broker.stop)
    venue = SimulatedVenue(site.broker, {}, site=site)
    venue.tick("1.10000")
    return venue


@dataclass
class EmulatedVenue(Venue):
    """An account at the emulator of MetaApi; `settle` waits until the broker has seen a tick."""

    site: EmulatorSite = field(kw_only=True)
    settle: Callable[[], None] = field(kw_only=True)

    def tick(self, bid: str) -> None:
        super().tick(bid)
        self.site.pin(float(bid))
        self.settle()


def emulated_account(request: pytest.FixtureRequest) -> tuple[EmulatorSite, str]:
    site: EmulatorSite = request.getfixturevalue("still_emulator")
    site.pin(1.1)
    return site, site.open_account(has_costs=False)


def metaapi_worker(request: pytest.FixtureRequest) -> Venue:
    site, account = emulated_account(request)
    broker = MetaApiBroker(client_of(site, account), Money("USD"))
    return EmulatedVenue(broker, {}, is_proof=False, site=site, settle=lambda: None)


def metaapi_gateway(request: pytest.FixtureRequest) -> Venue:
    site, account = emulated_account(request)
    desk = Desk(site, request.getfixturevalue("still_hub"), account)
    desk.begin()
    request.addfinalizer(desk.stream.stop)
    broker = Settled(desk)
    return EmulatedVenue(broker, {}, site=site, settle=broker.settle)


VENUES: dict[str, Callable[[pytest.FixtureRequest], Venue]] = {
    "paper": lambda request: paper(),
    "venue": simulated,
    "metaapi-worker": metaapi_worker,
    "metaapi-gateway": metaapi_gateway,
}
"""A factory for each broker kind; its market stands at 1.10000 when it answers."""


@pytest.fixture(params=VENUES)
def venue(request: pytest.FixtureRequest) -> Venue:
    return VENUES[request.param](request)


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
    position_id = venue.buy()
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


# --- parts


def test_a_partial_close_books_its_part_and_leaves_the_rest_open(venue: Venue) -> None:
    position_id = venue.buy()
    venue.tick("1.10106")
    (fill,) = venue.broker.close(position_id, Decimal("0.04")).fills
    assert (fill.lots, fill.profit, fill.opens) == (Decimal("0.04"), Decimal("4.00"), False)
    (rest,) = venue.broker.account().positions
    assert (rest.id, rest.lots, rest.profit) == (position_id, Decimal("0.06"), Decimal("6.00"))
    assert (rest.entry_price, rest.stop, rest.take) == (Decimal("1.10006"), BUY.stop, BUY.take)


def test_what_a_partial_close_leaves_can_be_closed_whole(venue: Venue) -> None:
    position_id = venue.buy()
    (part,) = venue.broker.close(position_id, Decimal("0.04")).fills
    (rest,) = venue.broker.close(position_id).fills
    assert rest.lots == Decimal("0.06")
    assert rest.deal_id != part.deal_id
    assert venue.broker.account().positions == ()


@pytest.mark.parametrize("lots", ["0", "-0.01", "0.005", "0.11"])
def test_a_part_that_is_not_one_is_rejected(venue: Venue, lots: str) -> None:
    position_id = venue.buy()
    with pytest.raises(Rejected) as caught:
        venue.broker.close(position_id, Decimal(lots))
    assert caught.value.code == "INVALID_VOLUME"
    assert venue.broker.account().positions[0].lots == BUY.lots


def test_a_part_of_a_position_that_is_gone_is_rejected(venue: Venue) -> None:
    position_id = venue.buy()
    venue.broker.close(position_id)
    with pytest.raises(Rejected) as caught:
        venue.broker.close(position_id, Decimal("0.04"))
    assert caught.value.code == "POSITION_NOT_FOUND"


# --- levels


def test_levels_are_set_and_taken_away_and_setting_them_may_be_repeated(venue: Venue) -> None:
    position_id = venue.buy()
    for stop in (Decimal("1.09950"), Decimal("1.09950"), None):
        venue.broker.modify(position_id, stop, BUY.take)
        (position,) = venue.broker.account().positions
        assert (position.stop, position.take) == (stop, BUY.take)


def test_a_level_on_the_wrong_side_is_rejected_and_the_old_ones_stay(venue: Venue) -> None:
    position_id = venue.buy()
    with pytest.raises(Rejected) as caught:
        venue.broker.modify(position_id, Decimal("1.10000"), BUY.take)
    assert caught.value.code == "INVALID_STOPS"
    assert venue.broker.account().positions[0].stop == BUY.stop


def test_levels_of_a_position_that_is_gone_are_rejected(venue: Venue) -> None:
    position_id = venue.buy()
    venue.broker.close(position_id)
    with pytest.raises(Rejected) as caught:
        venue.broker.modify(position_id, BUY.stop, BUY.take)
    assert caught.value.code == "POSITION_NOT_FOUND"


# --- snapshots


def test_a_snapshot_shows_positions_resting_orders_and_deals_with_their_marks(
    venue: Venue,
) -> None:
    venue.broker.submit(RESTING)
    position_id = venue.buy()
    seen = venue.broker.snapshot(NOON)
    (position,), (order,), (deal,) = seen.account.positions, seen.orders, seen.deals
    assert (position.id, position.client_id, position.magic) == (position_id, "client-1", 3)
    assert (order.client_id, order.magic, order.lots) == ("client-2", 3, RESTING.lots)
    assert (order.kind, order.price, order.stop) == (OrderKind.STOP, RESTING.price, RESTING.stop)
    assert (deal.opens, deal.position_id, deal.client_id) == (True, position_id, "client-1")
    assert (seen.time, seen.is_complete) == (NOON, venue.is_proof)


def test_a_snapshot_has_the_deals_of_what_was_opened_and_closed_since_the_last(
    venue: Venue,
) -> None:
    before = venue.broker.snapshot(NOON)
    venue.broker.close(venue.buy())
    seen = venue.broker.snapshot(before.time)
    assert (before.deals, seen.account.positions) == ((), ())
    assert [(deal.opens, deal.client_id) for deal in seen.deals] == [
        (True, "client-1"),
        (False, "client-1"),
    ]


def test_a_snapshot_has_what_a_quote_made_the_broker_execute(venue: Venue) -> None:
    venue.buy()
    venue.tick("1.09890")
    venue.broker.feed([venue.quotes["EURUSD"]])
    assert [deal.reason for deal in venue.broker.snapshot(NOON).deals] == [None, ExitReason.STOP]


def test_a_snapshot_leaves_out_what_is_older_than_asked_for(venue: Venue) -> None:
    position_id = venue.buy()
    venue.broker.close(position_id, Decimal("0.04"))
    seen = venue.broker.snapshot(NOON + timedelta(seconds=1))
    assert (seen.deals, seen.account.positions[0].id) == ((), position_id)
